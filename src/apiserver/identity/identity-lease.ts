/**
 * The Lease by which an API server says that it is there, and the removal of those that nobody renews any more.
 * Upstream: pkg/controlplane/apiserver/server.go, component-helpers/apimachinery/lease, apiserverleasegc (1.36).
 */
import { createHash } from 'node:crypto';
import { isNotFound, type KubeObject, StatusError } from '../../apimachinery/index.ts';
import { parseTime, rfc3339Micro } from '../../base/index.ts';
import type { ServerCore } from '../types.ts';
import { base32Lower } from './base32.ts';
import { objectOf, sendOwn } from './own-requests.ts';

const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
const identityLabel = 'apiserver.kubernetes.io/identity';
const component = 'kube-apiserver';
const durationSeconds = 3600;
const renewMs = 10_000;
const jitter = 0.04;
const collectMs = 3_600_000;
const retriesMax = 5;
const timer = 'apiserver-identity-lease';

interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    renewTime?: string;
  };
}

/** `apiserver-` and 26 letters that stand for the host. */
export function serverIdentity(hostname: string): string {
  return `apiserver-${base32Lower(createHash('sha256').update(hostname).digest().subarray(0, 16))}`;
}

export class IdentityLease {
  readonly #core: ServerCore;
  readonly #hostname: string;
  readonly #name: string;
  readonly #holder: string;

  constructor(core: ServerCore, hostname: string) {
    this.#core = core;
    this.#hostname = hostname;
    this.#name = serverIdentity(hostname);
    this.#holder = `${this.#name}_${core.prng.fork('identity').uuid()}`;
  }

  /** Holds the lease until aborted, and gives it back at the end: whoever looks for peers finds only living ones. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, prng } = this.#core;
    const spread = prng.fork('identity-renewal');
    await this.#remove('an old lease cannot be removed');
    let latest: Readonly<Lease> | undefined;
    try {
      while (!signal.aborted) {
        try {
          latest = await this.#hold(latest, signal);
        } catch (error) {
          if (!signal.aborted) log.warn('the identity lease cannot be renewed', { error: String(error) });
        }
        await clock.sleep(renewMs * (1 + jitter * spread.float()), signal);
      }
    } finally {
      await this.#remove('the identity lease cannot be given back');
    }
  }

  /** Deletes leases of this kind that ran out, and those that say neither when nor for how long. */
  async collect(signal: AbortSignal): Promise<void> {
    for (;;) {
      for (const { metadata } of this.#expired()) {
        const path = `${leases}/${metadata.name}`;
        try {
          const current = objectOf<Lease>(await sendOwn(this.#core, { method: 'GET', path, timer, signal }));
          if (this.#isExpired(current)) await sendOwn(this.#core, { method: 'DELETE', path, timer, signal });
        } catch (error) {
          if (isNotFound(error)) continue;
          if (signal.aborted) return;
          this.#core.log.warn('an expired identity lease cannot be removed', { path, error: String(error) });
        }
      }
      await this.#core.clock.sleep(collectMs, signal);
    }
  }

  #expired(): Readonly<Lease>[] {
    return this.#core.reader
      .list('leases.coordination.k8s.io')
      .filter(({ metadata }) => metadata.namespace === 'kube-system' && metadata.labels?.[identityLabel] === component)
      .filter((lease) => this.#isExpired(lease as Lease));
  }

  #isExpired({ spec }: Readonly<Lease>): boolean {
    if (spec?.renewTime === undefined || spec.leaseDurationSeconds === undefined) return true;
    return parseTime(spec.renewTime) + spec.leaseDurationSeconds * 1000 < this.#core.clock.now();
  }

  async #hold(latest: Readonly<Lease> | undefined, signal: AbortSignal): Promise<Readonly<Lease>> {
    let base = latest;
    for (let attempt = 1; ; attempt++) {
      try {
        const [method, path] = base ? (['PUT', `${leases}/${this.#name}`] as const) : (['POST', leases] as const);
        return objectOf(await sendOwn(this.#core, { method, path, object: this.#renewed(base), timer, signal }));
      } catch (error) {
        // Somebody changed or deleted it: what is there now says more than the error.
        if (!(error instanceof StatusError) || attempt === retriesMax) throw error;
        base = await this.#current(signal);
      }
    }
  }

  async #current(signal: AbortSignal): Promise<Readonly<Lease> | undefined> {
    try {
      const path = `${leases}/${this.#name}`;
      return objectOf(await sendOwn(this.#core, { method: 'GET', path, timer, signal }));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #renewed(base: Readonly<Lease> | undefined): Lease {
    const labels = { ...base?.metadata.labels, [identityLabel]: component, 'kubernetes.io/hostname': this.#hostname };
    return {
      ...(base ?? { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }),
      metadata: { ...(base?.metadata ?? { name: this.#name, namespace: 'kube-system' }), labels },
      spec: {
        ...base?.spec,
        holderIdentity: this.#holder,
        leaseDurationSeconds: durationSeconds,
        renewTime: rfc3339Micro(this.#core.clock.now()),
      },
    };
  }

  async #remove(failure: string): Promise<void> {
    try {
      await sendOwn(this.#core, { method: 'DELETE', path: `${leases}/${this.#name}`, timer });
    } catch (error) {
      if (!isNotFound(error)) this.#core.log.warn(failure, { error: String(error) });
    }
  }
}
