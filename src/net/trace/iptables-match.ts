/** Whether a packet meets a rule's matches. Semantics: iptables-extensions(8), one case a match. */
import { cidrContains, familyOf, ipToNumber, parseCidr } from '../addresses.ts';
import { type TracedPacket, TraceError, unknownInterface } from './branch.ts';

/** What matches ask of the machine. */
export interface MatchWorld {
  /** Whether an address is one of the machine's own (route type local). */
  isLocal(ip: string): boolean;
  /** Whether `recent` remembers the source in a list; a client that never came is in none. */
  recent(list: string, source: string): boolean;
  /** `match-set`; `directions` is `dst,dst,src` and so on. */
  inSet?(set: string, directions: string, packet: TracedPacket): boolean;
}

export interface MatchResult {
  readonly matches: boolean;
  /** Between 0 and 1: the rule throws dice and matches this often; `matches` is true then. */
  readonly odds?: number;
  /** Why it does not match. */
  readonly why?: string;
}

const yes: MatchResult = { matches: true };

/** Options without a value. */
const bare = new Set(['--rcheck', '--update', '--set', '--reap', '--rsource', '--physdev-is-in']);
/** Options whose value narrows another option and decides nothing by itself. */
const modifiers = new Set([
  '--seconds',
  '--mask',
  '--mode',
  '--comment',
  '--name',
  '--nfacct-name',
  '-m',
  '--match',
  '--hitcount',
]);

/** @throws TraceError for a match the walk does not know: better no answer than a wrong one. */
export function matchIptables(tokens: readonly string[], packet: TracedPacket, world: MatchWorld): MatchResult {
  let odds: number | undefined;
  // iptables-save writes the list's name behind the question.
  const named = tokens.indexOf('--name');
  const list = named < 0 ? '' : tokens[named + 1]!;
  for (let i = 0; i < tokens.length; i++) {
    const inverted = tokens[i] === '!';
    if (inverted) i++;
    const option = tokens[i]!;
    const value = bare.has(option) ? '' : tokens[++i]!;
    if (modifiers.has(option)) continue;
    if (option === '--probability') {
      odds = inverted ? 1 - Number(value) : Number(value);
      continue;
    }
    if (option === '--match-set') {
      const directions = tokens[++i]!;
      if (!world.inSet) throw new TraceError(`the rule asks for set ${value}, and there are no sets`);
      const found = world.inSet(value, directions, packet);
      if (found === inverted)
        return { matches: false, why: `${setKey(directions, packet)} is ${inverted ? '' : 'not '}in ${value}` };
      continue;
    }
    const why = mismatch(option, value, inverted, packet, world, list);
    if (why !== undefined) return { matches: false, why };
  }
  return odds === undefined ? yes : { matches: true, odds };
}

const setKey = (directions: string, packet: TracedPacket): string => {
  const [address, port] = directions.split(',');
  const ip = address === 'src' ? packet.source : packet.destination;
  return port === undefined ? ip : `${ip}:${port === 'src' ? packet.sourcePort : packet.destinationPort}`;
};

/** Why the option does not hold; undefined when it does. */
function mismatch(
  option: string,
  value: string,
  inverted: boolean,
  packet: TracedPacket,
  world: MatchWorld,
  list: string,
): string | undefined {
  const hold = (holds: boolean, is: string, isNot: string): string | undefined =>
    holds !== inverted ? undefined : holds ? is : isNot;
  switch (option) {
    case '-p':
    case '--protocol':
      return hold(packet.protocol === value, `it is ${value}`, `it is ${packet.protocol}`);
    case '-s':
    case '--source':
      return hold(
        inRange(value, packet.source),
        `it comes from ${packet.source}${value.includes('/') ? `, which is in ${value}` : ''}`,
        `it comes from ${packet.source}, not ${value}`,
      );
    case '-d':
    case '--destination':
      return hold(
        inRange(value, packet.destination),
        `it goes to ${packet.destination}`,
        `it goes to ${packet.destination}`,
      );
    case '--dport':
    case '--dports':
      return hold(
        inPorts(value, packet.destinationPort),
        `its port is ${value}`,
        `its port is ${packet.destinationPort}`,
      );
    case '--sport':
    case '--sports':
      return hold(
        inPorts(value, packet.sourcePort),
        `its source port is ${value}`,
        `its source port is ${packet.sourcePort}`,
      );
    case '--dst-type':
      return addressType(value, packet.destination, world, hold);
    case '--src-type':
      return addressType(value, packet.source, world, hold);
    case '--ctstate': {
      const states = value.split(',');
      const is = states.includes(packet.state) || (states.includes('DNAT') && packet.translated);
      return hold(is, `conntrack says ${packet.state}`, `conntrack says ${packet.state}`);
    }
    case '--mark': {
      const [mark, mask = '0xffffffff'] = value.split('/');
      const is = (packet.mark & Number(mask)) === Number(mark);
      return hold(is, `mark ${value} is set`, `mark ${value} is not set`);
    }
    case '-i':
    case '--in-interface':
      return hold(
        sameInterface(value, packet.inInterface),
        `it came in by ${value}`,
        `it came in by ${packet.inInterface ?? 'no interface'}`,
      );
    case '-o':
    case '--out-interface':
      return hold(
        sameInterface(value, packet.outInterface),
        `it leaves by ${value}`,
        `it leaves by ${packet.outInterface ?? 'no interface'}`,
      );
    case '--physdev-is-in':
      return hold(packet.bridged === true, 'it came in by a port of the bridge', 'it came in by no port of a bridge');
    case '--rcheck':
    case '--update':
      return hold(
        world.recent(list, packet.source),
        `${packet.source} came before`,
        `${packet.source} is new to this list`,
      );
    // They change what is remembered, or how; they ask nothing.
    case '--set':
    case '--reap':
    case '--rsource':
      return undefined;
    case '--vaddr':
      return hold(
        inRange(value, packet.destination),
        `the virtual server is ${value}`,
        `the virtual server is not ${value}`,
      );
    case '--vproto':
      return hold(packet.protocol === value, `it is ${value}`, `it is ${packet.protocol}`);
    case '--vport':
      return hold(
        Number(value) === packet.destinationPort,
        `its port is ${value}`,
        `its port is ${packet.destinationPort}`,
      );
    default:
      throw new TraceError(`the rule uses ${option}, which the walk does not know`);
  }
}

function addressType(
  value: string,
  ip: string,
  world: MatchWorld,
  hold: (holds: boolean, is: string, isNot: string) => string | undefined,
): string | undefined {
  if (value !== 'LOCAL') throw new TraceError(`the rule asks for address type ${value}, which the walk does not know`);
  return hold(world.isLocal(ip), `${ip} is an address of this node`, `${ip} is no address of this node`);
}

/** An address, or a range of them. */
export function inRange(range: string, ip: string): boolean {
  if (range === ip) return true;
  if (!range.includes('/') && !range.includes('-')) return range.includes(':') && ipToNumber(range) === ipToNumber(ip);
  if (range.includes('-')) {
    const [low, high, at] = [...range.split('-'), ip].map(ipToNumber);
    return familyOf(range.split('-')[0]!) === familyOf(ip) && at! >= low! && at! <= high!;
  }
  const cidr = parseCidr(range);
  if (!cidr) throw new TraceError(`${range} is no range of addresses`);
  return cidrContains(cidr, ip);
}

/** `80`, `8000:8080`, `80,443`. */
function inPorts(value: string, port: number): boolean {
  return value.split(',').some((part) => {
    const [low, high = low] = part.split(':');
    return port >= Number(low) && port <= Number(high);
  });
}

/** `eth0`, or `cali+` for all whose names begin so. @throws TraceError where only the machine itself could tell. */
export function sameInterface(pattern: string, name: string | undefined): boolean {
  if (name === undefined) return false;
  if (name === unknownInterface) {
    // What a trace follows comes by links; only what a node sends itself goes by lo.
    if (pattern === 'lo') return false;
    if (pattern === '+' || pattern === '*') return true;
    throw new TraceError(
      `the rule asks for interface ${pattern}, and Services and pods do not say by which the packet comes or leaves`,
    );
  }
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
