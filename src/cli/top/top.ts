/** `klab top nodes|pods`: usage by metrics.k8s.io. Upstream: kubectl/pkg/cmd/top, kubectl/pkg/metricsutil. */
import { addQuantity, type KubeObject, milliValueOf } from '../../apimachinery/index.ts';
import { parseTime, wallClock } from '../../base/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { WriteIo } from '../write/io.ts';

export interface TopFlags extends SessionRequest {
  readonly selector?: string;
  readonly 'sort-by'?: string;
  readonly 'no-headers'?: boolean;
  readonly 'show-swap'?: boolean;
}

export interface TopNodesFlags extends TopFlags {
  readonly 'show-capacity'?: boolean;
}

export interface TopPodsFlags extends TopFlags {
  readonly 'all-namespaces'?: boolean;
  readonly 'field-selector'?: string;
  readonly containers?: boolean;
  readonly sum?: boolean;
}

type Amounts = Readonly<Record<string, string>>;
type Usage = Readonly<Record<string, number>>;

interface NodeMetrics extends KubeObject {
  readonly usage: Amounts;
}
interface PodMetrics extends KubeObject {
  readonly containers: readonly { readonly name: string; readonly usage: Amounts }[];
}

/** Pods younger than this may have no metrics yet. */
const metricsDelayMs = 120_000;

function checkFlags(command: string, words: readonly string[], flags: TopFlags): void {
  if (words.length > 1) {
    const text = `${command} [NAME | -l label]\nSee 'klab top ${command} -h' for help and examples`;
    throw new UserError(text, exitCodes.usage);
  }
  const by = flags['sort-by'] ?? '';
  if (by !== '' && by !== 'cpu' && by !== 'memory') throw new UserError('--sort-by accepts only cpu or memory');
}

async function metricsOf<T extends KubeObject>(
  session: Session,
  plural: string,
  namespace: string,
  name: string | undefined,
  selectors: { readonly labelSelector?: string; readonly fieldSelector?: string },
): Promise<readonly T[]> {
  const resource = await session.find(`${plural}.metrics.k8s.io`);
  if (!resource) throw new UserError('Metrics API not available');
  const calls = session.client.resource<T>(resource).namespace(namespace);
  const { signal } = session;
  if (name !== undefined) return [(await calls.get(name, { signal })) as T];
  return (await calls.list({ ...selectors, signal })).items as readonly T[];
}

/** Thousandths of the sum of each measured resource, rounded up once; what is not reported is 0. */
function usageOf(resources: readonly string[], ...amounts: readonly Amounts[]): Usage {
  const sum = (name: string) => amounts.reduce((total, one) => addQuantity(total, one[name] ?? '0'), '0');
  return Object.fromEntries(resources.map((name) => [name, milliValueOf(sum(name))]));
}

const amountText = (name: string, milli: number): string =>
  name === 'cpu' ? `${milli}m` : `${Math.floor(Math.ceil(milli / 1000) / 2 ** 20)}Mi`;

const compareText = (a = '', b = '') => (a < b ? -1 : a > b ? 1 : 0);

/** The greatest consumer first, or by names. */
function sorted<T>(
  rows: readonly T[],
  by: string | undefined,
  usage: (row: T) => Usage,
  name: (row: T) => string,
): T[] {
  return [...rows].sort(by ? (a, b) => usage(b)[by]! - usage(a)[by]! : (a, b) => compareText(name(a), name(b)));
}

const measured = (flags: TopFlags) => ['cpu', 'memory', ...(flags['show-swap'] ? ['swap'] : [])];

export async function topNodes(
  words: readonly string[],
  flags: TopNodesFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  checkFlags('node', words, flags);
  const [name] = words;
  const { selector: labelSelector } = flags;
  if (name && labelSelector) throw new UserError('only one of NAME or --selector can be provided');
  const opened = await session();
  const metrics = await metricsOf<NodeMetrics>(opened, 'nodes', '', name, { labelSelector });
  if (metrics.length === 0) throw new UserError('metrics not available yet');
  const calls = opened.client.resource(await opened.resolve('nodes'));
  const { signal } = opened;
  const nodes: readonly any[] = name
    ? [await calls.get(name, { signal })]
    : (await calls.list({ labelSelector, signal })).items;
  const resources = measured(flags);
  const available = new Map<string, Amounts>();
  for (const { metadata, status } of nodes) {
    const swap = status.nodeInfo?.swap?.capacity;
    const amounts = flags['show-capacity'] ? status.capacity : status.allocatable;
    available.set(metadata.name, { ...amounts, ...(swap !== undefined && { swap: String(swap) }) });
  }
  const out = new TabWriter(tableTabs);
  if (!flags['no-headers']) {
    out.write(`NAME\tCPU(cores)\tCPU(%)\tMEMORY(bytes)\tMEMORY(%)\t`);
    out.write(flags['show-swap'] ? 'SWAP(bytes)\tSWAP(%)\t\n' : '\n');
  }
  const usage = (row: NodeMetrics) => usageOf(resources, row.usage);
  for (const row of sorted(metrics, flags['sort-by'], usage, ({ metadata }) => metadata.name!)) {
    const used = usage(row);
    const has = available.get(row.metadata.name!) ?? {};
    const cells = resources.flatMap((resource) => {
      if (resource === 'swap' && has[resource] === undefined) return ['<unknown>', '<unknown>'];
      const total = milliValueOf(has[resource]);
      const share = total === 0 ? 0 : Math.trunc((used[resource]! / total) * 100);
      return [amountText(resource, used[resource]!), ...(has[resource] === undefined ? [] : [`${share}%`])];
    });
    out.write(`${[row.metadata.name, ...cells].join('\t')}\t\n`);
    available.delete(row.metadata.name!);
  }
  for (const missing of available.keys()) {
    out.write(`${[missing, ...resources.flatMap(() => ['<unknown>', '<unknown>'])].join('\t')}\t\n`);
  }
  io.write(out.flush());
}

export async function topPods(
  words: readonly string[],
  flags: TopPodsFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  checkFlags('pod', words, flags);
  const [name] = words;
  const { selector: labelSelector, 'field-selector': fieldSelector, 'all-namespaces': everywhere, containers } = flags;
  if (name && (labelSelector || fieldSelector)) throw new UserError('only one of NAME or selector can be provided');
  const opened = await session();
  const namespace = everywhere ? '' : opened.namespace;
  const metrics = await metricsOf<PodMetrics>(opened, 'pods', namespace, name, { labelSelector, fieldSelector });
  if (metrics.length === 0) {
    await explainEmpty(opened, namespace, { labelSelector, fieldSelector });
    io.say(everywhere ? 'No resources found' : `No resources found in ${namespace} namespace.`);
    return;
  }
  const resources = measured(flags);
  const columns = ['NAME', 'CPU(cores)', 'MEMORY(bytes)', ...(flags['show-swap'] ? ['SWAP(bytes)'] : [])];
  const before = [...(everywhere ? ['NAMESPACE'] : []), ...(containers ? ['POD'] : [])];
  const out = new TabWriter(tableTabs);
  const row = (cells: readonly string[]) => out.write(`${cells.join('\t')}\t\n`);
  // The indent of the sum counts the leading columns only when their headers are shown.
  const width = columns.length + (flags['no-headers'] ? 0 : before.length);
  if (!flags['no-headers']) row([...before, ...columns]);
  const amounts = (used: Usage) => resources.map((resource) => amountText(resource, used[resource]!));
  const usage = ({ containers }: PodMetrics) => usageOf(resources, ...containers.map((one) => one.usage));
  const key = ({ metadata }: PodMetrics) => `${everywhere ? metadata.namespace : ''}\0${metadata.name}`;
  for (const pod of sorted(metrics, flags['sort-by'], usage, key)) {
    const lead = everywhere ? [pod.metadata.namespace!] : [];
    if (!containers) {
      row([...lead, pod.metadata.name!, ...amounts(usage(pod))]);
      continue;
    }
    const each = (one: { readonly usage: Amounts }) => usageOf(resources, one.usage);
    for (const one of sorted(pod.containers, flags['sort-by'], each, ({ name }) => name)) {
      row([...lead, pod.metadata.name!, one.name, ...amounts(each(one))]);
    }
  }
  if (flags.sum) {
    const total = usageOf(resources, ...metrics.flatMap(({ containers }) => containers.map((one) => one.usage)));
    row([...Array<string>(width - 2).fill(''), '________', '________']);
    row([...Array<string>(width - 3).fill(''), '', ...amounts(total)]);
  }
  io.write(out.flush());
}

/** @throws UserError when there are pods that should have metrics. */
async function explainEmpty(
  session: Session,
  namespace: string,
  selectors: { readonly labelSelector?: string; readonly fieldSelector?: string },
): Promise<void> {
  const calls = session.client.resource(await session.resolve('pods')).namespace(namespace);
  const { items } = await calls.list({ ...selectors, signal: session.signal });
  if (items.length === 0) return;
  for (const { metadata } of items) {
    const ageMs = wallClock.now() - parseTime(metadata.creationTimestamp ?? '');
    if (ageMs > metricsDelayMs) {
      throw new UserError(
        `Metrics not available for pod ${metadata.namespace}/${metadata.name}, age: ${Math.trunc(ageMs / 1000)}s`,
      );
    }
  }
  throw new UserError('metrics not available yet');
}
