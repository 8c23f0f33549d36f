/**
 * The in-process way to the API server. It stands where a network would: shut, calls are refused as by a port where
 * nobody listens; a server that goes down answers what it still can and breaks off the rest.
 */
import type { Dispatch, ServerResponse } from '../apiserver/index.ts';
import { wallClock, yieldToEventLoop } from '../base/index.ts';
import { ConnectionError } from '../client/index.ts';

/** What a server that goes down gives to requests under way (wall time). Upstream: --shutdown-delay-duration and Go's Shutdown. */
const drainMs = 1_000;

export class ApiGate {
  #dispatch: Dispatch | undefined;
  /** Requests under way, by how each is broken off. */
  readonly #pending = new Set<(error: Error) => void>();
  readonly #address: () => string;

  constructor(address: () => string) {
    this.#address = address;
  }

  get isOpen(): boolean {
    return this.#dispatch !== undefined;
  }

  /** Throws (rejects with) StatusError, or ConnectionError while it is shut. */
  readonly handle: Dispatch = (request) => {
    const dispatch = this.#dispatch;
    if (!dispatch)
      return Promise.reject(new ConnectionError(`dial tcp ${this.#address()}: connect: connection refused`));
    return new Promise<ServerResponse>((resolve, reject) => {
      this.#pending.add(reject);
      dispatch(request).then(
        (response) => {
          this.#pending.delete(reject);
          resolve(response);
        },
        (error: unknown) => {
          this.#pending.delete(reject);
          reject(error);
        },
      );
    });
  };

  open(dispatch: Dispatch): void {
    this.#dispatch = dispatch;
  }

  /** Refuses new requests; resolves when those under way are answered, or their time is over. */
  async shut(): Promise<void> {
    this.#dispatch = undefined;
    const end = wallClock.monotonic() + drainMs;
    for (let turns = 0; this.#pending.size > 0 && wallClock.monotonic() < end; turns++) {
      if (turns < 100) await yieldToEventLoop();
      else await wallClock.sleep(2);
    }
  }

  /** Whoever still waits learns that the connection is gone; what became of the request, the store knows. */
  breakOff(): void {
    for (const reject of this.#pending) reject(new ConnectionError('read tcp: connection reset by peer'));
    this.#pending.clear();
  }
}
