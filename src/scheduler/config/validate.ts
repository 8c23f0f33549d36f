/** Upstream: scheduler/apis/config/validation/{validation,validation_pluginargs}.go (1.36), in its order and words. */
import {
  FieldErrorList,
  FieldPath,
  fieldErrorMessage,
  isQualifiedName,
  parseDuration,
} from '../../apimachinery/index.ts';
import type { PluginArgs, PluginEntry, PluginSet, ProfileConfig, SchedulerConfig } from './types.ts';
import { addedAffinityRule } from './validate-affinity.ts';

/** Plugins that are gone: NodeVolumeLimits does their work. */
const removedPlugins = ['AzureDiskLimits', 'CinderLimits', 'EBSLimits', 'GCEPDLimits'];
const version = 'kubescheduler.config.k8s.io/v1';
const removed = `was invalid in version "${version}" (KubeSchedulerConfiguration is version "${version}")`;

/** Everything that is wrong. `configured`: names in each profile's pluginConfig as written. */
export function validateConfig(config: SchedulerConfig, configured: readonly (readonly string[])[]): string[] {
  const errors = new FieldErrorList();
  const root = (...names: string[]) => FieldPath.root(...names);
  if (!(config.parallelism > 0)) {
    errors.invalid(root('parallelism'), config.parallelism, 'should be an integer value greater than zero');
  }
  const seen = new Set<string>();
  for (const [i, profile] of config.profiles.entries()) {
    const path = root('profiles').index(i);
    validateProfile(errors, path, profile, configured[i] ?? []);
    if (seen.has(profile.schedulerName)) {
      // Upstream gives the other profile's path as the value, which Go's JSON makes `{}`.
      errors.duplicate(path.child('schedulerName'), {});
    }
    seen.add(profile.schedulerName);
  }
  validateQueueSort(errors, config.profiles);
  percentage(errors, root('percentageOfNodesToScore'), config.percentageOfNodesToScore);
  const { podInitialBackoffSeconds: initial, podMaxBackoffSeconds: max } = config;
  if (!(initial > 0)) errors.invalid(root('podInitialBackoffSeconds'), initial, 'must be greater than 0');
  if (max < initial) {
    errors.invalid(root('podMaxBackoffSeconds'), max, 'must be greater than or equal to PodInitialBackoffSeconds');
  }
  validateExtenders(errors, config);
  return errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

/**
 * What NodeResourcesFit itself says of its arguments when it is made: upstream's validation looks for it under another
 * name and so leaves them to the plugin.
 */
export function pluginProblems(name: string, args: PluginArgs): string[] {
  if (name !== 'NodeResourcesFit') return [];
  const errors = new FieldErrorList();
  argumentRules[name]!(errors, FieldPath.root(), args);
  return errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

function percentage(errors: FieldErrorList, path: FieldPath, value: number | undefined): void {
  if (value !== undefined && (value < 0 || value > 100)) errors.invalid(path, value, 'not in valid range [0-100]');
}

function validateProfile(
  errors: FieldErrorList,
  path: FieldPath,
  profile: ProfileConfig,
  configured: readonly string[],
): void {
  if (profile.schedulerName === '') errors.required(path.child('schedulerName'));
  percentage(errors, path.child('percentageOfNodesToScore'), profile.percentageOfNodesToScore);
  for (const [point, set] of Object.entries(profile.plugins)) {
    if (point === 'multiPoint') continue;
    for (const [i, { name }] of set.enabled.entries()) {
      if (removedPlugins.includes(name)) {
        errors.invalid(path.child('plugins', point, 'enabled').index(i), name, removed);
      }
    }
  }
  const seen = new Set<string>();
  for (const [i, name] of configured.entries()) {
    const at = path.child('pluginConfig').index(i);
    if (seen.has(name)) errors.duplicate(at, name);
    seen.add(name);
    if (removedPlugins.includes(name)) errors.invalid(at, name, removed);
    else if (name !== 'NodeResourcesFit') argumentRules[name]?.(errors, at.child('args'), profile.args.get(name) ?? {});
  }
}

/** As Go encodes its internal type, which has no names for JSON and no null weights. */
function internalPluginSet({ enabled, disabled }: PluginSet) {
  const entries = (list: readonly PluginEntry[]) =>
    list.length === 0 ? null : list.map(({ name, weight = 0 }) => ({ Name: name, Weight: weight }));
  return { Enabled: entries(enabled), Disabled: entries(disabled) };
}

function validateQueueSort(errors: FieldErrorList, profiles: readonly ProfileConfig[]): void {
  const [first, ...others] = profiles;
  const enabled = first!.plugins.queueSort.enabled;
  const path = FieldPath.root('profiles');
  if (enabled.length > 1) {
    const at = path.index(0).child('plugins', 'queueSort', 'Enabled');
    errors.invalid(at, enabled.length, 'only one queue sort plugin can be enabled');
  }
  const canon = JSON.stringify(first!.plugins.queueSort);
  for (const [i, { plugins }] of others.entries()) {
    if (JSON.stringify(plugins.queueSort) === canon) continue;
    const at = path.index(i + 1).child('plugins', 'queueSort');
    errors.invalid(at, internalPluginSet(plugins.queueSort), 'must be the same for all profiles');
  }
  const name = enabled[0]?.name;
  if (name === undefined) return;
  const canonArgs = JSON.stringify(first!.args.get(name));
  for (const [i, { args }] of others.entries()) {
    if (!args.has(name) || JSON.stringify(args.get(name)) === canonArgs) continue;
    const at = path.index(i + 1).child('pluginConfig', 'args');
    errors.invalid(at, args.get(name), 'queueSort must be the same for all profiles');
  }
}

function validateExtenders(errors: FieldErrorList, { extenders }: SchedulerConfig): void {
  const path = FieldPath.root('extenders');
  const managed = new Set<string>();
  let binders = 0;
  for (const [i, extender] of extenders.entries()) {
    const at = path.index(i);
    const weight = extender.weight ?? 0;
    if (extender.prioritizeVerb && weight <= 0) {
      errors.invalid(at.child('weight'), weight, 'must have a positive weight applied to it');
    }
    if (extender.bindVerb) binders++;
    for (const [j, { name }] of (extender.managedResources ?? []).entries()) {
      const resource = at.child('managedResources').index(j).child('name');
      const messages = isQualifiedName(name);
      for (const message of messages) errors.invalid(resource, name, message);
      const native = !name.includes('/') || /^([^/]*\.)?kubernetes\.io\//.test(name);
      if (messages.length === 0 && (native || name.startsWith('requests.'))) {
        errors.invalid(resource, name, 'is an invalid extended resource name');
      }
      if (managed.has(name)) errors.invalid(resource, name, 'duplicate extender managed resource name');
      managed.add(name);
    }
  }
  if (binders > 1) {
    errors.invalid(path, `found ${binders} extenders implementing bind`, 'only one extender can implement bind');
  }
}

type ArgumentRule = (errors: FieldErrorList, path: FieldPath, args: PluginArgs) => void;
type Named = { readonly name: string; readonly weight?: number };

const labelName = (errors: FieldErrorList, path: FieldPath, value: string) => {
  for (const message of isQualifiedName(value)) errors.invalid(path, value, message);
};

function shapeRule(errors: FieldErrorList, path: FieldPath, shape: readonly any[]): void {
  if (shape.length === 0) {
    errors.required(path, 'at least one point must be specified');
    return;
  }
  for (let i = 1; i < shape.length; i++) {
    if (shape[i - 1].utilization < shape[i].utilization) continue;
    const at = path.index(i).child('utilization');
    errors.invalid(at, shape[i].utilization, 'values must be sorted in increasing order');
    break;
  }
  for (const [i, { utilization, score }] of shape.entries()) {
    const at = path.index(i);
    if (utilization < 0 || utilization > 100) {
      errors.invalid(at.child('utilization'), utilization, 'not in valid range [0, 100]');
    }
    if (score < 0 || score > 10) errors.invalid(at.child('score'), score, 'not in valid range [0, 10]');
  }
}

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];

const argumentRules: Readonly<Record<string, ArgumentRule>> = {
  NodeAffinity: addedAffinityRule,
  DefaultPreemption(errors, path, args) {
    const [percent, absolute] = ['minCandidateNodesPercentage', 'minCandidateNodesAbsolute'] as const;
    const [share, number] = [args[percent] as number, args[absolute] as number];
    if (share < 0 || share > 100) errors.invalid(path.child(percent), share, 'not in valid range [0, 100]');
    if (number < 0) errors.invalid(path.child(absolute), number, 'not in valid range [0, inf)');
    if (share === 0 && number === 0) {
      errors.invalid(path.child(percent), share, `cannot be zero at the same time as ${absolute}`);
      errors.invalid(path.child(absolute), number, `cannot be zero at the same time as ${percent}`);
    }
  },
  InterPodAffinity(errors, path, args) {
    const weight = args['hardPodAffinityWeight'] as number;
    if (weight < 0 || weight > 100) {
      errors.invalid(path.child('hardPodAffinityWeight'), weight, 'not in valid range [0, 100]');
    }
  },
  NodeResourcesBalancedAllocation(errors, path, args) {
    const seen = new Set<string>();
    for (const [i, { name, weight }] of (args['resources'] as Named[]).entries()) {
      const at = path.child('resources').index(i);
      if (seen.has(name)) errors.duplicate(at.child('name'), name);
      seen.add(name);
      if (weight !== 1) errors.invalid(at.child('weight'), weight, 'must be 1');
    }
  },
  NodeResourcesFit(errors, path, args) {
    for (const [i, name] of ((args['ignoredResources'] ?? []) as string[]).entries()) {
      labelName(errors, path.child('ignoredResources').index(i), name);
    }
    for (const [i, group] of ((args['ignoredResourceGroups'] ?? []) as string[]).entries()) {
      const at = path.child('ignoredResourceGroups').index(i);
      if (group.includes('/')) errors.invalid(at, group, "resource group name can't contain '/'");
      labelName(errors, at, group);
    }
    const { type, resources, requestedToCapacityRatio } = args['scoringStrategy'] as Record<string, any>;
    const at = path.child('scoringStrategy');
    if (!strategies.includes(type)) errors.notSupported(at.child('type'), type ?? '', strategies);
    for (const [i, { name, weight }] of (resources as Required<Named>[]).entries()) {
      if (weight > 0 && weight <= 100) continue;
      const message = `resource weight of ${name} not in valid range (0, 100]`;
      errors.invalid(at.child('resources').index(i).child('weight'), weight, message);
    }
    const ratio = at.child('requestedToCapacityRatio');
    if (type === 'RequestedToCapacityRatio') {
      if (!requestedToCapacityRatio) {
        errors.required(ratio, 'must be specified when type is RequestedToCapacityRatio');
      } else shapeRule(errors, ratio.child('shape'), requestedToCapacityRatio.shape ?? []);
    } else if (requestedToCapacityRatio) {
      errors.forbidden(ratio, 'must be nil when type is not RequestedToCapacityRatio');
    }
  },
  PodTopologySpread(errors, path, args) {
    const type = args['defaultingType'] as string;
    const constraints = (args['defaultConstraints'] ?? []) as Record<string, any>[];
    const typePath = path.child('defaultingType');
    if (type !== 'System' && type !== 'List')
      errors.notSupported(typePath, type, ['System', 'List'], { inOrder: true });
    else if (type === 'System' && constraints.length > 0) {
      errors.invalid(typePath, type, 'when .defaultConstraints are not empty');
    }
    for (const [i, constraint] of constraints.entries()) {
      const at = path.child('defaultConstraints').index(i);
      const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', labelSelector } = constraint;
      if (maxSkew <= 0) errors.invalid(at.child('maxSkew'), maxSkew, 'not in valid range (0, inf)');
      if (topologyKey === '') errors.required(at.child('topologyKey'), 'can not be empty');
      else labelName(errors, at.child('topologyKey'), topologyKey);
      const when = at.child('whenUnsatisfiable');
      const known = ['DoNotSchedule', 'ScheduleAnyway'];
      if (whenUnsatisfiable === '') errors.required(when, 'can not be empty');
      else if (!known.includes(whenUnsatisfiable)) errors.notSupported(when, whenUnsatisfiable, known);
      if (labelSelector) {
        const message = 'constraint must not define a selector, as they deduced for each pod';
        errors.forbidden(at.child('labelSelector'), message);
      }
      const same = (other: Record<string, any>) =>
        other['topologyKey'] === topologyKey && other['whenUnsatisfiable'] === whenUnsatisfiable;
      if (constraints.slice(0, i).some(same)) errors.duplicate(at, `{${topologyKey}, ${whenUnsatisfiable}}`);
    }
  },
  DynamicResources(errors, path, args) {
    const [filter, binding] = [args['filterTimeout'] as string, args['bindingTimeout'] as string];
    if (parseDuration(filter) < 0) errors.invalid(path.child('filterTimeout'), filter, 'must be zero or positive');
    if (parseDuration(binding) < 1_000)
      errors.invalid(path.child('bindingTimeout'), binding, 'must be at least 1 second');
  },
  VolumeBinding(errors, path, args) {
    const timeout = args['bindTimeoutSeconds'] as number;
    if (timeout < 0) {
      const message = 'invalid BindTimeoutSeconds, should not be a negative value';
      errors.invalid(path.child('bindTimeoutSeconds'), timeout, message);
    }
    if (args['shape'] !== undefined) {
      const message = 'unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring';
      errors.invalid(path.child('shape'), args['shape'], message);
    }
  },
};
