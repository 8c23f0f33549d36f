/** A scenario file: a Raft cluster, what happens to it, and what must be true then. */
import type { SourcePosition, YamlDocument } from '../../../apimachinery/index.ts';
import { UserError } from '../../exit-codes.ts';
import type { LabConfig } from './network.ts';

/** A number, or a comparison with one: `3`, `">= 2"`. */
export type Amount = number | string;

/** What must be true of the cluster; what is not said may be anything. */
export interface Expectation {
  /** `m1`, `any` or `none`: of the members that believe to lead, the one with the newest term. */
  readonly leader?: string;
  /** All that believe to lead. */
  readonly leaders?: readonly string[];
  readonly role?: Readonly<Record<string, string>>;
  readonly term?: Amount | Readonly<Record<string, Amount>>;
  readonly vote?: Readonly<Record<string, string>>;
  readonly commit?: Amount | Readonly<Record<string, Amount>>;
  /** Index with which a log begins. */
  readonly first?: Readonly<Record<string, Amount>>;
  /** Commands in the log, committed or not. */
  readonly log?: readonly string[] | Readonly<Record<string, readonly string[]>>;
  /** Commands applied, those of a snapshot included. */
  readonly applied?: readonly string[] | Readonly<Record<string, readonly string[]>>;
  /** The answer, or `waiting`. */
  readonly reads?: Readonly<Record<string, string>>;
  readonly voters?: readonly string[];
  readonly learners?: readonly string[];
}

export type Action =
  | { readonly do: 'say'; readonly text: string }
  | { readonly do: 'tick'; readonly count: number }
  | { readonly do: 'until'; readonly expect: Expectation; readonly within: number }
  | { readonly do: 'propose'; readonly at: string | undefined; readonly commands: readonly string[] }
  | { readonly do: 'read'; readonly at: string | undefined; readonly key: string; readonly as: string }
  | {
      readonly do: 'campaign' | 'crash' | 'restart' | 'pause' | 'resume' | 'stall' | 'finish' | 'compact' | 'isolate';
      readonly members: readonly string[];
    }
  | { readonly do: 'partition'; readonly groups: readonly (readonly string[])[] }
  | { readonly do: 'cut'; readonly from: string; readonly to: string }
  | {
      readonly do: 'drop' | 'delay';
      readonly type: string | undefined;
      readonly from: string | undefined;
      readonly to: string | undefined;
      readonly ticks: number;
    }
  | { readonly do: 'heal' }
  | { readonly do: 'show' }
  | { readonly do: 'transfer'; readonly to: string }
  | { readonly do: 'add'; readonly member: string; readonly learner: boolean }
  | { readonly do: 'promote' | 'remove'; readonly member: string }
  | { readonly do: 'expect'; readonly expect: Expectation };

export interface Step {
  readonly action: Action;
  readonly position: SourcePosition;
}

export interface Scenario {
  readonly title: string;
  readonly about: string;
  readonly members: number;
  readonly seed: string;
  readonly config: LabConfig;
  readonly steps: readonly Step[];
}

type Path = readonly (string | number)[];

const membersMax = 9;
const ticksMax = 100_000;
const messageTypes = [
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgProp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
];
const expectations = 'leader leaders role term vote commit first log applied reads voters learners'.split(' ');
const roles = ['follower', 'pre-candidate', 'candidate', 'leader'];

/** Reads values out of a document, saying where what is wrong stands. */
class Reader {
  readonly #document: YamlDocument;
  constructor(document: YamlDocument) {
    this.#document = document;
  }

  position(path: Path): SourcePosition {
    return this.#document.locate(path);
  }

  /** @throws UserError with file:line:column, always. */
  fail(path: Path, problem: string): never {
    const { file, line, column } = this.position(path);
    throw new UserError(`${file}:${line}:${column}: ${problem}`);
  }

  object(value: unknown, path: Path, fields: readonly string[]): Readonly<Record<string, unknown>> {
    const what = path.length === 0 ? 'a scenario' : `"${path.at(-1)}"`;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.fail(path, `${what} must be a mapping`);
    for (const name of Object.keys(value)) {
      if (!fields.includes(name)) this.fail([...path, name], `unknown field "${name}"; there are ${fields.join(', ')}`);
    }
    return value as Record<string, unknown>;
  }

  text(value: unknown, path: Path): string {
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return this.fail(path, `"${path.at(-1)}" must be a text`);
  }

  whole(value: unknown, path: Path, least: number, most: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.fail(path, `"${path.at(-1)}" must be a whole number from ${least} to ${most}`);
  }

  truth(value: unknown, path: Path): boolean {
    return typeof value === 'boolean' ? value : this.fail(path, `"${path.at(-1)}" must be true or false`);
  }

  member(value: unknown, path: Path): string {
    if (typeof value === 'string' && /^m[1-9]$/.test(value)) return value;
    return this.fail(path, `${JSON.stringify(value)} is no member; members are m1, m2, …`);
  }

  oneOf(value: unknown, path: Path, names: readonly string[]): string {
    if (typeof value === 'string' && names.includes(value)) return value;
    return this.fail(path, `${JSON.stringify(value)} must be one of ${names.join(', ')}`);
  }

  list<T>(value: unknown, path: Path, item: (value: unknown, path: Path) => T): T[] {
    if (!Array.isArray(value)) return [item(value, path)];
    return value.map((one, i) => item(one, [...path, i]));
  }

  byMember<T>(value: unknown, path: Path, item: (value: unknown, path: Path) => T): Record<string, T> {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.fail(path, `"${path.at(-1)}" must map members to values`);
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [this.member(name, [...path, name]), item(one, [...path, name])]),
    );
  }
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws UserError that says at which place what is wrong. */
export function readScenario(document: YamlDocument): Scenario {
  const read = new Reader(document);
  const [twice] = document.duplicates;
  if (twice) read.fail([], twice);
  const top = read.object(document.value, [], ['title', 'about', 'members', 'seed', 'config', 'steps']);
  if (!Array.isArray(top['steps']) || top['steps'].length === 0)
    read.fail(top['steps'] ? ['steps'] : [], 'a scenario needs a list of steps');
  return {
    title: read.text(top['title'] ?? read.fail([], 'a scenario needs a title'), ['title']),
    about: top['about'] === undefined ? '' : read.text(top['about'], ['about']).trim(),
    members: read.whole(top['members'] ?? 3, ['members'], 1, membersMax),
    seed: read.text(top['seed'] ?? 1, ['seed']),
    config: readConfig(read, top['config'] ?? {}),
    steps: (top['steps'] as unknown[]).map((step, i) => readStep(read, step, ['steps', i])),
  };
}

function readConfig(read: Reader, value: unknown): LabConfig {
  const path = ['config'];
  const names = ['electionTicks', 'heartbeatTicks', 'preVote', 'checkQuorum', 'latency', 'maxInflight', 'maxEntries'];
  const given = read.object(value, path, names);
  const whole = (name: string, standard: number, least: number) =>
    read.whole(given[name] ?? standard, [...path, name], least, ticksMax);
  const latency = read.list(given['latency'] ?? 0, [...path, 'latency'], (one, at) => read.whole(one, at, 0, 1000));
  if (latency.length > 2 || latency[0]! > (latency[1] ?? latency[0]!))
    read.fail([...path, 'latency'], '"latency" must be ticks, or [least, most]');
  const heartbeatTicks = whole('heartbeatTicks', 1, 1);
  return {
    electionTicks: whole('electionTicks', 10, heartbeatTicks + 1),
    heartbeatTicks,
    preVote: read.truth(given['preVote'] ?? true, [...path, 'preVote']),
    checkQuorum: read.truth(given['checkQuorum'] ?? true, [...path, 'checkQuorum']),
    latency: [latency[0]!, latency[1] ?? latency[0]!],
    maxInflight: whole('maxInflight', 512, 1),
    maxEntries: whole('maxEntries', 1000, 1),
  };
}

const actions =
  'say tick until propose read campaign crash restart pause resume stall finish compact isolate partition cut drop delay heal show transfer add promote remove expect'.split(
    ' ',
  );

function readStep(read: Reader, value: unknown, path: Path): Step {
  if (value === 'heal' || value === 'show' || value === 'tick') value = { [value]: value === 'tick' ? 1 : true };
  const names = isMapping(value) ? Object.keys(value) : [];
  if (names.length !== 1) read.fail(path, 'a step is one action: a mapping with one field');
  const name = names[0]!;
  if (!actions.includes(name))
    read.fail([...path, name], `there is no action "${name}"; there are ${actions.join(', ')}`);
  const at = [...path, name];
  return { action: readAction(read, name, (value as Record<string, unknown>)[name], at), position: read.position(at) };
}

function readAction(read: Reader, name: string, value: unknown, path: Path): Action {
  const optional = <T>(of: Readonly<Record<string, unknown>>, field: string, item: (v: unknown, p: Path) => T) =>
    of[field] === undefined ? undefined : item(of[field], [...path, field]);
  const member = (v: unknown, p: Path) => read.member(v, p);
  const text = (v: unknown, p: Path) => read.text(v, p);
  switch (name) {
    case 'say':
      return { do: 'say', text: read.text(value, path).trim() };
    case 'tick':
      return { do: 'tick', count: read.whole(value, path, 1, ticksMax) };
    case 'until': {
      const { within, ...rest } = read.object(value, path, ['within', ...expectations]);
      const expect = readExpectation(read, rest, path);
      return { do: 'until', expect, within: read.whole(within ?? 200, [...path, 'within'], 1, ticksMax) };
    }
    case 'propose': {
      if (!isMapping(value)) return { do: 'propose', at: undefined, commands: read.list(value, path, text) };
      const given = read.object(value, path, ['at', 'commands']);
      const commands = read.list(given['commands'], [...path, 'commands'], text);
      return { do: 'propose', at: optional(given, 'at', member), commands };
    }
    case 'read': {
      const given = read.object(value, path, ['at', 'key', 'as']);
      const key = read.text(given['key'], [...path, 'key']);
      return { do: 'read', at: optional(given, 'at', member), key, as: optional(given, 'as', text) ?? key };
    }
    case 'partition': {
      if (!Array.isArray(value)) read.fail(path, '"partition" must be a list of groups, e.g. [[m1, m2], [m3]]');
      return { do: 'partition', groups: value.map((group, i) => read.list(group, [...path, i], member)) };
    }
    case 'cut': {
      const given = read.object(value, path, ['from', 'to']);
      return {
        do: 'cut',
        from: read.member(given['from'], [...path, 'from']),
        to: read.member(given['to'], [...path, 'to']),
      };
    }
    case 'drop':
    case 'delay': {
      const given = read.object(value, path, ['type', 'from', 'to', ...(name === 'delay' ? ['ticks'] : [])]);
      const type = optional(given, 'type', (v, p) => read.oneOf(v, p, messageTypes));
      const ticks = name === 'delay' ? read.whole(given['ticks'], [...path, 'ticks'], 1, ticksMax) : 0;
      return { do: name, type, from: optional(given, 'from', member), to: optional(given, 'to', member), ticks };
    }
    case 'heal':
    case 'show':
      return { do: name };
    case 'transfer':
      return { do: 'transfer', to: read.member(value, path) };
    case 'add': {
      if (!isMapping(value)) return { do: 'add', member: read.member(value, path), learner: false };
      const given = read.object(value, path, ['member', 'learner']);
      const learner = optional(given, 'learner', (v, p) => read.truth(v, p)) ?? false;
      return { do: 'add', member: read.member(given['member'], [...path, 'member']), learner };
    }
    case 'promote':
    case 'remove':
      return { do: name, member: read.member(value, path) };
    case 'expect':
      return { do: 'expect', expect: readExpectation(read, value, path) };
    default:
      return { do: name as 'crash', members: read.list(value, path, member) };
  }
}

function readExpectation(read: Reader, value: unknown, path: Path): Expectation {
  const given = read.object(value, path, expectations);
  if (Object.keys(given).length === 0) read.fail(path, `nothing is expected; there are ${expectations.join(', ')}`);
  const amount = (v: unknown, p: Path): Amount => {
    if (typeof v === 'number' && Number.isInteger(v)) return v;
    if (typeof v === 'string' && /^(>=|<=|>|<) ?\d+$/.test(v)) return v;
    return read.fail(p, `"${p.at(-1)}" must be a number or a comparison such as ">= 2"`);
  };
  const texts = (v: unknown, p: Path) =>
    Array.isArray(v) ? read.list(v, p, (one, at) => read.text(one, at)) : read.fail(p, `"${p.at(-1)}" must be a list`);
  const members = (v: unknown, p: Path) =>
    Array.isArray(v)
      ? read.list(v, p, (one, at) => read.member(one, at))
      : read.fail(p, `"${p.at(-1)}" must be a list of members`);
  const mapOr =
    <T>(item: (v: unknown, p: Path) => T) =>
    (v: unknown, p: Path) =>
      isMapping(v) ? read.byMember(v, p, item) : item(v, p);
  const readers: Readonly<Record<string, (v: unknown, p: Path) => unknown>> = {
    leader: (v, p) => (v === 'any' || v === 'none' ? v : read.member(v, p)),
    leaders: members,
    role: (v, p) => read.byMember(v, p, (one, at) => read.oneOf(one, at, roles)),
    term: mapOr(amount),
    vote: (v, p) => read.byMember(v, p, (one, at) => (one === 'none' ? one : read.member(one, at))),
    commit: mapOr(amount),
    first: (v, p) => read.byMember(v, p, amount),
    log: mapOr(texts),
    applied: mapOr(texts),
    reads: (v, p) =>
      Object.fromEntries(
        Object.entries(isMapping(v) ? v : read.fail(p, '"reads" must map reads to answers')).map(([name, one]) => [
          name,
          read.text(one, [...p, name]),
        ]),
      ),
    voters: members,
    learners: members,
  };
  return Object.fromEntries(Object.entries(given).map(([name, one]) => [name, readers[name]!(one, [...path, name])]));
}
