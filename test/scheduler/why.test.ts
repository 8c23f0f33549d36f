import { describe, expect, it } from 'vitest';
import { World, whyDecision } from '../../src/scheduler/index.ts';
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

  it('names who had to leave, and says plainly when nobody’s leaving would help', () => {
    const { decision } = cycleOver([makeNode('a', { cpu: '1' })]).run(makePod('vip', { requests: { cpu: '2' } }));
    const victims = ['one', 'two', 'three', 'four'].map((name) => ({ namespace: 'shop', name, priority: 0 }));
    const preemption = { chosen: 'a', candidates: [{ node: 'a', pdbViolations: 0, victims }] };
    expect(whyDecision({ ...decision, nodes: decision.nodes, preemption }).sentence).toBe(
      '0 of 1 nodes fit: 1 lacks cpu (a is short by 1). To make room on a, shop/one, shop/two, shop/three and 1 more of ' +
        'lower priority had to leave; it is tried again when they are gone.',
    );
    const says = (reasons: string) =>
      whyDecision({ ...decision, nodes: decision.nodes, message: `0/1 … preemption: ${reasons}` }).sentence.split(
        '). ',
      )[1];
    expect(says('0/1 nodes are available: 1 Preemption is not helpful for scheduling.')).toBe(
      'Preempting pods of lower priority would not help: it makes no difference.',
    );
    expect(says('0/1 nodes are available: 1 No preemption victims found for incoming pod.')).toBe(
      'Preempting pods of lower priority would not help: there are too few of them.',
    );
    expect(says('not eligible due to preemptionPolicy=Never.')).toBe(
      'As for preemption: not eligible due to preemptionPolicy=Never.',
    );
  });

  it('says which volume is out of reach', () => {
    const named = (kind: string, name: string, spec: object, more: object = {}) =>
      ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'default', ...more }, spec }) as never;
    const terms = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['c'] }] }];
    const world = new World({
      nodes: [makeNode('a'), makeNode('b')],
      persistentvolumeclaims: [
        named(
          'PersistentVolumeClaim',
          'data',
          { storageClassName: '', volumeName: 'pv' },
          { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
        ),
      ],
      persistentvolumes: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolume',
          metadata: { name: 'pv' },
          spec: {
            storageClassName: '',
            claimRef: { namespace: 'default', name: 'data' },
            nodeAffinity: { required: { nodeSelectorTerms: terms } },
          },
        } as never,
      ],
    });
    const pod = makePod('db', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });
    expect(whyDecision(world.try(pod).decision).sentence).toBe(
      '0 of 2 nodes fit: 2 are out of reach of volume pv of claim data.',
    );
  });

  it('says so when there are no nodes, and when chance decided', () => {
    expect(whyDecision(cycleOver([]).run(makePod('web')).decision).sentence).toBe('The cluster has no nodes.');
    const twins = cycleOver([makeNode('a'), makeNode('b')]).run(makePod('web')).decision;
    expect(whyDecision(twins).sentence).toContain('2 of them share the highest score');
  });
});
