import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { VirtualClock } from '../../../src/base/index.ts';
import { healthCheckOf, ProxyHealth, serviceHealthAnswer, servicePorts } from '../../../src/proxy/index.ts';
import { config, type EndpointSpec, service, slice } from '../objects.ts';

const start = Date.UTC(2026, 0, 2, 3, 4, 5, 120);
const node = (more: object = {}, spec: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', ...more },
  spec,
});

function checkOf(spec: Record<string, unknown>, endpoints: readonly EndpointSpec[], node = 'test-node') {
  const ports = [
    { name: 'a', port: 80, protocol: 'TCP' },
    { name: 'b', port: 443, protocol: 'TCP' },
  ];
  const web = service('shop', 'web', {
    type: 'LoadBalancer',
    clusterIP: '172.30.0.1',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 31_000,
    ports,
    ...spec,
  });
  const slices = [
    slice(
      'shop',
      'web',
      [
        ['a', 8080],
        ['b', 8443],
      ],
      [...endpoints],
    ),
  ];
  return healthCheckOf(servicePorts([web], slices, 'IPv4', { ...config.node, name: node }));
}

describe('health checks of Services', () => {
  const here = { ip: '10.0.0.1', node: 'test-node' };

  it('count the ready endpoints of the node, each address once', () => {
    const endpoints = [
      here,
      { ...here, ip: '10.0.0.2', ready: false },
      { ...here, ip: '10.0.0.3', ready: false, serving: true, terminating: true },
      { ip: '10.0.0.4', node: 'other' },
    ];
    expect(checkOf({}, endpoints)).toEqual({ namespace: 'shop', name: 'web', port: 31_000, localEndpoints: 1 });
    expect(checkOf({}, endpoints, 'elsewhere')).toMatchObject({ localEndpoints: 0 });
  });

  it('are for load balancers with policy Local only', () => {
    expect(checkOf({ externalTrafficPolicy: 'Cluster' }, [here])).toBeUndefined();
    expect(checkOf({ type: 'NodePort' }, [here])).toBeUndefined();
  });

  it('answer as kube-proxy does, byte for byte', () => {
    const check = { namespace: 'shop', name: 'web', port: 31_000, localEndpoints: 2 };
    expect(serviceHealthAnswer(check, true)).toEqual({
      status: 200,
      headers: {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
        'X-Load-Balancing-Endpoint-Weight': '2',
      },
      body: '{\n\t"service": {\n\t\t"namespace": "shop",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
    });
    expect(serviceHealthAnswer(check, false).status).toBe(503);
    expect(serviceHealthAnswer({ ...check, localEndpoints: 0 }, true)).toMatchObject({
      status: 503,
      headers: { 'X-Load-Balancing-Endpoint-Weight': '0' },
    });
  });
});

describe('the health of a node’s proxy', () => {
  const fresh = (of: KubeObject | undefined = node()) => {
    const clock = new VirtualClock({ startMs: start });
    return { clock, health: new ProxyHealth(clock, 60_000, of) };
  };

  it('is good before the first load, and while changes wait no longer than the time allowed', async () => {
    const { clock, health } = fresh();
    expect(health.answer('/livez')).toMatchObject({
      status: 200,
      body: '{"lastUpdated":"2026-01-02T03:04:05.12Z","currentTime":"2026-01-02T03:04:05.12Z","healthy":true}',
    });
    health.updated('IPv4');
    health.queued('IPv4');
    await clock.advance(59_000);
    health.queued('IPv4');
    expect(health.answer('/healthz').status).toBe(200);
    await clock.advance(1000);
    expect(health.healthy).toBe(false);
    const { status, body } = health.answer('/healthz');
    expect(status).toBe(503);
    expect(body).toBe(
      '{"lastUpdated":"2026-01-02T03:04:05.12Z","currentTime":"2026-01-02T03:05:05.12Z","nodeEligible":true,' +
        '"healthy":false,"status":{"IPv4":{"lastUpdated":"2026-01-02T03:04:05.12Z","healthy":false}}}',
    );
    health.updated('IPv4');
    expect(health.answer('/healthz').status).toBe(200);
  });

  it('is that of both families together', async () => {
    const { clock, health } = fresh();
    for (const family of ['IPv6', 'IPv4'] as const) health.updated(family);
    health.queued('IPv6');
    await clock.advance(60_000);
    const { status } = JSON.parse(health.answer('/livez').body);
    expect(Object.entries(status).map(([family, { healthy }]: any) => [family, healthy])).toEqual([
      ['IPv4', true],
      ['IPv6', false],
    ]);
    expect(health.answer('/livez').status).toBe(503);
  });

  it('says that load balancers should forget a node that goes, and lives on', () => {
    const { health } = fresh();
    const eligible = () => [health.answer('/healthz').status, JSON.parse(health.answer('/healthz').body).nodeEligible];
    expect(eligible()).toEqual([200, true]);
    health.setNode(node({ deletionTimestamp: '2026-01-01T00:00:00Z' }));
    expect(eligible()).toEqual([503, false]);
    health.setNode(node({}, { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] }));
    expect(eligible()).toEqual([503, false]);
    health.setNode(node({}, { taints: [{ key: 'other', effect: 'NoSchedule' }] }));
    expect(eligible()).toEqual([200, true]);
    health.setNode(undefined);
    expect(eligible()).toEqual([503, false]);
    expect(health.answer('/livez').status).toBe(200);
  });

  it('knows no other path', () => {
    expect(fresh().health.answer('/')).toMatchObject({ status: 404, body: '404 page not found\n' });
  });
});
