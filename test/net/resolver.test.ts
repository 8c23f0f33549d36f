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
    [
      'an option without a value has no colon, and the last of a name counts',
      {
        dnsConfig: { options: [{ name: 'ndots', value: '' }, { name: 'edns0' }, { name: 'ndots', value: '3' }] },
      },
      { ...inCluster, options: ['ndots:3', 'edns0'] },
    ],
  ])('%s', (_what, spec, expected) => {
    expect(podResolver({ namespace: 'shop', spec }, cluster)).toEqual(expected);
  });

  it('has three name servers, 32 searches and 2048 characters of them at most, and says what it has', () => {
    const limited = (dnsConfig: { nameservers?: string[]; searches?: string[] }) => {
      const said: string[] = [];
      const resolver = podResolver({ namespace: 'shop', spec: { dnsConfig } }, cluster, (message) =>
        said.push(message),
      );
      return { ...resolver, said };
    };
    const servers = limited({ nameservers: ['1.1.1.1', '2.2.2.2', '10.96.0.10', '3.3.3.3'] });
    expect(servers.servers).toEqual(['10.96.0.10', '1.1.1.1', '2.2.2.2']);
    expect(servers.said).toEqual([
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2',
    ]);
    expect(limited({ nameservers: ['1.1.1.1', '2.2.2.2'] }).said).toEqual([]);

    const names = (count: number, length = 0) =>
      Array.from({ length: count }, (_, index) => `d${index}.`.padEnd(length, 'x'));
    const own = inCluster.searches.join(' ').length;
    expect(limited({ searches: names(29) })).toMatchObject({ said: [], searches: { length: 32 } });
    const many = limited({ searches: names(32) });
    expect(many.searches).toEqual([...inCluster.searches, ...names(29)]);
    expect(many.said).toEqual([
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${many.searches.join(' ')}`,
    ]);
    // Exactly 2048 characters with their spaces, then one more.
    const fill = names(8, 240);
    const last = (length: number) => 'y'.repeat(length - own - 8 * 241 - 1);
    expect(limited({ searches: [...fill, last(2048)] })).toMatchObject({ said: [], searches: { length: 12 } });
    const long = limited({ searches: [...fill, last(2049)] });
    expect(long.searches).toEqual([...inCluster.searches, ...fill]);
    expect(long.said).toHaveLength(1);
    expect(limited({ searches: ['x'.repeat(254), 'y'] })).toMatchObject({
      searches: [...inCluster.searches, 'y'],
      said: [expect.stringMatching(/^Search Line limits/)],
    });
  });

  it('takes a search domain of only a dot for the name as it is', () => {
    expect(searchPath('web', ['.', 'a.'], 5)).toEqual(['web', 'web.a', 'web']);
    expect(['ndots:x', 'ndots:99', 'ndots:'].map((option) => ndotsOf({ options: [option] }))).toEqual([0, 15, 0]);
  });

  it('tries names with few dots below its domains first', () => {
    expect(searchPath('web', ['a', 'b'], 5)).toEqual(['web.a', 'web.b', 'web']);
    expect(searchPath('a.b.c', ['x'], 2)).toEqual(['a.b.c', 'a.b.c.x']);
    expect(searchPath('a.b.', ['x'], 5)).toEqual(['a.b']);
    expect([ndotsOf({ options: ['rotate', 'ndots:3'] }), ndotsOf({ options: [] })]).toEqual([3, 1]);
  });
});
