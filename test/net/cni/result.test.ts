import { describe, expect, it } from 'vitest';
import { readResult, resultAs } from '../../../src/net/cni/result.ts';

const newest = {
  cniVersion: '1.1.0',
  interfaces: [
    { name: 'veth1', mac: '00:00:00:00:00:01', mtu: 1500 },
    { name: 'eth0', mac: '00:00:00:00:00:02', sandbox: '/run/netns/pod', pciID: '0000:00:00.0' },
  ],
  ips: [
    { address: '10.1.0.5/16', gateway: '10.1.0.1', interface: 1 },
    { address: 'fd00::5/64', interface: 1 },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1', mtu: 1400 }, { dst: '::/0' }],
  dns: { nameservers: ['10.96.0.10'] },
};

describe('results in each version', () => {
  it('1.0 has what 1.1 has, without the fields that came with it', () => {
    const older = resultAs(readResult(newest), '1.0.0');
    expect(older).toEqual({
      ...newest,
      cniVersion: '1.0.0',
      interfaces: [
        { name: 'veth1', mac: '00:00:00:00:00:01' },
        { name: 'eth0', mac: '00:00:00:00:00:02', sandbox: '/run/netns/pod' },
      ],
      routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }, { dst: '::/0' }],
    });
  });

  it('0.3 and 0.4 say the IP version of each address', () => {
    for (const version of ['0.3.0', '0.3.1', '0.4.0']) {
      const older = resultAs(readResult(newest), version);
      expect(older['cniVersion']).toBe(version);
      expect(older['ips']).toEqual([
        { version: '4', address: '10.1.0.5/16', gateway: '10.1.0.1', interface: 1 },
        { version: '6', address: 'fd00::5/64', interface: 1 },
      ]);
    }
  });

  it('a result of 0.4 is the same network in 1.1', () => {
    const older = {
      cniVersion: '0.4.0',
      interfaces: [{ name: 'eth0' }],
      ips: [{ version: '4', address: '10.1.0.5/16', interface: 0 }],
      dns: {},
    };
    expect(resultAs(readResult(older), '1.1.0')).toEqual({
      ...older,
      cniVersion: '1.1.0',
      ips: [{ address: '10.1.0.5/16', interface: 0 }],
    });
    expect(resultAs(readResult(older), '0.4.0')).toEqual(older);
  });

  it('0.1 and 0.2 have one address a family, with its routes, and back again', () => {
    const old = {
      cniVersion: '0.2.0',
      ip4: { ip: '10.1.0.5/16', gateway: '10.1.0.1', routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }] },
      ip6: { ip: 'fd00::5/64', routes: [{ dst: '::/0' }] },
      dns: { nameservers: ['10.96.0.10'] },
    };
    expect(resultAs(readResult(newest), '0.2.0')).toEqual(old);
    expect(resultAs(readResult(old), '0.1.0')).toEqual({ ...old, cniVersion: '0.1.0' });
    expect(readResult(old)).toEqual({
      cniVersion: '0.2.0',
      ips: [{ address: '10.1.0.5/16', gateway: '10.1.0.1' }, { address: 'fd00::5/64' }],
      routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }, { dst: '::/0' }],
      dns: { nameservers: ['10.96.0.10'] },
    });
    expect(() => resultAs(readResult({ cniVersion: '1.0.0' }), '0.2.0')).toThrow('no valid IP addresses');
  });

  it('fields of a plugin’s own stay', () => {
    expect(resultAs(readResult({ cniVersion: '1.0.0', 'example.com/x': 1 }), '1.0.0')).toHaveProperty(
      'example.com/x',
      1,
    );
  });

  const unusable: [string, unknown, string][] = [
    ['a list', [], 'a result is a JSON object'],
    ['an unknown version', { cniVersion: '7.0.0' }, 'unknown CNI version "7.0.0"'],
    ['an address without a prefix', { cniVersion: '1.0.0', ips: [{ address: '10.0.0.1' }] }, 'ips[0].address'],
    [
      'an address on an interface that is not there',
      { cniVersion: '1.0.0', interfaces: [{ name: 'eth0' }], ips: [{ address: '10.0.0.1/8', interface: 1 }] },
      'ips[0].interface is 1, but there are 1 interfaces',
    ],
    ['a route to nowhere', { cniVersion: '1.0.0', routes: [{ dst: 'default' }] }, 'routes[0].dst'],
    ['interfaces that are no list', { cniVersion: '1.0.0', interfaces: {} }, 'interfaces must be a list'],
    ['an interface without a name', { cniVersion: '1.0.0', interfaces: [{}] }, 'interfaces[0] has no name'],
  ];
  for (const [what, value, message] of unusable) {
    it(`${what} is refused`, () => expect(() => readResult(value)).toThrow(message));
  }
});
