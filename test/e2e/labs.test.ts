/** Every lab's check passes on a fresh cluster. That checks can fail is shown by labs-broken.test.ts. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());

const folder = join(root, 'fixtures', 'labs');
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe('checks', () => {
  it('are listed, all of them, in groups', async () => {
    const { items } = JSON.parse(await lab.klab('lab', 'list', '-o', 'json'));
    expect(items.map((item: any) => item.name).sort()).toEqual(names.sort());
    for (const item of items) {
      expect(item.group, item.name).toMatch(
        /^(Releases|Pods|Workloads|Operations|Coordination|API principles|Architecture)$/,
      );
      expect(item.summary.length, item.name).toBeLessThan(400);
    }
  });

  it.each(names)('%s', async (name) => {
    const { code, stdout, stderr } = await lab.try(['lab', 'check', name, '--fresh']);
    expect(code, `${stdout}${stderr}`).toBe(0);
    expect(stdout).toContain(`lab/${name} passed`);
    expect(stdout.split('\n').filter((line) => line.startsWith('  ✓ ')).length).toBeGreaterThan(1);
    // One page, with the same parts everywhere.
    const { text } = JSON.parse(await lab.klab('lab', 'show', name, '-o', 'json'));
    expect(text.split('\n').length).toBeLessThan(70);
    expect(text.match(/^## .*$/gm)).toEqual([
      '## Try it',
      '## What happens',
      '## What the check proves',
      '## Break it',
    ]);
  });
});
