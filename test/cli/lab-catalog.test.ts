/** What `klab lab list` shows, and how a folder that is no lab is refused. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { builtInLabs, findLab, readLab } from '../../src/cli/lab/catalog.ts';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function folderWith(files: Record<string, string>): string {
  const parent = mkdtempSync(join(tmpdir(), 'klab-lab-'));
  made.push(parent);
  const folder = join(parent, 'mine');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('labs', () => {
  it('of klab are read, each in its group', () => {
    const labs = builtInLabs();
    expect(labs.length).toBeGreaterThan(25);
    expect(labs.map(({ name }) => name)).toEqual(expect.arrayContaining(['canary', 'lock', 'shell-controller']));
    for (const { name, settings, summary } of labs) {
      expect(settings.group, name).toBeDefined();
      expect(summary, name).not.toBe('');
    }
  });

  it('are found by name or by folder', () => {
    expect(findLab('canary').builtIn).toBe(true);
    const folder = folderWith({ 'README.md': '# Mine\n\nA\nlab.\n\nMore.\n', 'check.sh': 'true\n' });
    expect(findLab(folder)).toMatchObject({ name: 'mine', builtIn: false, title: 'Mine', summary: 'A lab.' });
    expect(() => findLab('rift')).toThrow('there is no lab "rift"; klab lab list shows them');
    expect(() => findLab('./nowhere')).toThrow('there is no folder ./nowhere');
  });

  it.each([
    [{ 'check.sh': '' }, /is no lab: it has no README\.md$/],
    [{ 'README.md': '# x\n' }, /is no lab: it has no check\.sh$/],
    [{ 'README.md': 'x\n', 'check.sh': '' }, /README\.md: a lab's text begins with its title, as "# Canary"$/],
    [{ 'README.md': '# x\n', 'check.sh': '', 'lab.json': '{"nodes":' }, /lab\.json: /],
  ] as const)('%o is refused', (files, message) => {
    expect(() => readLab(folderWith(files), false)).toThrow(message);
  });
});
