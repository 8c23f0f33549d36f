import { expect, it } from 'vitest';
import { metered, StoreMetrics } from '../../../src/apiserver/storage/metered-kv.ts';
import { startOn } from '../harness.ts';
import { MemoryKV } from '../memory-kv.ts';

const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

async function started() {
  const metrics = new StoreMetrics();
  const harness = await startOn(metered(new MemoryKV(), metrics));
  const resourceOf = (prefix: string) => ({ group: '', resource: prefix });
  const counts = () => {
    const found: Record<string, number> = {};
    const lines = metrics
      .render(resourceOf)
      .matchAll(/^etcd_requests_total\{group="",operation="(\w+)",resource="([^"]*)"\} (\d+)$/gm);
    for (const [, operation, resource, count] of lines) found[`${operation} ${resource}`] = Number(count);
    return found;
  };
  return { ...harness, counts, metrics };
}

it('writes are counted as what they do to an object', async () => {
  const { post, put, delete: remove, counts, close } = await started();
  const path = '/api/v1/namespaces/default/configmaps';
  await post(path, configMap('a'));
  await put(`${path}/a`, configMap('a', { k: 'v' }));
  await remove(`${path}/a`);
  expect(counts()).toMatchObject({ 'create configmaps': 1, 'update configmaps': 1, 'delete configmaps': 1 });
  await close();
});

it('gets, lists and watches read no object from the store', async () => {
  const { post, get, client, counts, close } = await started();
  const path = '/api/v1/namespaces/default/configmaps';
  for (let i = 0; i < 20; i++) await post(path, configMap(`c-${i}`));
  const objectReads = () => {
    const all = Object.entries(counts()).filter(([name]) => name.startsWith('get ') || name.startsWith('list '));
    return all.reduce((sum, [, count]) => sum + count, 0);
  };
  const before = objectReads();
  await get(`${path}/c-3`);
  await get(path);
  await get(path, { limit: '5' });
  await get(path, { resourceVersion: '0' });
  await get(path, { labelSelector: 'app=web' });
  const stop = new AbortController();
  await client.watch({
    method: 'GET',
    path,
    query: { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' },
    signal: stop.signal,
  });
  stop.abort();
  expect(objectReads()).toBe(before);
  await close();
});

it('failures are counted beside the whole', async () => {
  const metrics = new StoreMetrics();
  const failing = metrics.time('get', Buffer.from('/registry/pods/default/a'), Promise.reject(new Error('gone')));
  await expect(failing).rejects.toThrow('gone');
  const text = metrics.render(() => undefined);
  expect(text).toContain('etcd_requests_total{group="",operation="get",resource="pods"} 1');
  expect(text).toContain('etcd_request_errors_total{group="",operation="get",resource="pods"} 1');
});
