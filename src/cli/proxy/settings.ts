/** kube-proxy's own flags and its configuration file, for all commands that make rules. Upstream: cmd/kube-proxy/app/options.go. */
import { readFileSync } from 'node:fs';
import type { KubeProxyConfiguration, ProxySettings, RuleMode } from '../../proxy/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { Flags } from '../oclif.ts';

/** Those that change rules, or what surrounds them in the kernel; names as kube-proxy's. */
export const kubeProxyFlags = {
  config: Flags.string({
    summary: "a KubeProxyConfiguration; kube-proxy's flags are ignored beside it",
    helpValue: 'FILE',
    helpGroup: 'KUBE-PROXY',
  }),
  'cluster-cidr': Flags.string({
    summary: "range of all pods, or two; klab's own on a klab cluster",
    helpGroup: 'KUBE-PROXY',
  }),
  'detect-local-mode': Flags.string({
    summary: 'how local traffic is told: ClusterCIDR (default), NodeCIDR, BridgeInterface, InterfaceNamePrefix',
    helpGroup: 'KUBE-PROXY',
  }),
  'pod-bridge-interface': Flags.string({ summary: 'the bridge of BridgeInterface', helpGroup: 'KUBE-PROXY' }),
  'pod-interface-name-prefix': Flags.string({
    summary: 'how interfaces of pods begin, for InterfaceNamePrefix',
    helpGroup: 'KUBE-PROXY',
  }),
  'nodeport-addresses': Flags.string({
    summary: 'ranges of the addresses that serve node ports, comma-separated, or primary',
    helpGroup: 'KUBE-PROXY',
  }),
  'masquerade-all': Flags.boolean({
    summary: 'masquerade all traffic to cluster IPs',
    allowNo: true,
    helpGroup: 'KUBE-PROXY',
  }),
  'iptables-masquerade-bit': Flags.integer({
    summary: 'bit of the mark that asks for masquerading (14)',
    helpGroup: 'KUBE-PROXY',
  }),
  'iptables-localhost-nodeports': Flags.boolean({
    summary: 'node ports answer on 127.0.0.1 (true)',
    allowNo: true,
    helpGroup: 'KUBE-PROXY',
  }),
  'ipvs-scheduler': Flags.string({ summary: 'how ipvs chooses an endpoint (rr)', helpGroup: 'KUBE-PROXY' }),
  'ipvs-strict-arp': Flags.boolean({
    summary: 'set arp_ignore to 1 and arp_announce to 2',
    allowNo: true,
    helpGroup: 'KUBE-PROXY',
  }),
  'ipvs-exclude-cidrs': Flags.string({
    summary: 'ranges whose virtual servers are left alone, comma-separated',
    helpGroup: 'KUBE-PROXY',
  }),
  'ipvs-tcp-timeout': Flags.string({ summary: 'of idle TCP connections in ipvs (0: as is)', helpGroup: 'KUBE-PROXY' }),
  'ipvs-tcpfin-timeout': Flags.string({ summary: 'the same after a FIN', helpGroup: 'KUBE-PROXY' }),
  'ipvs-udp-timeout': Flags.string({ summary: 'the same of UDP', helpGroup: 'KUBE-PROXY' }),
  'conntrack-tcp-be-liberal': Flags.boolean({
    summary: 'set nf_conntrack_tcp_be_liberal: no rule drops invalid packets then',
    allowNo: true,
    helpGroup: 'KUBE-PROXY',
  }),
  'conntrack-tcp-timeout-established': Flags.string({
    summary: 'of idle TCP connections in conntrack (as is)',
    helpGroup: 'KUBE-PROXY',
  }),
  'conntrack-tcp-timeout-close-wait': Flags.string({ summary: 'the same in CLOSE_WAIT', helpGroup: 'KUBE-PROXY' }),
  'conntrack-udp-timeout': Flags.string({ summary: 'the same of unanswered UDP', helpGroup: 'KUBE-PROXY' }),
  'conntrack-udp-timeout-stream': Flags.string({ summary: 'the same of answered UDP', helpGroup: 'KUBE-PROXY' }),
};

type Given = { readonly [Flag in keyof typeof kubeProxyFlags]?: string | boolean | number | undefined };

/** What flags say, as a configuration file would. Every mode's section gets what a flag sets for all modes. */
export function configurationOf(flags: Given): KubeProxyConfiguration {
  const text = (flag: keyof Given) => flags[flag] as string | undefined;
  const list = (flag: keyof Given) => text(flag)?.split(',');
  const masqueradeAll = flags['masquerade-all'];
  const given = {
    clusterCIDR: text('cluster-cidr'),
    detectLocalMode: text('detect-local-mode'),
    detectLocal: {
      bridgeInterface: text('pod-bridge-interface'),
      interfaceNamePrefix: text('pod-interface-name-prefix'),
    },
    nodePortAddresses: list('nodeport-addresses'),
    iptables: {
      masqueradeAll,
      masqueradeBit: flags['iptables-masquerade-bit'],
      localhostNodePorts: flags['iptables-localhost-nodeports'],
    },
    nftables: { masqueradeAll },
    ipvs: {
      scheduler: text('ipvs-scheduler'),
      strictARP: flags['ipvs-strict-arp'],
      excludeCIDRs: list('ipvs-exclude-cidrs'),
      tcpTimeout: text('ipvs-tcp-timeout'),
      tcpFinTimeout: text('ipvs-tcpfin-timeout'),
      udpTimeout: text('ipvs-udp-timeout'),
    },
    conntrack: {
      tcpBeLiberal: flags['conntrack-tcp-be-liberal'],
      tcpEstablishedTimeout: text('conntrack-tcp-timeout-established'),
      tcpCloseWaitTimeout: text('conntrack-tcp-timeout-close-wait'),
      udpTimeout: text('conntrack-udp-timeout'),
      udpStreamTimeout: text('conntrack-udp-timeout-stream'),
    },
  };
  // What was not given is not there, so that defaults stand.
  return JSON.parse(JSON.stringify(given)) as KubeProxyConfiguration;
}

/** The file's configuration, or what the flags say. @throws UserError */
export async function proxyConfigurationOf(flags: Given, say: (text: string) => void): Promise<KubeProxyConfiguration> {
  const { ProxyConfigError, readProxyConfiguration } = await import('../../proxy/index.ts');
  const file = flags.config as string | undefined;
  if (file === undefined) return configurationOf(flags);
  const ignored = Object.keys(kubeProxyFlags).filter(
    (flag) => flag !== 'config' && flags[flag as 'config'] !== undefined,
  );
  if (ignored.length > 0) say(`Warning: ${ignored.map((flag) => `--${flag}`).join(', ')} ignored: --config is given`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`--config: ${(error as Error).message}`, exitCodes.usage);
  }
  try {
    const { configuration, warnings } = readProxyConfiguration(text);
    for (const warning of warnings) say(`Warning: ${file}: ${warning}`);
    return configuration;
  } catch (error) {
    if (error instanceof ProxyConfigError) throw new UserError(`${file}: ${error.message}`, exitCodes.usage);
    throw error;
  }
}

/** The configuration with the mode that is asked for. @throws UserError with what kube-proxy would not start with. */
export async function proxySettingsOf(
  configuration: KubeProxyConfiguration = {},
  mode?: RuleMode,
): Promise<ProxySettings> {
  const { ProxyConfigError, proxySettings } = await import('../../proxy/index.ts');
  const wanted = mode === 'userspace' ? 'iptables' : mode;
  try {
    return proxySettings(wanted === undefined ? configuration : { ...configuration, mode: wanted });
  } catch (error) {
    if (error instanceof ProxyConfigError) throw new UserError(error.message, exitCodes.usage);
    throw error;
  }
}
