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

interface Delayed {
  readonly message: Message;
  readonly delayMs: number;
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
}

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

  /** Splits the members: `partition([1], [2, 3])`. Members named nowhere form one more side. */
  partition(...sides: readonly (readonly number[])[]): void {
    this.#sides = new Map(sides.flatMap((side, i) => side.map((member) => [member, i + 1] as const)));
  }

  /** Cuts one direction only. */
  cut(from: number, to: number): void {
    this.#cut.add(link(from, to));
  }

  /** Undoes every partition and cut. Rules stay. */
  heal(): void {
    this.#sides.clear();
    this.#cut.clear();
  }

  connected(from: number, to: number): boolean {
    return (this.#sides.get(from) ?? 0) === (this.#sides.get(to) ?? 0) && !this.#cut.has(link(from, to));
  }

  send(message: Message): void {
    const { from, to } = message;
    if (!this.connected(from, to)) {
      this.#events.unreachable(from, to);
      this.#lost(message);
      return;
    }
    const { delayMs = 0, jitterMs = 0, drop = 0 } = this.#rules.get(link(from, to)) ?? this.#default;
    if (drop > 0 && this.#prng.float() < drop) {
      this.#lost(message);
      return;
    }
    const delay = delayMs + (jitterMs > 0 ? this.#prng.float() * jitterMs : 0);
    if (delay > 0) this.#outbox.push({ message, delayMs: delay });
    else this.#arrive(message);
  }

  #arrive(message: Message): void {
    const taken = this.#events.deliver(message);
    if (message.type === 'MsgSnap') this.#events.snapshotSent(message.from, message.to, taken);
  }

  #lost(message: Message): void {
    if (message.type === 'MsgSnap') this.#events.snapshotSent(message.from, message.to, false);
  }

  /** The turn has been committed: what was held back may leave. */
  release(): void {
    if (this.#outbox.length === 0) return;
    const outbox = this.#outbox;
    this.#outbox = [];
    for (const { message, delayMs } of outbox) {
      this.#clock.schedule(delayMs, () => {
        // A partition that came meanwhile swallows what was on its way.
        if (this.connected(message.from, message.to)) this.#arrive(message);
        else this.#lost(message);
        this.#events.wake();
      });
    }
  }

  /** The turn was rolled back: nothing of it may leave. */
  discard(): void {
    this.#outbox = [];
  }
}

function link(from: number, to: number): string {
  return `${from}>${to}`;
}
