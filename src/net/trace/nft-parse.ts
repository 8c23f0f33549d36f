/**
 * nftables rules as kube-proxy writes them, parsed into what they do. The grammar is nft(8)'s; what no rule of ours or of
 * kube-proxy uses is refused by name.
 */
import { TraceError } from './branch.ts';

/** `ip daddr`, `th dport`, … as one word each. */
export type NftSelector =
  | 'saddr'
  | 'daddr'
  | 'l4proto'
  | 'icmpv6 type'
  | 'sport'
  | 'dport'
  | 'nfproto'
  | 'mark'
  | 'ct state'
  | 'ct status'
  | 'saddr type'
  | 'daddr type'
  | 'iifname'
  | 'oifname';

export interface NftExpression {
  readonly selectors: readonly NftSelector[];
  /** `mark and 0x4000`, which nft lists as `meta mark & 0x00004000`. */
  readonly mask?: number;
  /** `ip saddr` is never that of an IPv6 packet. */
  readonly family?: 'ip' | 'ip6';
  /** `tcp dport` is never that of a UDP packet. */
  readonly protocol?: 'tcp' | 'udp' | 'sctp';
}

export type NftVerdict =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' | 'continue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export type NftStatement =
  | {
      readonly kind: 'match';
      readonly on: NftExpression;
      readonly inverted: boolean;
      /** The name of a set, or the values themselves. */
      readonly set?: string;
      readonly values?: readonly string[];
    }
  | {
      readonly kind: 'vmap';
      readonly on: NftExpression;
      readonly map?: string;
      readonly entries?: ReadonlyMap<string, NftVerdict>;
    }
  | { readonly kind: 'dice'; readonly verdicts: readonly NftVerdict[] }
  | { readonly kind: 'mark'; readonly how: 'or' | 'xor' | 'and' | 'set'; readonly value: number }
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'snat'; readonly to: string }
  | { readonly kind: 'dnat'; readonly to: readonly string[] }
  | { readonly kind: 'update'; readonly set: string }
  | { readonly kind: 'count' }
  | { readonly kind: 'verdict'; readonly verdict: NftVerdict };

const selectorWords: Readonly<Record<string, NftSelector>> = {
  'ip saddr': 'saddr',
  'ip6 saddr': 'saddr',
  'ip daddr': 'daddr',
  'ip6 daddr': 'daddr',
  'meta l4proto': 'l4proto',
  'th dport': 'dport',
  'tcp dport': 'dport',
  'udp dport': 'dport',
  'sctp dport': 'dport',
  'th sport': 'sport',
  'meta mark': 'mark',
  'ct state': 'ct state',
  'ct status': 'ct status',
  'fib saddr type': 'saddr type',
  'fib daddr type': 'daddr type',
  'meta iifname': 'iifname',
  'meta oifname': 'oifname',
  'udp sport': 'sport',
  'tcp sport': 'sport',
  'sctp sport': 'sport',
  'ip protocol': 'l4proto',
  'ip6 nexthdr': 'l4proto',
  'meta nfproto': 'nfproto',
  'icmpv6 type': 'icmpv6 type',
  'meta iif': 'iifname',
  'meta oif': 'oifname',
  mark: 'mark',
  iifname: 'iifname',
  oifname: 'oifname',
  iif: 'iifname',
  oif: 'oifname',
};

/** Bits are put into words by those who write, into signs by nft when it lists. */
const bitWords: Readonly<Record<string, 'or' | 'xor' | 'and'>> = {
  or: 'or',
  xor: 'xor',
  and: 'and',
  '|': 'or',
  '^': 'xor',
  '&': 'and',
};

class Words {
  readonly #words: readonly string[];
  #at = 0;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
    this.#words = text.match(/"[^"]*"|\{|\}|,|!=|==|[^\s{},]+/g) ?? [];
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  peek(ahead = 0): string | undefined {
    return this.#words[this.#at + ahead];
  }

  take(): string {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new TraceError(`rule "${this.text}" ends too soon`);
    return word;
  }

  takeIf(...words: readonly string[]): boolean {
    if (words.some((word, i) => this.peek(i) !== word)) return false;
    this.#at += words.length;
    return true;
  }

  fail(): never {
    throw new TraceError(`rule "${this.text}" uses "${this.peek() ?? 'its end'}", which the walk does not know`);
  }
}

/** @throws TraceError for what the walk does not know. */
export function parseNftRule(text: string): NftStatement[] {
  const words = new Words(text);
  const statements: NftStatement[] = [];
  while (!words.done) statements.push(statement(words));
  return statements;
}

/** Of `log`, each with a value. */
const logWords = new Set(['prefix', 'level', 'flags', 'group', 'snaplen', 'queue-threshold']);

function statement(words: Words): NftStatement {
  const verdict = verdictOf(words);
  if (verdict) return { kind: 'verdict', verdict };
  if (words.takeIf('masquerade')) {
    if (words.takeIf('to')) words.take();
    while (words.takeIf('fully-random') || words.takeIf('random') || words.takeIf('persistent') || words.takeIf(','));
    return { kind: 'masquerade' };
  }
  if (words.takeIf('counter')) {
    if (words.takeIf('name')) words.take();
    else if (words.takeIf('packets')) {
      words.take();
      if (words.takeIf('bytes')) words.take();
    }
    return { kind: 'count' };
  }
  if (words.takeIf('log')) {
    while (logWords.has(words.peek() ?? '')) {
      words.take();
      words.take();
    }
    return { kind: 'count' };
  }
  if (words.takeIf('update') || words.takeIf('add')) {
    const set = words.take().replace(/^@/, '');
    list(words);
    return { kind: 'update', set };
  }
  if (words.takeIf('numgen', 'random', 'mod')) {
    words.take();
    if (!words.takeIf('vmap')) words.fail();
    return { kind: 'dice', verdicts: list(words).map((entry) => verdictText(after(entry), words.text)) };
  }
  if (words.takeIf('dnat') || words.peek() === 'snat') return translation(words);
  if (words.takeIf('mark', 'set') || words.takeIf('meta', 'mark', 'set')) return markSet(words);
  return match(words);
}

function translation(words: Words): NftStatement {
  if (words.takeIf('snat')) {
    words.takeIf('to');
    return { kind: 'snat', to: words.take() };
  }
  if (words.peek() === 'ip' || words.peek() === 'ip6') words.take();
  // nft lists it without `addr . port`.
  words.takeIf('addr', '.', 'port');
  words.takeIf('to');
  if (words.takeIf('numgen', 'random', 'mod')) {
    words.take();
    if (!words.takeIf('map')) words.fail();
    return { kind: 'dnat', to: list(words).map((entry) => joined(after(entry))) };
  }
  if (!/^[\d.:[\]a-f]+$/.test(words.peek() ?? '')) words.fail();
  return { kind: 'dnat', to: [words.take()] };
}

/** `10.0.0.1 . 80` → `10.0.0.1:80`. */
function joined(text: string): string {
  const [ip = '', port] = text.split(' . ');
  if (port === undefined) return ip.includes(':') ? `[${ip}]` : ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** What stands behind the colon of an element of a map. */
const after = (entry: string): string => entry.slice(entry.indexOf(' : ') + 3);

function markSet(words: Words): NftStatement {
  const first = words.take();
  if (first !== 'mark' && first !== 'meta') return { kind: 'mark', how: 'set', value: Number(first) };
  if (first === 'meta') words.take();
  const how = bitWords[words.peek() ?? ''];
  if (!how) words.fail();
  words.take();
  return { kind: 'mark', how, value: Number(words.take()) };
}

function expression(words: Words): NftExpression {
  const selectors: NftSelector[] = [];
  let family: NftExpression['family'];
  let protocol: NftExpression['protocol'];
  do {
    let found: NftSelector | undefined;
    for (const length of [3, 2, 1]) {
      const name = Array.from({ length }, (_, i) => words.peek(i)).join(' ');
      found = selectorWords[name];
      if (!found) continue;
      const [first] = name.split(' ');
      if (first === 'ip' || first === 'ip6') family = first;
      if (first === 'tcp' || first === 'udp' || first === 'sctp') protocol = first;
      for (let i = 0; i < length; i++) words.take();
      break;
    }
    if (!found) words.fail();
    selectors.push(found);
  } while (words.takeIf('.'));
  const made = { selectors, ...(family && { family }), ...(protocol && { protocol }) };
  if (words.takeIf('and') || words.takeIf('&')) return { ...made, mask: Number(words.take()) };
  return made;
}

function match(words: Words): NftStatement {
  const on = expression(words);
  if (words.takeIf('vmap')) {
    if (words.peek()?.startsWith('@')) return { kind: 'vmap', on, map: words.take().slice(1) };
    const entries = new Map<string, NftVerdict>();
    for (const entry of list(words)) {
      entries.set(entry.slice(0, entry.indexOf(' : ')), verdictText(after(entry), words.text));
    }
    return { kind: 'vmap', on, entries };
  }
  const inverted = words.takeIf('!=');
  words.takeIf('==');
  if (words.peek() === '{') return { kind: 'match', on, inverted, values: list(words) };
  const value = words.take();
  if (value.startsWith('@')) return { kind: 'match', on, inverted, set: value.slice(1) };
  const values = [value];
  while (words.takeIf(',')) values.push(words.take());
  return { kind: 'match', on, inverted, values };
}

/** The elements between braces, words of each joined by spaces. */
function list(words: Words): string[] {
  if (!words.takeIf('{')) words.fail();
  const out: string[] = [];
  let element: string[] = [];
  for (;;) {
    const word = words.take();
    if (word === ',' || word === '}') {
      if (element.length > 0) out.push(element.join(' '));
      element = [];
      if (word === '}') return out;
    } else element.push(word);
  }
}

function verdictOf(words: Words): NftVerdict | undefined {
  const word = words.peek();
  switch (word) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      words.take();
      return { kind: word };
    case 'reject':
      words.take();
      if (words.takeIf('with')) while (!words.done) words.take();
      return { kind: 'reject' };
    case 'jump':
    case 'goto':
      words.take();
      return { kind: word, chain: words.take() };
    default:
      return undefined;
  }
}

/** `goto service-…`, `drop`. */
export function verdictText(text: string, where: string): NftVerdict {
  const verdict = verdictOf(new Words(text));
  if (!verdict) throw new TraceError(`"${text}" in "${where}" is no verdict the walk knows`);
  return verdict;
}
