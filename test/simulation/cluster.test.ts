/**
 * Whole clusters by seed: users and faults at random, then everything must come to what was asked for. `KLAB_SEEDS=200`
 * tries that many; `KLAB_SEED=NAME` tries one again.
 */
import { describe, expect, it } from 'vitest';
import { historyLines } from '../cluster/lab.ts';
import { historyFaults, invariants, unsettled } from './checks.ts';
import { World } from './world.ts';

const count = Number(process.env['KLAB_SEEDS'] ?? 4);
const only = process.env['KLAB_SEED'];
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => `seed-${i + 1}`) : [only];
const steps = 40;

/** Returns the history. */
async function life(seed: string): Promise<string[]> {
  await using world = await World.create(seed);
  const { cluster, trace } = world;
  try {
    for (let i = 0; i < steps; i += 4) {
      await world.unsafe(4);
      expect(invariants(cluster)).toEqual([]);
    }
    await world.heal(() => [...invariants(cluster), ...unsettled(cluster)]);
    expect(historyFaults(cluster)).toEqual([]);
    const hashes = await Promise.all(
      Array.from({ length: cluster.etcd.size }, async (_, i) => (await cluster.etcd.member(i).hashKV(0)).hash),
    );
    expect(new Set(hashes).size).toBe(1);
    return historyLines(cluster);
  } catch (error) {
    const story = `seed ${seed}; to try it again: KLAB_SEED=${seed} npx vitest run test/simulation\n${trace.slice(-60).join('\n')}`;
    throw new Error(`${(error as Error).message}\n${story}`, { cause: error });
  }
}

describe('a cluster with users and faults', () => {
  it.each(seeds)(
    'comes to what was asked of it (%s)',
    async (seed) => {
      await life(seed);
    },
    60_000,
  );

  it('lives the same life again from the same seed', async () => {
    expect(await life(seeds[0]!)).toEqual(await life(seeds[0]!));
  }, 60_000);
});
