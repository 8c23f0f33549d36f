/** KubeSchedulerConfiguration: defaults, merging, what is refused and in which words; Policy files of old. */
import { describe, expect, it } from 'vitest';
import { checkSchedulerConfig, loadSchedulerConfig, type SchedulerConfigError } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

const load = (text: string) => {
  const config = loadSchedulerConfig(header + text);
  checkSchedulerConfig(config);
  return config;
};

function problems(text: string): readonly string[] {
  try {
    load(text);
  } catch (error) {
    return (error as SchedulerConfigError).problems;
  }
  throw new Error('it was taken');
}

const points = (text: string, point: 'filter' | 'score' | 'multiPoint') =>
  load(text).profiles[0]!.plugins[point].enabled.map(({ name, weight }) => (weight ? `${name}:${weight}` : name));

describe('a configuration', () => {
  it('left empty is upstream’s default', () => {
    const config = load('');
    expect(config).toMatchObject({
      percentageOfNodesToScore: 0,
      podInitialBackoffSeconds: 1,
      podMaxBackoffSeconds: 10,
      parallelism: 16,
      extenders: [],
    });
    expect(config.profiles).toHaveLength(1);
    const [{ schedulerName, args }] = config.profiles as [(typeof config.profiles)[0]];
    expect(schedulerName).toBe('default-scheduler');
    expect(args.get('DefaultPreemption')).toEqual({ minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 });
    expect(args.get('NodeResourcesFit')).toEqual({
      scoringStrategy: {
        type: 'LeastAllocated',
        resources: [
          { name: 'cpu', weight: 1 },
          { name: 'memory', weight: 1 },
        ],
      },
    });
    expect(args.get('VolumeBinding')).toEqual({ bindTimeoutSeconds: 600 });
  });

  it('changes weights in place, turns plugins off, and puts its own last', () => {
    const changed = points(
      `profiles:
- plugins:
    multiPoint:
      enabled: [{name: ImageLocality, weight: 7}]
      disabled: [{name: NodeName}]`,
      'multiPoint',
    );
    expect(changed).toContain('ImageLocality:7');
    expect(changed).not.toContain('NodeName');
    expect(changed.indexOf('ImageLocality:7')).toBe(changed.indexOf('DefaultBinder') - 1);
    const only = points(
      `profiles:
- plugins:
    score:
      disabled: [{name: "*"}]
      enabled: [{name: NodeAffinity, weight: 5}]`,
      'score',
    );
    expect(only).toEqual(['NodeAffinity:5']);
  });

  it.each([
    ['parallelism: 0', ['parallelism: Invalid value: 0: should be an integer value greater than zero']],
    ['percentageOfNodesToScore: 101', ['percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]']],
    ['podInitialBackoffSeconds: 0', ['podInitialBackoffSeconds: Invalid value: 0: must be greater than 0']],
    [
      'podInitialBackoffSeconds: 5\npodMaxBackoffSeconds: 2',
      ['podMaxBackoffSeconds: Invalid value: 2: must be greater than or equal to PodInitialBackoffSeconds'],
    ],
    ['profiles: [{schedulerName: a}, {schedulerName: a}]', ['profiles[1].schedulerName: Duplicate value: {}']],
    ['profiles: [{schedulerName: a}, {}]', ['profiles[1].schedulerName: Required value']],
    [
      'profiles: [{plugins: {filter: {enabled: [{name: EBSLimits}]}}}]',
      [
        'profiles[0].plugins.filter.enabled[0]: Invalid value: "EBSLimits": was invalid in version ' +
          '"kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
      ],
    ],
    [
      'profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]',
      ['profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]'],
    ],
    [
      'profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]}]',
      [
        'initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": ' +
          'scoringStrategy.type: Unsupported value: "Best": supported values: ' +
          '"LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
      ],
    ],
    [
      'profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}], defaultingType: List}}]}]',
      ['profiles[0].pluginConfig[0].args.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)'],
    ],
    [
      'profiles: [{pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}}]}]',
      [
        'profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute',
        'profiles[0].pluginConfig[0].args.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage',
      ],
    ],
    [
      'extenders: [{urlPrefix: "http://x", prioritizeVerb: p}]',
      ['extenders[0].weight: Invalid value: 0: must have a positive weight applied to it'],
    ],
    [
      'extenders: [{urlPrefix: "http://x", bindVerb: b}, {urlPrefix: "http://y", bindVerb: b}]',
      ['extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind'],
    ],
    ['profils: []', ['strict decoding error: unknown field "profils"']],
    [
      'profiles: [{plugins: {multiPoint: {enabled: [{name: Nonsense}]}}}]',
      [
        'initializing profiles: creating profile for scheduler name default-scheduler: PreEnqueuePlugin "Nonsense" does not exist',
      ],
    ],
    [
      'profiles: [{plugins: {queueSort: {disabled: [{name: "*"}]}}}]',
      [
        'initializing profiles: creating profile for scheduler name default-scheduler: only one queue sort plugin required for profile with scheduler name "default-scheduler", but got 0',
      ],
    ],
  ])('%s is refused in upstream’s words', (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it('of another kind or version is refused', () => {
    expect(() => loadSchedulerConfig('apiVersion: v1\nkind: Pod')).toThrow(
      'no kind "Pod" is registered for version "v1"',
    );
    expect(() => loadSchedulerConfig('foo: 1')).toThrow("Object 'Kind' is missing in 'foo: 1'");
    expect(() => loadSchedulerConfig('a: [')).toThrow("couldn't decode as KubeSchedulerConfiguration");
  });
});

describe('a Policy of old', () => {
  const policy = (text: string) => {
    const config = loadSchedulerConfig(`apiVersion: v1\nkind: Policy\n${text}`);
    checkSchedulerConfig(config);
    return config;
  };

  it('becomes plugins, and says what became of every name', () => {
    const config = policy(`predicates: [{name: PodFitsResources}, {name: CheckServiceAffinity}]
priorities: [{name: MostRequestedPriority, weight: 4}, {name: EqualPriority, weight: 1}]`);
    const { plugins, args } = config.profiles[0]!;
    expect(plugins.filter.enabled.map(({ name }) => name)).toEqual([
      'TaintToleration',
      'NodeUnschedulable',
      'NodeResourcesFit',
    ]);
    expect(plugins.score.enabled).toEqual([{ name: 'NodeResourcesFit', weight: 4 }]);
    expect(args.get('NodeResourcesFit')).toMatchObject({ scoringStrategy: { type: 'MostAllocated' } });
    expect(config.notes).toContain('predicate PodFitsResources is now NodeResourcesFit');
    expect(config.notes).toContain('predicate CheckServiceAffinity does nothing any more');
    expect(config.notes).toContain('priority MostRequestedPriority is now NodeResourcesFit');
  });

  it('with names that never were is refused', () => {
    expect(() => policy('predicates: [{name: Foo}]')).toThrow('unable to find predicate plugin for predicate "Foo"');
  });
});

describe('arguments decide', () => {
  const nodes = [makeNode('empty', { cpu: '4', memory: '8Gi' }), makeNode('busy', { cpu: '4', memory: '8Gi' })];
  const placed: [ReturnType<typeof makePod>, string][] = [
    [makePod('x', { requests: { cpu: '2', memory: '4Gi' } }), 'busy'],
  ];
  const scoreOf = (profile: string, node: string, plugin: string, requests: object = { cpu: '1', memory: '2Gi' }) => {
    const config = load(`profiles: [${profile}]`);
    const { decision } = cycleOver(nodes, placed, { config }).run(makePod('p', { requests }));
    return decision.nodes.find(({ name }) => name === node)!.scores?.find((score) => score.plugin === plugin)?.raw;
  };
  const strategy = (text: string) => `{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: ${text}}}]}`;

  it('of NodeResourcesFit', () => {
    // busy would use 3 of 4 cores and 6 of 8 Gi; empty 1 and 2.
    expect(scoreOf('{}', 'busy', 'NodeResourcesFit')).toBe(25);
    expect(scoreOf(strategy('{type: MostAllocated}'), 'busy', 'NodeResourcesFit')).toBe(75);
    const ratio = '[{utilization: 0, score: 0}, {utilization: 50, score: 10}, {utilization: 100, score: 5}]';
    const shaped = strategy(`{type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: ${ratio}}}`);
    // 75 % lies half way from 100 down to 50; 25 % half way up to 100.
    expect(scoreOf(shaped, 'busy', 'NodeResourcesFit')).toBe(75);
    expect(scoreOf(shaped, 'empty', 'NodeResourcesFit')).toBe(50);
    const cpuTwice = strategy('{type: LeastAllocated, resources: [{name: cpu, weight: 3}, {name: memory, weight: 1}]}');
    expect(scoreOf(cpuTwice, 'busy', 'NodeResourcesFit', { cpu: '2', memory: '0' })).toBe(Math.trunc((0 * 3 + 50) / 4));
  });

  it('of NodeAffinity: what the scheduler adds holds for all pods', () => {
    const added = `{pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution:
      {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [none]}]}]}}}}]}`;
    const { message } = cycleOver(nodes, [], { config: load(`profiles: [${added}]`) }).run(makePod('p'));
    expect(message).toBe("0/2 nodes are available: 2 node(s) didn't match scheduler-enforced node affinity.");
  });

  it('of PodTopologySpread: constraints for pods that have none', () => {
    const list = `{pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints:
      [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}]}}]}`;
    const config = load(`profiles: [${list}]`);
    const web = (name: string) => makePod(name, {}, { labels: { app: 'web' } });
    const services = [{ spec: { selector: { app: 'web' } } }];
    const { decision } = cycleOver(nodes, [[web('one'), 'busy']], { config, services }).run(web('two'));
    expect(decision.node).toBe('empty');
    expect(decision.nodes.find(({ name }) => name === 'busy')!.filter?.plugin).toBe('PodTopologySpread');
  });

  it('of a plugin that is off: it neither filters nor scores', () => {
    const config = load('profiles: [{plugins: {multiPoint: {disabled: [{name: NodeUnschedulable}]}}}]');
    const cordoned = [makeNode('off', { unschedulable: true })];
    expect(cycleOver(cordoned).run(makePod('p')).node).toBeUndefined();
    expect(cycleOver(cordoned, [], { config }).run(makePod('p')).node).toBe('off');
  });
});
