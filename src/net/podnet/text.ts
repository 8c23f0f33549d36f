/** A node's network in the words of iproute2: `ip -d addr`, `ip route`, `ip neigh`, `bridge fdb`. */
import { tableText } from '../packet-rules.ts';
import type { NodeNetwork, PodNetInterface, PodNetRoute } from './types.ts';

const flagsOf: Readonly<Record<PodNetInterface['kind'], string>> = {
  loopback: 'LOOPBACK,UP,LOWER_UP',
  card: 'BROADCAST,MULTICAST,UP,LOWER_UP',
  bridge: 'BROADCAST,MULTICAST,UP,LOWER_UP',
  veth: 'BROADCAST,MULTICAST,UP,LOWER_UP',
  vxlan: 'BROADCAST,MULTICAST,UP,LOWER_UP',
  tun: 'POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP',
};

export function interfaceText(each: PodNetInterface, index: number): string {
  const { name, kind, mtu, mac, master, vxlan, pod, addresses } = each;
  const queue = kind === 'tun' || kind === 'card' ? 'fq_codel' : 'noqueue';
  const state = kind === 'vxlan' || kind === 'loopback' || kind === 'tun' ? 'UNKNOWN' : 'UP';
  const lines = [
    `${index}: ${name}${pod ? '@if2' : ''}: <${flagsOf[kind]}> mtu ${mtu} qdisc ${queue}${
      master === undefined ? '' : ` master ${master}`
    } state ${state} group default`,
  ];
  if (kind === 'loopback') lines.push('    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00');
  else if (kind === 'tun') lines.push('    link/none', '    tun type tun pi off vnet_hdr off persist off');
  else {
    lines.push(`    link/ether ${mac} brd ff:ff:ff:ff:ff:ff${pod ? ` link-netns ${pod.namespace}.${pod.name}` : ''}`);
  }
  if (vxlan) {
    lines.push(
      `    vxlan id ${vxlan.id} local ${vxlan.local} dev ${vxlan.dev} srcport 0 0 dstport ${vxlan.port} nolearning ttl auto ageing 300 udpcsum`,
    );
  }
  if (kind === 'veth') lines.push(`    veth${master === undefined ? '' : ' bridge_slave state forwarding hairpin on'}`);
  for (const address of addresses) {
    const scope = kind === 'loopback' ? 'host' : 'global';
    lines.push(`    inet ${address} scope ${scope} ${name}`);
  }
  return lines.join('\n');
}

export function routeText({ dst, via, dev, proto, scope, src, onlink }: PodNetRoute): string {
  return [
    dst.endsWith('/32') ? dst.slice(0, -3) : dst,
    ...(via === undefined ? [] : ['via', via]),
    'dev',
    dev,
    ...(proto === undefined ? [] : ['proto', proto]),
    ...(scope === undefined ? [] : ['scope', scope]),
    ...(src === undefined ? [] : ['src', src]),
    ...(onlink ? ['onlink'] : []),
  ].join(' ');
}

/** Sections with the command that prints each on a real node. */
export function nodeNetworkText(network: NodeNetwork): string {
  const { interfaces, routes, refused, neighbours, fdb, sysctls, rules, daemon, subnetEnv, pods } = network;
  const section = (command: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`$ ${command}`, ...lines, ''];
  const out = [
    ...section(
      'ip -d addr',
      interfaces.map((each, i) => interfaceText(each, i + 1)),
    ),
    ...section('ip route', routes.map(routeText)),
    ...refused.flatMap(({ route, error }) => [...section(`ip route add ${routeText(route)}`, [error])]),
    ...section(
      'ip neigh',
      neighbours.map(({ ip, mac, dev }) => `${ip} dev ${dev} lladdr ${mac} PERMANENT`),
    ),
    ...section(
      'bridge fdb',
      fdb.map(({ mac, dst, dev }) => `${mac} dev ${dev} dst ${dst} self permanent`),
    ),
    ...section(
      'sysctl',
      sysctls.map(({ key, value, why }) => `${key.replaceAll('/', '.')} = ${value}   # ${why}`),
    ),
    ...section(
      'iptables-save',
      rules.flatMap((table) => tableText(table).split('\n')),
    ),
    ...section('cat /run/flannel/subnet.env', subnetEnv === undefined ? [] : subnetEnv.trimEnd().split('\n')),
  ];
  if (daemon) {
    out.push(
      `flanneld, listening on UDP ${daemon.port}, sends`,
      ...daemon.routes.map(({ dst, to }) => `  ${dst} to ${to}:${daemon.port}`),
      '',
    );
  }
  for (const end of pods) {
    out.push(
      `in pod ${end.pod.namespace}/${end.pod.name}: eth0 ${end.address}, mtu ${end.mtu}, ${end.mac}, the other end is ${end.veth}`,
      ...end.routes.map((route) => `  ${routeText(route)}`),
      '',
    );
  }
  return out.join('\n').trimEnd();
}
