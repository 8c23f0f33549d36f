/**
 * The workload controllers by seed. `KLAB_SEEDS=5000 npx vitest run test/controllers/simulation` tries that many (a
 * night's work), `KLAB_SEED=NAME` tries one again and prints its story.
 */
import { expect, it } from 'vitest';
import { World } from './world.ts';

const count = Number(process.env['KLAB_SEEDS'] ?? 40);
const only = process.env['KLAB_SEED'];
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => `seed-${i + 1}`) : [only];
const steps = 30;

it(`controllers come to what was asked of them, whatever fails, and never break a promise on the way (${seeds.length} seeds)`, async () => {
  const failures: string[] = [];
  for (const seed of seeds) {
    await using world = new World(seed);
    try {
      await world.run(steps);
      await world.heal();
    } catch (error) {
      const again = `KLAB_SEED=${seed} npx vitest run test/controllers/simulation`;
      failures.push(`${seed} (${again}): ${(error as Error).stack}\n${world.trace.slice(-40).join('\n')}`);
      if (failures.length === 3) break;
    }
  }
  expect(failures.join('\n\n')).toBe('');
}, 3_600_000);
