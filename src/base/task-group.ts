/** Something with a life: `run` resolves only when everything it started has ended; aborting `signal` ends it. */
export interface Runnable {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** The reason klab's own components are aborted with. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  constructor(message = 'stopped') {
    super(message);
  }
}

/**
 * Owns child promises: no floating promise anywhere. The first failure aborts the siblings and is what `wait` throws;
 * a child that ends because of the abort is not a failure.
 */
export class TaskGroup {
  readonly #controller = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  readonly #parent: AbortSignal | undefined;
  readonly #onParentAbort: (() => void) | undefined;
  #failure: { error: unknown; task: string } | undefined;

  constructor(parent?: AbortSignal) {
    this.#parent = parent;
    if (parent) {
      this.#onParentAbort = () => this.#controller.abort(parent.reason);
      if (parent.aborted) this.#onParentAbort();
      else parent.addEventListener('abort', this.#onParentAbort, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get size(): number {
    return this.#tasks.size;
  }

  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    const promise = (async () => {
      try {
        await task(this.signal);
      } catch (error) {
        if (this.signal.aborted && (error === this.signal.reason || isAbort(error))) return;
        this.#failure ??= { error, task: name };
        this.#controller.abort(new StoppedError(`task ${name} failed`));
      }
    })();
    this.#tasks.add(promise);
    void promise.then(() => this.#tasks.delete(promise));
  }

  add(runnable: Runnable): void {
    this.spawn(runnable.name, (signal) => runnable.run(signal));
  }

  abort(reason: unknown = new StoppedError()): void {
    this.#controller.abort(reason);
  }

  /** Waits for all children (also those spawned meanwhile). Throws the first failure. */
  async wait(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    if (this.#onParentAbort) this.#parent!.removeEventListener('abort', this.#onParentAbort);
    if (this.#failure) throw this.#failure.error;
  }

  /** Aborts and waits. */
  async stop(reason?: unknown): Promise<void> {
    this.abort(reason);
    await this.wait();
  }
}

/** True for the errors that an abort makes. */
export function isAbort(error: unknown): boolean {
  return error instanceof StoppedError || (error instanceof Error && error.name === 'AbortError');
}
