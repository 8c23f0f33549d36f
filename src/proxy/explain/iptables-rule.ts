/** One iptables rule as a sentence: what it matches, what happens then, and why kube-proxy has it. */
import { type ChainBook, named } from './chains.ts';

/** Words of a line as the shell and iptables-restore split it. */
export function splitWords(line: string): string[] {
  return (line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replaceAll('\\"', '"') : word,
  );
}

interface Reading {
  who: string;
  readonly conditions: string[];
  readonly effects: string[];
  comment: string;
  target: string | undefined;
  readonly options: Map<string, string>;
}

const either = (inverted: boolean, yes: string, no: string) => (inverted ? no : yes);

type Read = (reading: Reading, inverted: boolean, value: string) => void;

const says =
  (yes: (value: string) => string, no: (value: string) => string): Read =>
  (reading, inverted, value) =>
    reading.conditions.push(either(inverted, yes(value), no(value)));

const options: Readonly<Record<string, Read>> = {
  '-p': (reading, inverted, value) => {
    reading.who = inverted ? `packets that are not ${value.toUpperCase()}` : `${value.toUpperCase()} packets`;
  },
  '--comment': (reading, _, value) => {
    reading.comment = value;
  },
  '-s': says(
    (value) => `from ${value}`,
    (value) => `from anywhere but ${value}`,
  ),
  '-d': says(
    (value) => `to ${value}`,
    (value) => `to anything but ${value}`,
  ),
  '-i': says(
    (value) => `that came in by ${value}`,
    (value) => `that did not come in by ${value}`,
  ),
  '--dport': says(
    (value) => `port ${value}`,
    (value) => `any port but ${value}`,
  ),
  '--dst-type': says(
    () => 'to an address of this node',
    () => 'to an address that is not this node’s',
  ),
  '--src-type': says(
    () => 'sent by this node itself',
    () => 'not sent by this node itself',
  ),
  '--ctstate': says(
    (value) => (value === 'NEW' ? 'that open a connection' : `that conntrack calls ${value.replaceAll(',', ' or ')}`),
    (value) => `that conntrack calls none of ${value.replaceAll(',', ', ')}`,
  ),
  '--state': says(
    (value) => `in state ${value}`,
    (value) => `not in state ${value}`,
  ),
  '--mark': says(
    (value) => `with mark ${value.split('/')[0]}`,
    (value) => `without mark ${value.split('/')[0]}`,
  ),
  '--probability': (reading, _, value) => {
    const one = Math.round(1 / Number(value));
    reading.conditions.push(`that a throw of dice picks (one in ${one} of those that get this far)`);
  },
  '--seconds': says(
    (value) => `whose client was sent here within the last ${value} s`,
    (value) => `whose client was not sent here within the last ${value} s`,
  ),
  '--set': (reading) => reading.effects.push('the client is remembered in the list of this endpoint'),
  '--physdev-is-in': says(
    () => 'from a port of a bridge',
    () => 'that did not come in by a port of a bridge',
  ),
  '--vaddr': says(
    (value) => `for virtual server ${value}`,
    (value) => `for any virtual server but ${value}`,
  ),
  '--vport': says(
    (value) => `at port ${value}`,
    (value) => `at any port but ${value}`,
  ),
  '--nfacct-name': (reading, _, value) => reading.effects.push(`counter ${value} counts it`),
};

/** Options that stand alone. */
const bare = new Set(['--set', '--rcheck', '--reap', '--random-fully', '--physdev-is-in', '--rsource']);

const parts = { src: 'source', dst: 'destination' } as const;

function matchSet(name: string, directions: string): string {
  const [first, port, other] = directions.split(',') as (keyof typeof parts)[];
  if (port === undefined) return `whose ${parts[first!]} ${/PORT/.test(name) ? 'port' : 'address'} is in set ${name}`;
  const three = other === undefined ? '' : `, with their ${parts[other]} address,`;
  return `whose ${parts[first!]} address and port${three} are in set ${name}`;
}

function read(words: readonly string[]): Reading {
  const reading: Reading = {
    who: 'packets',
    conditions: [],
    effects: [],
    comment: '',
    target: undefined,
    options: new Map(),
  };
  let inverted = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '!') inverted = true;
    else if (word === '-m') i++;
    else if (word === '-j' || word === '-g') reading.target = words[++i];
    else if (word === '--match-set') {
      reading.conditions.push(matchSet(words[i + 1]!, words[i + 2] ?? ''));
      i += 2;
    } else {
      const value = bare.has(word) ? '' : (words[++i] ?? '');
      reading.options.set(word, value);
      options[word]?.(reading, inverted, value);
    }
    if (word !== '!') inverted = false;
  }
  return reading;
}

function effect({ target, options: given, effects }: Reading, book: ChainBook): string {
  const also = effects.length === 0 ? '' : `; ${effects.join(' and ')}`;
  switch (target) {
    case undefined:
      return `nothing happens, the rule is a note for the reader${also}`;
    case 'ACCEPT':
      return `are let through, without asking further rules of this table${also}`;
    case 'DROP':
      return `are dropped without a word${also}`;
    case 'REJECT':
      return `are refused: the sender is told "port unreachable" at once${also}`;
    case 'RETURN':
      return `leave this chain and go on behind the rule that led here${also}`;
    case 'MASQUERADE':
      return `get the address of the interface they leave by as their source, so that the answer comes back here${also}`;
    case 'MARK':
      return given.has('--xor-mark')
        ? `lose mark ${given.get('--xor-mark')}${also}`
        : `get mark ${given.get('--or-mark') ?? given.get('--set-xmark')}${also}`;
    case 'DNAT':
      return `get ${given.get('--to-destination')} as their destination${also}`;
    case 'REDIRECT':
      return `are turned to port ${given.get('--to-ports')} of this node${also}`;
    default:
      return `go to ${named(book, target)}${also}`;
  }
}

/** Why the rule stands: by its chain, what its comment says and where it leads. First that fits. */
const reasons: readonly (readonly [chain: RegExp, comment: RegExp, target: RegExp, why: string])[] = [
  [
    /^KUBE-(PORTALS|NODEPORT)-CONTAINER/,
    /./,
    /REDIRECT/,
    'kube-proxy listens there, and passes on what it reads to an endpoint: every byte goes up to a process and down again.',
  ],
  [
    /^KUBE-(PORTALS|NODEPORT)-HOST/,
    /./,
    /DNAT/,
    'kube-proxy listens there; for packets of the node itself a redirection would make the answer come from another address.',
  ],
  [
    /^KUBE-NODEPORT-NON-LOCAL/,
    /./,
    /ACCEPT/,
    'A firewall that denies by default would stop what was just redirected here.',
  ],
  [
    /^KUBE-SV[CL]-/,
    /cluster IP$/,
    /MARK-MASQ/,
    'No pod sent them: without a new source the answer would miss this node and never be translated back.',
  ],
  [
    /^KUBE-(SERVICES|PORTALS)/,
    /cluster IP$/,
    /^KUBE-SV/,
    'No interface has a cluster IP: this is where it turns into an endpoint.',
  ],
  [/^KUBE-SERVICES/, /external IP$/, /./, 'The Service lists the address in spec.externalIPs.'],
  [
    /^KUBE-SERVICES/,
    /loadbalancer IP$/,
    /^KUBE-FW/,
    'The Service restricts who may use its load balancer (spec.loadBalancerSourceRanges).',
  ],
  [
    /^KUBE-SERVICES/,
    /loadbalancer IP$/,
    /./,
    'The cloud wrote the address into the status; from inside, one need not go out to the load balancer.',
  ],
  [
    /^KUBE-SERVICES/,
    /nodeports; NOTE/,
    /./,
    'Addresses of services were asked before: only what is left may be a node port.',
  ],
  [/./, /has no endpoints$/, /./, 'No endpoint is ready anywhere, so a quick refusal is better than silence.'],
  [
    /^KUBE-SERVICES/,
    /has no local endpoints$/,
    /./,
    'internalTrafficPolicy is Local, and no endpoint is on this node.',
  ],
  [
    /./,
    /has no local endpoints$/,
    /./,
    'The traffic policy is Local and no endpoint is on this node: a load balancer is to look elsewhere.',
  ],
  [
    /^KUBE-PROXY-FIREWALL/,
    /not accepted/,
    /./,
    'What the firewall chain let through bears another destination by now; what still has this one was not allowed.',
  ],
  [/^KUBE-NODEPORTS?/, /health check/, /./, 'Load balancers ask kube-proxy on this port whether endpoints are here.'],
  [/^KUBE-NODEPORTS/, /./, /./, 'Every node opens this port for the Service.'],
  [
    /^KUBE-EXT-/,
    /^masquerade traffic/,
    /./,
    'The endpoint may be on another node; its answer must come back through this one.',
  ],
  [
    /^KUBE-EXT-/,
    /^pod traffic/,
    /./,
    'For a pod the external address is as good as the cluster IP: policy Local is not for it.',
  ],
  [
    /^KUBE-EXT-/,
    /^masquerade LOCAL/,
    /./,
    'The node may have picked the service address as its source, to which no answer would come.',
  ],
  [/^KUBE-EXT-/, /^route LOCAL/, /./, 'Policy Local is for clients outside: the node itself may use every endpoint.'],
  [/^KUBE-EXT-/, /./, /./, 'The traffic policy of the Service decides which endpoints these are.'],
  [/^KUBE-EXT-/, /^$/, /./, 'The traffic policy of the Service decides which endpoints these are.'],
  [/^KUBE-FW-/, /loadbalancer IP$/, /./, 'The range is one that the Service allows.'],
  [/^KUBE-FW-/, /other traffic/, /^$/, 'It keeps its destination, by which KUBE-PROXY-FIREWALL knows it.'],
  [
    /^KUBE-SV[CL]-/,
    /./,
    /^KUBE-SEP/,
    'Each endpoint gets the same share: 1/n, then 1/(n-1) of the rest, and so on; the last takes what is left.',
  ],
  [
    /^KUBE-SV[CL]-/,
    /^$/,
    /^KUBE-SEP/,
    'Each endpoint gets the same share: 1/n, then 1/(n-1) of the rest, and so on; the last takes what is left.',
  ],
  [
    /^KUBE-SEP-/,
    /./,
    /MARK-MASQ/,
    'A hairpin: a pod that reaches itself through its service would otherwise answer itself directly.',
  ],
  [
    /^KUBE-SEP-/,
    /^$/,
    /MARK-MASQ/,
    'A hairpin: a pod that reaches itself through its service would otherwise answer itself directly.',
  ],
  [
    /^KUBE-SEP-/,
    /./,
    /DNAT/,
    'Conntrack keeps the translation for the whole connection: only its first packet comes here.',
  ],
  [
    /^KUBE-SEP-/,
    /^$/,
    /DNAT/,
    'Conntrack keeps the translation for the whole connection: only its first packet comes here.',
  ],
  [/^KUBE-POSTROUTING/, /./, /MASQUERADE/, 'Some rule before asked for it with the mark.'],
  [/^KUBE-POSTROUTING/, /^$/, /RETURN/, 'Nobody asked for another source.'],
  [
    /^KUBE-POSTROUTING/,
    /^$/,
    /MARK/,
    'If the packet passes here again (in a tunnel), it shall not be masqueraded twice.',
  ],
  [
    /^KUBE-MARK-MASQ/,
    /^$/,
    /MARK/,
    'In PREROUTING a source cannot be replaced yet: the mark carries the wish to POSTROUTING.',
  ],
  [
    /^KUBE-FIREWALL/,
    /localnet/,
    /./,
    'Node ports on 127.0.0.1 need route_localnet, which would open loopback to neighbours on the wire.',
  ],
  [/^KUBE-FORWARD/, /^$/, /DROP/, 'Passed on untranslated, they would make the peer reset the connection.'],
  [/^KUBE-FORWARD/, /forwarding rules/, /./, 'Service traffic passes also where FORWARD drops by default.'],
  [/^KUBE-FORWARD/, /conntrack rule/, /./, 'So do the packets that follow the first one, both ways.'],
  [/^KUBE-SERVICES/, /^$/, /RETURN/, 'Node ports do not answer on loopback in this mode.'],
  [/^KUBE-SERVICES/, /masquerade purpose/, /MARK-MASQ/, 'The answer must come back here to be translated.'],
  [
    /^KUBE-SERVICES/,
    /^$/,
    /ACCEPT/,
    'IPVS itself picks the endpoint, behind INPUT: no other nat rule may touch the packet before.',
  ],
  [/^KUBE-IPVS-FILTER/, /^$/, /RETURN/, 'It is traffic of a service.'],
  [
    /^KUBE-IPVS-FILTER/,
    /^$/,
    /REJECT/,
    'kube-ipvs0 makes service addresses addresses of this host: its own ports must not answer there.',
  ],
  [/^KUBE-IPVS-OUT-FILTER/, /^$/, /DROP/, 'The source ranges of the Service leave this node out.'],
  [
    /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/,
    /./,
    /^KUBE/,
    'This is the hook by which the kernel comes to kube-proxy’s chains.',
  ],
  [
    /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/,
    /^$/,
    /^KUBE/,
    'This is the hook by which the kernel comes to kube-proxy’s chains.',
  ],
];

/** `words` are those behind `-A CHAIN`. */
export function explainIptablesRule(chain: string, words: readonly string[], book: ChainBook): string {
  const reading = read(words);
  const who = reading.conditions.length === 0 && reading.who === 'packets' ? 'all packets' : reading.who;
  const what = [who, ...reading.conditions]
    .join(' ')
    .replace(/(?<! and| destination| source) (port|any port) /, ', $1 ')
    .replace(/,, /g, ', ');
  const sentence = `${what} ${effect(reading, book)}.`;
  const sticky = reading.options.has('--rcheck')
    ? 'Session affinity: a client that was here before comes here again.'
    : undefined;
  const why =
    sticky ??
    reasons.find(
      ([inChain, says, target]) =>
        inChain.test(chain) && says.test(reading.comment) && target.test(reading.target ?? ''),
    )?.[3];
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}${why === undefined ? '' : ` ${why}`}`;
}
