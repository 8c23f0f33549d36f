/** `/klab/v1/images`: images of one's own, from the request to a pod, over a restart, and away again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/base/index.ts';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster, readyPods, until } from './lab.ts';

const path = '/klab/v1/images';
const text = readFileSync(join(packageRoot(), 'fixtures', 'images', 'leaky.yaml'), 'utf8');

const ask = async (cluster: Cluster, method: 'GET' | 'POST' | 'DELETE', rest: object = {}) =>
  (await cluster.client.request({ method, path, ...rest })).body;

it('are added, kept over a restart, pulled by every node, shown, and removed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-images-'));
  try {
    {
      await using cluster = await quietCluster({ dir });
      expect(await ask(cluster, 'POST', { body: { file: 'leaky.yaml', text } })).toMatchObject({ name: 'leaky:1' });
      const again = { file: 'leaky.yaml', text, name: 'leaky:2' };
      expect(await ask(cluster, 'POST', { body: again })).toMatchObject({ name: 'leaky:2', kind: 'behaviour' });
    }
    await using cluster = await quietCluster({ dir });
    const { items } = await ask(cluster, 'GET');
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['leaky:1', 'leaky:2']);
    expect(items[0].size).toBe(25 * 1024 * 1024);
    expect(await ask(cluster, 'GET', { query: { name: 'docker.io/library/leaky:1' } })).toMatchObject({ source: text });
    await cluster.client
      .resource('pods')
      .namespace('default')
      .create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'leak' },
        spec: { containers: [{ name: 'main', image: 'leaky:2' }] },
      });
    await until(cluster, 'the pod is ready', () => readyPods(cluster) === 1);
    await ask(cluster, 'DELETE', { query: { name: 'leaky:1' } });
    await expect(ask(cluster, 'DELETE', { query: { name: 'leaky:1' } })).rejects.toMatchObject({
      message: 'images "leaky:1" not found',
    });
    expect((await ask(cluster, 'GET')).items).toHaveLength(1);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it('with mistakes are refused with the place of each', async () => {
  await using cluster = await quietCluster();
  const bad = { file: 'bad.yaml', text: 'name: x\nports: [0]\n' };
  await expect(ask(cluster, 'POST', { body: bad })).rejects.toMatchObject({
    message: 'bad.yaml:2:9: ports[0] must be a whole number from 1 to 65535',
  });
  expect((await ask(cluster, 'GET')).items).toEqual([]);
});
