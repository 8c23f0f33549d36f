/** Health checks asked by a real curl from a neighbour of the node, which is a network namespace. */
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VirtualClock, wallClock } from '../../src/base/index.ts';
import {
  type Door,
  HealthDoors,
  healthAddresses,
  kernelHost,
  NodeProxy,
  openDoor,
  ProxyHealth,
  type ProxyMode,
  serviceHealthAnswer,
} from '../../src/proxy/index.ts';
import { PacketNamespaces } from '../helpers/packet-lab.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';
import { service, slice } from '../proxy/objects.ts';

const able = missing('curl', 'nft', 'iptables-nft', 'ip', 'nsenter').length === 0 && canMakeNamespaces();

const local = (name: string, port: number, ip: string) =>
  service('lab', name, {
    type: 'LoadBalancer',
    clusterIP: ip,
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: port,
    ports: [{ port: 80, protocol: 'TCP' }],
  });
const endpoints = (name: string, ...nodes: readonly string[]) =>
  slice(
    'lab',
    name,
    [['', 8080, 'TCP']],
    nodes.map((node, i) => ({ ip: `10.244.0.${i + 2}`, node })),
  );

describe.each(['iptables', 'nftables'] as const satisfies ProxyMode[])('health checks in %s mode', (mode) => {
  describe.skipIf(!able)('in a network namespace', () => {
    const spaces = new PacketNamespaces(`h${mode[0]}`);
    const clock = new VirtualClock();
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } };
    const health = new ProxyHealth(clock, 60_000, node);
    const warnings: string[] = [];
    let proxy: NodeProxy;
    let doors: HealthDoors;
    let healthz: Door;

    /** Not with a synchronous child: who is asked lives in this process. `status` is negative for curl's own errors. */
    const ask = (port: number, path = '/'): Promise<{ status: number; headers: string; body: string }> => {
      const net = `--net=/run/netns/${spaces.name('ext')}`;
      const url = `http://192.168.77.1:${port}${path}`;
      return new Promise((resolve) => {
        execFile('nsenter', [net, 'curl', '-si', '-m', '5', url], (error, stdout) => {
          const [headers = '', body = ''] = stdout.split('\r\n\r\n');
          resolve({ status: error ? -Number(error.code) : Number(headers.split(' ')[1]), headers, body });
        });
      });
    };
    const statuses = (...ports: readonly number[]) => Promise.all(ports.map(async (port) => (await ask(port)).status));

    beforeAll(async () => {
      for (const place of ['node', 'ext']) spaces.add(place);
      spaces.ip('node', `link add eth0 type veth peer name eth0 netns ${spaces.name('ext')}`);
      for (const [place, own] of [
        ['node', 1],
        ['ext', 2],
      ] as const) {
        spaces.ip(place, `addr add 192.168.77.${own}/24 dev eth0`);
        spaces.ip(place, 'link set eth0 up');
      }
      const host = kernelHost({ netns: spaces.name('node') });
      const config = { node: { name: 'node', labels: {}, ips: ['192.168.77.1'] }, family: 'IPv4' } as const;
      const addresses = healthAddresses(mode, config);
      expect(addresses).toEqual(mode === 'nftables' ? ['192.168.77.1'] : ['0.0.0.0']);
      doors = new HealthDoors({
        host,
        addresses,
        answer: (check) => serviceHealthAnswer(check, health.healthy),
        onWarning: (text) => warnings.push(text),
      });
      proxy = new NodeProxy({
        mode,
        config,
        host,
        clock: wallClock,
        health,
        onHealthChecks: (checks) => doors.sync(checks),
      });
      healthz = await openDoor(host, '0.0.0.0', 10_256, (path) => health.answer(path));
      proxy.tracker.setService(local('web', 31_000, '10.96.0.10'));
      proxy.tracker.setService(local('far', 31_001, '10.96.0.11'));
      proxy.tracker.setSlice(endpoints('web', 'node', 'node', 'other'));
      proxy.tracker.setSlice(endpoints('far', 'other'));
      await proxy.sync();
    });
    afterAll(() => {
      doors?.close();
      healthz?.close();
      spaces.dispose();
    });

    test('say how many endpoints the node has, and 503 where it has none', async () => {
      const { status, headers, body } = await ask(31_000);
      expect({ status, body: JSON.parse(body) }).toEqual({
        status: 200,
        body: { service: { namespace: 'lab', name: 'web' }, localEndpoints: 2, serviceProxyHealthy: true },
      });
      expect(headers).toMatch(/^X-Load-Balancing-Endpoint-Weight: 2\r?$/m);
      expect(headers).toMatch(/^Content-Type: application\/json\r?$/m);
      expect(await ask(31_001)).toMatchObject({ status: 503 });
      expect((await ask(31_002)).status).toBe(-7);
    });

    test('follow endpoints and Services', async () => {
      proxy.tracker.setSlice(endpoints('web', 'other'));
      proxy.tracker.setSlice(endpoints('far', 'node'));
      await proxy.sync();
      expect(await statuses(31_000, 31_001)).toEqual([503, 200]);
      proxy.tracker.setService(local('web', 31_005, '10.96.0.10'));
      proxy.tracker.deleteService(local('far', 31_001, '10.96.0.11'));
      await proxy.sync();
      expect(await statuses(31_000, 31_001, 31_005)).toEqual([-7, -7, 503]);
      expect(warnings).toEqual([]);
    });

    test('tell of a proxy that does not keep up, and of a node that is leaving', async () => {
      expect(JSON.parse((await ask(10_256, '/healthz')).body)).toMatchObject({ healthy: true, nodeEligible: true });
      proxy.changed();
      await clock.advance(60_000);
      expect([(await ask(10_256, '/healthz')).status, (await ask(10_256, '/livez')).status]).toEqual([503, 503]);
      expect(JSON.parse((await ask(31_005)).body)).toMatchObject({ serviceProxyHealthy: false });
      await proxy.sync();
      health.setNode({ ...node, spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] } });
      expect([(await ask(10_256, '/healthz')).status, (await ask(10_256, '/livez')).status]).toEqual([503, 200]);
      health.setNode(node);
    });

    test('a port that is taken is told, and others are served all the same', async () => {
      proxy.tracker.setService(local('web', 10_256, '10.96.0.10'));
      proxy.tracker.setService(local('far', 31_006, '10.96.0.11'));
      await proxy.sync();
      expect(warnings).toEqual([
        expect.stringMatching(/^failed to start healthcheck "lab\/web" on .*:10256: .*EADDRINUSE/),
      ]);
      expect((await ask(31_006)).status).toBe(200);
    });
  });
});
