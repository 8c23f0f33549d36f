import { describe, expect, it } from 'vitest';
import { ndotsOf, podResolver, searchPath } from '../../src/net/index.ts';

const cluster = { clusterDomain: 'cluster.local', clusterDNS: ['10.96.0.10'] };
const inCluster = {
  servers: ['10.96.0.10'],
  searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  options: ['ndots:5'],
};
const nothing = { servers: [], searches: [], options: [] };

describe('the resolver of a pod', () => {
  it.each([
    ['ClusterFirst by default', {}, inCluster],
    ['a pod on its node’s network has the node’s', { hostNetwork: true }, nothing],
    ['unless its policy says otherwise', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, inCluster],
    ['Default', { dnsPolicy: 'Default' }, nothing],
    [
      'None: what dnsConfig says',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'rotate' }] } },
      { servers: ['1.1.1.1'], searches: [], options: ['rotate'] },
    ],
    [
      'dnsConfig comes after, its options before',
      {
        dnsConfig: {
          nameservers: ['1.1.1.1', '10.96.0.10'],
          searches: ['example.com', 'cluster.local'],
          options: [{ name: 'ndots', value: '2' }],
        },
      },
      {
        servers: ['10.96.0.10', '1.1.1.1'],
        searches: [...inCluster.searches, 'example.com'],
        options: ['ndots:2'],
      },
    ],
  ])('%s', (_what, spec, expected) => {
    expect(podResolver({ namespace: 'shop', spec }, cluster)).toEqual(expected);
  });

  it('tries names with few dots below its domains first', () => {
    expect(searchPath('web', ['a', 'b'], 5)).toEqual(['web.a', 'web.b', 'web']);
    expect(searchPath('a.b.c', ['x'], 2)).toEqual(['a.b.c', 'a.b.c.x']);
    expect(searchPath('a.b.', ['x'], 5)).toEqual(['a.b']);
    expect([ndotsOf({ options: ['rotate', 'ndots:3'] }), ndotsOf({ options: [] })]).toEqual([3, 1]);
  });
});
