/**
 * A node that is short of something because its owner says so: processes of the machine that are no containers take
 * what is left, but for a little. What the kubelet makes of it is its own doing.
 */
import { FormatError, newBadRequest, newQuantity, wholeValueOf } from '../apimachinery/index.ts';
import { amountIn, type EvictionSignal, type Kubelet, type SimRuntime } from '../kubelet/index.ts';

export type PressedResource = 'memory' | 'disk' | 'pid';

/** What is left on a node now, and below what it evicts pods. Quantities. */
export interface NodePressure {
  readonly name: string;
  readonly resource: PressedResource;
  readonly available: string;
  readonly threshold: string;
}

const signals: Readonly<Record<PressedResource, readonly EvictionSignal[]>> = {
  memory: ['memory.available'],
  disk: ['nodefs.available', 'imagefs.available'],
  pid: ['pid.available'],
};

/** Of the threshold, when nobody says how much is to be left. */
const leftShare = 0.9;

/** `available`: a quantity; none lifts the pressure. @throws StatusError BadRequest */
export async function pressNode(
  name: string,
  parts: { readonly kubelet: Kubelet; readonly runtime: SimRuntime },
  { resource, available, lift = false }: { resource: unknown; available?: unknown; lift?: boolean },
): Promise<NodePressure> {
  const { kubelet, runtime } = parts;
  if (!isPressedResource(resource)) {
    throw newBadRequest(`resource must be memory, disk or pid, not "${String(resource)}"`);
  }
  const before = await kubelet.eviction.observe();
  let threshold = -1;
  for (const signal of signals[resource]) {
    const hard = kubelet.eviction.hardThreshold(signal);
    const observed = before.get(signal);
    if (hard && observed) threshold = Math.max(threshold, amountIn(hard.value, observed.capacity).value());
  }
  if (threshold < 0 && !lift) {
    const [signal] = signals[resource];
    throw newBadRequest(
      `node ${name} has no threshold for ${signal}: start the cluster with klab up --eviction-hard '${signal}<10%'`,
    );
  }
  const wanted = available === undefined ? Math.floor(threshold * leftShare) : bytesOf(available);
  const free = before.get(signals[resource][0]!)?.available ?? 0;
  const { memoryBytes, diskBytes, processes } = runtime.machineUse;
  // Never less than nothing: to leave more than is there cannot be had.
  const more = (used: number) => (lift ? 0 : Math.max(0, used + free - wanted));
  runtime.setMachineUse(
    resource === 'memory'
      ? { memoryBytes: more(memoryBytes) }
      : resource === 'disk'
        ? { diskBytes: more(diskBytes) }
        : { processes: more(processes) },
  );
  kubelet.eviction.lookNow();
  const after = (await kubelet.eviction.observe()).get(signals[resource][0]!)?.available ?? 0;
  const text = (value: number) =>
    newQuantity(Math.max(0, Math.trunc(value)), resource === 'pid' ? 'DecimalSI' : 'BinarySI').toString();
  return { name, resource, available: text(after), threshold: text(threshold) };
}

function isPressedResource(word: unknown): word is PressedResource {
  return typeof word === 'string' && Object.hasOwn(signals, word);
}

function bytesOf(quantity: unknown): number {
  try {
    const bytes = wholeValueOf(String(quantity));
    if (bytes >= 0) return bytes;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  throw newBadRequest(`available must be a quantity such as 50Mi, not "${String(quantity)}"`);
}
