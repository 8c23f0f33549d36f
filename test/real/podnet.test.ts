/** The pod network as klab models it, made by klab's own scripts in a real kernel: packets, bytes on the wire, MTUs. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixedBytes, frameBytes, type PodNetSettings, packetWay } from '../../src/net/index.ts';
import { PodnetLab } from '../helpers/podnet-lab.ts';
import { canMakeNamespaces, missing } from '../helpers/real.ts';

const able = missing('ip', 'bridge', 'nsenter', 'iptables', 'perl').length === 0 && canMakeNamespaces();
const hasTun = existsSync('/dev/net/tun');
if (!hasTun) console.warn('skipped, not there: /dev/net/tun (the udp backend)');

const network = '10.244.0.0/16';
const setups: readonly (readonly [string, PodNetSettings])[] = [
  ['vxlan', { backend: 'vxlan', network }],
  ['vxlan with another VNI and port', { backend: 'vxlan', network, vni: 4096, port: 4789 }],
  ['host-gw', { backend: 'host-gw', network }],
  ['udp', { backend: 'udp', network }],
  ['bridge with routes between nodes', { backend: 'bridge', network, routes: 'nodes' }],
  ['ptp with routes between nodes', { backend: 'ptp', network, routes: 'nodes' }],
];

setups.forEach(([title, settings], index) => {
  describe.skipIf(!able || (settings.backend === 'udp' && !hasTun))(title, () => {
    let lab: PodnetLab;
    beforeAll(async () => {
      lab = await PodnetLab.start(`p${index}`, settings);
    });
    afterAll(() => lab?.[Symbol.asyncDispose]());

    const way = (from: string, to: string, more = {}) =>
      packetWay(lab.network, lab.end(from), lab.end(to), { protocol: 'udp', ...more });

    test('pods reach each other across nodes and on one node, and see who asks', () => {
      expect(lab.send('default.a', '10.244.1.2', 100)).toBe('10.244.0.2 72');
      expect(lab.send('default.b', '10.244.0.2', 100)).toBe('10.244.1.2 72');
      expect(lab.send('default.a', '10.244.0.3', 100)).toBe('10.244.0.2 72');
      for (const [from, to] of [
        ['a', 'b'],
        ['b', 'a'],
        ['a', 'a2'],
      ] as const)
        expect(way(from, to).arrived).toBe(true);
    });

    test('a node reaches pods, from the address that the model says', () => {
      const [node1] = lab.network.nodes;
      for (const pod of ['b', 'a']) {
        const end = lab.end(pod);
        const told = packetWay(lab.network, { node: node1! }, end, { protocol: 'udp', size: 100 });
        expect(told.arrived).toBe(true);
        const seen = /from (\S+)$/.exec(told.hops.at(-1)!.what)![1];
        expect(lab.send('node-1', 'pod' in end ? end.pod.pod.ip : '', 100)).toBe(`${seen} 72`);
      }
    });

    test('the bytes on the wire are those of the model', async () => {
      const seen = await lab.capture('node-2');
      const size = 333;
      expect(lab.send('default.a', '10.244.1.2', size)).toBe(`10.244.0.2 ${size - 28}`);
      const expected = way('a', 'b', { size }).hops.find(({ frame }) => frame)!.frame!;
      const bytes = frameBytes(expected);
      const fixed = fixedBytes(expected);
      const same = (frame: Buffer) =>
        frame.length === bytes.length && fixed.every((is, i) => !is || frame[i] === bytes[i]);
      await expect.poll(() => seen.frames().filter(same).length).toBe(1);
      // Most of the frame's headers are such bytes: the rest is checksums, identifications and the contents.
      expect(fixed.filter((is) => !is).length - (size - 28)).toBeLessThan(20);
      await seen.stop();
    });

    test('a packet of the MTU passes whole; one byte more does not', () => {
      const { mtu, arrived } = way('a', 'b');
      expect(arrived).toBe(true);
      expect(lab.send('default.a', '10.244.1.2', mtu, { df: true })).toBe(`10.244.0.2 ${mtu - 28}`);
      expect(lab.send('default.a', '10.244.1.2', mtu + 1, { df: true })).toBe('EMSGSIZE');
      const more = way('a', 'b', { size: mtu + 1, dontFragment: true });
      expect(more.arrived).toBe(false);
      expect(more.reason).toContain('EMSGSIZE');
    });

    test('what may be fragmented arrives in the fragments that the model counts', async () => {
      const size = 4000;
      const seen = await lab.capture('node-2');
      expect(lab.send('default.a', '10.244.1.2', size)).toBe(`10.244.0.2 ${size - 28}`);
      const told = way('a', 'b', { size });
      const wire = told.hops.find(({ frame }) => frame)!;
      const sizes = [...wire.sizes].sort((a, b) => a - b);
      // By addresses, not by hardware's: fragments are forwarded in place, in the very bytes that are being read here.
      const towards = ['ac120003', '0af40102'];
      await expect
        .poll(() =>
          seen
            .frames()
            .filter((frame) => frame.readUInt16BE(12) === 0x0800 && towards.includes(frame.toString('hex', 30, 34)))
            .map((frame) => frame.readUInt16BE(16))
            .filter((length) => length > 500 || sizes.includes(length))
            .sort((a, b) => a - b),
        )
        .toEqual(sizes);
      await seen.stop();
    });
  });
});

describe.skipIf(!able)('what goes wrong', () => {
  test('bridges alone reach no pods of other nodes', async () => {
    await using lab = await PodnetLab.start('n0', { backend: 'bridge', network });
    expect(lab.send('default.a', '10.244.0.3', 100)).toBe('10.244.0.2 72');
    expect(lab.send('default.a', '10.244.1.2', 100)).toBe('timeout');
    const told = packetWay(lab.network, lab.end('a'), lab.end('b'));
    expect(told.reason).toContain('node-1 has no route to 10.244.1.0/24');
  });

  test('pods with the nodes’ MTU over vxlan: a full packet is dropped, and the sender is told 1450', async () => {
    await using lab = await PodnetLab.start('n1', { backend: 'vxlan', network, podMtu: 1500 });
    expect(lab.send('default.a', '10.244.1.2', 1450, { df: true })).toBe('10.244.0.2 1422');
    expect(lab.send('default.a', '10.244.1.2', 1500, { df: true })).toMatch(/timeout|EMSGSIZE/);
    const told = packetWay(lab.network, lab.end('a'), lab.end('b'), { protocol: 'udp', dontFragment: true });
    expect(told.reason).toContain('ICMP "fragmentation needed, MTU 1450"');
    // The sender has learned it.
    expect(lab.run('default.a', 'ip', ['route', 'get', '10.244.1.2'])).toContain('mtu 1450');
    expect(lab.send('default.a', '10.244.1.2', 1500, { df: true })).toBe('EMSGSIZE');
  });

  test('a masquerading plugin hides who asks from pods of other nodes', async () => {
    await using lab = await PodnetLab.start('n2', { backend: 'bridge', network, routes: 'nodes', ipMasq: true });
    expect(lab.send('default.a', '10.244.1.2', 100)).toBe('172.18.0.2 72');
    expect(lab.send('default.a', '10.244.0.3', 100)).toBe('10.244.0.2 72');
    const told = packetWay(lab.network, lab.end('a'), lab.end('b'));
    expect(told.hops.at(-1)!.what).toContain('from 172.18.0.2');
  });
});
