/** `klab cluster-info dump` writes the files that real kubectl's writes, with the same objects and logs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '1');
  await lab.kubectl('create', 'ns', 'shop');
  const script = ['--', 'sh', '-c', 'echo one; echo two >&2'];
  await lab.kubectl('run', 'done', '-n', 'shop', '--image=busybox', '--restart=Never', ...script);
  await lab.kubectl('wait', '-n', 'shop', '--for=jsonpath={.status.phase}=Succeeded', 'pod/done', '--timeout=30s');
  await lab.kubectl('run', 'never', '-n', 'shop', '--image=none.invalid/none');
});
afterAll(() => lab.dispose());

/** Files by name; an empty list is null in Go. What changes by itself is left out. */
function read(folder: string): Record<string, unknown> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      const text = readFileSync(path, 'utf8');
      const key = path.slice(folder.length + 1);
      if (!name.endsWith('.json')) return [key, text];
      const { kind, items } = JSON.parse(text);
      return [key, { kind, names: (items ?? []).map((item: any) => item.metadata.name).sort() }];
    }),
  );
}

describe('into a folder', () => {
  it.each(['--namespaces=shop', '--namespaces=shop,kube-public', '-n shop', '-A', '--namespaces=shop -o yaml'])(
    '%s',
    async (flags) => {
      const dump = async (of: string, run: (args: string[]) => Promise<{ code: number; stdout: string }>) => {
        const folder = join(lab.home, `${of}${flags.replaceAll(/\W/g, '')}`);
        const { code, stdout } = await run([
          'cluster-info',
          'dump',
          `--output-directory=${folder}`,
          ...flags.split(' '),
        ]);
        expect([code, stdout]).toEqual([0, `Cluster info dumped to ${folder}\n`]);
        return read(folder);
      };
      const theirs = await dump('theirs', (args) => lab.tryKubectl(args));
      const ours = await dump('ours', (args) => lab.try(args));
      expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
      for (const [name, content] of Object.entries(theirs)) {
        // Nodes report, pods of the system log: only what stands still is compared whole.
        if (name.endsWith('.json') && !name.includes('events')) expect([name, ours[name]]).toEqual([name, content]);
      }
      const log = 'shop/done/logs.txt';
      expect(ours[log]).toEqual(theirs[log]);
      expect(ours[log]).toBe(
        '==== START logs for container done of pod shop/done ====\none\ntwo\n==== END logs for container done of pod shop/done ====\n',
      );
      // kubectl drops the server's reason here: "rejected our request for an unknown reason".
      expect(ours['shop/never/logs.txt']).toMatch(
        /^==== START.*\nRequest log error: container "never" in pod "never" is waiting to start: .*\n==== END.*\n$/,
      );
    },
  );
});

it('prints everything without a folder', async () => {
  const text = await lab.klab('cluster-info', 'dump', '--namespaces=shop');
  expect(text).toMatch(/^\{\n {4}"apiVersion": "v1",\n {4}"items": \[\n[\s\S]*"kind": "NodeList"/);
  expect(text).toContain('==== START logs for container done of pod shop/done ====\none\ntwo\n====');
});
