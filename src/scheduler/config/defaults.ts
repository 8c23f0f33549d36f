/** Upstream: scheduler/apis/config/v1/{default_plugins,defaults}.go (1.36). */
import { extensionPoints } from '../framework/types.ts';
import type { PluginArgs, PluginEntry, PluginSet, PluginSets } from './types.ts';

/** In upstream's order; a weight where a plugin scores. */
export const defaultPlugins: readonly PluginEntry[] = [
  { name: 'SchedulingGates' },
  { name: 'PrioritySort' },
  { name: 'NodeUnschedulable' },
  { name: 'NodeName' },
  { name: 'TaintToleration', weight: 3 },
  { name: 'NodeAffinity', weight: 2 },
  { name: 'NodePorts' },
  { name: 'NodeResourcesFit', weight: 1 },
  { name: 'VolumeRestrictions' },
  { name: 'NodeVolumeLimits' },
  { name: 'VolumeBinding' },
  { name: 'VolumeZone' },
  { name: 'PodTopologySpread', weight: 2 },
  { name: 'InterPodAffinity', weight: 2 },
  { name: 'DynamicResources', weight: 2 },
  { name: 'DefaultPreemption' },
  { name: 'NodeResourcesBalancedAllocation', weight: 1 },
  { name: 'ImageLocality', weight: 1 },
  { name: 'DefaultBinder' },
  { name: 'NodeDeclaredFeatures' },
];

const none: PluginSet = { enabled: [], disabled: [] };

export function defaultPluginSets(): PluginSets {
  const sets: Record<string, PluginSet> = { multiPoint: { enabled: defaultPlugins, disabled: [] } };
  for (const point of extensionPoints) sets[point] = none;
  return sets as unknown as PluginSets;
}

/** The defaults with the changes of a file. Upstream: mergePluginSet. */
export function mergePluginSet(defaults: PluginSet, custom: PluginSet): PluginSet {
  const off = new Set([...custom.disabled, ...defaults.disabled].map(({ name }) => name));
  const replaced = new Set<number>();
  const enabled: PluginEntry[] = [];
  if (!off.has('*')) {
    for (const entry of defaults.enabled) {
      if (off.has(entry.name)) continue;
      const index = custom.enabled.findLastIndex(({ name }) => name === entry.name);
      if (index >= 0) replaced.add(index);
      enabled.push(index >= 0 ? custom.enabled[index]! : entry);
    }
  }
  enabled.push(...custom.enabled.filter((_, index) => !replaced.has(index)));
  return { enabled, disabled: [...custom.disabled, ...defaults.disabled] };
}

const cpuAndMemory = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

type Resources = { name: string; weight?: number }[];

const weighted = (list: Resources | undefined) =>
  list?.length ? list.map((entry) => ({ ...entry, weight: entry.weight || 1 })) : cpuAndMemory;

/** The arguments of a plugin as they are when a file leaves some of them out. */
const argumentDefaults: Readonly<Record<string, (args: Record<string, any>) => PluginArgs>> = {
  DefaultPreemption: (args) => ({ minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100, ...args }),
  DynamicResources: (args) => ({ filterTimeout: '10s', bindingTimeout: '10m0s', ...args }),
  InterPodAffinity: (args) => ({ hardPodAffinityWeight: 1, ...args }),
  NodeAffinity: (args) => args,
  NodeResourcesBalancedAllocation: (args) => ({ ...args, resources: weighted(args['resources']) }),
  NodeResourcesFit: (args) => {
    const strategy = args['scoringStrategy'] ?? { type: 'LeastAllocated' };
    return { ...args, scoringStrategy: { ...strategy, resources: weighted(strategy.resources) } };
  },
  PodTopologySpread: (args) => ({ ...args, defaultingType: args['defaultingType'] || 'System' }),
  VolumeBinding: (args) => ({ bindTimeoutSeconds: 600, ...args }),
};

export const pluginsWithArguments: readonly string[] = Object.keys(argumentDefaults);

export function defaultArguments(name: string, args: PluginArgs = {}): PluginArgs {
  const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null && value !== undefined));
  return argumentDefaults[name]?.(given) ?? given;
}
