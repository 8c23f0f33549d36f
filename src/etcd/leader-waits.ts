import type { Clock, Timer } from '../base/index.ts';
import { EtcdError } from './kv.ts';
import type { Member } from './member.ts';

interface Wait {
  readonly target: Member;
  done(): void;
  fail(error: unknown): void;
}

/** Those who wait until a member leads. */
export class LeaderWaits {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #waits: Wait[] = [];

  /** `timeoutMs`: etcd gives a transfer one election timeout. */
  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  until(target: Member): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const settle = (end: () => void) => {
        timer?.cancel();
        this.#waits = this.#waits.filter((w) => w !== wait);
        end();
      };
      const wait: Wait = {
        target,
        done: () => settle(resolve),
        fail: (error) => settle(() => reject(error)),
      };
      timer = this.#clock.schedule(this.#timeoutMs, () => {
        wait.fail(new EtcdError('Unavailable', 'etcdserver: request timed out, leader transfer took too long'));
      });
      this.#waits.push(wait);
    });
  }

  /** Call after every turn. */
  check(): void {
    for (const wait of this.#waits) if (wait.target.node?.role === 'leader') wait.done();
  }

  fail(error: unknown): void {
    for (const wait of this.#waits) wait.fail(error);
  }
}
