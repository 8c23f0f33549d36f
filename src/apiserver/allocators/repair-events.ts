import type { KubeObject } from '../../apimachinery/index.ts';
import { rfc3339Micro } from '../../base/index.ts';
import { apiserverUser } from '../bootstrap/ensure-bootstrap.ts';
import type { ServerCore } from '../types.ts';

/** The same news about the same object is told again after this. Upstream: tools/events, finishTime. */
const repeatAfterMs = 6 * 60_000;

export interface RepairEvent {
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** Warnings of one repair loop as events.k8s.io/v1 events. Upstream: client-go/tools/events. */
export class RepairEvents {
  readonly #core: Pick<ServerCore, 'clock' | 'handle' | 'log'>;
  readonly #controller: string;
  /** What was told, and when. */
  readonly #told = new Map<string, number>();

  constructor(core: Pick<ServerCore, 'clock' | 'handle' | 'log'>, controller: string) {
    this.#core = core;
    this.#controller = controller;
  }

  /** Never fails: an event that cannot be written is logged. */
  async warn(object: Readonly<KubeObject>, { reason, action, note }: RepairEvent): Promise<void> {
    const { clock, log } = this.#core;
    const now = clock.now();
    const { name = '', namespace = '', uid = '', resourceVersion = '' } = object.metadata;
    for (const [key, at] of this.#told) if (now - at >= repeatAfterMs) this.#told.delete(key);
    const key = `${uid} ${reason} ${note}`;
    if (this.#told.has(key)) return;
    this.#told.set(key, now);
    log.warn(note, { reason, service: namespace === '' ? name : `${namespace}/${name}` });
    const { apiVersion, kind } = object;
    const place = namespace === '' ? 'default' : namespace;
    const event: KubeObject = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.replaceAll(':', '-')}.${(BigInt(now) * 1_000_000n).toString(16)}`, namespace: place },
      eventTime: rfc3339Micro(now),
      reportingController: this.#controller,
      reportingInstance: `${this.#controller}-klab`,
      action,
      reason,
      regarding: { apiVersion, kind, name, uid, resourceVersion, ...(namespace === '' ? {} : { namespace }) },
      note,
      type: 'Warning',
    };
    try {
      await this.#core.handle({
        method: 'POST',
        path: `/apis/events.k8s.io/v1/namespaces/${place}/events`,
        query: new URLSearchParams(),
        headers: { 'user-agent': 'klab-apiserver' },
        body: { object: event },
        signal: new AbortController().signal,
        user: apiserverUser,
        provenance: { actor: 'apiserver', cause: { timer: this.#controller } },
      });
    } catch (error) {
      log.error('event is lost', { reason, error: String(error) });
    }
  }
}
