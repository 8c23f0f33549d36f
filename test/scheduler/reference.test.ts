/**
 * The scheduler decides as the slow, plain one does, on random clusters. Ten thousand of them at night:
 * `KLAB_CLUSTERS=10000 npx vitest run test/scheduler/reference`.
 */
import { describe, expect, it } from 'vitest';
import { cycleOver } from './objects.ts';
import { Dice, gpuClass, randomCluster, randomPod } from './random-cluster.ts';
import { referenceVerdicts } from './reference.ts';

const clusters = Number(process.env['KLAB_CLUSTERS'] ?? 500);
const steps = 3;

describe('the scheduler and the slow, plain one', () => {
  it(
    `agree on ${clusters} random clusters`,
    () => {
      let placeable = 0;
      for (let i = 0; i < clusters; i++) {
        const seed = `cluster-${i}`;
        const dice = new Dice(seed);
        const cluster = randomCluster(dice);
        const placed = [...cluster.placed];
        const { slices, claims } = cluster;
        const cycle = cycleOver(
          [...cluster.nodes],
          placed.map(([other, at]) => [other, at]),
          {
            services: [...cluster.services],
            devices: { classes: [gpuClass], claims: [...claims], slices: [...slices] },
          },
        );
        const templates = [randomPod(dice, 'new', true), randomPod(dice, 'other', true)];
        // What is kept between decisions must go with pods that come and go.
        for (let step = 0; step < steps; step++) {
          const where = `${seed}, step ${step}`;
          const template = dice.pick(templates);
          const pod = { ...template, metadata: { ...template.metadata, uid: `${template.metadata.uid}-${step}` } };
          const expected = referenceVerdicts({ ...cluster, placed }, pod);
          const { decision, node } = cycle.run(pod);
          const decided = new Map(
            decision.nodes.map(({ name, total }) => [name, { fits: total !== undefined, total: total ?? 0 }]),
          );
          expect(Object.fromEntries(decided), where).toEqual(Object.fromEntries(expected));
          const fitting = [...expected].filter(([, { fits }]) => fits);
          if (node === undefined) expect(fitting, where).toEqual([]);
          else {
            placeable++;
            const best = Math.max(...fitting.map(([, { total }]) => total));
            expect(expected.get(node)?.total, where).toBe(best);
            placed.push([pod, node]);
            cycle.cache.setPod({ ...pod, spec: { ...pod.spec!, nodeName: node } });
          }
          if (placed.length === 0 || !dice.once(3)) continue;
          const [gone] = placed.splice(dice.int(placed.length), 1)[0]!;
          cycle.cache.removePod(gone.metadata.uid!);
        }
      }
      // Not all of them may be hopeless, nor all easy.
      expect(placeable).toBeGreaterThan((clusters * steps) / 5);
      expect(placeable).toBeLessThan(clusters * steps);
    },
    20_000 + clusters * 20,
  );
});
