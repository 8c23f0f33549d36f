/** A policy's rules in plain words. */
import type { LabelSelector, NetworkPolicyPeer } from '../../api/index.ts';
import type { PolicyDirection } from '../network-policy.ts';

function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) =>
      [key, operator, ...(values.length > 0 ? [`(${values.join(', ')})`] : [])].join(' '),
    ),
  ].join(',');
}

/** `pods with app=db of namespaces with team=ops`. */
export function peerText(namespace: string, { ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer): string {
  if (ipBlock) {
    const but = ipBlock.except?.length ? ` but not in ${ipBlock.except.join(', ')}` : '';
    return `addresses in ${ipBlock.cidr}${but}`;
  }
  const which = podSelector ? selectorText(podSelector) : '';
  const where = namespaceSelector ? selectorText(namespaceSelector) : '';
  const pods = which === '' ? 'all pods' : `pods with ${which}`;
  if (!namespaceSelector) return `${pods} of namespace ${namespace}`;
  return where === '' ? `${pods} of all namespaces` : `${pods} of namespaces with ${where}`;
}

/** `port` is the match that stands in the rule; empty for all ports. */
export function ruleText(
  direction: PolicyDirection,
  namespace: string,
  peer: NetworkPolicyPeer | undefined,
  port: string,
): string {
  const whom = peer ? peerText(namespace, peer) : 'anybody';
  return `Allowed: ${direction === 'egress' ? 'to' : 'from'} ${whom}, ${portText(port)}.`;
}

function portText(match: string): string {
  if (match === '') return 'any port and protocol';
  const all = /^meta l4proto (\w+)$/.exec(match)?.[1];
  if (all !== undefined) return `any port over ${all.toUpperCase()}`;
  const numbered = /^(\w+) dport (.*)$/.exec(match);
  if (numbered) return `${numbered[1]!.toUpperCase()} port ${numbered[2]!.replaceAll(/[{}]/g, '').trim()}`;
  const named = /@port-[0-9a-f]+-(\w+)\/([^/]+)\//.exec(match);
  return named ? `the ${named[1]!.toUpperCase()} port named ${named[2]} of each pod` : match;
}
