/**
 * etcd's Watch: many watches on one stream, created, cancelled and asked for progress by messages.
 * Upstream: server/etcdserver/api/v3rpc/watch.go.
 */
import { TaskGroup } from '../../base/index.ts';
import { GrpcError, grpcCode, type Infer, type MessageInput, type ServerStream } from '../../wire/index.ts';
import { EtcdError, type WatchResponse, type WatchStream } from '../kv.ts';
import type { EtcdServerApi } from '../server-api.ts';
import { eventToWire } from '../v3/convert.ts';
import { toGrpcError } from '../v3/errors.ts';
import type * as m from '../v3/messages.ts';
import { DoorCallOptions } from './caller.ts';

type WireRequest = Infer<typeof m.WatchRequest>;
type WireCreate = Infer<typeof m.WatchCreateRequest>;
type WireResponse = Infer<typeof m.WatchResponse>;
type WireEvent = MessageInput<Infer<typeof m.Event>>;

/** Wire number of a watch that is none: answers to progress requests, refused creations. */
const noWatchId = -1;
/** Above this many bytes of events a client that asked for fragments gets several responses (etcd: 1.5 MiB + 512 KiB). */
const fragmentBytes = 2 * 1024 * 1024;

interface OpenWatch {
  readonly id: number;
  readonly stream: WatchStream;
  readonly fragment: boolean;
  /** The client cancelled it and got its answer: what still comes is dropped. */
  cancelled: boolean;
  /** Progress answers the stream-wide request still waits for from this watch. */
  awaited: ((revision: number) => void)[];
}

export function serveWatch(api: EtcdServerApi, stream: ServerStream<WireRequest, WireResponse>): Promise<void> {
  return new WatchServer(api, stream).run();
}

class WatchServer {
  readonly #api: EtcdServerApi;
  readonly #stream: ServerStream<WireRequest, WireResponse>;
  readonly #watches = new Map<number, OpenWatch>();
  readonly #pumps = new TaskGroup();
  #nextId = 0;

  constructor(api: EtcdServerApi, stream: ServerStream<WireRequest, WireResponse>) {
    this.#api = api;
    this.#stream = stream;
  }

  async run(): Promise<void> {
    // Headers go out before the first event, as a Go server's do: clients wait for them.
    this.#stream.start();
    let failure: unknown;
    try {
      for await (const request of this.#stream.requests()) {
        if (request.create) this.#create(request.create);
        else if (request.cancel) this.#cancel(request.cancel.watchId);
        else if (request.progress) this.#progress();
      }
    } catch (error) {
      failure = error;
    } finally {
      for (const watch of this.#watches.values()) watch.stream.cancel();
      await this.#pumps.stop();
    }
    if (failure !== undefined) throw failure;
  }

  #create(create: WireCreate): void {
    // etcd's gRPC layer: an empty key is the first key there is, an end of `\0` leaves the range open.
    const key = create.key.length === 0 ? Uint8Array.of(0) : create.key;
    const rangeEnd = create.rangeEnd.length === 0 ? undefined : create.rangeEnd;
    if (rangeEnd && !isOpenEnd(rangeEnd) && Buffer.compare(key, rangeEnd) >= 0) {
      this.#refuse('mvcc: watcher range is empty');
      return;
    }
    const refused = this.#denied(key, rangeEnd);
    if (refused) {
      this.#refuse(`rpc error: code = ${refused.code} desc = ${refused.message}`);
      return;
    }
    if (create.watchId !== 0 && this.#watches.has(create.watchId)) {
      this.#refuse('mvcc: duplicate watch ID provided on the WatchStream');
      return;
    }
    const id = create.watchId !== 0 ? create.watchId : this.#freeId();
    const stream = this.#api.watch({
      key,
      rangeEnd,
      startRevision: Math.max(0, create.startRevision),
      prevKv: create.prevKv,
      progressNotify: create.progressNotify,
      filters: create.filters.flatMap((filter) => (filter === 0 ? 'noput' : filter === 1 ? 'nodelete' : [])),
    });
    const watch: OpenWatch = { id, stream, fragment: create.fragment, cancelled: false, awaited: [] };
    this.#watches.set(id, watch);
    this.#pumps.spawn(`watch ${id}`, () => this.#pump(watch));
  }

  /** What the accounts of this member say against a range, if anything. */
  #denied(key: Uint8Array, rangeEnd: Uint8Array | undefined): EtcdError | undefined {
    const { auth } = this.#api;
    if (!auth?.enabled) return undefined;
    try {
      auth.checkRead(new DoorCallOptions(this.#stream, auth).auth, key, rangeEnd);
      return undefined;
    } catch (error) {
      if (error instanceof EtcdError) return error;
      throw error;
    }
  }

  #freeId(): number {
    while (this.#watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #refuse(cancelReason: string): void {
    const header = this.#header();
    this.#stream.write({ header, watchId: noWatchId, created: true, canceled: true, cancelReason });
  }

  #cancel(id: number): void {
    const watch = this.#watches.get(id);
    if (!watch) return;
    watch.cancelled = true;
    watch.stream.cancel();
    this.#watches.delete(id);
    this.#settle(watch, this.#api.header().revision);
    this.#stream.write({ header: this.#header(), watchId: id, canceled: true });
  }

  /** One answer for the whole stream, once every watch on it has caught up. */
  #progress(): void {
    let waiting = this.#watches.size;
    if (waiting === 0) return;
    let lowest = Number.MAX_SAFE_INTEGER;
    const answered = (revision: number) => {
      lowest = Math.min(lowest, revision);
      if (--waiting === 0) this.#stream.write({ header: this.#header(lowest), watchId: noWatchId });
    };
    for (const watch of this.#watches.values()) {
      watch.awaited.push(answered);
      watch.stream.requestProgress();
    }
  }

  async #pump(watch: OpenWatch): Promise<void> {
    try {
      for await (const response of watch.stream) {
        if (watch.cancelled) break;
        if (!this.#send(watch, response)) await this.#stream.drained();
      }
    } catch (error) {
      if (!watch.cancelled) this.#end(watch, toGrpcError(error).message);
    } finally {
      if (this.#watches.get(watch.id) === watch) {
        // The store ended it without a last word: its member stopped. The client makes it anew elsewhere.
        this.#end(watch, new GrpcError(grpcCode.unavailable, 'etcdserver: server stopped').message);
      }
    }
  }

  #end(watch: OpenWatch, cancelReason: string): void {
    this.#watches.delete(watch.id);
    this.#settle(watch, this.#api.header().revision);
    this.#stream.write({ header: this.#header(), watchId: watch.id, canceled: true, cancelReason });
  }

  #settle(watch: OpenWatch, revision: number): void {
    const { awaited } = watch;
    watch.awaited = [];
    for (const answered of awaited) answered(revision);
  }

  #send(watch: OpenWatch, response: WatchResponse): boolean {
    const { events, compactRevision = 0 } = response;
    const header = this.#header(response.revision);
    if (response.canceled) {
      this.#watches.delete(watch.id);
      this.#settle(watch, response.revision);
      if (compactRevision === 0) {
        return this.#stream.write({ header, watchId: watch.id, canceled: true, cancelReason: response.cancelReason });
      }
      // etcd names neither a reason nor its own revision beside the compacted one.
      return this.#stream.write({ header: this.#header(0), watchId: watch.id, canceled: true, compactRevision });
    }
    if (response.created) {
      // The header of a creation carries the store's revision, not where the watch stands.
      const written = this.#stream.write({ header: this.#header(), watchId: watch.id, created: true });
      return events.length === 0 ? written : this.#sendEvents(watch, response, header);
    }
    if (events.length === 0 && watch.awaited.length > 0) {
      watch.awaited.shift()!(response.revision);
      return true;
    }
    return this.#sendEvents(watch, response, header);
  }

  #sendEvents(watch: OpenWatch, response: WatchResponse, header: ReturnType<EtcdServerApi['header']>): boolean {
    const events = response.events.map(eventToWire);
    if (!watch.fragment || eventBytes(response) <= fragmentBytes) {
      return this.#stream.write({ header, watchId: watch.id, events });
    }
    let written = true;
    const parts = fragments(events, response);
    for (const [i, part] of parts.entries()) {
      written = this.#stream.write({ header, watchId: watch.id, events: part, fragment: i < parts.length - 1 });
    }
    return written;
  }

  #header(revision?: number) {
    const header = this.#api.header();
    return revision === undefined || revision === header.revision ? header : { ...header, revision };
  }
}

const isOpenEnd = (end: Uint8Array) => end.length === 1 && end[0] === 0;

type SizedEvent = WatchResponse['events'][number];

const sizeOf = ({ kv, prevKv }: SizedEvent): number =>
  64 + kv.key.length + kv.value.length + (prevKv ? 32 + prevKv.key.length + prevKv.value.length : 0);

function eventBytes(response: WatchResponse): number {
  let bytes = 0;
  for (const event of response.events) bytes += sizeOf(event);
  return bytes;
}

function fragments(events: readonly WireEvent[], response: WatchResponse): WireEvent[][] {
  const parts: WireEvent[][] = [[]];
  let bytes = 0;
  for (const [i, event] of events.entries()) {
    const size = sizeOf(response.events[i]!);
    if (bytes + size > fragmentBytes && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(event);
    bytes += size;
  }
  return parts;
}
