/**
 * No hint keeps a pod waiting that would fit: after a random event to a random cluster, what the queue leaves where it is,
 * the slow, plain scheduler cannot place either.
 */
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/index.ts';
import { VirtualClock } from '../../src/base/index.ts';
import { type ClusterEvent, changesOfNode, changesOfPod } from '../../src/scheduler/framework/events.ts';
import { SchedulingQueue } from '../../src/scheduler/index.ts';
import { cycleOver } from './objects.ts';
import { apps, Dice, gpuClass, randomCluster, randomNode, randomPod } from './random-cluster.ts';
import { type Cluster, referenceVerdicts } from './reference.ts';

const clusters = Number(process.env['KLAB_CLUSTERS'] ?? 500);
const steps = 6;

type Placed = (readonly [Pod, string])[];

const on = (pod: Pod, nodeName: string): Pod => ({ ...pod, spec: { ...pod.spec!, nodeName } }) as Pod;

describe('queueing hints', () => {
  it(
    `leave no pod waiting that fits, on ${clusters} random clusters`,
    async () => {
      const seen = { skipped: 0, helped: 0, fitting: 0 };
      for (let i = 0; i < clusters; i++) {
        const seed = `hints-${i}`;
        const dice = new Dice(seed);
        const { services, slices, claims, ...cluster } = randomCluster(dice);
        const nodes = [...cluster.nodes];
        const placed: Placed = [...cluster.placed];
        const cycle = cycleOver(
          [...nodes],
          placed.map(([pod, at]) => [pod, at]),
          {
            services: [...services],
            devices: { classes: [gpuClass], claims: [...claims], slices: [...slices] },
          },
        );
        const pod = randomPod(dice, 'new', true);
        const queue = new SchedulingQueue(
          new VirtualClock({ startMs: 0 }),
          cycle.profile.plugins.map(({ plugin }) => plugin),
        );
        queue.add(pod);
        for (let step = 0; step < steps; step++) {
          const { node, refusedBy } = cycle.run(pod);
          if (node !== undefined) break;
          queue.addUnschedulable((await queue.pop())!, refusedBy);
          const event = somethingHappens(dice, nodes, placed, cycle.cache, `${step}`);
          queue.onEvent(event);
          const all: Cluster = { nodes, placed, services, slices, claims };
          const fits = [...referenceVerdicts(all, pod).values()].some((verdict) => verdict.fits);
          if (fits) seen.fitting++;
          if (queue.lengths.unschedulable === 0) {
            seen.helped++;
            continue;
          }
          seen.skipped++;
          const what = `${seed}, step ${step}: ${event.resource} ${event.action} ${event.changes ?? ''}, refused by ${[...refusedBy]}`;
          expect(fits, what).toBe(false);
          queue.activate(pod.metadata.uid!);
        }
      }
      // Hints that always say yes, or events that never matter, would prove nothing.
      expect(seen.fitting).toBeGreaterThan(clusters / 20);
      expect(seen.skipped).toBeGreaterThan(seen.helped / 3);
    },
    20_000 + clusters * 20,
  );
});

/** Changes the cluster in one way and says how. */
function somethingHappens(
  dice: Dice,
  nodes: Node[],
  placed: Placed,
  cache: ReturnType<typeof cycleOver>['cache'],
  name: string,
): ClusterEvent {
  const kind = dice.int(placed.length === 0 ? 2 : 6);
  if (kind === 0) {
    const now = randomNode(dice, 100 + nodes.length);
    nodes.push(now);
    cache.setNode(now);
    return { resource: 'nodes', action: 'add', now };
  }
  if (kind === 1) {
    const at = dice.int(nodes.length);
    const old = nodes[at]!;
    const other = randomNode(dice, Number(old.metadata.name!.slice(1)));
    const labels = dice.once(2) ? { labels: other.metadata.labels } : {};
    const now = {
      ...old,
      metadata: { ...old.metadata, ...labels },
      spec: dice.once(2) ? other.spec : old.spec,
      status: dice.once(2) ? other.status : old.status,
    } as Node;
    nodes[at] = now;
    cache.setNode(now);
    return { resource: 'nodes', action: 'update', changes: changesOfNode(old, now), old, now };
  }
  if (kind === 2) {
    const node = dice.pick(nodes).metadata.name!;
    const pod = randomPod(dice, `more-${name}`, false);
    placed.push([pod, node]);
    const now = on(pod, node);
    cache.setPod(now);
    return { resource: 'pods', action: 'add', now };
  }
  const at = dice.int(placed.length);
  const [pod, node] = placed[at]!;
  const old = on(pod, node);
  if (kind === 3 || kind === 4) {
    placed.splice(at, 1);
    cache.removePod(pod.metadata.uid!);
    return { resource: 'pods', action: 'delete', old };
  }
  const requests = { cpu: `${dice.int(6) * 100}m`, memory: `${dice.int(6) * 128}Mi` };
  const changed = (
    dice.once(2)
      ? { ...pod, metadata: { ...pod.metadata, labels: { app: dice.pick(apps) } } }
      : { ...pod, spec: { ...pod.spec!, containers: [{ ...pod.spec!.containers[0]!, resources: { requests } }] } }
  ) as Pod;
  placed[at] = [changed, node];
  const now = on(changed, node);
  cache.setPod(now);
  return { resource: 'pods', action: 'update', changes: changesOfPod(old, now), old, now };
}
