/**
 * The commands that make a node's pod network as the plugins would: a script for `sh`, run in the node (or in a network
 * namespace that plays it, with eth0 in place). Each pod is a network namespace `$KLAB_PREFIX` NAMESPACE.NAME.
 */
import { ruleText } from '../packet-rules.ts';
import { routeText } from './text.ts';
import type { NodeNetwork, PodNetEnd, PodNetInterface, PodNetwork } from './types.ts';

export function nodeScript(network: PodNetwork, node: NodeNetwork): string {
  const { backend } = network.settings;
  const lines = [
    '#!/bin/sh -e',
    `# The pod network of node ${node.node.name} by ${backend}, as its plugin makes it. Run it as root on the node,`,
    '# or in a network namespace with the interface eth0: nsenter --net=/run/netns/NODE sh SCRIPT',
    '',
    '# Packets that are not for this node go on.',
    setting('net/ipv4/ip_forward', '1'),
  ];
  const say = (why: string, ...commands: readonly string[]) => lines.push('', `# ${why}`, ...commands);
  const bridge = node.interfaces.find(({ kind }) => kind === 'bridge');
  if (bridge) say('The bridge that pods are plugged into; its address is their gateway.', ...bridgeCommands(bridge));
  for (const end of node.pods) say(`Pod ${end.pod.namespace}/${end.pod.name}.`, ...podCommands(end, bridge, node));
  const vxlan = node.interfaces.find(({ kind }) => kind === 'vxlan');
  if (vxlan) say('The VXLAN device: what is routed to it leaves eth0 in UDP.', ...vxlanCommands(vxlan));
  const tun = node.interfaces.find(({ kind }) => kind === 'tun');
  if (tun) {
    say(
      'The TUN device: what is routed to it is read by flanneld, which must hold it open.',
      `ip link show ${tun.name} >/dev/null 2>&1 || ip tuntap add dev ${tun.name} mode tun`,
      ...tun.addresses.map((address) => `ip addr add ${address} dev ${tun.name}`),
      `ip link set ${tun.name} mtu ${tun.mtu} up`,
    );
  }
  const between = node.routes.filter(({ proto, scope, dst }) => !proto && !scope && dst !== 'default');
  if (between.length > 0)
    say('To the pods of the other nodes.', ...between.map((route) => `ip route add ${routeText(route)}`));
  for (const { route, error } of node.refused) lines.push(`# ip route add ${routeText(route)}   # ${error}`);
  if (node.neighbours.length > 0) {
    say(
      'Whose hardware address is behind each of them, and on which machine.',
      ...node.neighbours.map(({ ip, mac, dev }) => `ip neigh replace ${ip} lladdr ${mac} nud permanent dev ${dev}`),
      ...node.fdb.map(({ mac, dst, dev }) => `bridge fdb replace ${mac} dst ${dst} dev ${dev} self permanent`),
    );
  }
  if (node.daemon) {
    lines.push('', `# flanneld, UDP port ${node.daemon.port}:`);
    for (const { dst, to } of node.daemon.routes) lines.push(`#   ${dst} to ${to}:${node.daemon.port}`);
  }
  if (node.rules.length > 0) say('What leaves the cluster takes the node’s address; between pods nothing is changed.');
  for (const table of node.rules) {
    for (const chain of table.chains) lines.push(`iptables -w -t ${table.name} -N ${chain}`);
    for (const rule of table.rules) lines.push(`iptables -w -t ${table.name} ${ruleText(rule)}`);
  }
  return `${lines.join('\n')}\n`;
}

const setting = (key: string, value: string): string => `echo ${value} > /proc/sys/${key}`;

function bridgeCommands({ name, mac, mtu, addresses }: PodNetInterface): string[] {
  return [
    `ip link add ${name} address ${mac} mtu ${mtu} type bridge`,
    ...addresses.map((address) => `ip addr add ${address} dev ${name}`),
    `ip link set ${name} up`,
  ];
}

function podCommands(end: PodNetEnd, bridge: PodNetInterface | undefined, { gateway }: NodeNetwork): string[] {
  const { pod, mac, mtu, veth, vethMac, address, routes } = end;
  const pods = `"\${KLAB_PREFIX}${pod.namespace}.${pod.name}"`;
  const out = [
    `ip netns add ${pods}`,
    `ip -n ${pods} link set lo up`,
    `ip link add ${veth} address ${vethMac} mtu ${mtu} type veth peer name eth0 address ${mac} mtu ${mtu} netns ${pods}`,
  ];
  if (bridge) out.push(`ip link set ${veth} master ${bridge.name}`, `ip link set ${veth} type bridge_slave hairpin on`);
  out.push(`ip link set ${veth} up`, `ip -n ${pods} addr add ${address} dev eth0`, `ip -n ${pods} link set eth0 up`);
  if (bridge === undefined) {
    // All but the gateway itself is reached through the gateway: what the address brought along goes.
    out.push(
      `ip -n ${pods} route flush dev eth0 proto kernel scope link`,
      `ip addr add ${gateway}/32 dev ${veth}`,
      `ip route add ${pod.ip}/32 dev ${veth} scope host`,
    );
  }
  // A gateway must be reachable before a route can name it.
  const inOrder = [...routes].sort((a, b) => Number(a.via !== undefined) - Number(b.via !== undefined));
  for (const route of inOrder) if (route.proto !== 'kernel') out.push(`ip -n ${pods} route add ${routeText(route)}`);
  return out;
}

function vxlanCommands({ name, mac, mtu, vxlan, addresses }: PodNetInterface): string[] {
  const { id, local, dev, port } = vxlan!;
  return [
    `ip link add ${name} address ${mac} mtu ${mtu} type vxlan id ${id} local ${local} dev ${dev} dstport ${port} nolearning`,
    ...addresses.map((address) => `ip addr add ${address} dev ${name}`),
    `ip link set ${name} up`,
  ];
}
