/** The IPVS state as a shell script: dummy device, ipsets, virtual servers, iptables rules. */
import { tableText } from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import { jumpCommands } from '../jump-commands.ts';
import { type IpSet, type IpvsRules, serverAddress, type VirtualServer } from './rules.ts';

const protocolFlag = { TCP: '-t', UDP: '-u', SCTP: '--sctp-service' } as const;

/** `-t 10.96.0.10:53`: how ipvsadm names a virtual server. */
export const virtualServer = (server: VirtualServer): string =>
  `${protocolFlag[server.protocol]} ${serverAddress(server.address, server.port)}`;

/** `-s rr -p 10800`: a virtual server's options. */
export function serverOptions(server: VirtualServer): string {
  const persistent = server.persistentSeconds === undefined ? '' : ` -p ${server.persistentSeconds}`;
  const flags = server.schedulerFlags === undefined ? '' : ` -b ${server.schedulerFlags}`;
  return `-s ${server.scheduler}${persistent}${flags}`;
}

export const realServer = (real: { readonly ip: string; readonly port: number }): string =>
  serverAddress(real.ip, real.port);

export function createSet(set: IpSet, config: ResolvedProxyConfig): string {
  const family = config.family === 'IPv4' ? 'inet' : 'inet6';
  const options = set.type === 'bitmap:port' ? 'range 0-65535' : `family ${family} hashsize 1024 maxelem 65536`;
  return `create ${set.name} ${set.type} ${options} -exist`;
}

/** Input of `ipset restore`. */
export function ipsetRestoreInput(rules: IpvsRules, config: ResolvedProxyConfig): string {
  const lines: string[] = [];
  for (const set of rules.sets) {
    lines.push(createSet(set, config), `flush ${set.name}`);
    for (const entry of set.entries) lines.push(`add ${set.name} ${entry} -exist`);
  }
  return `${lines.join('\n')}\n`;
}

/** Input of `ipvsadm-restore`. */
export function ipvsadmRestoreInput(rules: IpvsRules): string {
  const lines: string[] = [];
  for (const server of rules.virtualServers) {
    const where = virtualServer(server);
    lines.push(`-A ${where} ${serverOptions(server)}`);
    for (const real of server.realServers) lines.push(`-a ${where} -r ${realServer(real)} -m -w 1`);
  }
  return `${lines.join('\n')}\n`;
}

/** `--set 900 0 0`: seconds; 0 leaves one as it is. */
export const timeoutArguments = ({ tcp, tcpFin, udp }: NonNullable<ResolvedProxyConfig['ipvsTimeouts']>): string[] => [
  '--set',
  ...[tcp, tcpFin, udp].map(String),
];

/** What stands is cleared; with excluded ranges only those servers that are made anew, as nobody knows the others here. */
function clearing(rules: IpvsRules, config: ResolvedProxyConfig): string[] {
  if (config.ipvsExcludeCIDRs.length === 0) return ['ipvsadm -C'];
  return rules.virtualServers.map((server) => `ipvsadm -D ${virtualServer(server)} 2>/dev/null || true`);
}

export function ipvsScript(rules: IpvsRules, config: ResolvedProxyConfig): string {
  const iptables = config.family === 'IPv4' ? 'iptables' : 'ip6tables';
  const prefix = config.family === 'IPv4' ? 32 : 128;
  return `${[
    '#!/bin/sh',
    `# kube-proxy rules (ipvs mode, ${config.family}) for node ${config.node.name}. Run as root, or in a namespace of your own.`,
    'set -e',
    ...(config.ipvsStrictARP
      ? ['echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore', 'echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce']
      : []),
    'ip link show kube-ipvs0 >/dev/null 2>&1 || ip link add kube-ipvs0 type dummy',
    ...rules.addresses.map((address) => `ip addr replace ${address}/${prefix} dev kube-ipvs0`),
    "ipset restore <<'SETS'",
    ipsetRestoreInput(rules, config).trimEnd(),
    'SETS',
    ...clearing(rules, config),
    ...(config.ipvsTimeouts ? [`ipvsadm ${timeoutArguments(config.ipvsTimeouts).join(' ')}`] : []),
    "ipvsadm-restore <<'SERVERS'",
    ipvsadmRestoreInput(rules).trimEnd(),
    'SERVERS',
    ...jumpCommands(rules.jumps, iptables),
    `${iptables}-restore -w 5 --noflush --counters <<'RULES'`,
    tableText(rules.nat),
    tableText(rules.filter),
    'RULES',
  ].join('\n')}\n`;
}
