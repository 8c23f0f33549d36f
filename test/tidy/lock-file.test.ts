import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './source.ts';

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { resolved?: string; gypfile?: boolean }>;
};

it('the lock file names no download addresses', () => {
  expect(Object.values(lock.packages).filter((entry) => entry.resolved?.startsWith('http'))).toEqual([]);
});

/**
 * The driver ships its binary and says `gypfile: false`, but npm ci trusts the lock file, sees binding.gyp, and would
 * compile it. So the lock file repeats that word; npm leaves it out whenever it writes the lock file anew.
 */
it('npm ci does not compile the database driver', () => {
  expect(lock.packages['node_modules/better-sqlite3']!.gypfile).toBe(false);
});
