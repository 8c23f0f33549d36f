/**
 * Clusters in which everything fails now and then, by seed. `KLAB_SEEDS=2000 npx vitest run test/simulation/faults` is a
 * night's size; `KLAB_SEED=NAME` tries one again.
 */
import { expect, it } from 'vitest';
import { historyFaults, invariants } from './checks.ts';
import { FaultyWorld } from './faults/world.ts';

const count = Number(process.env['KLAB_SEEDS'] ?? 25);
const only = process.env['KLAB_SEED'];
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => `seed-${i + 1}`) : [only];
const steps = 10;

it(`clusters keep their promises through faults and come to what was asked of them (${seeds.length} seeds)`, async () => {
  const failures: string[] = [];
  const injected = new Map<string, number>();
  let [evictions, scalings] = [0, 0];
  for (const seed of seeds) {
    await using world = await FaultyWorld.create(seed);
    try {
      await world.run(steps);
      await world.heal();
      expect(invariants(world.cluster)).toEqual([]);
      expect(historyFaults(world.cluster)).toEqual([]);
    } catch (error) {
      const again = `KLAB_SEED=${seed} npx vitest run test/simulation/faults`;
      failures.push(`${seed} (${again}): ${(error as Error).stack}\n${world.trace.slice(-60).join('\n')}`);
      if (failures.length === 3) break;
    }
    for (const [kind, times] of world.network.counts) injected.set(kind, (injected.get(kind) ?? 0) + times);
    evictions += world.checks.evictions;
    scalings += world.checks.scalings;
  }
  expect(failures.join('\n\n')).toBe('');
  if (seeds.length < 20) return;
  // A world in which little happens proves little; a handful of seeds promises nothing.
  expect(injected.size).toBe(10);
  for (const [kind, times] of injected) expect(times, kind).toBeGreaterThan(seeds.length / 10);
  expect(evictions).toBeGreaterThan(seeds.length / 5);
  expect(scalings).toBeGreaterThan(seeds.length / 5);
}, 36_000_000);
