/** One line of an nft script as a sentence. */
import { type ChainBook, named } from './chains.ts';

const hooks: Readonly<Record<string, string>> = {
  prerouting: 'every packet that comes in, before the kernel decides where it goes',
  input: 'packets for this node itself',
  forward: 'packets that this node passes on',
  output: 'packets that this node sends',
  postrouting: 'every packet that leaves, after the kernel decided where to',
};

const setNotes: Readonly<Record<string, string>> = {
  'hairpin-connections':
    'Connections by which a pod on this node reaches itself through a service; they need another source.',
  'cluster-ips': 'Every cluster IP in use, so that wrong ports on them can be refused.',
  'nodeport-ips': 'Addresses of this node on which node ports answer.',
  'no-endpoint-services': 'Service addresses that nobody can serve, and whether to refuse or to drop.',
  'no-endpoint-nodeports': 'Node ports that nobody can serve, and whether to refuse or to drop.',
  'firewall-ips': 'Load balancer addresses whose sources are restricted, and the chain that checks.',
  'service-ips':
    'The heart of this mode: address, protocol and port lead to a chain in one lookup, however many services there are.',
  'service-nodeports': 'Node ports, by protocol and port, lead to the chain of their service in one lookup.',
};

/** Forms of rules, first that fits; `$1` … stand for what the form caught. */
type Form = readonly [RegExp, (found: RegExpExecArray, book: ChainBook) => string];

const many = (n: string) => (n === '1' ? 'its only endpoint' : `one of ${n} endpoints at random, all with equal odds`);

const forms: readonly Form[] = [
  [/^ct state new jump (\S+)$/, ([, to], book) => `The first packet of a connection goes through ${named(book, to!)}.`],
  [
    /^jump (\S+)$/,
    ([, to], book) => `Everything goes through ${named(book, to!)}, and comes back if nothing was decided.`,
  ],
  [
    /^mark and (\S+) != 0 /,
    ([, mark]) =>
      `Packets with mark ${mark} lose it and get the address of this node as their source: some rule before asked for that, because the answer must come back here.`,
  ],
  [
    /@hairpin-connections masquerade/,
    () =>
      'A pod that reached itself through a service gets the address of this node as its source, lest it answer itself directly.',
  ],
  [
    /^(ip6?) daddr @cluster-ips reject$/,
    () => 'What still goes to a cluster IP asked for a port that no service has there: it is refused at once.',
  ],
  [
    /^(ip6?) daddr \{ (.*) \} drop$/,
    ([, , ranges]) => `What still goes to ${ranges} asked for a cluster IP that nobody has: it is dropped.`,
  ],
  [/^reject$/, () => 'The sender is told "port unreachable" at once.'],
  [
    /vmap @(no-endpoint-\S+)$/,
    () => 'One lookup: are there endpoints? Where there are none, the packet is refused or dropped.',
  ],
  [
    /vmap @firewall-ips$/,
    () => 'One lookup, before the destination is translated: is the address a load balancer with source ranges?',
  ],
  [/vmap @service-ips$/, () => 'One lookup finds the chain of the service, among however many services.'],
  [/vmap @service-nodeports$/, () => 'Addressed to this node: one lookup finds the service that has the node port.'],
  [
    /^(ip6?) daddr @cluster-ips mark set/,
    () => 'All traffic to cluster IPs is marked, so that its source is replaced when it leaves (masqueradeAll).',
  ],
  [
    /^(ip6?) daddr @cluster-ips (.*) mark set/,
    ([, , from]) =>
      `Traffic to cluster IPs that no pod sent (${from}) is marked: its source is replaced when it leaves, or the answer would miss this node.`,
  ],
  [
    /^mark set mark or (\S+)$/,
    ([, mark]) =>
      `The packet gets mark ${mark}: the endpoint may be on another node, and its answer must come back through this one.`,
  ],
  [
    /^fib saddr type local mark set/,
    () => 'What this node itself sends gets the mark, for it may bear a service address as its source.',
  ],
  [
    /^fib saddr type local goto (\S+)$/,
    ([, to], book) =>
      `What this node itself sends goes on in ${named(book, to!)}: policy Local is for clients outside.`,
  ],
  [
    /^(ip6? saddr|iifname) (\S+) goto (\S+)$/,
    ([, , from, to], book) =>
      from!.startsWith('@')
        ? `A client in ${named(book, from!.slice(1))} goes on in ${named(book, to!)}: session affinity.`
        : `Pods (${from}) go on in ${named(book, to!)}: for them an external address is as good as the cluster IP.`,
  ],
  [
    /^ip6? saddr != \{ (.*) \} drop$/,
    ([, ranges]) => `Sources other than ${ranges} are dropped: the Service allows no others.`,
  ],
  [/^goto (\S+)$/, ([, to], book) => `The rest goes on in ${named(book, to!)}.`],
  [
    /^meta l4proto (\S+) dnat ip6? addr \. port to numgen random mod (\d+)/,
    ([, , n]) => `The destination becomes ${many(n!)}. Conntrack keeps the choice for the whole connection.`,
  ],
  [/^numgen random mod (\d+) vmap/, ([, n]) => `A client that is not remembered goes to ${many(n!)}.`],
  [/^update @(\S+) /, () => 'The client is remembered for this endpoint, anew with every connection.'],
  [
    /^meta l4proto (\S+) dnat to (\S+)$/,
    ([, , to]) => `The destination becomes ${to}. Conntrack keeps the choice for the whole connection.`,
  ],
];

function explainRule(chain: string, rule: string, book: ChainBook): string | undefined {
  const bare = rule.replace(/ comment "[^"]*"$/, '');
  for (const [form, tell] of forms) {
    const found = form.exec(bare);
    if (found) return tell(found, book);
  }
  return book.get(chain);
}

function explainElement(set: string, body: string, book: ChainBook): string | undefined {
  const verdict = /: (goto (\S+)|drop) \}$/.exec(body);
  const key = body
    .replace(/^\{ /, '')
    .replace(/ comment "[^"]*"/, '')
    .replace(/( : .*)? \}$/, '')
    .split(' . ')
    .join(', ');
  if (set === 'hairpin-connections') return `The pod ${key.split(', ')[0]} is on this node and may reach itself.`;
  if (!verdict) return `${key} is in this set.`;
  if (verdict[1] === 'drop') return `${key}: dropped, for no endpoint is on this node and the policy is Local.`;
  if (verdict[2] === 'reject-chain') return `${key}: refused, for no endpoint is ready anywhere.`;
  return `${key} leads to ${named(book, verdict[2]!)}.`;
}

/** A line of `nftCommands`; undefined for one that needs no words. */
export function explainNftLine(line: string, book: ChainBook): string | undefined {
  const found = /^(add|delete) (table|chain|set|map|rule|element) (ip6?) kube-proxy ?(\S*) ?(.*)$/.exec(line);
  if (!found) return undefined;
  const [, verb, kind, family, name, body] = found as unknown as [string, string, string, string, string, string];
  switch (kind) {
    case 'table':
      if (verb === 'delete') return 'What stood there before goes, in the same transaction.';
      return name === '{'
        ? `All that kube-proxy has in ${family === 'ip' ? 'IPv4' : 'IPv6'} is in this one table.`
        : undefined;
    case 'chain': {
      const hook = /hook (\S+) priority (\S+)/.exec(body);
      if (hook)
        return `The kernel shows this chain ${hooks[hook[1]!]}; of several chains, the one with the lower priority (here ${hook[2]}) goes first.`;
      const phrase = book.get(name);
      return phrase === undefined ? undefined : `${phrase[0]!.toUpperCase()}${phrase.slice(1)}.`;
    }
    case 'set':
    case 'map':
      return (
        setNotes[name] ??
        (book.has(name) ? `Remembers ${book.get(name)}; an entry ends when its time is over.` : undefined)
      );
    case 'rule':
      return explainRule(name, body, book);
    default:
      return explainElement(name, body, book);
  }
}
