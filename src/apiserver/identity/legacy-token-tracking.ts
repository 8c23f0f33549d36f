/**
 * Notes when tokens of Secrets are used, and since when that is noted: what the cleaner of old tokens goes by.
 * Upstream: pkg/controlplane/controller/legacytokentracking, pkg/serviceaccount/legacy.go (1.36).
 */
import { isAlreadyExists, isConflict, isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import type { ServerCore } from '../types.ts';
import { sendOwn } from './own-requests.ts';

const configMapName = 'kube-apiserver-legacy-service-account-token-tracking';
const configMaps = '/api/v1/namespaces/kube-system/configmaps';
const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
/** Between two creations: servers that disagree about tracking must not fight over the ConfigMap. */
const creationMs = 30 * 60_000;
const retryMs = 1000;
const dayMs = 86_400_000;
const timer = 'legacy-token-tracking';
/** Secrets whose label was sent and has not come back yet. */
const pendingMax = 1024;

const dateOf = (ms: number): string => rfc3339(ms).slice(0, 10);

function isDate(text: unknown): boolean {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  try {
    return dateOf(parseTime(`${text}T00:00:00Z`)) === text;
  } catch {
    return false;
  }
}

export class LegacyTokenTracking {
  readonly #core: ServerCore;
  /** Uid → date that was sent. */
  readonly #sent = new Map<string, string>();
  #createdAt: number | undefined;

  constructor(core: ServerCore) {
    this.#core = core;
  }

  /** Keeps the ConfigMap that says since when. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#core;
    while (!signal.aborted) {
      try {
        await this.#ensure(signal);
        const query = { watch: 'true', fieldSelector: `metadata.name=${configMapName}` };
        const { body } = await sendOwn(this.#core, { method: 'GET', path: configMaps, query, timer, signal });
        if (body.kind === 'watch') for await (const _ of body.events) await this.#ensure(signal);
      } catch (error) {
        if (!signal.aborted) log.warn('tracking of tokens cannot be noted, will retry', { error: String(error) });
      }
      await clock.sleep(retryMs, signal);
    }
  }

  async #ensure(signal: AbortSignal): Promise<void> {
    const { clock, reader } = this.#core;
    const now = clock.now();
    const since = dateOf(now);
    const current = reader.get('configmaps', 'kube-system', configMapName) as KubeObject | undefined;
    try {
      if (!current) {
        const waitMs = this.#createdAt === undefined ? 0 : this.#createdAt + creationMs - clock.monotonic();
        if (waitMs > 0) {
          await clock.sleep(waitMs, signal);
          return await this.#ensure(signal);
        }
        const metadata = { name: configMapName, namespace: 'kube-system' };
        const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { since } };
        await sendOwn(this.#core, { method: 'POST', path: configMaps, object, timer, signal });
        this.#createdAt = clock.monotonic();
      } else if (!isDate(current['data']?.since)) {
        const object = { ...current, data: { ...current['data'], since } };
        await sendOwn(this.#core, { method: 'PUT', path: `${configMaps}/${configMapName}`, object, timer, signal });
      }
    } catch (error) {
      if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  /**
   * A token of this Secret was used: says so on it, once a day. The request that used it does not wait for that
   * (upstream's does).
   */
  used(secret: Readonly<KubeObject>): void {
    const now = this.#core.clock.now();
    const [today, tomorrow] = [dateOf(now), dateOf(now + dayMs)];
    const { name, namespace, uid = '', labels } = secret.metadata;
    const noted = labels?.[lastUsedLabel];
    if (noted === today || noted === tomorrow || this.#sent.get(uid) === today) return;
    if (this.#sent.size >= pendingMax) this.#sent.clear();
    this.#sent.set(uid, today);
    sendOwn(this.#core, {
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/secrets/${name}`,
      object: { metadata: { uid, labels: { [lastUsedLabel]: today } } },
      contentType: 'application/merge-patch+json',
      timer,
    }).catch((error: unknown) => {
      this.#sent.delete(uid);
      this.#core.log.warn('the last use of a token cannot be noted', {
        secret: `${namespace}/${name}`,
        error: String(error),
      });
    });
  }
}
