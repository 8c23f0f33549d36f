/** What `what-if` tells is tried here once more, by patching real objects and scheduling them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/index.ts';
import { applyJsonPatch } from '../../src/apimachinery/index.ts';
import { type Change, World, whatIf } from '../../src/scheduler/index.ts';
import { makeNode, makePod } from './objects.ts';

const on = (pod: Pod, nodeName: string): Pod => ({ ...pod, spec: { ...pod.spec!, nodeName } }) as Pod;

/** Does what a change says to the objects, and schedules the pod in a cluster made of them. */
function carriedOut(change: Change, nodes: readonly Node[], placed: readonly Pod[], pod: Pod): string | undefined {
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
  return new World({ nodes: machines, pods: others }).try(subject).decision.node;
}

const gpu = { key: 'gpu', value: 'true', effect: 'NoSchedule' };

describe('what-if', () => {
  it('finds the smallest cut of a request, exactly', () => {
    const nodes = [makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '1700m' }), makeNode('c', { cpu: '500m' })];
    const pod = makePod('web', { requests: { cpu: '2' } });
    const { changes, now } = whatIf(new World({ nodes }), pod);
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

  it('patches the template when a Deployment owns the pod', () => {
    const pod = makePod('web-1', { requests: { cpu: '2' } });
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: { template: { spec: structuredClone(pod.spec) } },
    };
    const { changes } = whatIf(new World({ nodes: [makeNode('a', { cpu: '1' })] }), pod, { owner });
    expect(changes[0]).toMatchObject({
      target: { kind: 'Deployment', name: 'web' },
      patch: [{ path: '/spec/template/spec/containers/0/resources/requests/cpu', value: '1' }],
      note: 'changes all pods of deployment web',
    });
    expect(changes[0]!.commands).toEqual([
      `kubectl patch deployment web -n default --type=json -p '${JSON.stringify(changes[0]!.patch)}'`,
    ]);
  });

  it('tells of taints, cordons, labels and pods in the way', () => {
    const nodes = [
      makeNode('gpu', { taints: [gpu] }),
      makeNode('off', { unschedulable: true }),
      makeNode('full', { cpu: '1' }),
    ];
    const small = on(makePod('small', { requests: { cpu: '400m' } }), 'full');
    const tall = on(makePod('tall', { requests: { cpu: '600m' } }), 'full');
    const pod = makePod('web', { requests: { cpu: '500m' } });
    const { changes } = whatIf(new World({ nodes, pods: [small, tall] }), pod);
    const told = changes.map(({ kind, summary, node }) => [kind, summary, node]);
    expect(told).toContainEqual(['Toleration', 'tolerate gpu=true:NoSchedule', 'gpu']);
    expect(told).toContainEqual(['Node', 'uncordon off', 'off']);
    expect(told).toContainEqual(['Node', 'remove the taint gpu=true:NoSchedule of gpu', 'gpu']);
    expect(told).toContainEqual(['Eviction', 'evict default/tall from full', 'full']);
    expect(told).not.toContainEqual(['Eviction', 'evict default/small from full', 'full']);
  });

  it('moves a pod to a node, by pinning it there or by one change more', () => {
    const nodes = [makeNode('a', { cpu: '8' }), makeNode('b', { cpu: '4' }), makeNode('c', { taints: [gpu] })];
    const pod = on(makePod('web', { requests: { cpu: '1' } }), 'a');
    const world = new World({ nodes, pods: [pod] });
    expect(whatIf(world, pod, { node: 'b' }).changes.map(({ kind, node }) => [kind, node])).toEqual([['Pin', 'b']]);
    const toC = whatIf(world, pod, { node: 'c' }).changes;
    expect(toC[0]).toMatchObject({ kind: 'Toleration', node: 'c' });
    expect(toC[0]!.summary).toBe('tolerate gpu=true:NoSchedule and pin it to c');
    expect(toC[0]!.patch).toContainEqual({ op: 'remove', path: '/spec/nodeName' });
    expect(world.cache.nodeOf(pod.metadata.uid!)).toBe('a');
    expect(() => whatIf(world, pod, { node: 'z' })).toThrow('there is no node "z"');
  });

  it('opens gates first of all', () => {
    const pod = makePod('web', { schedulingGates: [{ name: 'example.com/quota' }] });
    const { changes } = whatIf(new World({ nodes: [makeNode('a')] }), pod);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ kind: 'Gate', patch: [{ op: 'remove', path: '/spec/schedulingGates' }] });
  });

  it('tells only changes that really let the pod schedule, where it says', () => {
    const nodeArb = fc.record({
      cpu: fc.integer({ min: 1, max: 4 }),
      off: fc.boolean(),
      tainted: fc.boolean(),
      ssd: fc.boolean(),
      zone: fc.constantFrom('a', 'b'),
    });
    const kinds = new Set<string>();
    fc.assert(
      fc.property(
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
        (shapes, pods, want, aim) => {
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
          const { changes } = whatIf(new World({ nodes, pods: placed }), pod, aim ? { node: 'n0' } : {});
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
});
