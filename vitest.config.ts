import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    exclude: ['test/e2e/**', 'test/real/**', 'test/soak/**', 'test/bench/**', 'node_modules/**'],
    pool: 'forks',
    testTimeout: 20_000,
    env: { KLAB_VERIFY: '1' },
  },
});
