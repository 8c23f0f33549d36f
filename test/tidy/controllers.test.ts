/** Every controller has its page, its row in the room's parity table, its place in the registry and its stories. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/base/index.ts';

const room = join(packageRoot(), 'src/controllers');
const read = (...path: string[]) => readFileSync(join(...path), 'utf8');
const folders = readdirSync(room, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'common')
  .map(({ name }) => name);

const readme = read(room, 'README.md');
/** Names in the first column: `persistentvolume-binder, -protection` means two. */
const rows = new Set(
  readme
    .split('\n')
    .filter((line) => /^\| [a-z]/.test(line))
    .flatMap((line) => {
      const names = line
        .split('|')[1]!
        .replace(/\([^)]*\)/g, '')
        .split(',')
        .map((name) => name.trim());
      const stem = names[0]!.replace(/-[a-z]+$/, '');
      return names.map((name) => (name.startsWith('-') ? `${stem}${name}` : name));
    }),
);

const folder = join(packageRoot(), 'test/controllers');
const stories = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => read(folder, name));
const index = read(room, 'index.ts');
const registry = read(room, 'registry.ts');

describe.each(folders)('%s', (name) => {
  const classes = readdirSync(join(room, name))
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [
      ...read(room, name, file).matchAll(/export class (\w+) (?:implements Controller|extends ReplicaController)\b/g),
    ])
    .map(([, each]) => each!);

  it('has a page and a row in the parity table', () => {
    expect(existsSync(join(room, name, 'README.md'))).toBe(true);
    expect(rows).toContain(name);
  });

  it('is in the registry', () => {
    expect(classes).not.toEqual([]);
    for (const each of classes) expect(registry).toMatch(new RegExp(`new ${each}\\(`));
  });

  it('has stories that run it', () => {
    for (const each of classes) {
      expect(index).toContain(each);
      expect(stories.filter((text) => text.includes(`new ${each}(`)).length, each).toBeGreaterThan(0);
    }
  });
});
