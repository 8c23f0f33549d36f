/**
 * A script with a sentence to each line that needs one. The sentences can stand in the script as comments: every loader
 * (sh, iptables-restore, ipset restore, ipvsadm-restore, nft -f) passes over lines that begin with `#`.
 */
import type { RuleMode } from '../modes.ts';
import type { ServicePort } from '../service-ports.ts';
import { type ChainBook, chainBook } from './chains.ts';
import { readersGuide } from './guide.ts';
import { explainIptablesRule, splitWords } from './iptables-rule.ts';
import { explainNftLine } from './nft-line.ts';

export interface ExplainedLine {
  readonly line: string;
  readonly explanation?: string;
}

const schedulers: Readonly<Record<string, string>> = {
  rr: 'in turn',
  wrr: 'in turn, by weight',
  lc: 'the one with the fewest connections',
  wlc: 'the one with the fewest connections for its weight',
  sh: 'by the hash of the source',
  dh: 'by the hash of the destination',
  mh: 'by Maglev hashing',
};

const protocols: Readonly<Record<string, string>> = { '-t': 'TCP', '-u': 'UDP', '--sctp-service': 'SCTP' };

/** `-A -t 10.96.0.1:443 -s rr -p 10800`, `-a -t 10.96.0.1:443 -r 10.0.0.1:6443 -m -w 1`. */
function explainServer(
  words: readonly string[],
  owner: ReadonlyMap<string, string>,
  nodePorts: ReadonlyMap<string, string>,
): string {
  const [verb, protocol, address] = words as [string, string, string];
  const option = (name: string) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
  const nodePort = nodePorts.get(`${protocols[protocol]} ${/\d+$/.exec(address)?.[0]}`);
  const of = owner.get(`${protocols[protocol]} ${address}`) ?? (nodePort && `the node port of ${nodePort}`);
  if (verb === '-a') return `Behind ${address}: ${option('-r')}, by NAT (-m).`;
  const persistent = option('-p');
  const sticky = persistent === undefined ? '' : ` A client stays with its choice for ${persistent} s.`;
  return `Virtual server ${protocols[protocol]} ${address}${of === undefined ? '' : ` of ${of}`}: IPVS takes its real servers ${schedulers[option('-s')!] ?? 'as scheduled'}, found by one hash lookup.${sticky}`;
}

function explainShell(line: string): string | undefined {
  if (/^ip link show kube-ipvs0/.test(line))
    return 'A device that carries nothing: it makes service addresses local, so that packets to them come to INPUT, where IPVS sits.';
  const address = /^ip addr replace ([^/\s]+)/.exec(line)?.[1];
  if (address !== undefined)
    return `From now on ${address} is an address of this host, for IPVS to catch what is sent there.`;
  if (line === 'ipvsadm -C') return 'Virtual servers that stood there before go.';
  if (/^ensure_last\(\)/.test(line)) return 'Puts a jump last in a built-in chain, unless it stands there.';
  if (/^nfacct add/.test(line)) return 'A counter that rules name must stand before them.';
  if (/^ensure\(\)/.test(line)) return 'Puts a jump first in a built-in chain, unless it stands there.';
  return undefined;
}

/** Lines of the iptables table that a heredoc holds, with its table for chains that stand in two. */
function explainRuleLine(line: string, book: ChainBook): string | undefined {
  if (line === '*nat') return 'Table nat: asked once a connection, for its first packet.';
  if (line === '*filter') return 'Table filter: lets packets through, or not.';
  const chain = /^:(\S+) /.exec(line)?.[1];
  if (chain !== undefined) {
    const phrase = book.get(chain);
    return phrase === undefined ? undefined : `${phrase[0]!.toUpperCase()}${phrase.slice(1)}.`;
  }
  const words = splitWords(line);
  if (words[0] === '-A') return explainIptablesRule(words[1]!, words.slice(2), book);
  return undefined;
}

/** `script` is what `proxyScript` gave for these ports. */
export function explainScript(script: string, ports: readonly ServicePort[]): ExplainedLine[] {
  const book = chainBook(ports);
  const owner = new Map<string, string>();
  for (const port of ports) {
    for (const ip of [port.clusterIP, ...port.externalIPs, ...port.loadBalancerVIPs]) {
      owner.set(`${port.protocol} ${ip.includes(':') ? `[${ip}]` : ip}:${port.port}`, port.name);
    }
  }
  const nodePorts = new Map(ports.map((port) => [`${port.protocol} ${port.nodePort}`, port.name]));
  const nft = script.startsWith('#!/usr/sbin/nft');
  let inside = '';
  return script
    .trimEnd()
    .split('\n')
    .map((line) => {
      const explanation = explain(line);
      return explanation === undefined ? { line } : { line, explanation };
    });

  function explain(line: string): string | undefined {
    if (nft) return explainNftLine(line, book);
    if (inside !== '' && line === inside) {
      inside = '';
      return undefined;
    }
    if (inside === 'RULES') return explainRuleLine(line, book);
    if (inside === 'SERVERS') return line === '' ? undefined : explainServer(line.split(' '), owner, nodePorts);
    if (inside === 'SETS') return explainSet(line);
    inside = /<<'(\w+)'$/.exec(line)?.[1] ?? '';
    const jump = /^ensure(?:_last)? (nat|filter) (\S+) (.*)$/.exec(line);
    if (jump) return explainIptablesRule(jump[2]!, splitWords(jump[3]!), book);
    return explainShell(line);
  }
}

const setNotes: readonly (readonly [RegExp, string])[] = [
  [/LOOP-BACK$/, 'Pods of this node with each of their service ports: who reaches himself gets another source.'],
  [/CLUSTER-IP$/, 'Cluster IPs with their ports.'],
  [/EXTERNAL-IP$/, 'External IPs whose traffic is masqueraded.'],
  [/EXTERNAL-IP-LOCAL$/, 'External IPs with externalTrafficPolicy Local: the client keeps its address.'],
  [/LOAD-BALANCER$/, 'Load balancer addresses.'],
  [/LOAD-BALANCER-FW$/, 'Load balancer addresses that restrict their sources.'],
  [/LOAD-BALANCER-LOCAL$/, 'Load balancer addresses with externalTrafficPolicy Local: the client keeps its address.'],
  [/SOURCE-IP$/, 'Load balancer addresses that their own node may use, which then comes from that address itself.'],
  [/SOURCE-CI/, 'Load balancer addresses with each range they allow.'],
  [/NODE-PORT-LOCAL/, 'Node ports with externalTrafficPolicy Local: the client keeps its address.'],
  [/HEALTH-CHECK/, 'Ports on which load balancers ask whether endpoints are here.'],
  [/NODE-PORT/, 'Node ports whose traffic is masqueraded.'],
  [/IPVS-IPS$/, 'Addresses on kube-ipvs0: the ports of this host must not answer there.'],
];

function explainSet(line: string): string | undefined {
  const name = /^create (\S+)/.exec(line)?.[1];
  return name === undefined ? undefined : setNotes.find(([of]) => of.test(name))?.[1];
}

/** The script with its sentences as comments, below a reader's guide when the mode is named; it loads as before. */
export function annotatedScript(lines: readonly ExplainedLine[], mode?: RuleMode): string {
  const guide = mode === undefined ? [] : readersGuide(mode).map((line) => (line === '' ? '#' : `# ${line}`));
  // Behind the line that names the interpreter, and the title.
  const head = lines.slice(0, 2).map(({ line }) => line);
  return `${[...head, ...guide, ...annotated(lines.slice(2))].join('\n')}\n`;
}

const annotated = (lines: readonly ExplainedLine[]): string[] =>
  lines.flatMap(({ line, explanation }) => (explanation === undefined ? [line] : [`# ${explanation}`, line]));
