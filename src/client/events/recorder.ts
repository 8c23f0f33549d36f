/**
 * Recording of events. `event` never waits and never fails: it puts the event into a bounded queue; the broadcaster's
 * loop correlates and writes. Upstream: client-go/tools/record/event.go (core/v1) and client-go/tools/events
 * (events.k8s.io/v1, used by the scheduler).
 */

import {
  isAlreadyExists,
  isDns1123Subdomain,
  isNotFound,
  type KubeObject,
  StatusError,
} from '../../apimachinery/index.ts';
import { BoundedQueue, type Clock, type Logger, type Prng, type Runnable, rfc3339 } from '../../base/index.ts';
import { currentCause, withCause } from '../cause.ts';
import type { KubeClient } from '../kube-client.ts';
import type { ResourceDescription } from '../resource.ts';
import type { RequestCause } from '../transport.ts';
import { EventCorrelator } from './correlator.ts';
import { type CoreEvent, type ObjectReference, referenceTo } from './event.ts';

export type EventType = 'Normal' | 'Warning';

export interface EventSource {
  /** `deployment-controller`, `kubelet`, `default-scheduler` … */
  readonly component: string;
  readonly host?: string;
}

/** What components record events with. */
export interface EventRecorder {
  /** `reason` in upper camel case, `message` a sentence. `object` or a reference made with `referenceTo`. */
  event(object: Readonly<KubeObject> | ObjectReference, type: EventType, reason: string, message: string): void;
}

/** Drops everything: for tests and for parts that run without events. */
export const silentRecorder: EventRecorder = { event: () => {} };

export interface EventBroadcasterDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

interface Queued {
  readonly event: CoreEvent;
  readonly cause: RequestCause | undefined;
}

const maxQueuedEvents = 1000;
const maxTriesPerEvent = 12;
const sleepMs = 10_000;

const coreEvents: ResourceDescription = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

/** Owns the queue and the correlator of one component; make one per controller, as upstream does. */
export class EventBroadcaster implements Runnable {
  readonly name = 'events';
  readonly #deps: EventBroadcasterDeps;
  readonly #correlator: EventCorrelator;
  #queue = new BoundedQueue<Queued>(maxQueuedEvents);
  #writing = false;

  constructor(deps: EventBroadcasterDeps) {
    this.#deps = deps;
    this.#correlator = new EventCorrelator(deps, (name) => this.#eventName(name));
  }

  /** True when everything recorded has been written or given up. */
  get idle(): boolean {
    return this.#queue.size === 0 && !this.#writing;
  }

  recorder(source: EventSource): EventRecorder {
    return { event: (object, type, reason, message) => this.#record(source, object, type, reason, message) };
  }

  /** Writes until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#queue.close();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      for (let item = await this.#queue.next(); item && !signal.aborted; item = await this.#queue.next()) {
        const { event, cause } = item;
        this.#writing = true;
        await withCause(cause, () => this.#write(event, signal));
        this.#writing = false;
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #record(
    source: EventSource,
    object: Readonly<KubeObject> | ObjectReference,
    type: EventType,
    reason: string,
    message: string,
  ): void {
    const involvedObject =
      'metadata' in object ? referenceTo(object as Readonly<KubeObject>) : (object as ObjectReference);
    if (this.#queue.size >= maxQueuedEvents) {
      this.#deps.log.warn('too many queued events, dropped event', { reason, message });
      return;
    }
    const at = rfc3339(this.#deps.clock.now());
    const event: CoreEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: this.#eventName(involvedObject.name ?? ''), namespace: involvedObject.namespace || 'default' },
      involvedObject,
      reason,
      message,
      source: { component: source.component, ...(source.host ? { host: source.host } : {}) },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      type,
      eventTime: null,
      reportingComponent: source.component,
      reportingInstance: source.host ?? '',
    };
    this.#queue.push({ event, cause: currentCause() });
  }

  async #write(recorded: CoreEvent, signal: AbortSignal): Promise<void> {
    const { event, patch } = this.#correlator.correlate(recorded);
    if (!event) return;
    for (let tries = 1; !(await this.#tryWrite(event, patch)); tries++) {
      if (tries >= maxTriesPerEvent) {
        this.#deps.log.error('unable to write event (retry limit exceeded)', { event });
        return;
      }
      try {
        await this.#deps.clock.sleep(tries === 1 ? sleepMs * this.#deps.prng.float() : sleepMs, signal);
      } catch {
        return;
      }
    }
  }

  /** False when it is worth another try. */
  async #tryWrite(event: CoreEvent, patch: Readonly<Record<string, unknown>> | undefined): Promise<boolean> {
    const events = this.#deps.client.resource<CoreEvent>(coreEvents).namespace(event.metadata.namespace);
    try {
      this.#correlator.updateState(await this.#send(events, event, patch));
      return true;
    } catch (error) {
      if (!(error instanceof StatusError)) {
        if (!(error instanceof Error) || error.name !== 'ConnectionError') throw error;
        this.#deps.log.warn('unable to write event (may retry after sleeping)', { reason: event.reason, error });
        return false;
      }
      if (!isAlreadyExists(error)) this.#deps.log.debug('server rejected event (will not retry)', { event, error });
      return true;
    }
  }

  async #send(
    events: ReturnType<KubeClient['resource']>,
    event: CoreEvent,
    patch: Readonly<Record<string, unknown>> | undefined,
  ): Promise<CoreEvent> {
    if (patch) {
      try {
        return (await events.patch(event.metadata.name!, 'strategic', patch)) as CoreEvent;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return (await events.create(event)) as CoreEvent;
  }

  /** `<object>.<hex of nanoseconds>`; the clock has milliseconds, the rest is drawn. */
  #eventName(involvedName: string): string {
    const { clock, prng } = this.#deps;
    const nanos = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(prng.int(1_000_000));
    const name = `${involvedName}.${nanos.toString(16)}`;
    return isDns1123Subdomain(name).length === 0 ? name : prng.uuid();
  }
}
