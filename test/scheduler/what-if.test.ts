/** What `what-if` tells is tried here once more, by patching real objects and scheduling them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/index.ts';
import { applyJsonPatch } from '../../src/apimachinery/index.ts';
import { type Change, World, type WorldObjects, whatIf } from '../../src/scheduler/index.ts';
import { makeNode, makePod } from './objects.ts';

const on = (pod: Pod, nodeName: string): Pod => ({ ...pod, spec: { ...pod.spec!, nodeName } }) as Pod;

/** Does what a change says to the objects, and schedules the pod in a cluster made of them. */
function carriedOut(
  change: Change,
  nodes: readonly Node[],
  placed: readonly Pod[],
  pod: Pod,
  rest: WorldObjects = {},
): string | undefined {
  let [subject, machines, others] = [pod, [...nodes], [...placed]];
  const { target, patch } = change;
  if (change.manifest) machines.push(change.manifest as Node);
  else if (change.delete) others = others.filter(({ metadata }) => metadata.name !== target!.name);
  else if (target!.kind === 'Node') {
    machines = machines.map((node) =>
      node.metadata.name === target!.name ? (applyJsonPatch(node as never, patch as never) as unknown as Node) : node,
    );
  } else {
    expect(target).toMatchObject({ kind: 'Pod', name: pod.metadata.name });
    subject = applyJsonPatch(pod as never, patch as never) as unknown as Pod;
  }
  return new World({ ...rest, nodes: machines, pods: others }).try(subject).decision.node;
}

const gpu = { key: 'gpu', value: 'true', effect: 'NoSchedule' };

describe('what-if', () => {
  it('finds the smallest cut of a request, exactly', async () => {
    const nodes = [makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '1700m' }), makeNode('c', { cpu: '500m' })];
    const pod = makePod('web', { requests: { cpu: '2' } });
    const { changes, now } = await whatIf(new World({ nodes }), pod);
    expect(now.result).toBe('Unschedulable');
    expect(changes[0]).toMatchObject({
      kind: 'Request',
      summary: 'lower its request of cpu by 300m, from 2 to 1700m',
      node: 'b',
      patch: [{ op: 'replace', path: '/spec/containers/0/resources/requests/cpu', value: '1700m' }],
    });
    expect(changes[0]!.commands[0]).toContain('kubectl replace --force');
    expect(changes.map(({ kind }) => kind)).toContain('NewNode');
  });

  it('patches the template when a Deployment owns the pod', async () => {
    const pod = makePod('web-1', { requests: { cpu: '2' } });
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: { template: { spec: structuredClone(pod.spec) } },
    };
    const { changes } = await whatIf(new World({ nodes: [makeNode('a', { cpu: '1' })] }), pod, { owner });
    expect(changes[0]).toMatchObject({
      target: { kind: 'Deployment', name: 'web' },
      patch: [{ path: '/spec/template/spec/containers/0/resources/requests/cpu', value: '1' }],
      note: 'changes all pods of deployment web',
    });
    expect(changes[0]!.commands).toEqual([
      `kubectl patch deployment web -n default --type=json -p '${JSON.stringify(changes[0]!.patch)}'`,
    ]);
  });

  it('tells of taints, cordons, labels and pods in the way', async () => {
    const nodes = [
      makeNode('gpu', { taints: [gpu] }),
      makeNode('off', { unschedulable: true }),
      makeNode('full', { cpu: '1' }),
    ];
    const small = on(makePod('small', { requests: { cpu: '400m' } }), 'full');
    const tall = on(makePod('tall', { requests: { cpu: '600m' } }), 'full');
    const pod = makePod('web', { requests: { cpu: '500m' } });
    const { changes } = await whatIf(new World({ nodes, pods: [small, tall] }), pod);
    const told = changes.map(({ kind, summary, node }) => [kind, summary, node]);
    expect(told).toContainEqual(['Toleration', 'tolerate gpu=true:NoSchedule', 'gpu']);
    expect(told).toContainEqual(['Node', 'uncordon off', 'off']);
    expect(told).toContainEqual(['Node', 'remove the taint gpu=true:NoSchedule of gpu', 'gpu']);
    expect(told).toContainEqual(['Eviction', 'evict default/tall from full', 'full']);
    expect(told).not.toContainEqual(['Eviction', 'evict default/small from full', 'full']);
  });

  it('moves a pod to a node, by pinning it there or by one change more', async () => {
    const nodes = [makeNode('a', { cpu: '8' }), makeNode('b', { cpu: '4' }), makeNode('c', { taints: [gpu] })];
    const pod = on(makePod('web', { requests: { cpu: '1' } }), 'a');
    const world = new World({ nodes, pods: [pod] });
    expect((await whatIf(world, pod, { node: 'b' })).changes.map(({ kind, node }) => [kind, node])).toEqual([
      ['Pin', 'b'],
    ]);
    const toC = (await whatIf(world, pod, { node: 'c' })).changes;
    expect(toC[0]).toMatchObject({ kind: 'Toleration', node: 'c' });
    expect(toC[0]!.summary).toBe('tolerate gpu=true:NoSchedule and pin it to c');
    expect(toC[0]!.patch).toContainEqual({ op: 'remove', path: '/spec/nodeName' });
    expect(world.cache.nodeOf(pod.metadata.uid!)).toBe('a');
    await expect(whatIf(world, pod, { node: 'z' })).rejects.toThrow('there is no node "z"');
  });

  it('gives nodes labels that are a matter of choice, never those that say what they are', async () => {
    const offered = async (key: string) => {
      const world = new World({ nodes: [makeNode('a')] });
      const { changes } = await whatIf(world, makePod('web', { nodeSelector: { [key]: 'x' } }));
      return changes.map(({ kind }) => kind);
    };
    expect(await offered('disk')).toContain('Node');
    expect(await offered('node-role.kubernetes.io/db')).toContain('Node');
    for (const key of ['kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'kubernetes.io/arch']) {
      expect(await offered(key)).toContain('Constraint');
      expect(await offered(key)).not.toContain('Node');
    }
  });

  it('opens gates first of all', async () => {
    const pod = makePod('web', { schedulingGates: [{ name: 'example.com/quota' }] });
    const { changes } = await whatIf(new World({ nodes: [makeNode('a')] }), pod);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ kind: 'Gate', patch: [{ op: 'remove', path: '/spec/schedulingGates' }] });
  });

  it('tells only changes that really let the pod schedule, where it says', async () => {
    const nodeArb = fc.record({
      cpu: fc.integer({ min: 1, max: 4 }),
      off: fc.boolean(),
      tainted: fc.boolean(),
      ssd: fc.boolean(),
      zone: fc.constantFrom('a', 'b'),
    });
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(nodeArb, { minLength: 1, maxLength: 8 }),
        fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 30 }), at: fc.nat(7), web: fc.boolean() }), {
          maxLength: 12,
        }),
        fc.record({
          cpu: fc.integer({ min: 1, max: 60 }),
          ssd: fc.boolean(),
          spread: fc.boolean(),
          apart: fc.boolean(),
        }),
        fc.boolean(),
        async (shapes, pods, want, aim) => {
          const nodes = shapes.map(({ cpu, off, tainted, ssd, zone }, i) =>
            makeNode(`n${i}`, {
              cpu: String(cpu),
              unschedulable: off || undefined,
              taints: tainted ? [gpu] : undefined,
              labels: { 'topology.kubernetes.io/zone': zone, ...(ssd && { disk: 'ssd' }) },
            }),
          );
          const placed = pods.map(({ cpu, at, web }, i) =>
            on(
              makePod(`p${i}`, { requests: { cpu: `${cpu * 100}m` } }, web ? { labels: { app: 'web' } } : {}),
              `n${at % nodes.length}`,
            ),
          );
          const labelSelector = { matchLabels: { app: 'web' } };
          const topologyKey = 'topology.kubernetes.io/zone';
          const pod = makePod(
            'subject',
            {
              requests: { cpu: `${want.cpu * 100}m` },
              ...(want.ssd && { nodeSelector: { disk: 'ssd' } }),
              ...(want.spread && {
                topologySpreadConstraints: [
                  { maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector },
                ],
              }),
              ...(want.apart && {
                affinity: {
                  podAntiAffinity: {
                    requiredDuringSchedulingIgnoredDuringExecution: [
                      { topologyKey: 'kubernetes.io/hostname', labelSelector },
                    ],
                  },
                },
              }),
            },
            { labels: { app: 'web' } },
          );
          const { changes } = await whatIf(new World({ nodes, pods: placed }), pod, aim ? { node: 'n0' } : {});
          for (const change of changes) {
            kinds.add(change.kind);
            if (aim && change.kind !== 'Pin' && change.target?.kind !== 'Pod') continue;
            if (aim && change.delete) continue;
            const landed = carriedOut(change, nodes, placed, pod);
            expect(landed, change.summary).toBeDefined();
            if (aim) expect(landed).toBe('n0');
          }
        },
      ),
      { numRuns: 300, seed: 7 },
    );
    expect([...kinds].sort()).toEqual(['Constraint', 'Eviction', 'NewNode', 'Node', 'Pin', 'Request', 'Toleration']);
  });

  it('of a Deployment changes the rules of the pods beside it as well, as the template does', async () => {
    const reference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'rs', controller: true };
    const labelSelector = { matchLabels: { app: 'web' } };
    const apart = {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector }],
        },
      },
    };
    const made = (name: string) => makePod(name, apart, { labels: { app: 'web' }, ownerReferences: [reference] });
    const template = { spec: structuredClone(made('web').spec) };
    const asked = async (kind: string) => {
      const owner = {
        apiVersion: 'apps/v1',
        kind,
        metadata: { name: 'web', namespace: 'default' },
        spec: { template },
      };
      const world = new World({ nodes: [makeNode('a')], pods: [on(made('web-1'), 'a')] });
      const { changes, now } = await whatIf(world, made('web-2'), { owner });
      // The world is as it was.
      expect(world.try(made('web-3')).decision.message).toBe(now.message);
      return changes.map(({ summary }) => summary);
    };
    const drop = 'drop the required pod anti-affinity over kubernetes.io/hostname';
    expect(await asked('Deployment')).toContain(drop);
    // Its pods stay as they are, and refuse the newcomer.
    expect(await asked('ReplicaSet')).not.toContain(drop);
  });

  it('says of volumes and resource claims that no change of a pod or a node helps', async () => {
    const nodes = [makeNode('a'), makeNode('b')];
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
    const missing = await whatIf(new World({ nodes }), makePod('web', { volumes }));
    expect([missing.changes, missing.beyond]).toEqual([
      [],
      'what is wrong with its volumes must be put right there: persistentvolumeclaim "data" not found',
    ]);
    const resourceClaims = [{ name: 'g', resourceClaimName: 'gpu' }];
    const { changes, beyond } = await whatIf(new World({ nodes }), makePod('web', { resourceClaims }));
    expect([changes, beyond]).toEqual([
      [],
      expect.stringMatching(/^what is wrong with its resource claims .* not found$/),
    ]);
  });

  it('says of a gated pod that would not fit either that the gates are not all', async () => {
    const gated = makePod('web', { requests: { cpu: '9' }, schedulingGates: [{ name: 'a.b/c' }] });
    const { changes, beyond } = await whatIf(new World({ nodes: [makeNode('a')] }), gated);
    expect([changes, beyond]).toEqual([
      [],
      'besides, its scheduling gates hold it (a.b/c); without them it would not fit either',
    ]);
  });

  it('with volumes of a zone and gates, too, tells only what works, and else says what is in the way', async () => {
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 4 }), zone: fc.constantFrom('a', 'b') }), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.record({
          cpu: fc.integer({ min: 1, max: 5 }),
          volume: fc.constantFrom('none', 'zone a', 'lost', 'missing'),
          gated: fc.boolean(),
        }),
        async (shapes, want) => {
          const zoneLabel = 'topology.kubernetes.io/zone';
          const nodes = shapes.map(({ cpu, zone }, i) =>
            makeNode(`n${i}`, { cpu: String(cpu), labels: { [zoneLabel]: zone } }),
          );
          const bound = { storageClassName: '', accessModes: ['ReadWriteOnce'], volumeName: 'pv' };
          const claim = {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'data', namespace: 'default', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
            spec: bound,
            status: { phase: 'Bound' },
          };
          const volume = {
            apiVersion: 'v1',
            kind: 'PersistentVolume',
            metadata: { name: 'pv' },
            spec: {
              storageClassName: '',
              claimRef: { namespace: 'default', name: 'data' },
              nodeAffinity: {
                required: {
                  nodeSelectorTerms: [{ matchExpressions: [{ key: zoneLabel, operator: 'In', values: ['a'] }] }],
                },
              },
            },
          };
          const rest = {
            persistentvolumeclaims: want.volume === 'missing' ? [] : [claim],
            persistentvolumes: want.volume === 'zone a' ? [volume] : [],
          } as unknown as WorldObjects;
          const pod = makePod('subject', {
            requests: { cpu: String(want.cpu) },
            ...(want.volume !== 'none' && {
              volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
            }),
            ...(want.gated && { schedulingGates: [{ name: 'a.b/c' }] }),
          });
          const { changes, now, beyond } = await whatIf(new World({ ...rest, nodes }), pod);
          for (const change of changes) {
            outcomes.add(change.kind);
            expect(carriedOut(change, nodes, [], pod, rest), change.summary).toBe(change.node);
          }
          if (changes.length === 0 && (now.node === undefined || want.gated)) {
            if (want.volume !== 'none' || want.gated) expect(beyond).toBeDefined();
            outcomes.add('beyond');
          }
        },
      ),
      { numRuns: 200, seed: 11 },
    );
    expect([...outcomes].sort()).toEqual(['Gate', 'NewNode', 'Request', 'beyond']);
  });
});
