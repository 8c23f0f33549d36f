/** Bad KubeSchedulerConfiguration files and what upstream says of each: decoding, validation, plugins that cannot be made. */
import { describe, expect, it } from 'vitest';
import { checkSchedulerConfig, loadSchedulerConfig, type SchedulerConfigError } from '../../src/scheduler/index.ts';

const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function refusal(text: string): string {
  try {
    checkSchedulerConfig(loadSchedulerConfig(text));
  } catch (error) {
    return (error as SchedulerConfigError).message;
  }
  throw new Error('it was taken');
}

const args = (name: string, values: string) => `profiles: [{pluginConfig: [{name: ${name}, args: ${values}}]}]`;
const argsPath = 'profiles[0].pluginConfig[0].args';
const profile = 'initializing profiles: creating profile for scheduler name default-scheduler: ';
const decodingArgs = (name: string) => `decoding .profiles[0].pluginConfig[0]: decoding args for plugin ${name}: `;
const strictArgs = (name: string) =>
  `strict decoding error: decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin ${name}: strict decoding error: `;
const scheme = 'in scheme "pkg/scheduler/apis/config/scheme/scheme.go:30"';

describe('what cannot be decoded', () => {
  it.each([
    [
      'parallelism: many',
      'json: cannot unmarshal string into Go struct field KubeSchedulerConfiguration.parallelism of type int32',
    ],
    [
      'profiles: [{plugins: {filter: {enabled: [{name: 3}]}}}]',
      'json: cannot unmarshal number into Go struct field Plugin.profiles.plugins.filter.enabled.name of type string',
    ],
    [
      'extenders: {urlPrefix: x}',
      'json: cannot unmarshal object into Go struct field KubeSchedulerConfiguration.extenders of type []v1.Extender',
    ],
    ['leaderElection: {leaseDuration: 5}', 'json: cannot unmarshal number into Go value of type string'],
    ['leaderElection: {leaseDuration: soon}', 'time: invalid duration "soon"'],
    ['extenders: [{httpTimeout: 5}]', 'json: cannot unmarshal number into Go value of type string'],
    ['healthzBindAddress: x', 'strict decoding error: unknown field "healthzBindAddress"'],
    [
      'profiles: [{plugins: {filters: {}}, name: x}]',
      'strict decoding error: unknown field "profiles[0].plugins.filters", unknown field "profiles[0].name"',
    ],
    [
      'parallelism: 1\nparallelism: 2',
      'strict decoding error: yaml: unmarshal errors:\n  line 4: key "parallelism" already set in map',
    ],
    [
      args('InterPodAffinity', '{hardPodAffinity: 1}'),
      `${strictArgs('InterPodAffinity')}unknown field "hardPodAffinity"`,
    ],
    [
      args('NodeAffinity', '{addedAffinity: {required: {}}}'),
      `${strictArgs('NodeAffinity')}unknown field "addedAffinity.required"`,
    ],
    [
      args('VolumeBinding', '{bindTimeoutSeconds: long}'),
      `${decodingArgs('VolumeBinding')}json: cannot unmarshal string into Go struct field VolumeBindingArgs.bindTimeoutSeconds of type int64`,
    ],
    [
      args('DynamicResources', '{filterTimeout: 10}'),
      `${decodingArgs('DynamicResources')}json: cannot unmarshal number into Go value of type string`,
    ],
    [
      args('VolumeBinding', '{kind: InterPodAffinityArgs}'),
      'decoding .profiles[0].pluginConfig[0]: args for plugin VolumeBinding were not of type ' +
        'VolumeBindingArgs.kubescheduler.config.k8s.io, got InterPodAffinityArgs.kubescheduler.config.k8s.io',
    ],
    [
      args('VolumeBinding', '{kind: VolumeArgs}'),
      `${decodingArgs('VolumeBinding')}no kind "VolumeArgs" is registered for version "kubescheduler.config.k8s.io/v1" ${scheme}`,
    ],
  ])('%s', (text, expected) => expect(refusal(header + text)).toBe(expected));

  it('a field given twice in JSON', () => {
    const json =
      '{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration","parallelism":1,"parallelism":2}';
    expect(refusal(json)).toBe('strict decoding error: duplicate field "parallelism"');
  });

  it.each(['v1beta2', 'v1beta3'])('the version %s of old', (version) => {
    const [group, kind] = ['kubescheduler.config.k8s.io', 'KubeSchedulerConfiguration'];
    expect(refusal(`apiVersion: ${group}/${version}\nkind: ${kind}\n`)).toBe(
      `no kind "${kind}" is registered for version "${group}/${version}" ${scheme}`,
    );
  });

  it('without a version', () => {
    const text = 'kind: KubeSchedulerConfiguration\n';
    expect(refusal(text)).toBe(`Object 'apiVersion' is missing in '${text}'`);
  });
});

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
const addedTerm = (term: string) =>
  args('NodeAffinity', `{addedAffinity: {${required}: {nodeSelectorTerms: [{}, ${term}]}}}`);
const term = `${argsPath}.addedAffinity.${required}.nodeSelectorTerms[1]`;
const operators = '"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"';

describe('what is not valid', () => {
  it.each([
    ['clientConnection: {burst: -1}', 'clientConnection.burst: Invalid value: -1: must be non-negative'],
    [
      'leaderElection: {leaseDuration: 5s}',
      'leaderElection.leaseDuration: Invalid value: "10s": must be greater than `RenewDeadline`',
    ],
    [
      'leaderElection: {retryPeriod: -1s}',
      'leaderElection.retryPeriod: Invalid value: "-1s": must be greater than zero',
    ],
    [
      'leaderElection: {resourceLock: endpoints}',
      'leaderElection.resourceLock: Invalid value: "endpoints": resourceLock value must be "leases"',
    ],
    ['percentageOfNodesToScore: -1', 'percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]'],
    [
      'profiles: [{percentageOfNodesToScore: 101}]',
      'profiles[0].percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]',
    ],
    ['profiles: [{schedulerName: ""}]', 'profiles[0].schedulerName: Required value'],
    [
      'profiles: [{pluginConfig: [{name: NodeAffinity, args: {}}, {name: NodeAffinity, args: {}}]}]',
      'profiles[0].pluginConfig[1]: Duplicate value: "NodeAffinity"',
    ],
    [
      'profiles: [{schedulerName: a}, {schedulerName: b, plugins: {queueSort: {enabled: [{name: PrioritySort}]}}}]',
      'profiles[1].plugins.queueSort: Invalid value: {"Enabled":[{"Name":"PrioritySort","Weight":0}],"Disabled":null}: must be the same for all profiles',
    ],
    [
      'extenders: [{managedResources: [{name: example.com/a}, {name: example.com/a}, {name: cpu}]}]',
      '[extenders[0].managedResources[1].name: Invalid value: "example.com/a": duplicate extender managed resource name, ' +
        'extenders[0].managedResources[2].name: Invalid value: "cpu": is an invalid extended resource name]',
    ],
    [
      addedTerm('{matchExpressions: [{key: zone, operator: Near, values: [a]}]}'),
      `${term}.matchExpressions[0].operator: Unsupported value: "Near": supported values: ${operators}`,
    ],
    [
      addedTerm('{matchExpressions: [{key: zone, operator: In}]}'),
      `${term}.matchExpressions[0].values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty`,
    ],
    [
      addedTerm('{matchExpressions: [{key: zone, operator: Gt, values: [x]}]}'),
      `${term}.matchExpressions[0].values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    [
      addedTerm('{matchExpressions: [{key: zone, operator: Exists, values: [x]}]}'),
      `${term}.matchExpressions[0].values: Invalid value: ["x"]: values set must be empty for exists and does not exist`,
    ],
    [
      addedTerm('{matchFields: [{key: metadata.name, operator: In, values: [a, b]}]}'),
      `${term}.matchFields[0].values: Invalid value: ["a","b"]: must have one element`,
    ],
    [
      args(
        'NodeAffinity',
        `{addedAffinity: {${preferred}: [{weight: 1, preference: {matchFields: [{key: a, operator: Gt}]}}]}}`,
      ),
      `${argsPath}.addedAffinity.${preferred}[0].matchFields[0].operator: Unsupported value: "Gt": supported values: "In", "NotIn"`,
    ],
    [
      args('InterPodAffinity', '{hardPodAffinityWeight: -1}'),
      `${argsPath}.hardPodAffinityWeight: Invalid value: -1: not in valid range [0, 100]`,
    ],
    [
      args('NodeResourcesBalancedAllocation', '{resources: [{name: cpu, weight: 2}, {name: cpu}]}'),
      `[${argsPath}.resources[0].weight: Invalid value: 2: must be 1, ${argsPath}.resources[1].name: Duplicate value: "cpu"]`,
    ],
    [
      args('PodTopologySpread', '{defaultingType: Some}'),
      `${argsPath}.defaultingType: Unsupported value: "Some": supported values: "System", "List"`,
    ],
    [
      args(
        'PodTopologySpread',
        '{defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}',
      ),
      `${argsPath}.defaultingType: Invalid value: "System": when .defaultConstraints are not empty`,
    ],
    [
      args(
        'PodTopologySpread',
        '{defaultingType: List, defaultConstraints: [{maxSkew: 1, whenUnsatisfiable: Try, labelSelector: {}}]}',
      ),
      `[${argsPath}.defaultConstraints[0].topologyKey: Required value: can not be empty, ` +
        `${argsPath}.defaultConstraints[0].whenUnsatisfiable: Unsupported value: "Try": supported values: "DoNotSchedule", "ScheduleAnyway", ` +
        `${argsPath}.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod]`,
    ],
    [
      args('VolumeBinding', '{bindTimeoutSeconds: -1}'),
      `${argsPath}.bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value`,
    ],
    [
      args('DynamicResources', '{filterTimeout: -1s}'),
      `${argsPath}.filterTimeout: Invalid value: "-1s": must be zero or positive`,
    ],
    [
      args('DynamicResources', '{bindingTimeout: 10ms}'),
      `${argsPath}.bindingTimeout: Invalid value: "10ms": must be at least 1 second`,
    ],
  ])('%s', (text, expected) => expect(refusal(header + text)).toBe(expected));
});

describe('plugins that cannot be made', () => {
  const plugins = (text: string) => `profiles: [{plugins: ${text}}]`;
  it.each([
    [
      plugins('{filter: {enabled: [{name: NodeName}, {name: NodeName}]}}'),
      `${profile}plugin "NodeName" already registered as "FilterPlugin"`,
    ],
    [
      plugins('{score: {enabled: [{name: NodeName}]}}'),
      `${profile}plugin "NodeName" does not extend ScorePlugin plugin`,
    ],
    [
      plugins('{bind: {disabled: [{name: DefaultBinder}]}}'),
      `${profile}at least one bind plugin is needed for profile with scheduler name "default-scheduler"`,
    ],
    [
      args('NodeResourcesFit', '{ignoredResourceGroups: [example.com/a]}'),
      `${profile}initializing plugin "NodeResourcesFit": ignoredResourceGroups[0]: Invalid value: "example.com/a": resource group name can't contain '/'`,
    ],
    [
      args(
        'NodeResourcesFit',
        '{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 50, score: 11}, {utilization: 50}]}}}',
      ),
      `${profile}initializing plugin "NodeResourcesFit": [scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 50: values must be sorted in increasing order, ` +
        'scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: 11: not in valid range [0, 10]]',
    ],
    [
      args('VolumeBinding', '{shape: []}'),
      `${argsPath}.shape: Invalid value: []: unexpected field \`shape\`, remove it or turn on the feature gate StorageCapacityScoring`,
    ],
    [
      args('NodeResourcesFit', '{scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 101}]}}'),
      `${profile}initializing plugin "NodeResourcesFit": scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]`,
    ],
  ])('%s', (text, expected) => expect(refusal(header + text)).toBe(expected));
});
