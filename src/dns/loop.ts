/**
 * Whether what a server block forwards comes back to it. A question that nobody else asks goes out when the first one is
 * forwarded; if it arrives here, others send to klab what klab sends to them. Upstream: plugin/loop (coredns 1.13), which
 * asks at start and ends the process; here nobody outside is asked before a client is, and forwarding ends for a while.
 */
import type { Prng } from '../base/index.ts';
import type { DnsClient } from './name-server.ts';

/** After so long it is tried again: the other side may have been mended. */
const restMs = 30_000;
/** Without an answer nothing is known; the next question forwarded after so long tries again. */
const retryMs = 2_000;

export interface LoopGuardDeps {
  readonly prng: Prng;
  readonly now: () => number;
  /** The line that CoreDNS ends with. */
  readonly found: (line: string) => void;
}

type State = 'unknown' | 'asking' | 'clean' | 'looping';

export class LoopGuard {
  /** In lower case, without its last dot; asked for with type HINFO. */
  readonly name: string;
  readonly #zone: string;
  readonly #deps: LoopGuardDeps;
  #state: State = 'unknown';
  /** When `unknown` and `looping` end. */
  #until = 0;

  constructor(zone: string, deps: LoopGuardDeps) {
    this.#zone = zone;
    this.#deps = deps;
    const label = () => String(deps.prng.int(2 ** 31));
    this.name = `${label()}.${label()}${zone === '' ? '' : `.${zone}`}`;
  }

  get isLooping(): boolean {
    if (this.#state === 'looping' && this.#deps.now() >= this.#until) this.#state = 'unknown';
    return this.#state === 'looping';
  }

  /** Before a question is forwarded; `ask` sends the guard's own the same way. */
  check(ask: () => Promise<unknown>): void {
    if (this.#state !== 'unknown' || this.#deps.now() < this.#until) return;
    this.#state = 'asking';
    ask().then(
      () => {
        if (this.#state === 'asking') this.#state = 'clean';
      },
      () => {
        if (this.#state !== 'asking') return;
        this.#state = 'unknown';
        this.#until = this.#deps.now() + retryMs;
      },
    );
  }

  /** The guard's own question has come in. */
  cameBack(client: DnsClient | undefined): void {
    if (this.#state === 'looping') return;
    this.#state = 'looping';
    this.#until = this.#deps.now() + restMs;
    const from = client === undefined ? '' : ` (${client.address}:${client.port} -> :53)`;
    this.#deps.found(
      `plugin/loop: Loop${from} detected for zone "${this.#zone}.", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${this.name}."`,
    );
  }
}
