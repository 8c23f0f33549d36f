import type { Clock, Prng } from '../base/index.ts';
import type { Message } from '../raft/index.ts';

export interface LinkRule {
  /** Cluster-clock ms each message takes. 0 (the default) = within the same turn. */
  readonly delayMs?: number;
  /** Extra random share of the delay, up to so many ms: messages overtake each other. Default 0. */
  readonly jitterMs?: number;
  /** Probability that a message is lost, 0 to 1. Default 0. */
  readonly drop?: number;
}

interface Delayed extends Held {
  /** Undefined: held until a step lets it go. */
  readonly delayMs: number | undefined;
}

export interface TransportEvents {
  /** A message has arrived; false when nobody takes it. */
  deliver(message: Message): boolean;
  /** Nothing can be sent from one member to another now. */
  unreachable(from: number, to: number): void;
  /** A snapshot has arrived or was lost: its sender must know. */
  snapshotSent(from: number, to: number, ok: boolean): void;
  /** Messages arrived between turns: somebody must run one. */
  wake(): void;
  /** Who hears whom has changed. */
  topology?(): void;
}

/** What became of a message. `held` waits for a step, `underway` for its delay. */
export type MessageFate = 'delivered' | 'lost' | 'held' | 'underway';

/** A message as `klab etcd raft messages` shows it. */
export interface TracedMessage {
  /** Counts up from 1. */
  readonly seq: number;
  readonly message: Omit<Message, 'entries' | 'snapshot'> & { readonly entries: number };
  fate: MessageFate;
}

interface Held {
  readonly message: Message;
  readonly traced: TracedMessage;
}

/** Messages remembered; heartbeats, of which there are many, by themselves. */
const traceSize = 512;
/** Messages held back at most; what comes then is lost, as on a network whose buffers are full. */
const maxHeld = 4096;
const heartbeats: ReadonlySet<Message['type']> = new Set(['MsgHeartbeat', 'MsgHeartbeatResp']);

/** Every member sends them all the time: shown only to who asks for them. */
export const isHeartbeat = ({ message }: TracedMessage): boolean => heartbeats.has(message.type);

/**
 * The network between the members of one process. Messages of links without delay arrive within the turn; others
 * leave only after the turn's commit (`release`). Partitions are sets of members that hear each other.
 */
export class Transport {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #events: TransportEvents;
  readonly #rules = new Map<string, LinkRule>();
  #default: LinkRule = {};
  /** Which side of a partition a member is on; absent = 0. */
  #sides = new Map<number, number>();
  readonly #cut = new Set<string>();
  #outbox: Delayed[] = [];
  #holding: ReadonlySet<number> = new Set();
  #held: Held[] = [];
  #seq = 0;
  #trace: TracedMessage[] = [];
  #beats: TracedMessage[] = [];

  constructor(deps: { clock: Clock; prng: Prng }, events: TransportEvents) {
    this.#clock = deps.clock;
    this.#prng = deps.prng;
    this.#events = events;
  }

  /** The rule of every link that has none of its own. */
  setDefault(rule: LinkRule): void {
    this.#default = rule;
  }

  /** The rule of one direction; undefined = back to the default. */
  setLink(from: number, to: number, rule: LinkRule | undefined): void {
    if (rule) this.#rules.set(link(from, to), rule);
    else this.#rules.delete(link(from, to));
  }

  /** The rule of every link without one of its own, and those that have one. */
  get rules(): {
    readonly all: LinkRule;
    readonly links: readonly { readonly from: number; readonly to: number; readonly rule: LinkRule }[];
  } {
    const links = [...this.#rules].map(([name, rule]) => {
      const [from, to] = name.split('>').map(Number) as [number, number];
      return { from, to, rule };
    });
    return { all: this.#default, links };
  }

  /** Every link is perfect again. */
  clearRules(): void {
    this.#default = {};
    this.#rules.clear();
  }

  /** Splits the members: `partition([1], [2, 3])`. Members named nowhere form one more side. */
  partition(...sides: readonly (readonly number[])[]): void {
    this.#sides = new Map(sides.flatMap((side, i) => side.map((member) => [member, i + 1] as const)));
    this.#events.topology?.();
  }

  /** Cuts one direction only. */
  cut(from: number, to: number): void {
    this.#cut.add(link(from, to));
    this.#events.topology?.();
  }

  /** Undoes every partition and cut. Rules stay, and so does what is held. */
  heal(): void {
    this.#sides.clear();
    this.#cut.clear();
    this.#events.topology?.();
  }

  /** Messages to and from these members wait for `step`. What is held already stays so while any member is. */
  hold(members: readonly number[]): void {
    this.#holding = new Set(members);
    if (this.#holding.size === 0) this.step(this.#held.length);
    this.#events.topology?.();
  }

  isHeld(from: number, to: number): boolean {
    return this.#holding.has(from) || this.#holding.has(to);
  }

  get holding(): readonly number[] {
    return [...this.#holding];
  }

  /** Lets held messages arrive, oldest first, or those with the given numbers. */
  step(count: number, seqs?: ReadonlySet<number>): readonly TracedMessage[] {
    const go = this.#held.filter(({ traced }, i) => (seqs ? seqs.has(traced.seq) : i < count));
    this.#held = this.#held.filter((held) => !go.includes(held));
    for (const held of go) this.#land(held);
    if (go.length > 0) this.#events.wake();
    return go.map(({ traced }) => traced);
  }

  /** The newest messages, oldest first; heartbeats only when asked for. */
  trace(options: { readonly heartbeats?: boolean; readonly limit?: number } = {}): readonly TracedMessage[] {
    const all = options.heartbeats ? [...this.#trace, ...this.#beats].sort((a, b) => a.seq - b.seq) : this.#trace;
    return all.slice(-(options.limit ?? traceSize));
  }

  /** What was sent and has not arrived, oldest first: everything held, and what is under way as far as it is remembered. */
  waiting(): readonly TracedMessage[] {
    const held = [...this.#held, ...this.#outbox].map(({ traced }) => traced).filter(({ fate }) => fate === 'held');
    const underway = [...this.#trace, ...this.#beats].filter(({ fate }) => fate === 'underway');
    return [...held, ...underway].sort((a, b) => a.seq - b.seq);
  }

  #remember(message: Message): TracedMessage {
    const { snapshot: _, entries, ...head } = message;
    const traced: TracedMessage = {
      seq: ++this.#seq,
      message: { ...head, entries: entries.length },
      fate: 'delivered',
    };
    const ring = heartbeats.has(message.type) ? this.#beats : this.#trace;
    ring.push(traced);
    // Cut in one go now and then: a shift for each message would copy the ring each time.
    if (ring.length >= 2 * traceSize) ring.splice(0, ring.length - traceSize);
    return traced;
  }

  connected(from: number, to: number): boolean {
    return (this.#sides.get(from) ?? 0) === (this.#sides.get(to) ?? 0) && !this.#cut.has(link(from, to));
  }

  send(message: Message): void {
    const { from, to } = message;
    const traced = this.#remember(message);
    if (!this.connected(from, to)) {
      this.#events.unreachable(from, to);
      this.#lost({ message, traced });
      return;
    }
    const { delayMs = 0, jitterMs = 0, drop = 0 } = this.#rules.get(link(from, to)) ?? this.#default;
    if (drop > 0 && this.#prng.float() < drop) {
      this.#lost({ message, traced });
      return;
    }
    const delay = delayMs + (jitterMs > 0 ? this.#prng.float() * jitterMs : 0);
    if (this.isHeld(from, to)) {
      traced.fate = 'held';
      this.#outbox.push({ message, traced, delayMs: undefined });
    } else if (delay > 0) {
      traced.fate = 'underway';
      this.#outbox.push({ message, traced, delayMs: delay });
    } else this.#arrive({ message, traced });
  }

  #arrive({ message, traced }: Held): void {
    const taken = this.#events.deliver(message);
    traced.fate = taken ? 'delivered' : 'lost';
    if (message.type === 'MsgSnap') this.#events.snapshotSent(message.from, message.to, taken);
  }

  #lost({ message, traced }: Held): void {
    traced.fate = 'lost';
    if (message.type === 'MsgSnap') this.#events.snapshotSent(message.from, message.to, false);
  }

  /** A partition that came meanwhile swallows what was on its way. */
  #land(held: Held): void {
    if (this.connected(held.message.from, held.message.to)) this.#arrive(held);
    else this.#lost(held);
  }

  /** The turn has been committed: what was held back may leave. */
  release(): void {
    if (this.#outbox.length === 0) return;
    const outbox = this.#outbox;
    this.#outbox = [];
    for (const { delayMs, ...held } of outbox) {
      if (delayMs === undefined) {
        if (this.#held.length < maxHeld) this.#held.push(held);
        else this.#lost(held);
        continue;
      }
      this.#clock.schedule(delayMs, () => {
        this.#land(held);
        this.#events.wake();
      });
    }
  }

  /** The turn was rolled back: nothing of it may leave. */
  discard(): void {
    for (const { traced } of this.#outbox) traced.fate = 'lost';
    this.#outbox = [];
  }
}

function link(from: number, to: number): string {
  return `${from}>${to}`;
}
