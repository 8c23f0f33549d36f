import type { ClientStream, Infer } from '../../wire/index.ts';
import { errCompacted, type StoreEvent, type WatchRequest, type WatchResponse, type WatchStream } from '../kv.ts';
import { eventFromWire } from '../v3/convert.ts';
import { toEtcdError } from '../v3/errors.ts';
import type * as m from '../v3/messages.ts';
import { watchService } from '../v3/services.ts';
import type { Endpoints } from './endpoints.ts';

type Stream = ClientStream<Infer<typeof m.WatchRequest>, Infer<typeof m.WatchResponse>>;

/** Progress that was asked for and is no watch's own. */
const noWatch = -1;
const allKeys = Uint8Array.of(0);

/**
 * One watch on a stream of its own. It ends with an EtcdError (`Unavailable`) when the connection is lost: whoever
 * reads it knows the last revision and watches again from there.
 *
 * etcd before 3.4.31 and 3.5.13 answers a request for progress at once, with the store's revision, even to a watch that
 * still lags behind (upstream: apiserver/pkg/storage/feature/feature_support_checker.go). Believed, that loses events.
 * So there the answer only counts as far as events were seen, and a watch that depends on progress takes in all keys:
 * every revision has an event, and none is missed.
 */
export class RemoteWatch implements WatchStream {
  readonly #endpoints: Endpoints;
  readonly #request: WatchRequest;
  readonly #reliableProgress: () => Promise<boolean>;
  #trusted = true;
  /** All keys are watched, the others are left out here. */
  #wide = false;
  readonly #abort = new AbortController();
  #stream: Stream | undefined;
  #progressWanted = false;
  /** Where the watch stands: the newest revision it is complete up to. */
  #revision = 0;

  /** `reliableProgress`: whether the server answers a request for progress only when the watch has caught up. */
  constructor(endpoints: Endpoints, request: WatchRequest, reliableProgress: () => Promise<boolean>) {
    this.#reliableProgress = reliableProgress;
    this.#endpoints = endpoints;
    this.#request = request;
  }

  requestProgress(): void {
    // Before the server has answered the creation it would answer for no watch at all.
    if (this.#stream) this.#stream.write({ progress: {} });
    else this.#progressWanted = true;
  }

  cancel(): void {
    this.#abort.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse, void, void> {
    const { signal } = this.#abort;
    try {
      this.#trusted = await this.#reliableProgress();
      this.#wide = !this.#trusted && (this.#request.progressNotify === true || this.#progressWanted);
      // A member without leader would never send anything: let it end the watch.
      const stream = await this.#endpoints.open(watchService.watch, { signal, metadata: { hasleader: 'true' } });
      stream.write({ create: this.#createRequest() });
      for await (const message of stream) {
        const response = this.#convert(message);
        if (response.created && !response.canceled) {
          this.#stream = stream;
          if (this.#progressWanted) this.requestProgress();
        }
        yield response;
        if (response.canceled) return;
      }
    } catch (error) {
      if (!signal.aborted) throw toEtcdError(error);
    } finally {
      this.cancel();
    }
  }

  #createRequest() {
    const { key, rangeEnd, startRevision, prevKv, progressNotify, filters } = this.#request;
    if (this.#wide) return { key: allKeys, rangeEnd: allKeys, startRevision, prevKv, progressNotify };
    return {
      key,
      rangeEnd,
      startRevision,
      prevKv,
      progressNotify,
      filters: filters?.map((filter) => (filter === 'noput' ? 0 : 1)),
    };
  }

  #convert(message: Infer<typeof m.WatchResponse>): WatchResponse {
    let events = message.events.map(eventFromWire);
    const storeRevision = message.header?.revision ?? 0;
    const { startRevision = 0 } = this.#request;
    // With events the header is the store's revision, which the watch may not have caught up with.
    if (events.length > 0) this.#revision = events.at(-1)!.kv.modRevision;
    else if (!message.created) {
      const known = this.#trusted || Number(message.watchId) !== noWatch;
      if (known) this.#revision = Math.max(this.#revision, storeRevision);
    } else this.#revision = startRevision > 0 ? startRevision - 1 : storeRevision;
    if (this.#wide) events = events.filter((event) => this.#wanted(event));
    const response: WatchResponse = { revision: this.#revision, events };
    if (!message.canceled) return message.created ? { ...response, created: true } : response;
    // etcd gives either a reason or a compacted revision.
    const { compactRevision } = message;
    return compactRevision > 0
      ? { ...response, canceled: true, cancelReason: errCompacted, compactRevision }
      : { ...response, canceled: true, cancelReason: message.cancelReason };
  }

  #wanted({ type, kv }: StoreEvent): boolean {
    const { key, rangeEnd, filters } = this.#request;
    if (filters?.includes(type === 'put' ? 'noput' : 'nodelete')) return false;
    if (!rangeEnd || rangeEnd.length === 0) return Buffer.compare(kv.key, key) === 0;
    if (Buffer.compare(kv.key, key) < 0) return false;
    return (rangeEnd.length === 1 && rangeEnd[0] === 0) || Buffer.compare(kv.key, rangeEnd) < 0;
  }
}
