import { describe, expect, test } from 'vitest';
import { created, createErrors, printed, rowOf, service, updateErrors } from '../objects.ts';

const stored = {
  clusterIP: '10.96.0.10',
  clusterIPs: ['10.96.0.10'],
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
};

describe('defaults', () => {
  test('a minimal service before its addresses are allocated', () => {
    expect(created('services', service())).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        internalTrafficPolicy: 'Cluster',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
        selector: { app: 'web' },
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
      status: { loadBalancer: {} },
    });
  });

  test('load balancers and affinity', () => {
    expect(created('services', service({ type: 'LoadBalancer', sessionAffinity: 'ClientIP' })).spec).toMatchObject({
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: 'Cluster',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
    });
  });
});

describe('validation', () => {
  test.each([
    ['no ports', { ports: [] }, ['spec.ports: Required value']],
    [
      'ports without names',
      { ports: [{ port: 80 }, { port: 81 }] },
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'the same port twice',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      },
      ['spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}'],
    ],
    [
      'a node port that nothing opens',
      { ports: [{ port: 80, nodePort: 30080 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'a type that does not exist',
      { type: 'Magic' },
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    ['a name without a name', { type: 'ExternalName', ports: [] }, ['spec.externalName: Required value']],
    [
      'a headless load balancer',
      { type: 'LoadBalancer', clusterIP: 'None' },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for LoadBalancer services'],
    ],
    [
      'an external address that is the node itself',
      { externalIPs: ['127.0.0.1'] },
      ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ],
  ])('refuses %s', (_, spec, expected) => {
    expect(createErrors('services', service(spec))).toEqual(expected);
  });

  test('takes headless services without ports', () => {
    expect(createErrors('services', service({ clusterIP: 'None', ports: [] }))).toEqual([]);
  });
});

describe('updates', () => {
  test('the address stays', () => {
    expect(
      updateErrors('services', service(stored), (object) => {
        object.spec.clusterIP = '10.96.0.11';
        object.spec.clusterIPs = ['10.96.0.11'];
      }),
    ).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.96.0.11"]: may not change once set']);
  });

  test('a replacement without addresses and node ports keeps them', () => {
    const { strategy } = rowOf('services');
    const old = created('services', service({ ...stored, type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }));
    const object = created('services', service({ type: 'NodePort' }));
    strategy.prepareForUpdate?.(object, old, { namespace: '', now: 0, subresource: '' });
    expect(object.spec).toMatchObject({
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10'],
      ports: [{ nodePort: 30080 }],
    });
  });

  test('becoming ExternalName drops what no longer applies', () => {
    const { strategy } = rowOf('services');
    const old = created('services', service({ ...stored, type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }));
    const object = structuredClone(old);
    Object.assign(object.spec, { type: 'ExternalName', externalName: 'example.com' });
    strategy.prepareForUpdate?.(object, old, { namespace: '', now: 0, subresource: '' });
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'externalTrafficPolicy']) {
      expect(object.spec[field], field).toBeUndefined();
    }
    expect(object.spec.ports[0].nodePort).toBeUndefined();
  });
});

describe('tables', () => {
  const age = { metadata: { name: 'web', creationTimestamp: '2026-01-02T03:03:05Z' } };
  test.each([
    [{ ...stored, type: 'ClusterIP' }, ['web', 'ClusterIP', '10.96.0.10', '<none>', '80/TCP', '60s']],
    [{ type: 'ClusterIP', clusterIP: 'None', ports: [] }, ['web', 'ClusterIP', 'None', '<none>', '<none>', '60s']],
    [
      { ...stored, type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30080 }] },
      ['web', 'LoadBalancer', '10.96.0.10', '<pending>', '80:30080/TCP', '60s'],
    ],
    [
      { type: 'ExternalName', externalName: 'example.com', ports: [] },
      ['web', 'ExternalName', '<none>', 'example.com', '<none>', '60s'],
    ],
  ])('%j', (spec, expected) => {
    expect(printed('services', { ...created('services', service(spec)), ...age })).toEqual(expected);
  });
});
