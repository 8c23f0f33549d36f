import { expect, test } from 'vitest';
import { VirtualClock } from '../../../src/base/index.ts';
import { type KernelHost, NodeProxy, type ProxyConfig, type ProxyMode } from '../../../src/proxy/index.ts';
import { config, everything } from '../objects.ts';

/** Programs with their arguments and inputs, in order; `says` answers those whose words begin so. */
async function loaded(mode: ProxyMode, more: Partial<ProxyConfig>, says: Readonly<Record<string, string>> = {}) {
  const ran: { words: string; input: string }[] = [];
  const host: KernelHost = {
    prefix: [],
    run: async (program, args, input = '') => {
      const words = [program, ...args].join(' ');
      ran.push({ words, input });
      return { code: 0, stdout: says[words] ?? '', stderr: '' };
    },
  };
  const proxy = new NodeProxy({ mode, config: { ...config, ...more }, host, clock: new VirtualClock() });
  for (const object of everything.services) proxy.tracker.setService(object);
  for (const object of everything.endpointSlices) proxy.tracker.setSlice(object);
  await proxy.sync();
  return ran;
}

const commits = (text: string) => text.match(/^COMMIT$/gm)!.length;

test('iptables: one transaction a table, as many as it takes where nftables is beneath', async () => {
  const restored = async (version: string) => {
    const ran = await loaded('iptables', {}, { 'iptables -V': version });
    return ran.find(({ words }) => words.startsWith('iptables-restore'))!.input;
  };
  expect(commits(await restored('iptables v1.8.9 (legacy)\n'))).toBe(2);
  // Few chains: no need of more.
  expect(commits(await restored('iptables v1.8.9 (nf_tables)\n'))).toBe(2);
});

test.each(['iptables', 'nftables', 'ipvs'] as const)('%s: conntrack is set only as it is asked for', async (mode) => {
  const sysctls = async (more: Partial<ProxyConfig>) =>
    (await loaded(mode, more)).map(({ words }) => words).filter((words) => words.includes('nf_conntrack'));
  expect(await sysctls({})).toEqual([]);
  const [set] = await sysctls({ conntrackSysctls: { 'net/netfilter/nf_conntrack_udp_timeout': '45' } });
  expect(set).toContain('echo 45 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout');
});

test('ipvs: servers of excluded ranges stay, all others are made anew; timeouts and ARP as asked', async () => {
  const standing = [
    '-A -t 10.9.0.1:80 -s wlc',
    '-a -t 10.9.0.1:80 -r 10.244.0.9:80 -m -w 1',
    '-A -t 172.30.0.41:80 -s rr',
    '-A -u 10.10.0.1:53 -s rr',
    '-A -t [fd00::1]:443 -s rr',
    '',
  ].join('\n');
  const ran = await loaded(
    'ipvs',
    { ipvsExcludeCIDRs: ['10.9.0.0/16'], ipvsTimeouts: { tcp: 900, tcpFin: 0, udp: 0 }, ipvsStrictARP: true },
    { 'ipvsadm -S -n': standing },
  );
  const words = ran.map((one) => one.words);
  expect(words).toContain('ipvsadm --set 900 0 0');
  expect(words.filter((one) => /arp_(ignore|announce)/.test(one))).toHaveLength(2);
  const input = ran.find((one) => one.words === 'ipvsadm -R')!.input.split('\n');
  expect(input.filter((line) => line.startsWith('-D') || line === '-C')).toEqual([
    '-D -t 172.30.0.41:80',
    '-D -u 10.10.0.1:53',
    '-D -t [fd00::1]:443',
  ]);
  const plain = await loaded('ipvs', {});
  expect(plain.map((one) => one.words).filter((one) => /arp_|--set/.test(one))).toEqual([]);
  expect(plain.find((one) => one.words === 'ipvsadm -R')!.input.split('\n')[0]).toBe('-C');
});
