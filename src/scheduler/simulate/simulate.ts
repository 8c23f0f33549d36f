/**
 * Places a workload on a copy of a cluster or on a made-up one, with one configuration or several to compare: where the pods
 * go, which do not fit and why, how much of what is left can still be used, what the nodes cost.
 */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { schedulerConfig } from '../config/load.ts';
import type { SchedulerConfig } from '../config/types.ts';
import type { ExtenderPost } from '../extender/extender.ts';
import { type NodeInfo, podInfoOf } from '../framework/node-info.ts';
import type { Resources } from '../framework/resources.ts';
import { daemonPod, type Expanded } from './expand.ts';
import type { Simulation } from './result.ts';
import { isDaemon, Run } from './run.ts';
import { priceAnnotation } from './shape.ts';
import { World, type WorldObjects } from './world.ts';

export interface SimulateOptions {
  readonly objects: WorldObjects;
  readonly workload: Expanded;
  /** Default: upstream's defaults, under the name `default`. */
  readonly configs?: readonly { readonly name: string; readonly config: SchedulerConfig }[];
  readonly seed?: string;
  /** How extenders are reached. Default: HTTP. Their bind is not called: nothing is bound. */
  readonly post?: ExtenderPost;
  readonly signal?: AbortSignal;
}

/** Takes any claim anywhere, once its pod has a node. */
const anyVolume: KubeObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'simulated' },
  provisioner: 'klab.dev/simulated',
  volumeBindingMode: 'WaitForFirstConsumer',
} as unknown as KubeObject;

const isDefaultClass = ({ metadata }: Readonly<KubeObject>): boolean =>
  metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true';

/** The cluster's objects with those of the workload; claims without a class get the default one. */
function together(objects: WorldObjects, { objects: own }: Expanded): WorldObjects {
  const classes = objects.storageclasses ?? [];
  const known = new Set(classes.map(({ metadata }) => metadata.name));
  const fallback = classes.find(isDefaultClass)?.metadata.name ?? 'simulated';
  const claims = own.persistentvolumeclaims.map((claim) => {
    const wanted = claim['spec']?.storageClassName;
    // A made-up cluster has every class.
    const name =
      wanted === undefined || (classes.length === 0 && wanted !== '' && !known.has(wanted)) ? fallback : wanted;
    return { ...claim, spec: { ...claim['spec'], storageClassName: name } } as KubeObject;
  });
  return {
    ...objects,
    replicasets: [...(objects.replicasets ?? []), ...own.replicasets],
    statefulsets: [...(objects.statefulsets ?? []), ...own.statefulsets],
    persistentvolumeclaims: [...(objects.persistentvolumeclaims ?? []), ...claims],
    storageclasses: fallback === 'simulated' ? [...classes, anyVolume] : classes,
  };
}

const share = (used: number, all: number): number => (all === 0 ? 0 : Math.round((used / all) * 10_000) / 10_000);

/** How many pods of these requests fit into what is free. */
function howMany(free: Resources, wanted: Resources): number {
  let least = free.allowedPodNumber;
  const take = (has: number, one: number) => {
    if (one > 0) least = Math.min(least, Math.floor(Math.max(0, has) / one));
  };
  take(free.milliCPU, wanted.milliCPU);
  take(free.memory, wanted.memory);
  take(free.ephemeralStorage, wanted.ephemeralStorage);
  for (const [name, one] of wanted.scalar) take(free.scalar.get(name) ?? 0, one);
  return Math.max(0, least);
}

function freeOf({ allocatable, requested, pods }: NodeInfo): Resources {
  return {
    milliCPU: Math.max(0, allocatable.milliCPU - requested.milliCPU),
    memory: Math.max(0, allocatable.memory - requested.memory),
    ephemeralStorage: Math.max(0, allocatable.ephemeralStorage - requested.ephemeralStorage),
    allowedPodNumber: Math.max(0, allocatable.allowedPodNumber - pods.size),
    scalar: new Map(
      [...allocatable.scalar].map(([name, all]) => [name, Math.max(0, all - (requested.scalar.get(name) ?? 0))]),
    ),
  };
}

function fragmentationOf(nodes: readonly NodeInfo[], pods: readonly Readonly<Pod>[]): Simulation['fragmentation'] {
  const requests = pods.map((pod) => podInfoOf(pod).requests);
  const largest = requests.sort((a, b) => b.milliCPU - a.milliCPU || b.memory - a.memory)[0];
  if (!largest || (largest.milliCPU === 0 && largest.memory === 0)) return { fits: 0, ideal: 0, lost: 0 };
  const sum: Resources = { milliCPU: 0, memory: 0, ephemeralStorage: 0, allowedPodNumber: 0, scalar: new Map() };
  let fits = 0;
  for (const node of nodes) {
    if (node.node?.spec?.unschedulable) continue;
    const free = freeOf(node);
    fits += howMany(free, largest);
    sum.milliCPU += free.milliCPU;
    sum.memory += free.memory;
    sum.ephemeralStorage += free.ephemeralStorage;
    sum.allowedPodNumber += free.allowedPodNumber;
    for (const [name, amount] of free.scalar) sum.scalar.set(name, (sum.scalar.get(name) ?? 0) + amount);
  }
  const ideal = howMany(sum, largest);
  return { fits, ideal, lost: share(ideal - fits, ideal) };
}

function priceOf({ node }: NodeInfo): number | undefined {
  const text = node?.metadata.annotations?.[priceAnnotation] ?? node?.metadata.labels?.[priceAnnotation];
  const price = Number(text);
  return text !== undefined && price >= 0 ? price : undefined;
}

/** One configuration: daemons first, then pods by priority, in the order given. */
async function simulateOne(name: string, config: SchedulerConfig, options: SimulateOptions): Promise<Simulation> {
  const { workload, objects, seed, post, signal = new AbortController().signal } = options;
  const world = new World(together(objects, workload), {
    config,
    preemption: true,
    ...(seed !== undefined && { seed }),
    ...(post && { post }),
  });
  const run = new Run(world, signal);
  for (const set of workload.daemons) {
    for (const { name: node } of world.cache.nodes) {
      const pod = daemonPod(set, node, workload.priorities);
      const trial = world.try(pod).decision;
      // A node that its selector, affinity or taints keep out has no such daemon.
      const kept = trial.nodes.find((entry) => entry.name === node)?.filter?.plugin;
      if (kept === 'NodeAffinity' || kept === 'TaintToleration' || kept === 'NodeName') continue;
      await run.attempt(pod);
    }
  }
  await run.all(workload.pods);
  const { placements, unscheduled, evicted } = run.result();
  const placedOn = new Map<string, number>();
  for (const { node } of placements) placedOn.set(node, (placedOn.get(node) ?? 0) + 1);
  const infos = world.cache.nodes;
  const used = infos.filter((info) => [...info.pods.values()].some(({ pod }) => !isDaemon(pod)));
  const total = (of: (info: NodeInfo) => number) => infos.reduce((sum, info) => sum + of(info), 0);
  const prices = infos.map(priceOf);
  const cost = (list: readonly NodeInfo[]) =>
    Math.round(list.reduce((sum, info) => sum + (priceOf(info) ?? 0), 0) * 10_000) / 10_000;
  return {
    config: name,
    placements,
    unscheduled,
    evicted,
    nodes: infos.map((info) => {
      const price = priceOf(info);
      return {
        name: info.name,
        pods: info.pods.size,
        placed: placedOn.get(info.name) ?? 0,
        cpu: share(info.requested.milliCPU, info.allocatable.milliCPU),
        memory: share(info.requested.memory, info.allocatable.memory),
        ...(price !== undefined && { price }),
      };
    }),
    nodesInUse: used.length,
    utilisation: {
      cpu: share(
        total((info) => info.requested.milliCPU),
        total((info) => info.allocatable.milliCPU),
      ),
      memory: share(
        total((info) => info.requested.memory),
        total((info) => info.allocatable.memory),
      ),
    },
    fragmentation: fragmentationOf(infos, workload.pods),
    ...(prices.some((price) => price !== undefined) && { cost: { all: cost(infos), inUse: cost(used) } }),
  };
}

/** @throws AbortError when the signal fires. */
export async function simulate(options: SimulateOptions): Promise<Simulation[]> {
  const configs = options.configs ?? [{ name: 'default', config: schedulerConfig() }];
  const out: Simulation[] = [];
  for (const { name, config } of configs) out.push(await simulateOne(name, config, options));
  return out;
}
