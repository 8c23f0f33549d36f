/**
 * Rules that the network plugin itself loads. Upstream: flannel pkg/trafficmngr/iptables/iptables.go (its iptables form,
 * which is the default), containernetworking/plugins pkg/ip/ipmasq_iptables_linux.go.
 */
import { createHash } from 'node:crypto';
import { comment, type Rule, type RuleTable } from '../packet-rules.ts';
import type { PodNetPod } from './types.ts';

/** The mark of packets that kube-proxy will masquerade itself. */
const kubeProxyMark = '0x4000/0x4000';

export function flannelRules(network: string, subnet: string, ipMasq: boolean): RuleTable[] {
  const say = comment('flanneld masq');
  const post = (match: readonly string[], ...target: string[]): Rule => ({
    chain: 'FLANNEL-POSTRTG',
    match: [...match, ...say],
    target,
  });
  const nat: RuleTable = {
    name: 'nat',
    chains: ['FLANNEL-POSTRTG'],
    rules: [
      { chain: 'POSTROUTING', match: say, target: ['-j', 'FLANNEL-POSTRTG'] },
      post(['-m', 'mark', '--mark', kubeProxyMark], '-j', 'RETURN'),
      post(['-s', subnet, '-d', network], '-j', 'RETURN'),
      post(['-s', network, '-d', subnet], '-j', 'RETURN'),
      post(['!', '-s', network, '-d', subnet], '-j', 'RETURN'),
      post(['-s', network, '!', '-d', '224.0.0.0/4'], '-j', 'MASQUERADE', '--random-fully'),
      post(['!', '-s', network, '-d', network], '-j', 'MASQUERADE', '--random-fully'),
    ],
  };
  const forward = comment('flanneld forward');
  const filter: RuleTable = {
    name: 'filter',
    chains: ['FLANNEL-FWD'],
    rules: [
      { chain: 'FORWARD', match: forward, target: ['-j', 'FLANNEL-FWD'] },
      { chain: 'FLANNEL-FWD', match: ['-s', network, ...forward], target: ['-j', 'ACCEPT'] },
      { chain: 'FLANNEL-FWD', match: ['-d', network, ...forward], target: ['-j', 'ACCEPT'] },
    ],
  };
  return ipMasq ? [nat, filter] : [filter];
}

/** The plugins' own masquerading (`"ipMasq": true`): a chain a pod. `name` is that of the CNI network. */
export function pluginMasquerade(name: string, pods: readonly PodNetPod[], prefix: number): RuleTable[] {
  if (pods.length === 0) return [];
  const chains: string[] = [];
  const rules: Rule[] = [];
  for (const pod of pods) {
    const id = `${pod.namespace}_${pod.name}`;
    const chain = `CNI-${createHash('sha512').update(`${name}${id}`).digest('hex').slice(0, 24)}`;
    const say = comment(`name: "${name}" id: "${id}"`);
    chains.push(chain);
    rules.push(
      { chain: 'POSTROUTING', match: ['-s', pod.ip, ...say], target: ['-j', chain] },
      { chain, match: ['-d', `${pod.ip}/${prefix}`, ...say], target: ['-j', 'ACCEPT'] },
      { chain, match: ['!', '-d', '224.0.0.0/4', ...say], target: ['-j', 'MASQUERADE'] },
    );
  }
  return [{ name: 'nat', chains, rules }];
}
