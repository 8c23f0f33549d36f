import { describe, expect, it } from 'vitest';
import { whyDecision } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod, type NodeSpec } from './objects.ts';

const zone = (name: string) => ({ 'topology.kubernetes.io/zone': name });
const many = (count: number, prefix: string, spec: (i: number) => NodeSpec) =>
  Array.from({ length: count }, (_, i) => makeNode(`${prefix}-${i}`, spec(i)));

const spread = {
  maxSkew: 1,
  topologyKey: 'topology.kubernetes.io/zone',
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'web' } },
};

describe('why', () => {
  it('says in one sentence what each group of nodes lacks, and which is nearest', () => {
    const nodes = [
      ...many(7, 'small', (i) => ({ cpu: i === 4 ? '1700m' : '1', labels: zone('b') })),
      ...many(3, 'gpu', () => ({ labels: zone('b'), taints: [{ key: 'gpu', value: 'true', effect: 'NoSchedule' }] })),
      ...many(2, 'full-zone', () => ({ labels: zone('a') })),
    ];
    const other = makePod('other', {}, { labels: { app: 'web' } });
    const pod = makePod(
      'web',
      { requests: { cpu: '2' }, topologySpreadConstraints: [spread] },
      { labels: { app: 'web' } },
    );
    const { decision } = cycleOver(nodes, [[other, 'full-zone-0']]).run(pod);
    const why = whyDecision(decision);
    expect(why.sentence).toBe(
      '0 of 12 nodes fit: 7 lack cpu (nearest small-4 is short by 300m), 3 tainted gpu=true:NoSchedule, ' +
        '2 fail zone spread (skew would be 2, max 1).',
    );
    expect(why.groups[0]).toMatchObject({
      count: 7,
      plugin: 'NodeResourcesFit',
      nearest: { node: 'small-4', short: { cpu: '300m' } },
    });
    expect(why.groups.flatMap(({ nodes: names }) => names)).toHaveLength(12);
  });

  it('speaks of one node in the singular, and of two resources at once', () => {
    const nodes = [makeNode('a', { cpu: '1', memory: '1Gi' }), makeNode('b', { unschedulable: true })];
    const { decision } = cycleOver(nodes).run(makePod('web', { requests: { cpu: '2', memory: '3Gi' } }));
    expect(whyDecision(decision).sentence).toBe(
      '0 of 2 nodes fit: 1 lacks cpu and memory (a is short by 1 cpu and 2Gi memory), 1 cordoned.',
    );
  });

  it('knows selectors, ports and neighbours', () => {
    const nodes = [makeNode('a', { labels: { disk: 'hdd' } }), makeNode('b', { labels: { disk: 'ssd' } })];
    const web = makePod('web', { nodeSelector: { disk: 'ssd' }, ports: [{ hostPort: 80, containerPort: 80 }] });
    const taken: [ReturnType<typeof makePod>, string] = [
      makePod('old', { ports: [{ hostPort: 80, containerPort: 80 }] }),
      'b',
    ];
    expect(whyDecision(cycleOver(nodes, [taken]).run(web).decision).sentence).toBe(
      '0 of 2 nodes fit: 1 does not match nodeSelector disk=ssd, 1 has TCP port 80 taken.',
    );
    const apart = {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } },
        ],
      },
    };
    const db = (name: string) => makePod(name, { affinity: apart }, { labels: { app: 'db' } });
    const { decision } = cycleOver(nodes, [
      [db('one'), 'a'],
      [db('two'), 'b'],
    ]).run(db('three'));
    expect(whyDecision(decision).sentence).toMatch(/^0 of 2 nodes fit: 2 have a pod in their hostname that /);
  });

  it('says what the winner had over the next', () => {
    const nodes = [makeNode('big', { cpu: '16' }), makeNode('mid', { cpu: '4' }), makeNode('tiny', { cpu: '500m' })];
    const { decision } = cycleOver(nodes).run(makePod('web', { requests: { cpu: '1', memory: '1Gi' } }));
    const { sentence } = whyDecision(decision);
    expect(sentence).toMatch(
      /^It went to big: 2 of 3 nodes fit \(1 lacks cpu \(tiny is short by 500m\)\), and it scored highest with \d+ points, \d+ ahead of mid \(NodeResourcesFit \+\d+/,
    );
    const ahead = Number(/(\d+) ahead/.exec(sentence)![1]);
    const gains = [.../[(,][^)]*\)/.exec(sentence.slice(sentence.indexOf('ahead')))![0].matchAll(/([+−])(\d+)/g)];
    expect(gains.reduce((sum, [, sign, by]) => sum + (sign === '+' ? 1 : -1) * Number(by), 0)).toBe(ahead);
  });

  it('says so when there are no nodes, and when chance decided', () => {
    expect(whyDecision(cycleOver([]).run(makePod('web')).decision).sentence).toBe('The cluster has no nodes.');
    const twins = cycleOver([makeNode('a'), makeNode('b')]).run(makePod('web')).decision;
    expect(whyDecision(twins).sentence).toContain('2 of them share the highest score');
  });
});
