/**
 * NetworkPolicies as nftables rules of one node. The API says what must hold (networking/v1 types.go); the form is ours:
 *
 *   forward, after kube-proxy's filter ── established? accept ── source in `egress-4`? ── goto the pod's chain ─┐
 *   input (a pod asks its own node)    ── the same                                                              │
 *   forward, one step later            ── destination in `ingress-4`? ── goto the pod's chain ─┐                │
 *                                                                                              ▼                ▼
 *                                                    jump to a chain for each policy that selects the pod, then drop
 *
 * Each direction is a base chain of its own: `accept` ends that base chain and no other, so a policy's rule can say yes
 * for its direction and the other direction is asked all the same. Both come behind DNAT (hook prerouting), so a packet to
 * a Service shows the pod that it goes to, and before SNAT (postrouting), so it shows who sent it.
 *
 * What a node sends to its own pods passes output, where nothing stands: probes always arrive. Only pods of the node
 * have chains; a pod elsewhere has them on its own node, and is here an element of a set.
 */
import { createHash } from 'node:crypto';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/index.ts';
import { selectorFromLabelSelector } from '../../apimachinery/index.ts';
import { canonicalIp, familyOf, type IpFamily } from '../addresses.ts';
import { type PolicyDirection, policyDirections } from '../network-policy.ts';
import { blockMatch, families, numberedPorts, word } from './matches.ts';
import type {
  PolicyChain,
  PolicyElement,
  PolicyPod,
  PolicyRule,
  PolicySet,
  PolicyTable,
  PolicyWorld,
} from './model.ts';
import { peerText, ruleText } from './words.ts';

const digit = (family: IpFamily): '4' | '6' => (family === 'IPv4' ? '4' : '6');
const addressType = (family: IpFamily): string => (family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr');
const nameOf = ({ namespace, name }: PolicyPod): string => `${namespace}/${name}`;

/** nft takes 255 characters in a name and 128 bytes in a comment. */
const longestName = 240;
const longestComment = 120;

function hashed(prefix: string, name: string): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${prefix}-${hash}-${name}`.slice(0, longestName);
}

const short = (text: string): string =>
  text.length <= longestComment ? text : `${text.slice(0, longestComment - 3)}...`;

/** Neighbour discovery and router advertisements, without which IPv6 finds nobody. They pass forward on a bridge. */
const neighbourDiscovery =
  'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } accept';

interface Hook {
  readonly chain: string;
  readonly direction: PolicyDirection;
  readonly base: string;
  readonly why: string;
}

const hooks: readonly Hook[] = [
  {
    chain: 'forward-egress',
    direction: 'egress',
    base: 'type filter hook forward priority 10',
    why: 'What goes on to a pod or out of the node. Behind DNAT (prerouting), so the destination is a pod, not its Service; behind kube-proxy’s own filter, so a Service without endpoints is refused at once.',
  },
  {
    chain: 'input-egress',
    direction: 'egress',
    base: 'type filter hook input priority 10',
    why: 'What a pod sends to its own node. What the node sends to its pods passes the hook output, where nothing stands: probes of the kubelet always arrive.',
  },
  {
    chain: 'forward-ingress',
    direction: 'ingress',
    base: 'type filter hook forward priority 11',
    why: 'The other direction, a base chain of its own: a rule that accepts ends only the base chain it was reached from.',
  },
];

/** Rules of `node` for its pods. The same world gives the same text. */
export function policyRules(world: PolicyWorld, node: string): PolicyTable {
  return new Generator(world, node).table();
}

class Generator {
  readonly #world: PolicyWorld;
  readonly #local: readonly PolicyPod[];
  readonly #policies: readonly Readonly<NetworkPolicy>[];
  readonly #chains: PolicyChain[] = [];
  readonly #sets = new Map<string, PolicySet>();
  readonly #rules: PolicyRule[] = [];
  readonly #elements: PolicyElement[] = [];

  constructor(world: PolicyWorld, node: string) {
    const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    // As nft lists them, so that a dump compares equal.
    const pods = world.pods.map((pod) => ({ ...pod, ips: pod.ips.map(canonicalIp) }));
    this.#world = { ...world, pods: pods.sort((a, b) => byName(nameOf(a), nameOf(b))) };
    this.#local = this.#world.pods.filter((pod) => pod.node === node && pod.ips.length > 0);
    this.#policies = [...world.policies].sort((a, b) => byName(policyName(a), policyName(b)));
  }

  table(): PolicyTable {
    for (const { chain, base, why } of hooks) this.#chains.push({ name: chain, base, why });
    for (const direction of ['egress', 'ingress'] as const) this.#verdictMaps(direction);
    for (const hook of hooks) this.#hookRules(hook);
    const isolated = new Set<PolicyPod>();
    for (const direction of ['egress', 'ingress'] as const) {
      const used = new Set<Readonly<NetworkPolicy>>();
      for (const pod of this.#local) {
        const selecting = this.#selecting(pod, direction);
        if (selecting.length === 0) continue;
        isolated.add(pod);
        for (const policy of selecting) used.add(policy);
        this.#podChain(pod, direction, selecting);
      }
      for (const policy of this.#policies) if (used.has(policy)) this.#policyChain(policy, direction);
    }
    for (const pod of isolated) {
      for (const ip of pod.ips) {
        this.#elements.push({ set: `itself-${digit(familyOf(ip)!)}`, key: [ip, ip], comment: short(nameOf(pod)) });
      }
    }
    return {
      family: 'inet',
      name: 'klab-policies',
      chains: this.#chains,
      sets: [...this.#sets.values()],
      rules: this.#rules,
      elements: this.#elements,
    };
  }

  #selecting(pod: PolicyPod, direction: PolicyDirection): Readonly<NetworkPolicy>[] {
    return this.#policies.filter(
      (policy) =>
        policy.metadata?.namespace === pod.namespace &&
        policyDirections(policy).includes(direction) &&
        selectorFromLabelSelector(policy.spec?.podSelector ?? {}).matches(pod.labels),
    );
  }

  #verdictMaps(direction: PolicyDirection): void {
    for (const family of families) {
      const itself = `itself-${digit(family)}`;
      this.#set({
        kind: 'set',
        name: itself,
        type: `${addressType(family)} . ${addressType(family)}`,
        why: 'Pods that policies isolate, each with itself: a pod that is sent back to itself by a Service is never kept from it.',
      });
      const end = direction === 'egress' ? 'source' : 'destination';
      this.#set({
        kind: 'map',
        name: `${direction}-${digit(family)}`,
        type: `${addressType(family)} : verdict`,
        why: `Pods of this node that a policy isolates for ${direction}, by ${end}, and the chain that judges each: one lookup, however many pods there are. A pod that is not in it is free.`,
      });
    }
  }

  #hookRules({ chain, direction }: Hook): void {
    const add = (rule: string, why: string) => this.#rules.push({ chain, rule, why });
    add(
      'ct state established,related accept',
      'Only the first packet of a connection is judged: answers, and errors about it, always pass. So a connection that is open outlives a policy that would forbid it.',
    );
    add(neighbourDiscovery, 'Without neighbour discovery IPv6 finds nobody, and on a bridge it comes by here.');
    const field = direction === 'egress' ? 'saddr' : 'daddr';
    for (const family of families) {
      const ip = word(family);
      const map = `${direction}-${digit(family)}`;
      add(`${ip} saddr . ${ip} daddr @itself-${digit(family)} accept`, `A pod always reaches itself (${family}).`);
      add(
        `${ip} ${field} vmap @${map}`,
        `A pod of this node that is isolated for ${direction} goes on to its chain (${family}); others go on here.`,
      );
    }
  }

  /** goto, not jump: the chain's end is the verdict. */
  #podChain(pod: PolicyPod, direction: PolicyDirection, selecting: readonly Readonly<NetworkPolicy>[]): void {
    const name = hashed(`pod-${direction}`, nameOf(pod));
    this.#chains.push({
      name,
      why: `${direction === 'egress' ? 'From' : 'To'} pod ${nameOf(pod)}, which ${selecting.map(policyName).join(', ')} ${selecting.length === 1 ? 'isolates' : 'isolate'} for ${direction}.`,
    });
    for (const ip of pod.ips) {
      const value = `goto ${name}`;
      const set = `${direction}-${digit(familyOf(ip)!)}`;
      this.#elements.push({ set, key: [ip], value, comment: short(nameOf(pod)) });
    }
    for (const policy of selecting) {
      this.#rules.push({
        chain: name,
        rule: `jump ${policyChainName(policy, direction)}`,
        why: `NetworkPolicy ${policyName(policy)} may allow it; policies add up, so the first that does is enough.`,
      });
    }
    const why = `No policy allows it: default deny of an isolated pod. The sender hears nothing.`;
    this.#rules.push({ chain: name, rule: 'counter drop', comment: short(`no ${direction} rule allows it`), why });
  }

  #policyChain(policy: Readonly<NetworkPolicy>, direction: PolicyDirection): void {
    const chain = policyChainName(policy, direction);
    this.#chains.push({
      name: chain,
      why: `What NetworkPolicy ${policyName(policy)} allows for ${direction}. Whoever gets to its end is not allowed by it.`,
    });
    for (const [i, { peers, ports }] of rulesOf(policy, direction).entries()) {
      const at = `${policyName(policy)} ${direction}[${i}]`;
      const portMatches = this.#portMatches(policy, direction, ports);
      const list = direction === 'egress' ? 'to' : 'from';
      const matches =
        peers.length === 0
          ? [{ text: '', comment: at, peer: undefined }]
          : peers.flatMap((peer, j) =>
              this.#peerMatches(policy, direction, peer).map((text) => ({
                text,
                comment: `${at}.${list}[${j}]`,
                peer,
              })),
            );
      for (const { text, comment, peer } of matches) {
        for (const port of portMatches) {
          // A named port of a family does not fit a peer of the other.
          if (/^ip6? /.test(port) && /^ip6? /.test(text) && port.split(' ')[0] !== text.split(' ')[0]) continue;
          this.#rules.push({
            chain,
            rule: [text, port, 'accept'].filter(Boolean).join(' '),
            comment: short(comment),
            why: ruleText(direction, policy.metadata?.namespace ?? '', peer, port),
          });
        }
      }
    }
  }

  /** Alternatives, each a match; one that is empty allows all ports. */
  #portMatches(
    policy: Readonly<NetworkPolicy>,
    direction: PolicyDirection,
    ports: readonly NetworkPolicyPort[],
  ): string[] {
    if (ports.length === 0) return [''];
    const named = ports.flatMap(({ port, protocol = 'TCP' }) =>
      typeof port === 'string' ? this.#namedPort(policy, direction, port, protocol) : [],
    );
    return [...numberedPorts(ports), ...new Set(named)];
  }

  /** A name means another number in each pod that has it, so it is a set of pod, protocol and number. */
  #namedPort(policy: Readonly<NetworkPolicy>, direction: PolicyDirection, name: string, protocol: string): string[] {
    const ofPolicy = selectorFromLabelSelector(policy.spec?.podSelector ?? {});
    // Ingress arrives at pods of this node that the policy selects; egress may go to any pod.
    const pods =
      direction === 'egress'
        ? this.#world.pods
        : this.#local.filter(
            ({ namespace, labels }) => namespace === policy.metadata?.namespace && ofPolicy.matches(labels),
          );
    const scope = direction === 'egress' ? 'any' : policyName(policy);
    return families.flatMap((family) => {
      const keys = new Map<string, PolicyPod>();
      for (const pod of pods) {
        for (const port of pod.namedPorts) {
          if (port.name !== name || port.protocol !== protocol) continue;
          for (const ip of pod.ips.filter(ofFamily(family)))
            keys.set(`${ip} . ${protocol.toLowerCase()} . ${port.port}`, pod);
        }
      }
      if (keys.size === 0) return [];
      const set = `${hashed('port', `${protocol.toLowerCase()}/${name}/${scope}`)}-${digit(family)}`;
      this.#filled(
        {
          kind: 'set',
          name: set,
          type: `${addressType(family)} . inet_proto . inet_service`,
          why: `What the port named ${name} (${protocol}) is in each pod that has it.`,
        },
        [...keys].map(([key, pod]) => ({ set, key: key.split(' . '), comment: short(nameOf(pod)) })),
      );
      return [`${word(family)} daddr . meta l4proto . th dport @${set}`];
    });
  }

  #peerMatches(policy: Readonly<NetworkPolicy>, direction: PolicyDirection, peer: NetworkPolicyPeer): string[] {
    const field = direction === 'egress' ? 'daddr' : 'saddr';
    if (peer.ipBlock) {
      const match = blockMatch(peer.ipBlock, field);
      return match === undefined ? [] : [match];
    }
    const namespace = policy.metadata?.namespace ?? '';
    const key = JSON.stringify([peer.namespaceSelector ? '' : namespace, peer.namespaceSelector, peer.podSelector]);
    const prefix = `pods-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
    const found = this.#podsOf(namespace, peer);
    return families.flatMap((family) => {
      const addresses = found.flatMap((pod) => pod.ips.filter(ofFamily(family)).map((ip) => [ip, pod] as const));
      if (addresses.length === 0) return [];
      const set = `${prefix}-${digit(family)}`;
      this.#filled(
        { kind: 'set', name: set, type: addressType(family), why: `${capital(peerText(namespace, peer))}, as of now.` },
        [...new Map(addresses)].map(([ip, pod]) => ({ set, key: [ip], comment: short(nameOf(pod)) })),
      );
      return [`${word(family)} ${field} @${set}`];
    });
  }

  #podsOf(namespace: string, { namespaceSelector, podSelector }: NetworkPolicyPeer): PolicyPod[] {
    const spaces = namespaceSelector ? selectorFromLabelSelector(namespaceSelector) : undefined;
    const labels = podSelector ? selectorFromLabelSelector(podSelector) : undefined;
    const fits = new Map<string, boolean>();
    const inSpace = (name: string): boolean => {
      if (!spaces) return name === namespace;
      const fit = fits.get(name) ?? spaces.matches(this.#world.namespaceLabels(name));
      fits.set(name, fit);
      return fit;
    };
    return this.#world.pods.filter((pod) => inSpace(pod.namespace) && (labels?.matches(pod.labels) ?? true));
  }

  #set(set: PolicySet): void {
    if (!this.#sets.has(set.name)) this.#sets.set(set.name, set);
  }

  #filled(set: PolicySet, elements: readonly PolicyElement[]): void {
    if (this.#sets.has(set.name)) return;
    this.#sets.set(set.name, set);
    this.#elements.push(...elements);
  }
}

const ofFamily =
  (family: IpFamily) =>
  (ip: string): boolean =>
    familyOf(ip) === family;

const capital = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`;

const policyName = ({ metadata }: Readonly<NetworkPolicy>): string => `${metadata?.namespace}/${metadata?.name}`;

const policyChainName = (policy: Readonly<NetworkPolicy>, direction: PolicyDirection): string =>
  hashed(`policy-${direction}`, policyName(policy));

function rulesOf(
  { spec }: Readonly<NetworkPolicy>,
  direction: PolicyDirection,
): { peers: readonly NetworkPolicyPeer[]; ports: readonly NetworkPolicyPort[] }[] {
  return direction === 'egress'
    ? (spec?.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }))
    : (spec?.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }));
}
