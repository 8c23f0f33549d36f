/** Cluster DNS on a port of this machine, asked as any program would. */

import { Resolver } from 'node:dns/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createCluster } from '../../src/cluster/create-cluster.ts';
import { readPorts } from '../../src/cluster/remembered-ports.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-dns-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const boot = () => createCluster({ dir, dns: true, nodes: 0, api: false, etcd: false, seed: 'dns-door' });
const listening = () => vi.waitFor(() => readPorts(dir, 'dns', process.pid)!.port, { timeout: 10_000, interval: 20 });

it('answers once the cluster is up, and on the same port after a restart', async () => {
  let port: number;
  {
    await using cluster = await boot();
    port = await listening();
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${port}`]);
    expect(await resolver.resolve4('kubernetes.default.svc.cluster.local')).toEqual(['10.96.0.1']);
    await expect(resolver.resolve4('nobody.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const services = cluster.client.resource('services').namespace('default');
    const spec = { clusterIP: '10.96.0.77', ports: [{ name: 'http', port: 80 }] };
    await services.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec });
    await vi.waitFor(async () =>
      expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.77']),
    );
    expect(await resolver.reverse('10.96.0.77')).toEqual(['web.default.svc.cluster.local']);
    expect(await resolver.resolveSrv('_http._tcp.web.default.svc.cluster.local')).toMatchObject([{ port: 80 }]);
  }
  rmSync(join(dir, 'ingress.json'), { force: true });
  {
    await using _again = await boot();
    await vi.waitFor(
      async () => {
        const resolver = new Resolver({ timeout: 500, tries: 1 });
        resolver.setServers([`127.0.0.1:${port}`]);
        expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.77']);
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(readPorts(dir, 'dns')).toEqual({ port });
  }
});
