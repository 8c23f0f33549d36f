/**
 * Turns a stream of events into few writes: equal events become one with a count, ten or more that differ only in
 * message become one "combined" event, and a source that goes on about one object is held back.
 * Upstream: client-go/tools/record/events_cache.go (1.36).
 */
import type { Clock } from '../../base/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { TokenBucket } from '../rate-limiter.ts';
import type { CoreEvent } from './event.ts';
import { LruCache } from './lru.ts';

const maxLruCacheEntries = 4096;
const aggregateMaxEvents = 10;
const aggregateIntervalMs = 600_000;
const spamBurst = 25;
const spamPerSecond = 1 / 300;

export interface CorrelateResult {
  /** To be written; absent when the spam filter holds it back. */
  readonly event?: CoreEvent;
  /** The change against the event already stored under that name, when there is one. */
  readonly patch?: Readonly<Record<string, unknown>>;
}

interface AggregateRecord {
  readonly localKeys: Set<string>;
  lastAt: number;
}

interface EventLog {
  readonly count: number;
  readonly firstTimestamp: string | null | undefined;
  readonly name: string;
}

/** `eventName(object)` makes the name of a combined event. */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #eventName: (involvedName: string) => string;
  readonly #aggregates = new LruCache<AggregateRecord>(maxLruCacheEntries);
  readonly #logs = new LruCache<EventLog>(maxLruCacheEntries);
  readonly #buckets = new LruCache<TokenBucket>(maxLruCacheEntries);

  constructor(deps: { readonly clock: Clock }, eventName: (involvedName: string) => string) {
    this.#clock = deps.clock;
    this.#eventName = eventName;
  }

  correlate(event: CoreEvent): CorrelateResult {
    const { event: aggregated, key } = this.#aggregate(event);
    const observed = this.#observe(aggregated, key);
    return this.#isSpam(observed.event) ? {} : observed;
  }

  /** Remembers what the server answered. */
  updateState(event: Readonly<CoreEvent>): void {
    this.#remember(eventKey(event), event);
  }

  #aggregate(event: CoreEvent): { event: CoreEvent; key: string } {
    const now = this.#clock.now();
    const aggregateKey = [
      ...objectKeyParts(event),
      event.type,
      event.reason,
      event.reportingComponent,
      event.reportingInstance,
    ].join('\0');
    let record = this.#aggregates.get(aggregateKey);
    if (record === undefined || now - record.lastAt > aggregateIntervalMs)
      record = { localKeys: new Set(), lastAt: now };
    record.localKeys.add(event.message);
    record.lastAt = now;
    this.#aggregates.set(aggregateKey, record);
    if (record.localKeys.size < aggregateMaxEvents) return { event, key: eventKey(event) };
    // Bounded: one of the messages goes, so that the next new one reaches the limit again.
    record.localKeys.delete(record.localKeys.values().next().value!);
    const at = rfc3339(now);
    const { involvedObject, type, reason, source } = event;
    const combined: CoreEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: this.#eventName(involvedObject.name ?? ''), namespace: event.metadata.namespace },
      involvedObject,
      reason,
      message: `(combined from similar events): ${event.message}`,
      source,
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      type,
      eventTime: null,
      reportingComponent: '',
      reportingInstance: '',
    };
    return { event: combined, key: aggregateKey };
  }

  #observe(received: CoreEvent, key: string): { event: CoreEvent; patch?: Record<string, unknown> } {
    const last = this.#logs.get(key);
    if (last === undefined) {
      this.#remember(key, received);
      return { event: received };
    }
    const event: CoreEvent = {
      ...received,
      metadata: { ...received.metadata, name: last.name },
      firstTimestamp: last.firstTimestamp,
      count: last.count + 1,
    };
    this.#remember(key, event);
    const { count, lastTimestamp, message } = event;
    return { event, patch: { count, lastTimestamp, message } };
  }

  #remember(key: string, event: Readonly<CoreEvent>): void {
    const { count = 1, firstTimestamp, metadata } = event;
    this.#logs.set(key, { count, firstTimestamp, name: metadata.name! });
  }

  #isSpam(event: CoreEvent): boolean {
    const key = [...objectKeyParts(event), event.type].join('\0');
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#clock, spamPerSecond, spamBurst);
      this.#buckets.set(key, bucket);
    }
    return !bucket.tryAccept();
  }
}

function objectKeyParts({ source, involvedObject: object }: Readonly<CoreEvent>): (string | undefined)[] {
  return [source.component, source.host, object.kind, object.namespace, object.name, object.uid, object.apiVersion];
}

function eventKey(event: Readonly<CoreEvent>): string {
  return [...objectKeyParts(event), event.involvedObject.fieldPath, event.type, event.reason, event.message].join('\0');
}
