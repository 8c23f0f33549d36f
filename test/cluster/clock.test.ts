/** Time of a cluster: it stands still, is moved, runs faster, and is told about. */
import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { bookshop, bookshopPods, createAll, pods, quietCluster, readyPods, startMs, until } from './lab.ts';

const clockOf = (cluster: Cluster) => cluster.client.raw('/klab/v1/clock');
const turn = async (cluster: Cluster, body: object) =>
  (await cluster.client.request({ method: 'POST', path: '/klab/v1/clock', body })).body as any;

const lease = (cluster: Cluster) =>
  cluster.server.reader.get('leases.coordination.k8s.io', 'kube-node-lease', 'node-1') ??
  cluster.server.reader.get('leases', 'kube-node-lease', 'node-1');

describe('the clock of a cluster', () => {
  it('stands still when virtual: what needs time does not happen until time is given', async () => {
    await using cluster = await quietCluster();
    const booted = cluster.clock.now();
    expect(booted).toBeLessThan(startMs + 1000);
    await createAll(cluster, bookshop());
    await cluster.clock.advance(0);
    expect(pods(cluster).map(({ phase }) => phase)).toEqual(Array(bookshopPods).fill('Pending'));
    expect(pods(cluster).every(({ node }) => node !== '')).toBe(true);
    expect(cluster.clock.now()).toBe(booted);
    await cluster.clock.advance(60_000);
    expect(readyPods(cluster)).toBe(bookshopPods);
    expect(cluster.clock.now()).toBe(booted + 60_000);
  });

  it('goes on for hours in a moment, and the nodes stay alive', async () => {
    await using cluster = await quietCluster();
    await cluster.clock.advance(3 * 3_600_000);
    const nodes = cluster.server.reader.list('nodes');
    expect(nodes).toHaveLength(3);
    for (const node of nodes) {
      const ready = node['status'].conditions.find((c: any) => c.type === 'Ready');
      expect(ready.status).toBe('True');
      expect(Date.parse(ready.lastHeartbeatTime)).toBeGreaterThan(startMs + 2.9 * 3_600_000);
    }
    expect(Date.parse((lease(cluster) as any).spec.renewTime)).toBeGreaterThan(startMs + 2.99 * 3_600_000);
  });

  it('is paused, moved and sped up through /klab/v1/clock', async () => {
    await using cluster = await quietCluster();
    const before = await clockOf(cluster);
    expect(before).toMatchObject({ paused: true, speed: 0 });
    const later = await turn(cluster, { action: 'advance', duration: '1h30m' });
    expect(later.epochMs).toBe(before.epochMs + 90 * 60_000);
    expect((await turn(cluster, { action: 'speed', factor: 1000 })).speed).toBe(1000);
    await createAll(cluster, bookshop());
    while (readyPods(cluster) < bookshopPods) await cluster.clock.sleep(100);
    const stopped = await turn(cluster, { action: 'pause' });
    expect(stopped.paused).toBe(true);
    expect((await clockOf(cluster)).epochMs).toBe(stopped.epochMs);
    await expect(turn(cluster, { action: 'advance', duration: 'soon' })).rejects.toMatchObject({
      status: { code: 400, message: expect.stringContaining('like 90s or 1h30m') },
    });
  });

  it('a paused clock is announced with every answer', async () => {
    await using cluster = await quietCluster();
    const warnings: string[] = [];
    const get = () => cluster.client.request({ method: 'GET', path: '/api/v1/nodes' });
    warnings.push(...((await get()).warnings ?? []));
    expect(warnings.join()).toContain('the cluster clock of "default" is paused');
    cluster.clock.setSpeed(1);
    expect((await get()).warnings ?? []).toEqual([]);
    cluster.clock.pause();
  });

  it('deletes with grace in the time a pod asks for', async () => {
    await using cluster = await quietCluster();
    await createAll(cluster, bookshop());
    await until(cluster, 'the bookshop runs', () => readyPods(cluster) === bookshopPods);
    await cluster.client.resource('deployments').namespace('default').delete('cart-redis');
    await until(cluster, 'its pod is gone', () => !pods(cluster).some(({ name }) => name.startsWith('cart-redis')));
    expect(pods(cluster)).toHaveLength(bookshopPods - 1);
  });
});
