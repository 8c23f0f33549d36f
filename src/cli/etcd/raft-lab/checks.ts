/** Whether what a scenario expects is true. */
import type { Host, LabNetwork } from './network.ts';
import { pictureOf } from './picture.ts';
import type { Amount, Expectation } from './scenario.ts';
import { nameOf } from './words.ts';

export interface Check {
  /** `term of m2: 3`. */
  readonly expected: string;
  readonly ok: boolean;
  /** When it is not so: what is. */
  readonly found?: string;
}

const listText = (items: readonly string[]): string => `[${items.join(', ')}]`;

function fits(wanted: Amount, found: number): boolean {
  if (typeof wanted === 'number') return wanted === found;
  const [, sign, text] = /^(>=|<=|>|<) ?(\d+)$/.exec(wanted)!;
  const bound = Number(text);
  if (sign === '>=') return found >= bound;
  if (sign === '<=') return found <= bound;
  return sign === '>' ? found > bound : found < bound;
}

/** One check a member: of those named, or of all that run. */
function* perMember<T>(
  network: LabNetwork,
  what: string,
  wanted: T | Readonly<Record<string, T>> | undefined,
  look: (host: Host, wanted: T) => { readonly want: string; readonly found: string; readonly ok: boolean },
): Generator<Check> {
  if (wanted === undefined) return;
  const named = typeof wanted === 'object' && wanted !== null && !Array.isArray(wanted);
  const pairs: (readonly [Host, T])[] = named
    ? Object.entries(wanted as Readonly<Record<string, T>>).map(([name, one]) => [network.hosts.get(name)!, one])
    : network.running().map((host) => [host, wanted as T]);
  for (const [host, one] of pairs) {
    const { want, found, ok } = look(host, one);
    yield { expected: `${what} of ${host.name}: ${want}`, ok, ...(!ok && { found }) };
  }
}

function one(what: string, want: string, found: string, ok = want === found): Check {
  return { expected: `${what}: ${want}`, ok, ...(!ok && { found }) };
}

/** Every part of an expectation, in a fixed order. The members it names must exist. */
export function checkAll(network: LabNetwork, expect: Expectation): Check[] {
  const out: Check[] = [];
  const leaders = network.leaders().map(({ name }) => name);
  const newest = network.leaders().at(-1);
  if (expect.leader !== undefined) {
    const found = newest?.name ?? 'none';
    out.push(one('leader', expect.leader, found, expect.leader === found || (expect.leader === 'any' && !!newest)));
  }
  if (expect.leaders) out.push(one('leaders', listText([...expect.leaders].sort()), listText(leaders.sort())));
  const text = (read: (host: Host) => string) => (host: Host, want: string) => {
    const found = read(host);
    return { want, found, ok: want === found };
  };
  const amount = (read: (host: Host) => number) => (host: Host, want: Amount) => {
    const found = read(host);
    return { want: String(want), found: String(found), ok: fits(want, found) };
  };
  const list = (read: (host: Host) => readonly string[]) => (host: Host, wanted: readonly string[]) => {
    const want = listText(wanted);
    const found = listText(read(host));
    return { want, found, ok: want === found };
  };
  const commands = (host: Host) => pictureOf(host).log.flatMap(({ text }) => (text.startsWith('(') ? [] : [text]));
  out.push(
    ...perMember(
      network,
      'role',
      expect.role,
      text(({ node }) => node?.role ?? 'crashed'),
    ),
    ...perMember(
      network,
      'term',
      expect.term,
      amount((host) => pictureOf(host).term),
    ),
    ...perMember(
      network,
      'vote',
      expect.vote,
      text((host) => pictureOf(host).vote),
    ),
    ...perMember(
      network,
      'commit',
      expect.commit,
      amount((host) => pictureOf(host).commit),
    ),
    ...perMember(
      network,
      'first index',
      expect.first,
      amount(({ storage }) => storage.firstIndex()),
    ),
    ...perMember(network, 'log', expect.log, list(commands)),
    ...perMember(
      network,
      'applied',
      expect.applied,
      list(({ applied }) => applied),
    ),
  );
  for (const [name, wanted] of Object.entries(expect.reads ?? {})) {
    out.push(one(`read ${name}`, wanted, network.reads.get(name)?.answer ?? 'waiting'));
  }
  const conf = newest?.node?.status().confState;
  for (const kind of ['voters', 'learners'] as const) {
    const wanted = expect[kind];
    if (wanted) out.push(one(kind, listText([...wanted].sort()), listText((conf?.[kind] ?? []).map(nameOf))));
  }
  return out;
}
