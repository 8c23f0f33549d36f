/**
 * What NetworkPolicies say of one connection, and which rule says it. Upstream defines only the API (networking/v1
 * types.go, and the concept page "Network Policies"); network plugins decide. Where the API leaves a choice, this decides
 * as the plugins agree: replies are always allowed, a pod always reaches itself, and its own node always reaches it
 * (probes).
 */
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../api/index.ts';
import { type LabelMap, selectorFromLabelSelector } from '../apimachinery/index.ts';
import { cidrContains, ipToNumber, parseCidr } from './addresses.ts';

/** One end of a connection. */
export interface PolicyEnd {
  readonly ip: string;
  /** Present when the address is a pod's. A pod on its node's network has its node's address, and no policy sees a pod. */
  readonly pod?: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: LabelMap;
    /** `containerPort`s that have names, to resolve ports that policies name. */
    readonly namedPorts?: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
    readonly node?: string;
  };
  /** Present when the address is a node's. */
  readonly node?: string;
}

export interface PolicyConnection {
  readonly from: PolicyEnd;
  readonly to: PolicyEnd;
  /** At the destination, after any Service's translation. */
  readonly port: number;
  /** TCP, UDP or SCTP. */
  readonly protocol: string;
}

/** What policies are read from. */
export interface PolicySource {
  /** All policies of a namespace, in any order. */
  policies(namespace: string): readonly Readonly<NetworkPolicy>[];
  namespaceLabels(namespace: string): LabelMap;
}

export type PolicyDirection = 'egress' | 'ingress';

export interface DirectionVerdict {
  readonly direction: PolicyDirection;
  readonly allowed: boolean;
  /** `namespace/name` of the policies that select the pod in this direction; none: everything is allowed. */
  readonly isolatedBy: readonly string[];
  /** The first rule that lets the connection through. */
  readonly by?: {
    readonly policy: string;
    /** Place in `spec.ingress` or `spec.egress`. */
    readonly rule: number;
    /** Place in `from` or `to`; absent: the rule names no peers, so all are meant. */
    readonly peer?: number;
    /** Place in `ports`; absent: the rule names none. */
    readonly port?: number;
  };
}

export interface PolicyVerdict {
  readonly allowed: boolean;
  /** Why no policy was asked. */
  readonly exempt?: 'itself' | 'own node';
  readonly egress: DirectionVerdict;
  readonly ingress: DirectionVerdict;
}

/** Whether the connection may be opened. Cost is linear in the policies of the two namespaces. */
export function networkPolicyVerdict(source: PolicySource, connection: PolicyConnection): PolicyVerdict {
  const { from, to } = connection;
  const free = (direction: PolicyDirection): DirectionVerdict => ({ direction, allowed: true, isolatedBy: [] });
  const exempt = exemption(from, to);
  if (exempt) return { allowed: true, exempt, egress: free('egress'), ingress: free('ingress') };
  const egress = verdict(source, 'egress', connection);
  const ingress = verdict(source, 'ingress', connection);
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

function exemption(from: PolicyEnd, to: PolicyEnd): PolicyVerdict['exempt'] {
  if (from.ip === to.ip) return 'itself';
  if (from.pod && to.pod && from.pod.namespace === to.pod.namespace && from.pod.name === to.pod.name) return 'itself';
  return from.node !== undefined && from.node === to.pod?.node ? 'own node' : undefined;
}

/** Directions a policy isolates: as `policyTypes` says, else ingress always and egress when it has rules for it. */
export function policyDirections(policy: Readonly<NetworkPolicy>): readonly PolicyDirection[] {
  const { policyTypes, egress } = policy.spec ?? {};
  if (policyTypes?.length) {
    return (['egress', 'ingress'] as const).filter((direction) =>
      policyTypes.some((type) => type.toLowerCase() === direction),
    );
  }
  return egress?.length ? ['egress', 'ingress'] : ['ingress'];
}

function verdict(source: PolicySource, direction: PolicyDirection, connection: PolicyConnection): DirectionVerdict {
  const own = (direction === 'egress' ? connection.from : connection.to).pod;
  if (!own) return { direction, allowed: true, isolatedBy: [] };
  const selecting = source
    .policies(own.namespace)
    .filter(
      (policy) =>
        policyDirections(policy).includes(direction) &&
        selectorFromLabelSelector(policy.spec?.podSelector ?? {}).matches(own.labels),
    );
  const isolatedBy = selecting.map(({ metadata }) => `${own.namespace}/${metadata?.name}`).sort();
  if (selecting.length === 0) return { direction, allowed: true, isolatedBy };
  for (const policy of selecting) {
    const rules: readonly Rule[] = (direction === 'egress' ? egressRules(policy) : ingressRules(policy)) ?? [];
    for (const [rule, { peers, ports }] of rules.entries()) {
      const found = matchRule(source, own.namespace, { peers, ports }, direction, connection);
      if (!found) continue;
      return {
        direction,
        allowed: true,
        isolatedBy,
        by: { policy: `${own.namespace}/${policy.metadata?.name}`, rule, ...found },
      };
    }
  }
  return { direction, allowed: false, isolatedBy };
}

interface Rule {
  readonly peers: readonly NetworkPolicyPeer[];
  readonly ports: readonly NetworkPolicyPort[];
}

function ingressRules({ spec }: Readonly<NetworkPolicy>): Rule[] | undefined {
  return spec?.ingress?.map(({ from = [], ports = [] }) => ({ peers: from, ports }));
}

function egressRules({ spec }: Readonly<NetworkPolicy>): Rule[] | undefined {
  return spec?.egress?.map(({ to = [], ports = [] }) => ({ peers: to, ports }));
}

/** A rule without peers means all of them, one without ports all ports. */
function matchRule(
  source: PolicySource,
  namespace: string,
  { peers, ports }: Rule,
  direction: PolicyDirection,
  connection: PolicyConnection,
): { peer?: number; port?: number } | undefined {
  const other = direction === 'egress' ? connection.to : connection.from;
  const peer = peers.findIndex((candidate) => peerMatches(source, namespace, candidate, other));
  if (peers.length > 0 && peer < 0) return undefined;
  const port = ports.findIndex((candidate) => portMatches(candidate, connection));
  if (ports.length > 0 && port < 0) return undefined;
  return { ...(peers.length > 0 ? { peer } : {}), ...(ports.length > 0 ? { port } : {}) };
}

function peerMatches(
  source: PolicySource,
  namespace: string,
  { ipBlock, podSelector, namespaceSelector }: NetworkPolicyPeer,
  other: PolicyEnd,
): boolean {
  if (ipBlock) {
    if (!inCidr(ipBlock.cidr, other.ip)) return false;
    return !(ipBlock.except ?? []).some((cidr) => inCidr(cidr, other.ip));
  }
  const { pod } = other;
  if (!pod) return false;
  if (namespaceSelector) {
    if (!selectorFromLabelSelector(namespaceSelector).matches(source.namespaceLabels(pod.namespace))) return false;
  } else if (pod.namespace !== namespace) return false;
  return !podSelector || selectorFromLabelSelector(podSelector).matches(pod.labels);
}

function inCidr(text: string, ip: string): boolean {
  const cidr = parseCidr(text);
  return cidr !== undefined && ipToNumber(ip) !== undefined && cidrContains(cidr, ip);
}

function portMatches({ protocol = 'TCP', port, endPort }: NetworkPolicyPort, connection: PolicyConnection): boolean {
  if (protocol !== connection.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'string') {
    const named = connection.to.pod?.namedPorts ?? [];
    return named.some((each) => each.name === port && each.protocol === protocol && each.port === connection.port);
  }
  if (endPort !== undefined) return connection.port >= port && connection.port <= endPort;
  return connection.port === port;
}

/** The verdict in one sentence. */
export function explainVerdict({ allowed, exempt, egress, ingress }: PolicyVerdict): string {
  if (exempt === 'itself') return 'allowed: a pod always reaches itself';
  if (exempt === 'own node') return 'allowed: a node always reaches the pods it runs';
  const denied = [egress, ingress].filter((each) => !each.allowed);
  if (!allowed) {
    return denied
      .map(
        ({ direction, isolatedBy }) =>
          `denied: ${isolatedBy.join(', ')} ${isolatedBy.length === 1 ? 'isolates' : 'isolate'} the ${
            direction === 'egress' ? 'source for egress' : 'destination for ingress'
          } and no rule allows this`,
      )
      .join('; ');
  }
  const permits = [egress, ingress].flatMap(({ by, direction }) =>
    by ? [`${by.policy} ${direction}[${by.rule}]`] : [],
  );
  return permits.length === 0 ? 'allowed: no policy selects either end' : `allowed by ${permits.join(' and ')}`;
}
