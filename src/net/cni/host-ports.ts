/**
 * Host ports as the CNI plugin portmap makes them with iptables: node address and port are translated to a pod's.
 * Upstream: plugins/meta/portmap/portmap_iptables.go (1.x), in the form of iptables-save.
 */
import { createHash } from 'node:crypto';
import { familyOf, formatCidr, joinHostPort, parseCidr } from '../addresses.ts';
import { comment, type Jump, type Rule, type RuleTable } from '../packet-rules.ts';

export interface HostPort {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Only at this address of the node; of another family than the pod's address it is passed over. */
  readonly hostIP?: string;
}

export interface HostPortPod {
  /** The container's ID, which names its chain and stands in comments. */
  readonly id: string;
  /** With the length of its prefix, as IPAM gave it: `10.244.1.5/24`. */
  readonly address: string;
  readonly ports: readonly HostPort[];
}

export interface HostPortRules {
  readonly nat: RuleTable;
  /** Put at the head of POSTROUTING, before the masquerading of the bridge and ptp plugins. */
  readonly jumps: readonly Jump[];
}

const dnatChain = 'CNI-HOSTPORT-DNAT';
const setMarkChain = 'CNI-HOSTPORT-SETMARK';
const masqueradeChain = 'CNI-HOSTPORT-MASQ';
/** Bit 13: kube-proxy's masquerade mark is bit 14. */
const mark = '0x2000/0x2000';
const multiportMax = 15;
const chainNameMax = 28;
const commentMax = 255;

/** `CNI-DN-` and a hash of network and container. Upstream: utils.MustFormatChainNameWithPrefix. */
export function hostPortChain(network: string, id: string): string {
  const hash = createHash('sha512').update(network).update(id).digest('hex');
  return `CNI-DN-${hash}`.slice(0, chainNameMax);
}

/** The rules of one family's pods on one node; undefined when none has a host port. */
export function hostPortRules(network: string, pods: readonly HostPortPod[]): HostPortRules | undefined {
  const mapped = pods.filter(({ ports }) => ports.length > 0);
  if (mapped.length === 0) return undefined;
  const local = ['-m', 'addrtype', '--dst-type', 'LOCAL'];
  const entries = ['PREROUTING', 'OUTPUT'].map((chain) => ({ chain, match: local, target: ['-j', dnatChain] }));
  const own = mapped.map((pod) => podRules(network, pod));
  return {
    nat: {
      name: 'nat',
      chains: [dnatChain, setMarkChain, masqueradeChain, ...mapped.map(({ id }) => hostPortChain(network, id))],
      rules: [
        ...entries,
        ...own.flatMap(({ entry }) => entry),
        ...own.flatMap(({ rules }) => rules),
        {
          chain: setMarkChain,
          match: comment('CNI portfwd masquerade mark'),
          target: ['-j', 'MARK', '--set-xmark', mark],
        },
        { chain: masqueradeChain, match: ['-m', 'mark', '--mark', mark], target: ['-j', 'MASQUERADE'] },
      ],
    },
    jumps: [
      {
        table: 'nat',
        from: 'POSTROUTING',
        to: masqueradeChain,
        comment: 'CNI portfwd requiring masquerade',
        match: [],
      },
    ],
  };
}

function podRules(network: string, { id, address, ports }: HostPortPod): { entry: Rule[]; rules: Rule[] } {
  const chain = hostPortChain(network, id);
  const [ip = ''] = address.split('/');
  const family = familyOf(ip);
  const about = comment(trimmed(`dnat name: "${network}" id: "${id}"`));
  const entry: Rule[] = [];
  for (const protocol of [...new Set(ports.map((port) => port.protocol))].sort()) {
    const numbers = ports.filter((port) => port.protocol === protocol).map(({ hostPort }) => hostPort);
    // One rule of `multiport` holds fifteen.
    for (let at = 0; at < numbers.length; at += multiportMax) {
      const list = numbers.slice(at, at + multiportMax).join(',');
      const match = ['-p', protocol, ...about, '-m', 'multiport', '--dports', list];
      entry.push({ chain: dnatChain, match, target: ['-j', chain] });
    }
  }
  const rules: Rule[] = [];
  for (const { hostPort, containerPort, protocol, hostIP } of ports) {
    if (hostIP !== undefined && familyOf(hostIP) !== family) continue;
    const anywhere = hostIP === undefined || hostIP === '0.0.0.0' || hostIP === '::';
    const to = anywhere ? [] : ['-d', `${hostIP}/${family === 'IPv6' ? 128 : 32}`];
    const port = ['-p', protocol, '-m', protocol, '--dport', String(hostPort)];
    const marked = (source: string): Rule => ({
      chain,
      match: ['-s', source, ...to, ...port],
      target: ['-j', setMarkChain],
    });
    // Who asks from the pod's own range, or from 127.0.0.1, must get the answer from the node.
    rules.push(marked(formatCidr(parseCidr(address)!)));
    if (family === 'IPv4') rules.push(marked('127.0.0.1/32'));
    const target = ['-j', 'DNAT', '--to-destination', joinHostPort(ip, containerPort)];
    rules.push({ chain, match: [...to, ...port], target });
  }
  return { entry, rules };
}

/** iptables takes no longer comments. */
const trimmed = (text: string): string => (text.length <= commentMax ? text : `${text.slice(0, commentMax - 2)}...`);
