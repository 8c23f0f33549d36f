/** Simulations in which the important push others away, and in which somebody else's extender is asked. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { simulationText } from '../../src/cli/scheduler-simulate.ts';
import {
  compareSimulations,
  type ExtenderPost,
  expandWorkloads,
  loadSchedulerConfig,
  nodesOfShapes,
  parseShape,
  type SchedulerConfig,
  simulate,
  type WorldObjects,
} from '../../src/scheduler/index.ts';

const nodes = (...shapes: string[]) => nodesOfShapes(shapes.map((shape) => parseShape(shape)));
const object = (kind: string, name: string, more: object) =>
  ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'default' }, ...more }) as unknown as KubeObject;
const priorityClass = (name: string, value: number, more: object = {}) =>
  object('PriorityClass', name, { value, ...more });
const containers = (cpu: string) => [{ name: 'c', image: 'app:1', resources: { requests: { cpu, memory: '1Gi' } } }];
const deployment = (name: string, cpu: string, spec: object = {}, replicas = 1) =>
  object('Deployment', name, {
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: containers(cpu), ...spec } },
    },
  });
const bound = (name: string, node: string, cpu: string, more: { priority?: number; owned?: boolean } = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      labels: { app: name },
      ...(more.owned && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }],
      }),
    },
    spec: { nodeName: node, priority: more.priority ?? 0, containers: containers(cpu) },
    status: { phase: 'Running' },
  }) as unknown as Pod;
const high = { priorityClassName: 'high' };

const run = async (
  objects: WorldObjects,
  workload: readonly KubeObject[],
  more: { config?: SchedulerConfig; post?: ExtenderPost } = {},
) => {
  const { config, post } = more;
  const [result] = await simulate({
    objects,
    workload: expandWorkloads(workload, { priorityClasses: objects.priorityclasses ?? [] }),
    ...(config && { configs: [{ name: 'mine', config }] }),
    ...(post && { post }),
  });
  return result!;
};

describe('preemption in a simulation', () => {
  it('evicts the least important pod that makes room; its controller makes it anew where there is room', async () => {
    const result = await run(
      {
        nodes: nodes('count=1,cpu=4', 'count=1,cpu=2'),
        pods: [bound('web', 'node-1', '2', { owned: true }), bound('core', 'node-1', '1', { priority: 500 })],
        priorityclasses: [priorityClass('high', 1000)],
      },
      [deployment('vip', '3', high)],
    );
    expect(result.placements).toEqual([{ pod: 'default/vip-0', node: 'node-1' }]);
    expect(result.evicted).toEqual([{ pod: 'default/web', node: 'node-1', by: 'default/vip-0', again: 'node-2' }]);
    expect(result.unscheduled).toEqual([]);
  });

  it('tells whom an evicted pod finds no other place', async () => {
    const result = await run(
      {
        nodes: nodes('cpu=4'),
        pods: [bound('web', 'node-1', '3', { owned: true }), bound('alone', 'node-1', '1')],
        priorityclasses: [priorityClass('high', 1000)],
      },
      [deployment('vip', '4', high)],
    );
    expect(result.evicted.map(({ pod, again }) => [pod, again])).toEqual([
      ['default/web', undefined],
      ['default/alone', undefined],
    ]);
    // A bare pod is gone; a controller's waits.
    expect(result.unscheduled).toEqual([
      {
        pod: 'default/web',
        why: expect.stringContaining('0 of 1 nodes fit: 1 lacks cpu'),
        message:
          '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
      },
    ]);
  });

  it('evicts nobody for a class that never preempts, and takes the default class of the cluster', async () => {
    const objects = { nodes: nodes('cpu=2'), pods: [bound('web', 'node-1', '2', { owned: true })] };
    const never = priorityClass('polite', 1000, { preemptionPolicy: 'Never' });
    const polite = await run({ ...objects, priorityclasses: [never] }, [
      deployment('vip', '2', { priorityClassName: 'polite' }),
    ]);
    expect(polite.evicted).toEqual([]);
    expect(polite.unscheduled[0]!.message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    );
    const byDefault = await run(
      { ...objects, priorityclasses: [priorityClass('usual', 10, { globalDefault: true })] },
      [deployment('vip', '2')],
    );
    expect(byDefault.evicted.map(({ pod }) => pod)).toEqual(['default/web']);
  });

  it('spends a disruption budget once: the second eviction goes where none is broken', async () => {
    const budget = object('PodDisruptionBudget', 'web', {
      spec: { selector: { matchLabels: { team: 'web' } } },
      status: { disruptionsAllowed: 1 },
    });
    const guarded = (name: string, node: string) => {
      const pod = bound(name, node, '2');
      return { ...pod, metadata: { ...pod.metadata, labels: { team: 'web' } } } as Pod;
    };
    const result = await run(
      {
        nodes: nodes('count=3,cpu=2'),
        pods: [
          guarded('web-1', 'node-1'),
          guarded('web-2', 'node-2'),
          bound('batch', 'node-3', '2', { priority: 900 }),
        ],
        poddisruptionbudgets: [budget],
        priorityclasses: [priorityClass('high', 1000)],
      },
      [deployment('vip', '2', high, 2)],
    );
    // The first takes a pod of priority 0 within the budget; for the second the budget weighs more than priority 900.
    expect(result.evicted.map(({ pod }) => pod).sort()).toEqual(['default/batch', expect.stringMatching(/web-[12]$/)]);
  });

  it('refuses a workload whose priority class nobody knows', () => {
    expect(() => expandWorkloads([deployment('vip', '1', { priorityClassName: 'golden' })])).toThrow(
      'no PriorityClass with name golden was found',
    );
  });

  it('gives the pods of a daemon set their class: they push others off each node', async () => {
    const { spec } = deployment('agent', '1', high) as any;
    const result = await run(
      {
        nodes: nodes('count=2,cpu=1'),
        pods: [bound('a', 'node-1', '1'), bound('b', 'node-2', '1')],
        priorityclasses: [priorityClass('high', 1000)],
      },
      [object('DaemonSet', 'agent', { spec })],
    );
    expect(result.evicted.map(({ pod, by }) => [pod, by])).toEqual([
      ['default/a', 'default/agent-node-1'],
      ['default/b', 'default/agent-node-2'],
    ]);
    expect(result.placements).toHaveLength(2);
  });
});

const config = (text: string) =>
  loadSchedulerConfig(`apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n${text}`);
const extended = (more = '') =>
  config(`extenders:
- urlPrefix: http://shelf.example
  filterVerb: filter
  prioritizeVerb: prioritize
  preemptVerb: preempt
  weight: 1
  nodeCacheCapable: true
${more}`);

/** Somebody who answers each verb in their own way. */
const answering =
  (answers: Record<string, (args: any) => unknown>): ExtenderPost =>
  async (url, body) => {
    const verb = url.split('/').at(-1)!;
    const answer = answers[verb];
    if (!answer) throw new Error(`Post "${url}": connect ECONNREFUSED`);
    return { status: 200, body: JSON.stringify(answer(JSON.parse(body))) };
  };

describe('extenders in a simulation', () => {
  const all = ({ NodeNames }: any) => ({ nodenames: NodeNames });

  it('are asked which nodes will do, and how good they are', async () => {
    const post = answering({
      filter: ({ NodeNames }) => ({
        nodenames: NodeNames.filter((name: string) => name !== 'node-1'),
        failedNodes: { 'node-1': 'no shelf' },
      }),
      prioritize: ({ NodeNames }) => NodeNames.map((Host: string) => ({ Host, Score: Host === 'node-3' ? 10 : 0 })),
    });
    const objects = { nodes: nodes('count=3,cpu=4') };
    const result = await run(objects, [deployment('web', '100m')], { config: extended(), post });
    expect(result.placements).toEqual([{ pod: 'default/web-0', node: 'node-3' }]);
  });

  it('decide where room may be made', async () => {
    const victim = ({ NodeNameToMetaVictims: nodes }: any) => ({
      nodeNameToMetaVictims: { 'node-2': { pods: [{ uid: nodes['node-2'].Pods[0].UID }], numPDBViolations: 0 } },
    });
    const post = answering({ filter: all, prioritize: () => [], preempt: victim });
    const result = await run(
      {
        nodes: nodes('count=2,cpu=1'),
        pods: [bound('a', 'node-1', '1'), bound('b', 'node-2', '1', { priority: 5 })],
        priorityclasses: [priorityClass('high', 1000)],
      },
      [deployment('vip', '1', high)],
      { config: extended(), post },
    );
    // Without it the lesser pod on node-1 would go.
    expect(result.evicted.map(({ pod }) => pod)).toEqual(['default/b']);
  });

  it('that do not answer fail the pod alone, unless they may be ignored', async () => {
    const objects = { nodes: nodes('cpu=4') };
    const failed = await run(objects, [deployment('web', '1')], { config: extended(), post: answering({}) });
    expect(failed.unscheduled).toEqual([
      {
        pod: 'default/web-0',
        why: 'Post "http://shelf.example/filter": connect ECONNREFUSED',
        message: 'Post "http://shelf.example/filter": connect ECONNREFUSED',
      },
    ]);
    const ignored = extended('  ignorable: true\n');
    const placed = await run(objects, [deployment('web', '1')], { config: ignored, post: answering({}) });
    expect(placed.placements).toHaveLength(1);
  });

  it('that name a node nobody gave them are told', async () => {
    const post = answering({ filter: () => ({ nodenames: ['moon'] }) });
    const result = await run({ nodes: nodes('cpu=4') }, [deployment('web', '1')], { config: extended(), post });
    expect(result.unscheduled[0]!.why).toBe(
      'extender "http://shelf.example" claims a filtered node "moon" which is not found in the input node list',
    );
  });
});

describe('profiles in a simulation', () => {
  it('each pod is placed by the scheduler it names; unknown ones leave it', async () => {
    const two = config(`profiles:
- schedulerName: default-scheduler
- schedulerName: packer
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
  plugins:
    score:
      disabled: [{name: PodTopologySpread}, {name: NodeResourcesBalancedAllocation}]
`);
    const objects = { nodes: nodes('count=2,cpu=4'), pods: [bound('a', 'node-1', '1')] };
    const result = await run(
      objects,
      [
        deployment('spread', '500m'),
        deployment('packed', '500m', { schedulerName: 'packer' }),
        deployment('lost', '500m', { schedulerName: 'nobody' }),
      ],
      { config: two },
    );
    expect(result.placements).toEqual([
      { pod: 'default/spread-0', node: 'node-2' },
      { pod: 'default/packed-0', node: 'node-1' },
    ]);
    expect(result.unscheduled.map(({ pod, why }) => [pod, why])).toEqual([
      ['default/lost-0', 'it asks for another scheduler, "nobody"'],
    ]);
  });
});

describe('what simulate prints', () => {
  it('compares two configurations: counts, cost, differences, who is left and who had to go', async () => {
    const objects = {
      nodes: nodes('count=2,cpu=4,memory=16Gi,price=0.2', 'count=1,cpu=8,memory=32Gi,price=0.5'),
      pods: [bound('old', 'node-3', '6', { owned: true })],
      priorityclasses: [priorityClass('high', 1000)],
    };
    const packing = config(`profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
  plugins:
    score:
      disabled: [{name: PodTopologySpread}, {name: NodeResourcesBalancedAllocation}]
`);
    const results = await simulate({
      objects,
      workload: expandWorkloads([deployment('vip', '8', high), deployment('web', '1', {}, 3), deployment('big', '9')], {
        priorityClasses: objects.priorityclasses,
      }),
      configs: [
        { name: 'spread', config: config('') },
        { name: 'pack', config: packing },
      ],
    });
    await expect(simulationText(results, compareSimulations(results))).toMatchFileSnapshot(
      'golden/simulate-compare.txt',
    );
  });
});
