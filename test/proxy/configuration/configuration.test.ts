import { describe, expect, test } from 'vitest';
import {
  type KubeProxyConfiguration,
  type ProxyConfig,
  ProxyConfigError,
  type ProxyMode,
  proxyModes,
  proxyScript,
  proxySettings,
  readProxyConfiguration,
} from '../../../src/proxy/index.ts';
import { config, everything } from '../objects.ts';

const head = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

/** As kubeadm writes it, with what people change. */
const file = `${head}
bindAddress: 0.0.0.0
clusterCIDR: 10.244.0.0/16,fd00:10:244::/56
mode: nftables
nodePortAddresses: [192.168.0.0/24]
iptables: {masqueradeBit: 3, masqueradeAll: false, localhostNodePorts: null, syncPeriod: 0s, minSyncPeriod: 0s}
nftables: {masqueradeBit: 5, masqueradeAll: true, syncPeriod: 1m, minSyncPeriod: 5s}
ipvs: {scheduler: lc, strictARP: true, excludeCIDRs: [10.9.0.0/16], tcpTimeout: 15m, udpTimeout: 5m}
conntrack: {tcpBeLiberal: true, tcpEstablishedTimeout: 2h, maxPerCore: null}
winkernel: {enableDSR: false}
`;

const refusal = (configuration: KubeProxyConfiguration): string => {
  try {
    proxySettings(configuration);
  } catch (error) {
    expect(error).toBeInstanceOf(ProxyConfigError);
    return (error as Error).message;
  }
  return '';
};

describe('a configuration file', () => {
  test('gives each mode what its own section says, as upstream converts it', () => {
    const { configuration, warnings } = readProxyConfiguration(file);
    expect(warnings).toEqual([]);
    expect(proxySettings(configuration)).toMatchObject({
      mode: 'nftables',
      syncPeriodMs: 60_000,
      minSyncPeriodMs: 5000,
      clusterCIDRs: ['10.244.0.0/16', 'fd00:10:244::/56'],
      config: { masqueradeBit: 5, masqueradeAll: true, nodePortAddresses: ['192.168.0.0/24'], dropInvalid: false },
    });
    expect(proxySettings({ ...configuration, mode: 'ipvs' })).toMatchObject({
      syncPeriodMs: 30_000,
      minSyncPeriodMs: 0,
      config: {
        masqueradeBit: 3,
        masqueradeAll: false,
        ipvsScheduler: 'lc',
        ipvsStrictARP: true,
        ipvsExcludeCIDRs: ['10.9.0.0/16'],
        ipvsTimeouts: { tcp: 900, tcpFin: 0, udp: 300 },
        conntrackSysctls: {
          'net/netfilter/nf_conntrack_tcp_be_liberal': '1',
          'net/netfilter/nf_conntrack_tcp_timeout_established': '7200',
        },
      },
    });
  });

  test('a field that does not exist is a warning, as upstream decodes leniently after strictly', () => {
    const { configuration, warnings } = readProxyConfiguration(
      `${file}iptable: {}\nipvs2: 1\nmode: ipvs\n`.replace('mode: nftables\n', ''),
    );
    expect(configuration.mode).toBe('ipvs');
    expect(warnings).toEqual([
      'Using lenient decoding as strict decoding failed: strict decoding error: unknown field "iptable", unknown field "ipvs2"',
    ]);
  });

  test.each([
    ['', "couldn't decode as KubeProxyConfiguration: it is no object"],
    ['mode: ipvs', `Object 'Kind' is missing in '{"mode":"ipvs"}'`],
    [
      'apiVersion: v1\nkind: Pod',
      'no kind "Pod" is registered for version "v1": it takes KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1',
    ],
    [`${head}iptables: {masqueradeBit: fourteen}`, 'iptables.masqueradeBit must be an integer'],
    [`${head}iptables: [1]`, 'iptables must be an object'],
    [`${head}nodePortAddresses: primary`, 'nodePortAddresses must be a list of strings'],
    [`${head}ipvs: {tcpTimeout: soon}`, 'ipvs.tcpTimeout: time: invalid duration "soon"'],
  ])('%j is refused', (text, message) => {
    expect(() => readProxyConfiguration(text)).toThrow(new ProxyConfigError(message));
  });
});

describe('what kube-proxy does not start with', () => {
  const at = 'KubeProxyConfiguration.';
  const pair = 'must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]';
  test.each<[KubeProxyConfiguration, string]>([
    [
      { iptables: { masqueradeBit: 32 } },
      `${at}KubeProxyIPTablesConfiguration.MasqueradeBit: Invalid value: 32: must be within the range [0, 31]`,
    ],
    [
      { mode: 'nftables', nftables: { masqueradeBit: -1 } },
      `${at}KubeProxyNFTablesConfiguration.MasqueradeBit: Invalid value: -1: must be within the range [0, 31]`,
    ],
    [
      { mode: 'userspace' },
      `${at}Mode.ProxyMode: Invalid value: "userspace": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])`,
    ],
    [
      { nodePortAddresses: ['primary', '10.0.0.0/8'] },
      `${at}NodePortAddresses[0]: Invalid value: "primary": can't use both 'primary' and CIDRs`,
    ],
    [
      { nodePortAddresses: ['10.0.0.0/8', 'all'] },
      `${at}NodePortAddresses[1]: Invalid value: "all": must be a valid CIDR`,
    ],
    [
      { detectLocalMode: 'Magic' },
      `${at}DetectLocalMode: Unsupported value: "Magic": supported values: "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix", ""`,
    ],
    [
      { detectLocalMode: 'BridgeInterface' },
      `${at}DetectLocalConfiguration.InterfaceName: Invalid value: "": must not be empty`,
    ],
    [
      { detectLocalMode: 'InterfaceNamePrefix' },
      `${at}DetectLocalConfiguration.InterfacePrefix: Invalid value: "": must not be empty`,
    ],
    [
      { clusterCIDR: '10.0.0.0' },
      `${at}DetectLocalConfiguration.ClusterCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)`,
    ],
    [
      { clusterCIDR: '10.0.0.0/8,11.0.0.0/8' },
      `${at}DetectLocalConfiguration.ClusterCIDRs: Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: ${pair}`,
    ],
    [
      { mode: 'ipvs', ipvs: { excludeCIDRs: ['x'] } },
      `${at}KubeProxyIPVSConfiguration.ExcludeCidrs[0]: Invalid value: "x": must be a valid CIDR`,
    ],
    [
      { bindAddress: 'here' },
      `${at}BindAddress: Invalid value: "here": not a valid textual representation of an IP address`,
    ],
    [{ metricsBindAddress: '127.0.0.1:0' }, `${at}MetricsBindAddress: Invalid value: "0": must be a valid port`],
    [
      { iptables: { syncPeriod: '1s', minSyncPeriod: '2s' } },
      `${at}SyncPeriod: Invalid value: "2s": must be greater than or equal to ${at}MinSyncPeriod`,
    ],
    [
      { oomScoreAdj: 2000, conntrack: { min: -1 } },
      `[${at}KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration.Min: Invalid value: -1: must be greater than or equal to 0, ${at}KubeProxyLinuxConfiguration.OOMScoreAdj: Invalid value: 2000: must be within the range [-1000, 1000]]`,
    ],
  ])('%j', (configuration, message) => {
    expect(refusal(configuration)).toBe(message);
  });

  test('what matters to another mode only is no matter', () => {
    expect(refusal({ ipvs: { excludeCIDRs: ['x'] }, nftables: { masqueradeBit: 99 } })).toBe('');
  });
});

/** The words that a mode's rules have for traffic that no local pod sends. */
const scriptOf = (mode: ProxyMode, given: KubeProxyConfiguration, more: Partial<ProxyConfig> = {}) =>
  proxyScript(mode, everything, { ...config, ...proxySettings({ ...given, mode }).config, ...more });

describe.each(proxyModes)('local traffic in %s mode', (mode) => {
  const node = { ...config.node, podCIDRs: ['fd00:1::/64', '10.1.2.0/24'] };
  const nft = mode === 'nftables';
  test.each<[string, KubeProxyConfiguration, inIptables: string, inNft: string]>([
    ['ClusterCIDR', {}, '! -s 10.0.0.0/8', 'ip saddr != 10.0.0.0/8'],
    ['NodeCIDR', { detectLocalMode: 'NodeCIDR' }, '! -s 10.1.2.0/24', 'ip saddr != 10.1.2.0/24'],
    [
      'BridgeInterface',
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } },
      '! -i cni0',
      'iifname != cni0',
    ],
    [
      'InterfaceNamePrefix',
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'cali' } },
      '! -i cali+',
      'iifname != cali*',
    ],
  ])('%s', (_name, given, inIptables, inNft) => {
    const others = ['! -s 10.', '! -i ', 'saddr != 10.', 'iifname != '];
    const script = scriptOf(mode, given, { node });
    const wanted = nft ? inNft : inIptables;
    expect(script).toContain(` ${wanted} `);
    for (const other of others) if (!wanted.includes(other.trim())) expect(script).not.toContain(` ${other}`);
  });

  test('nothing is local where the node has no range of the family', () => {
    expect(
      scriptOf(mode, { detectLocalMode: 'NodeCIDR' }, { node: { ...node, podCIDRs: ['fd00:1::/64'] } }),
    ).not.toMatch(/ ! -[si] 10| saddr != 10|iifname/);
  });

  test('the masquerade bit is the mark, up to the last', () => {
    const script = scriptOf(mode, { iptables: { masqueradeBit: 31 }, nftables: { masqueradeBit: 31 } });
    expect(script).toContain('0x80000000');
    expect(script).not.toMatch(/0x0*4000\b|-0x/);
  });
});

test('ipvs: strict ARP, timeouts and excluded ranges stand in the script; others are cleared away', () => {
  expect(scriptOf('ipvs', {})).toMatch(/^ipvsadm -C$/m);
  expect(scriptOf('ipvs', {})).not.toContain('arp_ignore');
  const script = scriptOf('ipvs', { ipvs: { strictARP: true, tcpFinTimeout: '30s', excludeCIDRs: ['10.9.0.0/16'] } });
  expect(script).toContain(
    'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore\necho 2 > /proc/sys/net/ipv4/conf/all/arp_announce\n',
  );
  expect(script).toMatch(/^ipvsadm --set 0 30 0$/m);
  expect(script).not.toMatch(/^ipvsadm -C$/m);
  expect(script).toMatch(/^ipvsadm -D -t 172\.30\.0\.\d+:\d+ 2>\/dev\/null \|\| true$/m);
});

test('liberal conntrack: no rule of iptables mode drops invalid packets', () => {
  expect(scriptOf('iptables', {})).toContain('--ctstate INVALID');
  expect(scriptOf('iptables', { conntrack: { tcpBeLiberal: true } })).not.toContain('--ctstate INVALID');
});
