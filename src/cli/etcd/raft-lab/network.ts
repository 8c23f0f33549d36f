/**
 * A Raft cluster without machines: nodes of the real state machine, their disks, and a network with faults, driven tick
 * by tick. What is worth telling comes out as events. Same seed, same calls: same events.
 */
import { assert, Prng } from '../../../base/index.ts';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  MemoryStorage,
  type Message,
  type MessageType,
  type NodeStatus,
  RawNode,
  type Ready,
  type Role,
} from '../../../raft/index.ts';
import { entryText, messageText, nameOf, retryText, roleText, whyNot } from './words.ts';

export interface LabConfig {
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Messages take between these many ticks. */
  readonly latency: readonly [number, number];
  /** Unanswered appends to one member. */
  readonly maxInflight: number;
  /** Entries in one append. */
  readonly maxEntries: number;
}

export type LabEventKind =
  | 'role'
  | 'vote'
  | 'append'
  | 'overwrite'
  | 'commit'
  | 'apply'
  | 'read'
  | 'snapshot'
  | 'refused'
  | 'member'
  | 'lost'
  | 'message';

/** `who` does something: the words for one and for several of them. Equal words of a tick are told once. */
export interface LabEvent {
  readonly tick: number;
  readonly kind: LabEventKind;
  readonly who: string;
  readonly one: string;
  readonly many: string;
}

export interface LabRead {
  readonly at: string;
  readonly key: string;
  /** Undefined while it waits. */
  answer?: string;
}

export interface Host {
  readonly id: number;
  readonly name: string;
  readonly storage: MemoryStorage;
  node: RawNode | undefined;
  paused: boolean;
  /** Commands applied, in order; what a snapshot carries. */
  applied: string[];
  /** A write under way on a slow disk. */
  stalled: Ready | undefined;
  slowDisk: boolean;
}

interface Flying {
  readonly message: Message;
  readonly due: number;
  readonly lost: boolean;
}

interface Rule {
  readonly type?: MessageType;
  readonly from?: number;
  readonly to?: number;
  /** Undefined: lost. */
  readonly delay?: number;
}

const entrySize = 1;
/** Messages of one tick: more means that something answers itself forever. */
const storm = 100_000;

export class LabNetwork {
  readonly hosts = new Map<string, Host>();
  readonly reads = new Map<string, LabRead>();
  readonly config: LabConfig;
  readonly #prng: Prng;
  readonly #initial: ConfState;
  readonly #onEvent: (event: LabEvent) => void;
  readonly #cuts = new Set<string>();
  #rules: Rule[] = [];
  #flying: Flying[] = [];
  readonly #readsAt = new Map<string, number>();
  /** The answer to the vote request that is being delivered. */
  #voteSent: Message | undefined;
  /** Safety: who led a term, and what was applied at an index. */
  readonly #leaders = new Map<number, number>();
  readonly #truth: Entry[] = [];
  now = 0;

  constructor(seed: string, members: number, config: LabConfig, onEvent: (event: LabEvent) => void) {
    this.#prng = new Prng(seed);
    this.config = config;
    this.#onEvent = onEvent;
    this.#initial = { voters: Array.from({ length: members }, (_, i) => i + 1), learners: [] };
    for (const id of this.#initial.voters) this.addHost(id);
  }

  addHost(id: number): Host {
    const storage = new MemoryStorage(this.#initial);
    const name = nameOf(id);
    const host: Host = {
      id,
      name,
      storage,
      node: undefined,
      paused: false,
      applied: [],
      stalled: undefined,
      slowDisk: false,
    };
    storage.setSnapshotSource(() => host.applied.slice());
    this.hosts.set(name, host);
    this.start(host);
    return host;
  }

  start(host: Host): void {
    const { electionTicks, heartbeatTicks, preVote, checkQuorum, maxInflight, maxEntries } = this.config;
    host.node = new RawNode({
      id: host.id,
      storage: host.storage,
      random: (n) => this.#prng.int(n),
      electionTick: electionTicks,
      heartbeatTick: heartbeatTicks,
      maxSizePerMsg: maxEntries * entrySize,
      maxInflightMsgs: maxInflight,
      preVote,
      checkQuorum,
    });
    this.#process(host);
  }

  /** Memory goes, the disk stays; a write under way is lost. */
  crash(host: Host): void {
    if (host.stalled) {
      const lost = host.stalled.entries.map((entry) => `${entry.index}:${entryText(entry)}`).join(' ');
      if (lost) this.#tell('lost', host.name, `loses ${lost}: it was not on its disk yet`);
    }
    host.stalled = undefined;
    host.node = undefined;
    host.paused = false;
    this.#flying = this.#flying.filter(({ message }) => message.to !== host.id);
  }

  /** The disk is done with what it had to write, and fast again. */
  finish(host: Host): void {
    host.slowDisk = false;
    const ready = host.stalled;
    host.stalled = undefined;
    if (ready && host.node) this.#store(host, host.node, ready);
    this.#process(host);
  }

  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  rule(rule: Rule): void {
    this.#rules.push(rule);
  }

  /** Every link works again. */
  heal(): void {
    this.#cuts.clear();
    this.#rules = [];
  }

  running(): Host[] {
    return [...this.hosts.values()].filter(({ node }) => node !== undefined);
  }

  /** Who believes to lead; the newest term last. */
  leaders(): Host[] {
    return this.running()
      .filter(({ node }) => node!.role === 'leader')
      .sort((a, b) => a.node!.term - b.node!.term);
  }

  /** Does something at a member and what follows at once. */
  act(host: Host, what: (node: RawNode) => void): void {
    const { node } = host;
    assert(node !== undefined, `${host.name} does not run`);
    try {
      what(node);
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
      this.#tell('refused', host.name, `refuses: ${(error as Error).message}`);
    }
    if (!host.paused) this.#process(host);
  }

  propose(host: Host, commands: readonly string[]): void {
    this.act(host, (node) => node.propose(commands.map((data) => ({ data, size: entrySize }))));
  }

  read(host: Host, key: string, as: string): void {
    this.reads.set(as, { at: host.name, key });
    this.act(host, (node) => node.readIndex(as));
  }

  tick(): void {
    this.now++;
    for (const host of this.running()) {
      if (host.paused) continue;
      host.node!.tick();
      this.#process(host);
    }
    this.settle();
  }

  /** Delivers what is due until nothing is. */
  settle(): void {
    for (let n = 0; ; n++) {
      assert(n < storm, 'the network does not settle');
      const at = this.#flying.findIndex(({ message, due }) => due <= this.now && !this.#byName(message.to)?.paused);
      if (at < 0) return;
      const { message, lost } = this.#flying.splice(at, 1)[0]!;
      this.#deliver(message, lost);
    }
  }

  get inFlight(): number {
    return this.#flying.length;
  }

  #byName(id: number): Host | undefined {
    return this.hosts.get(nameOf(id));
  }

  #deliver(message: Message, lost: boolean): void {
    const host = this.#byName(message.to);
    const node = host?.node;
    if (lost || !host || !node || this.#cuts.has(`${message.from}>${message.to}`)) {
      this.#lose(message);
      return;
    }
    this.#tell('message', nameOf(message.from), `${messageText(message)} to ${host.name}`);
    const votes = message.type === 'MsgVote' || message.type === 'MsgPreVote';
    const before = votes ? node.status() : undefined;
    try {
      node.step(message);
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
    }
    this.#voteSent = undefined;
    this.#process(host);
    if (before && !host.stalled) this.#tellVote(host, message, before, this.#voteSent);
    if (message.type === 'MsgSnap') {
      const sender = this.#byName(message.from);
      if (sender?.node) this.act(sender, (leader) => leader.reportSnapshot(message.to, true));
    }
  }

  #lose(message: Message): void {
    this.#tell('lost', nameOf(message.from), `${messageText(message)} to ${nameOf(message.to)} is lost`);
    const sender = this.#byName(message.from);
    if (!sender?.node) return;
    if (message.type === 'MsgSnap') this.act(sender, (leader) => leader.reportSnapshot(message.to, false));
    else if (message.type === 'MsgApp') this.act(sender, (leader) => leader.reportUnreachable(message.to));
  }

  #tellVote(host: Host, message: Message, before: NodeStatus, answer: Message | undefined): void {
    const candidate = nameOf(message.from);
    const pre = message.type === 'MsgPreVote';
    if (answer && !answer.reject) {
      const whom = `for ${candidate} in term ${message.term}`;
      this.#tell('vote', host.name, pre ? `would vote ${whom}` : `votes ${whom}`, pre ? undefined : `vote ${whom}`);
      return;
    }
    const no = !answer ? `does not answer ${candidate}` : `${pre ? 'would' : 'does'} not vote for ${candidate}`;
    this.#tell('vote', host.name, `${no}: ${whyNot(host, message, before)}`);
  }

  #process(host: Host): void {
    while (host.node?.hasReady() && !host.stalled) {
      const ready = host.node.ready();
      if (host.slowDisk && (ready.entries.length > 0 || ready.hardState)) {
        host.stalled = ready;
        return;
      }
      this.#store(host, host.node, ready);
    }
  }

  /** What a driver does with a Ready, in its order; told as it happens. */
  #store(host: Host, node: RawNode, ready: Ready): void {
    if (ready.softState) this.#tellRole(host, node, ready.softState.role, ready.softState.leader);
    const again = !ready.softState && retryText(node, ready.messages[0]);
    if (again) this.#tell('role', host.name, ...again);
    if (ready.snapshot) {
      host.storage.applySnapshot(ready.snapshot);
      host.applied = (ready.snapshot.data as string[]).slice();
      this.#tell('snapshot', host.name, `takes a snapshot up to index ${ready.snapshot.index} in place of its log`);
    }
    this.#tellAppend(host, node, ready.entries);
    host.storage.append(ready.entries);
    if (ready.hardState) {
      const before = host.storage.initialState().hardState.commit;
      host.storage.setHardState(ready.hardState);
      const { commit } = ready.hardState;
      if (node.role === 'leader' && commit > before) {
        this.#tell('commit', host.name, `commits up to index ${commit}: a majority has it on disk`);
      }
    }
    for (const message of ready.messages) this.#send(message);
    for (const entry of ready.committedEntries) this.#apply(host, node, entry);
    for (const { index, context } of ready.readStates) this.#readsAt.set(`${host.name}/${context}`, index);
    this.#answerReads(host);
    node.advance(ready);
  }

  #send(message: Message): void {
    if (message.type === 'MsgSnap') {
      const { index } = message.snapshot!;
      const to = nameOf(message.to);
      this.#tell(
        'snapshot',
        nameOf(message.from),
        `sends ${to} a snapshot up to index ${index}: it no longer has the entries that ${to} lacks`,
      );
    }
    const rule = this.#rules.find(
      ({ type, from, to }) =>
        (type ?? message.type) === message.type &&
        (from ?? message.from) === message.from &&
        (to ?? message.to) === message.to,
    );
    if (message.type === 'MsgVoteResp' || message.type === 'MsgPreVoteResp') this.#voteSent = message;
    const [least, most] = this.config.latency;
    const latency = rule?.delay ?? (most > least ? least + this.#prng.int(most - least + 1) : least);
    const lost = rule !== undefined && rule.delay === undefined;
    this.#flying.push({ message, due: this.now + (lost ? 0 : latency), lost });
  }

  #apply(host: Host, node: RawNode, entry: Entry): void {
    const known = this.#truth[entry.index];
    assert(!known || known.term === entry.term, `two members apply different entries at index ${entry.index}`);
    this.#truth[entry.index] = entry;
    host.storage.setApplied(entry.index);
    if (entry.type === 'confChange') {
      const conf = node.applyConfChange(entry.data as ConfChange);
      host.storage.setConfState(conf);
      const learners = conf.learners.length > 0 ? `, learners ${conf.learners.map(nameOf).join(', ')}` : '';
      const now = `voters ${conf.voters.map(nameOf).join(', ')}${learners}`;
      this.#tell(
        'member',
        host.name,
        `applies ${entry.index}:${entryText(entry)}: ${now}`,
        `apply ${entry.index}:${entryText(entry)}: ${now}`,
      );
      return;
    }
    if (entry.data === undefined) return;
    host.applied.push(String(entry.data));
    const what = `${entry.index}:${entryText(entry)}`;
    this.#tell('apply', host.name, `applies ${what}`, `apply ${what}`);
  }

  #answerReads(host: Host): void {
    const { applied } = host.storage.initialState();
    for (const [name, read] of this.reads) {
      const index = this.#readsAt.get(`${host.name}/${name}`);
      if (read.at !== host.name || read.answer !== undefined || index === undefined || applied < index) continue;
      read.answer = lastValue(host, read.key);
      this.#tell('read', host.name, `answers read ${name}: ${read.key} is ${read.answer} (read index ${index})`);
    }
  }

  #tellRole(host: Host, node: RawNode, role: Role, leader: number): void {
    const { term } = node;
    if (role === 'leader') {
      const other = this.#leaders.get(term) ?? host.id;
      assert(other === host.id, `two leaders in term ${term}: ${nameOf(other)} and ${host.name}`);
      this.#leaders.set(term, host.id);
    }
    this.#tell('role', host.name, ...roleText(role, term, leader));
  }

  #tellAppend(host: Host, node: RawNode, entries: readonly Entry[]): void {
    const first = entries[0];
    if (!first) return;
    const { storage } = host;
    const last = storage.lastIndex();
    if (first.index <= last) {
      const gone = storage.entries(first.index, last + 1, Number.MAX_SAFE_INTEGER);
      const what = gone.map((entry) => `${entry.index}:${entryText(entry)} of term ${entry.term}`).join(', ');
      const why = "never committed, and the leader's log has another entry there";
      this.#tell('overwrite', host.name, `throws away ${what}: ${why}`, `throw away ${what}: ${why}`);
    }
    const what = entries.map((entry) => `${entry.index}:${entryText(entry)}`).join(' ');
    if (node.role === 'leader') this.#tell('append', host.name, `appends ${what} to its log`);
    else this.#tell('append', host.name, `stores ${what}`, `store ${what}`);
  }

  #tell(kind: LabEventKind, who: string, one: string, many = one): void {
    this.#onEvent({ tick: this.now, kind, who, one, many });
  }
}

/** The last `key=value` applied. */
function lastValue(host: Host, key: string): string {
  const found = host.applied.findLast((command) => command.startsWith(`${key}=`));
  return found === undefined ? '(not set)' : found.slice(key.length + 1);
}
