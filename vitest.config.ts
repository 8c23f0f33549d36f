import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/** `KLAB_SUITE` picks the suite: unit (default), e2e (a real server and real kubectl, helm), real (kernel, etcd, etcdctl). */
const suite = process.env['KLAB_SUITE'] ?? 'unit';
const apart = ['e2e', 'real'];
/** What takes many minutes: each lab broken on purpose. `KLAB_NIGHTLY=1` runs it too. */
const nightly = process.env['KLAB_NIGHTLY'] === '1' ? [] : ['test/e2e/labs-broken.test.ts'];

export default defineConfig({
  test: {
    include: suite === 'unit' ? ['test/**/*.test.ts', 'test/**/*.test.tsx'] : [`test/${suite}/**/*.test.ts`],
    exclude: ['node_modules/**', ...nightly, ...(suite === 'unit' ? apart.map((name) => `test/${name}/**`) : [])],
    pool: 'forks',
    // Modules of units are loaded once a worker: a third of their time was loading.
    isolate: suite !== 'unit',
    sequence: { sequencer: LongestFirst },
    globalSetup: suite === 'e2e' ? ['test/clients-at-hand.ts'] : [],
    // Programs with real time to wait out, and rules of a kernel in namespaces of their own: two or three files at a time fill the time.
    // Units: vitest's own choice leaves one of two cores idle.
    maxWorkers: suite === 'unit' ? Math.max(2, availableParallelism() - 1) : suite === 'e2e' ? 3 : 2,
    testTimeout: suite === 'unit' ? 60_000 : 120_000,
    hookTimeout: suite === 'unit' ? 60_000 : 300_000,
    env: suite === 'unit' ? { KLAB_VERIFY: '1' } : {},
  },
});
