/**
 * Keeps a receiver equal to a collection of the server: list, then watch from the list's resourceVersion; bookmarks move
 * the resourceVersion on; 410 lists anew; trouble backs off with jitter.
 * Upstream: client-go/tools/cache/reflector.go (1.36). Differs: no WatchList streaming, a list is cheap here.
 */

import {
  isResourceExpired,
  isTimeout,
  type KubeObject,
  type Status,
  StatusError,
  type WatchEvent,
} from '../../apimachinery/index.ts';
import { Backoff, type Clock, isAbort, type Logger, type Prng } from '../../base/index.ts';
import type { ResourceClient } from '../kube-client.ts';

export interface ReflectorDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

export interface ReflectorOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** What a reflector feeds. Calls come one at a time. */
export interface ReflectorTarget<T> {
  /** The whole collection as of `resourceVersion`. */
  replace(items: readonly T[], resourceVersion: string): Promise<void>;
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void;
}

/** Shortest and longest time a watch is asked to last. */
const watchMinSeconds = 300;
const backoffResetMs = 120_000;

export class Reflector<T extends KubeObject> {
  readonly #client: ResourceClient<T>;
  readonly #target: ReflectorTarget<T>;
  readonly #deps: ReflectorDeps;
  readonly #options: ReflectorOptions;
  readonly #backoff: Backoff;
  #lastFailureAt = Number.NEGATIVE_INFINITY;
  /** '' = not known or no longer to be had: the next list asks for the newest. */
  #resourceVersion = '0';

  constructor(
    client: ResourceClient<T>,
    target: ReflectorTarget<T>,
    deps: ReflectorDeps,
    options: ReflectorOptions = {},
  ) {
    this.#client = client;
    this.#target = target;
    this.#deps = deps;
    this.#options = options;
    this.#backoff = new Backoff({ initialMs: 800, maxMs: 30_000, factor: 2, jitter: 1 }, deps.prng);
  }

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#list(signal);
        await this.#watchWhileFresh(signal);
      } catch (error) {
        if (signal.aborted && (error === signal.reason || isAbort(error))) return;
        if (!(error instanceof Error) || error.name === 'AssertionError' || !isTransient(error)) throw error;
        this.#deps.log.debug('list and watch failed, will retry', { resource: this.#client.description.plural, error });
        if (!(await this.#pause(signal))) return;
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { labelSelector, fieldSelector } = this.#options;
    const selection = { labelSelector, fieldSelector, signal };
    const { kind, group, version } = this.#client.description;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const items: T[] = [];
    let resourceVersion = '';
    const read = async (from: string) => {
      items.length = 0;
      // From the watch cache in one piece; from the store ('' ) in pages.
      const options = { ...selection, resourceVersion: from === '' ? undefined : from };
      for await (const page of this.#client.pages(
        from === '' ? { ...options, limit: 500 } : { ...options, limit: 0 },
      )) {
        for (const item of page.items as T[]) items.push(item.kind ? item : { ...item, apiVersion, kind });
        resourceVersion = page.metadata.resourceVersion ?? '';
      }
    };
    try {
      await read(this.#resourceVersion);
    } catch (error) {
      if (!isResourceExpired(error) && !isTimeout(error)) throw error;
      await read('');
    }
    await this.#target.replace(items, resourceVersion);
    this.#resourceVersion = resourceVersion;
  }

  /** Watches again and again; returns when the collection must be listed anew. */
  async #watchWhileFresh(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seconds = Math.floor(watchMinSeconds * (1 + this.#deps.prng.float()));
      let seen = 0;
      try {
        const events = await this.#client.watch({
          ...this.#options,
          resourceVersion: this.#resourceVersion,
          allowWatchBookmarks: true,
          timeoutSeconds: seconds,
          signal,
        });
        const startedAt = this.#deps.clock.monotonic();
        for await (const event of events as AsyncIterable<WatchEvent<T | Status>>) {
          seen++;
          if (event.type === 'ERROR') throw new StatusError(event.object as Status);
          const object = event.object as T;
          if (event.type !== 'BOOKMARK') this.#target.apply(event.type, object);
          this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
        }
        if (signal.aborted) return;
        if (seen > 0 || this.#deps.clock.monotonic() - startedAt >= 1000) continue;
      } catch (error) {
        if (signal.aborted) throw error;
        if (isResourceExpired(error)) {
          this.#resourceVersion = '';
          return;
        }
        if (!(error instanceof Error) || error.name === 'AssertionError' || !isTransient(error)) throw error;
        this.#deps.log.debug('watch failed, will retry', { resource: this.#client.description.plural, error });
      }
      if (!(await this.#pause(signal))) return;
    }
  }

  /** Waits out the backoff; false when aborted. */
  async #pause(signal: AbortSignal): Promise<boolean> {
    const now = this.#deps.clock.monotonic();
    if (now - this.#lastFailureAt > backoffResetMs) this.#backoff.reset();
    this.#lastFailureAt = now;
    try {
      await this.#backoff.wait(this.#deps.clock, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

/** What the server or the way to it did; everything else is a mistake of ours and must not be retried for ever. */
function isTransient(error: Error): boolean {
  return (
    error instanceof StatusError ||
    error.name === 'ConnectionError' ||
    error.name === 'QueueOverflowError' ||
    isAbort(error)
  );
}
