import { describe, expect, it } from 'vitest';
import { ClusterDns, type DnsSource } from '../../src/dns/index.ts';

const services: any[] = [
  {
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      clusterIP: '10.96.0.20',
      clusterIPs: ['10.96.0.20', 'fd00::20'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  },
  { metadata: { name: 'db', namespace: 'shop' }, spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] } },
  { metadata: { name: 'empty', namespace: 'shop' }, spec: { clusterIP: 'None' } },
  {
    metadata: { name: 'alias', namespace: 'shop' },
    spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' },
  },
];
const source: DnsSource = {
  service: (ns, name) => services.find((s) => s.metadata.namespace === ns && s.metadata.name === name),
  services: () => services,
  namespaceExists: (name) => name === 'shop',
  slices: (_ns, name): any[] =>
    name === 'db'
      ? [
          {
            ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
            endpoints: [
              { addresses: ['10.244.1.5'], hostname: 'db-0', conditions: { ready: true } },
              { addresses: ['10.244.2.6'], conditions: { ready: true } },
              { addresses: ['10.244.2.7'], hostname: 'db-2', conditions: { ready: false } },
            ],
          },
        ]
      : [],
};
const dns = new ClusterDns(source);
const ask = (name: string, type: Parameters<ClusterDns['query']>[1] = 'A') => {
  const { code, records } = dns.query(name, type);
  return code === 'NXDOMAIN'
    ? code
    : records.map((r) =>
        'address' in r ? r.address : r.type === 'SRV' ? `${r.target}:${r.port}` : 'target' in r ? r.target : '',
      );
};

describe('cluster DNS', () => {
  it('services have addresses of each family', () => {
    expect(ask('web.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
    expect(ask('WEB.shop.svc.cluster.local', 'AAAA')).toEqual(['fd00::20']);
  });

  it('headless services have their ready endpoints, by hostname too', () => {
    expect(ask('db.shop.svc.cluster.local')).toEqual(['10.244.1.5', '10.244.2.6']);
    expect(ask('db-0.db.shop.svc.cluster.local')).toEqual(['10.244.1.5']);
    expect(ask('10-244-2-6.db.shop.svc.cluster.local')).toEqual(['10.244.2.6']);
    expect(ask('db-2.db.shop.svc.cluster.local')).toBe('NXDOMAIN');
    expect(ask('empty.shop.svc.cluster.local')).toBe('NXDOMAIN');
  });

  it('named ports have SRV records', () => {
    expect(ask('_http._tcp.web.shop.svc.cluster.local', 'SRV')).toEqual(['web.shop.svc.cluster.local:80']);
    expect(ask('_sql._tcp.db.shop.svc.cluster.local', 'SRV')).toEqual([
      'db-0.db.shop.svc.cluster.local:5432',
      '10-244-2-6.db.shop.svc.cluster.local:5432',
    ]);
    expect(ask('_smtp._tcp.web.shop.svc.cluster.local', 'SRV')).toBe('NXDOMAIN');
  });

  it('addresses lead back to names', () => {
    expect(ask('20.0.96.10.in-addr.arpa', 'PTR')).toEqual(['web.shop.svc.cluster.local']);
    expect(ask('5.1.244.10.in-addr.arpa', 'PTR')).toEqual(['db-0.db.shop.svc.cluster.local']);
    expect(ask('1.1.1.1.in-addr.arpa', 'PTR')).toBe('NXDOMAIN');
  });

  it('ExternalName is an alias that simulated resolvers follow', () => {
    expect(ask('alias.shop.svc.cluster.local')).toEqual(['web.shop.svc.cluster.local']);
    expect(dns.addresses('alias.shop.svc.cluster.local')).toEqual(['10.96.0.20', 'fd00::20']);
  });

  it('pod names are their addresses; unknown names do not exist', () => {
    expect(ask('10-244-1-5.shop.pod.cluster.local')).toEqual(['10.244.1.5']);
    expect(ask('x.shop.pod.cluster.local')).toBe('NXDOMAIN');
    expect(ask('web.nowhere.svc.cluster.local')).toBe('NXDOMAIN');
    expect(ask('nothing.shop.svc.cluster.local')).toBe('NXDOMAIN');
    expect(dns.addresses('example.com')).toBeUndefined();
  });
});
