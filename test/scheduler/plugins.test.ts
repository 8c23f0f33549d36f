import { describe, expect, it } from 'vitest';
import { cycleOver, makeNode, makePod } from './objects.ts';

const scoresOf = (decision: any, node: string) =>
  Object.fromEntries(
    decision.nodes
      .find((n: any) => n.name === node)
      .scores.map((s: any) => [s.plugin, [s.raw, s.normalised, s.weighted]]),
  );

describe('filters refuse in upstream’s words', () => {
  const cases: [string, Parameters<typeof makeNode>[1], Record<string, unknown>, string][] = [
    ['too little cpu', { cpu: '1' }, { requests: { cpu: '2' } }, '1 Insufficient cpu'],
    [
      'too little of two',
      { cpu: '1', memory: '1Gi' },
      { requests: { cpu: '2', memory: '2Gi' } },
      '1 Insufficient cpu, 1 Insufficient memory',
    ],
    ['too many pods', { pods: '0' }, {}, '1 Too many pods'],
    ['an extended resource nobody has', {}, { requests: { 'example.com/gpu': '1' } }, '1 Insufficient example.com/gpu'],
    [
      'a taint',
      { taints: [{ key: 'gpu', value: 'true', effect: 'NoSchedule' }] },
      {},
      '1 node(s) had untolerated taint(s)',
    ],
    ['a cordoned node', { unschedulable: true }, {}, '1 node(s) were unschedulable'],
    ['a selector', {}, { nodeSelector: { disk: 'ssd' } }, "1 node(s) didn't match Pod's node affinity/selector"],
    ['another node’s name', {}, { nodeName: 'other' }, "1 node(s) didn't match the requested node name"],
    [
      'a missing topology label',
      {},
      {
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
        ],
      },
      "1 node(s) didn't match pod topology spread constraints (missing required label)",
    ],
    [
      'affinity to a pod that is not there',
      {},
      {
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } },
            ],
          },
        },
      },
      "1 node(s) didn't match pod affinity rules",
    ],
  ];
  for (const [name, node, pod, expected] of cases) {
    it(name, () => {
      const { message, node: chosen } = cycleOver([makeNode('n1', node)]).run(makePod('p', pod));
      expect(chosen).toBeUndefined();
      expect(message).toBe(`0/1 nodes are available: ${expected}.`);
    });
  }

  it('no nodes at all', () => {
    expect(cycleOver([]).run(makePod('p')).message).toBe('no nodes available to schedule pods');
  });

  it('a claim that does not exist refuses for the whole cluster', () => {
    const pod = makePod('p', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
    expect(cycleOver([makeNode('a'), makeNode('b')]).run(pod).message).toBe(
      '0/2 nodes are available: persistentvolumeclaim "data" not found.',
    );
  });

  it('reasons of several nodes are counted and sorted as text', () => {
    const nodes = [makeNode('a', { cpu: '1' }), makeNode('b', { unschedulable: true }), makeNode('c', { cpu: '1' })];
    expect(cycleOver(nodes).run(makePod('p', { requests: { cpu: '2' } })).message).toBe(
      '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.',
    );
  });

  it('a host port clashes with 0.0.0.0 and the same protocol only', () => {
    const taken = makePod('taken', { ports: [{ containerPort: 80, hostPort: 80 }] });
    const run = (port: Record<string, unknown>) =>
      cycleOver([makeNode('n1')], [[taken, 'n1']]).run(makePod('p', { ports: [{ containerPort: 1, ...port }] }))
        .message;
    expect(run({ hostPort: 80, hostIP: '10.0.0.1' })).toContain("didn't have free ports");
    expect(run({ hostPort: 80, protocol: 'UDP' })).toBe('');
    expect(run({ hostPort: 81 })).toBe('');
  });

  it('spread constraints hold the skew', () => {
    const zone = (z: string) => ({ labels: { zone: z } });
    const web = (name: string) => makePod(name, {}, { labels: { app: 'web' } });
    const nodes = [makeNode('a', zone('1')), makeNode('b', zone('2'))];
    const pod = makePod(
      'p',
      {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'web' } },
          },
        ],
      },
      { labels: { app: 'web' } },
    );
    expect(cycleOver(nodes, [[web('w1'), 'a']]).run(pod).node).toBe('b');
  });

  it('anti-affinity keeps apart in both directions', () => {
    const anti = {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } },
          ],
        },
      },
    };
    const nodes = [makeNode('a'), makeNode('b')];
    const lonely = makePod('lonely', anti, { labels: { app: 'web' } });
    expect(cycleOver(nodes, [[lonely, 'a']]).run(makePod('p', {}, { labels: { app: 'web' } })).node).toBe('b');
    expect(
      cycleOver(nodes, [[makePod('w', {}, { labels: { app: 'web' } }), 'b']]).run(
        makePod('p', anti, { labels: { app: 'web' } }),
      ).node,
    ).toBe('a');
  });
});

describe('scores', () => {
  it('LeastAllocated and BalancedAllocation use upstream’s integers', () => {
    const nodes = [makeNode('a', { cpu: '4', memory: '8Gi' }), makeNode('b', { cpu: '2', memory: '8Gi' })];
    const { decision, node } = cycleOver(nodes).run(makePod('p', { requests: { cpu: '1', memory: '1Gi' } }));
    // a: cpu (4000−1000)·100/4000 = 75, memory 7/8 → 87, mean 81. b: 50 and 87, mean 68.
    expect(scoresOf(decision, 'a')['NodeResourcesFit']).toEqual([81, 81, 81]);
    expect(scoresOf(decision, 'b')['NodeResourcesFit']).toEqual([68, 68, 68]);
    // a: 1 − |0.25 − 0.125|/2 → 93 with the pod, 100 without: 50 + (50 + 93 − 100)/2. b: 1 − |0.5 − 0.125|/2 → 81.
    expect(scoresOf(decision, 'a')['NodeResourcesBalancedAllocation']).toEqual([71, 71, 71]);
    expect(scoresOf(decision, 'b')['NodeResourcesBalancedAllocation']).toEqual([65, 65, 65]);
    expect(node).toBe('a');
  });

  it('containers without requests count 100m and 200Mi in LeastAllocated and skip BalancedAllocation', () => {
    const { decision } = cycleOver([
      makeNode('a', { cpu: '1', memory: '2000Mi' }),
      makeNode('b', { cpu: '1', memory: '2000Mi' }),
    ]).run(makePod('p'));
    expect(scoresOf(decision, 'a')['NodeResourcesFit']![0]).toBe(90);
    expect(decision.plugins.find((p) => p.name === 'NodeResourcesBalancedAllocation')!.skipped).toBe(true);
  });

  it('soft taints are counted and reversed', () => {
    const soft = { key: 'old', effect: 'PreferNoSchedule' };
    const { decision } = cycleOver([
      makeNode('a', { taints: [soft, { key: 'slow', effect: 'PreferNoSchedule' }] }),
      makeNode('b', { taints: [soft] }),
      makeNode('c'),
    ]).run(makePod('p'));
    expect(['a', 'b', 'c'].map((n) => scoresOf(decision, n)['TaintToleration'])).toEqual([
      [2, 0, 0],
      [1, 50, 150],
      [0, 100, 300],
    ]);
  });

  it('preferred node affinity adds weights and scales by the best', () => {
    const preferred = (weight: number, value: string) => ({
      weight,
      preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: [value] }] },
    });
    const pod = makePod('p', {
      affinity: {
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferred(80, 'x'), preferred(20, 'y')] },
      },
    });
    const { decision } = cycleOver([
      makeNode('a', { labels: { zone: 'x' } }),
      makeNode('b', { labels: { zone: 'y' } }),
    ]).run(pod);
    expect(scoresOf(decision, 'a')['NodeAffinity']).toEqual([80, 100, 200]);
    expect(scoresOf(decision, 'b')['NodeAffinity']).toEqual([20, 25, 50]);
  });

  it('pods of a service spread over hosts and zones by default', () => {
    const nodes = ['a', 'b', 'c'].map((n) => makeNode(n, { labels: { 'topology.kubernetes.io/zone': `zone-${n}` } }));
    const web = (n: string) => makePod(n, {}, { labels: { app: 'web' } });
    const services = [{ spec: { selector: { app: 'web' } } }];
    const { decision, node } = cycleOver(
      nodes,
      [
        [web('1'), 'a'],
        [web('2'), 'b'],
      ],
      { services },
    ).run(web('3'));
    // One pod: 1·ln(3+2) for the host and for the zone, plus (3−1) + (5−1): round(2·1.609 + 6) = 9; none: 6.
    expect(scoresOf(decision, 'a')['PodTopologySpread']).toEqual([9, 66, 132]);
    expect(scoresOf(decision, 'c')['PodTopologySpread']).toEqual([6, 100, 200]);
    expect(node).toBe('c');
  });

  it('images present count by size and by how many nodes have them', () => {
    const image = { names: ['app:1'], sizeBytes: 500 * 1024 * 1024 };
    const { decision } = cycleOver([makeNode('a', { images: [image] }), makeNode('b')]).run(makePod('p'));
    expect(scoresOf(decision, 'a')['ImageLocality']![0]).toBe(Math.trunc((100 * (250 - 23)) / (1000 - 23)));
    expect(scoresOf(decision, 'b')['ImageLocality']![0]).toBe(0);
  });

  it('equal totals are tied, and the seed decides', () => {
    const nodes = ['a', 'b', 'c', 'd'].map((n) => makeNode(n));
    const chosen = (seed: string) => cycleOver(nodes, [], { seed }).run(makePod('p'));
    expect(chosen('1').tiedWith).toHaveLength(4);
    expect(chosen('1').node).toBe(chosen('1').node);
    expect(new Set(Array.from({ length: 20 }, (_, i) => chosen(String(i)).node)).size).toBeGreaterThan(1);
  });
});
