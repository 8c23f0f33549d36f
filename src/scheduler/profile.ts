/** The plugins of a profile at their extension points. Adding a plugin is a file, a line here, and one in config/defaults.ts. */
import type { Clock, Prng } from '../base/index.ts';
import type { EventRecorder, KubeClient } from '../client/index.ts';
import { defaultPlugins } from './config/defaults.ts';
import { schedulerConfig } from './config/load.ts';
import { type PluginArgs, type ProfileConfig, type SchedulerConfig, SchedulerConfigError } from './config/types.ts';
import { pluginProblems } from './config/validate.ts';
import {
  type ExtensionPoint,
  extensionPoints,
  implementsPoint,
  type Plugin,
  type Snapshot,
} from './framework/types.ts';
import { type DeviceSources, dynamicResources } from './plugins/dynamic-resources.ts';
import { imageLocality } from './plugins/image-locality.ts';
import { interPodAffinity, type NamespaceSource } from './plugins/inter-pod-affinity.ts';
import { nodeAffinity } from './plugins/node-affinity.ts';
import { nodeDeclaredFeatures } from './plugins/node-declared-features.ts';
import { balancedAllocation, nodeResourcesFit } from './plugins/node-resources.ts';
import { nodeVolumeLimits } from './plugins/node-volume-limits.ts';
import { podTopologySpread, type SpreadSources } from './plugins/pod-topology-spread.ts';
import {
  defaultBinder,
  nodeName,
  nodePorts,
  nodeUnschedulable,
  prioritySort,
  schedulingGates,
} from './plugins/simple.ts';
import { taintToleration } from './plugins/taints.ts';
import { VolumeBinder } from './plugins/volume-binder.ts';
import { volumeBinding } from './plugins/volume-binding.ts';
import { volumeRestrictions } from './plugins/volume-restrictions.ts';
import type { VolumeSources } from './plugins/volume-sources.ts';
import { volumeZone } from './plugins/volume-zone.ts';

export interface PluginDeps {
  readonly client: KubeClient;
  readonly spread: SpreadSources;
  readonly namespaces: NamespaceSource;
  readonly volumes: VolumeSources;
  readonly devices: DeviceSources;
  readonly clock: Clock;
  /** For ids of device shares. */
  readonly prng?: Prng;
  readonly events?: EventRecorder;
  /** What failed behind a decision that was taken back. */
  readonly onError?: (message: string, error: unknown) => void;
  /** The nodes as they are when asked. */
  readonly snapshot: () => Snapshot;
  /** Makes preemption, which needs the whole scheduler. Absent: nobody is preempted (dry runs). */
  readonly preemption?: (args: PluginArgs, schedulerName: string) => Plugin;
}

export interface ProfilePlugin {
  readonly plugin: Plugin;
  /** Of its score; 0 when it does not score. */
  readonly weight: number;
}

export interface Profile {
  readonly schedulerName: string;
  /** Every plugin that is on at some point, in order. */
  readonly plugins: readonly ProfilePlugin[];
  /** What runs where, in order. */
  readonly points: Readonly<Record<ExtensionPoint, readonly Plugin[]>>;
  readonly weights: ReadonlyMap<string, number>;
  /** 0 or absent: by the number of nodes. */
  readonly percentageOfNodesToScore?: number;
}

type Factory = (deps: PluginDeps, args: PluginArgs, binder: VolumeBinder, schedulerName: string) => Plugin | undefined;

const registry: Readonly<Record<string, Factory>> = {
  SchedulingGates: () => schedulingGates,
  PrioritySort: () => prioritySort,
  NodeUnschedulable: () => nodeUnschedulable,
  NodeName: () => nodeName,
  TaintToleration: () => taintToleration,
  NodeAffinity: (_deps, args) => nodeAffinity(args),
  NodePorts: () => nodePorts,
  NodeResourcesFit: ({ devices }, args) => nodeResourcesFit(args, devices),
  VolumeRestrictions: (_deps, _args, binder) => volumeRestrictions((namespace, name) => binder.claim(namespace, name)),
  NodeVolumeLimits: ({ volumes }, _args, binder) => nodeVolumeLimits(binder, volumes),
  VolumeBinding: (deps, args, binder) =>
    volumeBinding(binder, deps.snapshot, { bindTimeoutMs: Number(args['bindTimeoutSeconds'] ?? 600) * 1000 }),
  VolumeZone: (_deps, _args, binder) => volumeZone(binder),
  PodTopologySpread: (deps, args) => podTopologySpread(deps.spread, args),
  InterPodAffinity: (deps, args) => interPodAffinity(deps.namespaces, args, deps.snapshot),
  DynamicResources: (deps, args) => dynamicResources(deps, args),
  DefaultPreemption: (deps, args, _binder, schedulerName) => deps.preemption?.(args, schedulerName),
  NodeResourcesBalancedAllocation: ({ devices }, args) => balancedAllocation(args, devices),
  ImageLocality: () => imageLocality,
  DefaultBinder: (deps) => defaultBinder(deps.client),
  NodeDeclaredFeatures: () => nodeDeclaredFeatures,
};

/** Names of upstream's interfaces, for its messages. */
const interfaceNames: Readonly<Record<ExtensionPoint, string>> = {
  preEnqueue: 'PreEnqueuePlugin',
  queueSort: 'QueueSortPlugin',
  preFilter: 'PreFilterPlugin',
  filter: 'FilterPlugin',
  postFilter: 'PostFilterPlugin',
  preScore: 'PreScorePlugin',
  score: 'ScorePlugin',
  reserve: 'ReservePlugin',
  permit: 'PermitPlugin',
  preBind: 'PreBindPlugin',
  bind: 'BindPlugin',
  postBind: 'PostBindPlugin',
};

/** Plugins of a user's own, by name: the library's way to extend the scheduler. */
export type PluginFactories = Readonly<Record<string, (args: PluginArgs) => Plugin>>;

/**
 * A profile as configured. Volumes assumed by one profile are seen by all: give them the same binder.
 * @throws SchedulerConfigError as upstream's NewFramework fails.
 */
export function buildProfile(
  config: ProfileConfig,
  deps: PluginDeps,
  binder = new VolumeBinder({ sources: deps.volumes, client: deps.client, clock: deps.clock }),
  outOfTree: PluginFactories = {},
): Profile {
  const { schedulerName } = config;
  const made = new Map<string, Plugin | undefined>();
  const fail = (text: string): never => {
    throw new SchedulerConfigError([
      `initializing profiles: creating profile for scheduler name ${schedulerName}: ${text}`,
    ]);
  };
  const make = (name: string): Plugin | undefined => {
    if (!made.has(name)) {
      const args = config.args.get(name) ?? {};
      const problems = outOfTree[name] ? [] : pluginProblems(name, args);
      const all = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
      if (problems.length > 0) fail(`initializing plugin "${name}": ${all}`);
      made.set(name, outOfTree[name]?.(args) ?? registry[name]!(deps, args, binder, schedulerName));
    }
    return made.get(name);
  };
  const exists = (name: string) => name in registry || name in outOfTree;
  const weights = new Map<string, number>();
  const points = {} as Record<ExtensionPoint, Plugin[]>;
  const order: string[] = [];
  for (const point of extensionPoints) {
    points[point] = expand(config, point, exists, make, fail).map((name) => {
      if (!order.includes(name)) order.push(name);
      return make(name)!;
    });
  }
  for (const { name, weight } of [...config.plugins.multiPoint.enabled, ...config.plugins.score.enabled]) {
    if (points.score.some((plugin) => plugin.name === name)) weights.set(name, weight || 1);
  }
  if (points.queueSort.length !== 1) {
    const count = points.queueSort.length;
    fail(`only one queue sort plugin required for profile with scheduler name "${schedulerName}", but got ${count}`);
  }
  if (points.bind.length === 0) {
    fail(`at least one bind plugin is needed for profile with scheduler name "${schedulerName}"`);
  }
  const known = defaultPlugins.map(({ name }) => name);
  const rank = (name: string) => (known.includes(name) ? known.indexOf(name) : known.length);
  return {
    schedulerName,
    plugins: order
      .sort((a, b) => rank(a) - rank(b))
      .map((name) => ({ plugin: make(name)!, weight: weights.get(name) ?? 0 })),
    points,
    weights,
    ...(config.percentageOfNodesToScore !== undefined && {
      percentageOfNodesToScore: config.percentageOfNodesToScore,
    }),
  };
}

/** Names that run at a point: overridden ones first, then MultiPoint's, then those of the point alone. */
function expand(
  { plugins }: ProfileConfig,
  point: ExtensionPoint,
  exists: (name: string) => boolean,
  make: (name: string) => Plugin | undefined,
  fail: (text: string) => never,
): string[] {
  const here = plugins[point].enabled.map(({ name }) => name);
  const interfaceName = interfaceNames[point];
  for (const [i, name] of here.entries()) {
    if (!exists(name)) fail(`${interfaceName} "${name}" does not exist`);
    if (here.indexOf(name) !== i) fail(`plugin "${name}" already registered as "${interfaceName}"`);
    const plugin = make(name);
    if (plugin && !implementsPoint(plugin, point)) fail(`plugin "${name}" does not extend ${interfaceName} plugin`);
  }
  const off = new Set(plugins[point].disabled.map(({ name }) => name));
  const usable = (name: string) => {
    const plugin = make(name);
    return plugin !== undefined && implementsPoint(plugin, point);
  };
  if (off.has('*')) return here.filter(usable);
  const overridden = new Set<string>();
  const multi: string[] = [];
  for (const { name } of plugins.multiPoint.enabled) {
    if (!exists(name)) fail(`${interfaceName} "${name}" does not exist`);
    if (!usable(name) || off.has(name)) continue;
    if (here.includes(name)) overridden.add(name);
    else if (multi.includes(name)) fail(`plugin "${name}" already registered as "${interfaceName}"`);
    else multi.push(name);
  }
  const rest = here.filter((name) => !overridden.has(name) && usable(name));
  return [...here.filter((name) => overridden.has(name)), ...multi, ...rest];
}

/** @throws SchedulerConfigError when a profile names what does not exist or leaves out what must be. */
export function checkSchedulerConfig(config: SchedulerConfig, outOfTree: PluginFactories = {}): void {
  // Plugins only keep what they are given until they run.
  const nothing = { volumes: {}, spread: {}, namespaces: {}, devices: {} } as unknown as PluginDeps;
  for (const profile of config.profiles) buildProfile(profile, nothing, undefined, outOfTree);
}

/** Upstream's default profile. */
export function defaultProfile(deps: PluginDeps): Profile {
  return buildProfile(schedulerConfig().profiles[0]!, deps);
}
