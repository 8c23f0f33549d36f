/**
 * Leader election over a Lease. Upstream: client-go/tools/leaderelection (1.36): a candidate judges the lease by its own
 * clock, from when it saw the record change, so clocks need not agree.
 */

import { isNotFound, type KubeObject, StatusError } from '../apimachinery/index.ts';
import {
  type Clock,
  isAbort,
  type Logger,
  type Prng,
  type Runnable,
  rfc3339Micro,
  StoppedError,
  TaskGroup,
} from '../base/index.ts';
import type { EventRecorder } from './events/recorder.ts';
import type { KubeClient } from './kube-client.ts';
import type { ResourceDescription } from './resource.ts';

const leases: ResourceDescription = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

const jitterFactor = 1.2;

export interface LeaderElectionDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly recorder?: EventRecorder;
}

export interface LeaderElectionOptions {
  readonly namespace: string;
  /** Lease name, e.g. `kube-controller-manager`. */
  readonly name: string;
  /** Unique among candidates: `<host>_<uuid>`. */
  readonly identity: string;
  /** Default 15,000. */
  readonly leaseDurationMs?: number;
  /** Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** Default 2,000. */
  readonly retryPeriodMs?: number;
  /** Give the lease up when stopped, so that another may lead at once. Default false. */
  readonly releaseOnCancel?: boolean;
  onNewLeader?(identity: string): void;
}

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string | null;
  renewTime?: string | null;
  leaseTransitions?: number;
}

interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** Runs `lead` while it holds the lease. `run` ends when aborted, when `lead` ends, or when the lease is lost. */
export class LeaderElector implements Runnable {
  readonly name: string;
  readonly #deps: LeaderElectionDeps;
  readonly #options: LeaderElectionOptions;
  readonly #lead: (signal: AbortSignal) => Promise<void>;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  #observed: Readonly<Lease> | undefined;
  #observedAt = Number.NEGATIVE_INFINITY;
  #reportedLeader = '';

  constructor(deps: LeaderElectionDeps, options: LeaderElectionOptions, lead: (signal: AbortSignal) => Promise<void>) {
    this.name = `leader-election/${options.name}`;
    this.#deps = deps;
    this.#options = options;
    this.#lead = lead;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
  }

  get isLeader(): boolean {
    return this.#observed?.spec?.holderIdentity === this.#options.identity;
  }

  /** Who leads as far as seen; '' when nobody. */
  get leader(): string {
    return this.#observed?.spec?.holderIdentity ?? '';
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#acquire(signal);
    } catch (error) {
      if (signal.aborted && (error === signal.reason || isAbort(error))) return;
      throw error;
    }
    this.#event('became leader');
    const group = new TaskGroup(signal);
    group.spawn('lead', async (inner) => {
      await this.#lead(inner);
      group.abort(new StoppedError('the leader is done'));
    });
    group.spawn('renew', async (inner) => {
      await this.#renew(inner);
      if (!inner.aborted) {
        this.#event('stopped leading');
        group.abort(new StoppedError('leader election lost'));
      }
    });
    await group.wait();
    if (this.#options.releaseOnCancel && this.isLeader) await this.#release();
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    while (!(await this.#tryAcquireOrRenew(signal))) {
      const wait = this.#retryPeriodMs * (1 + jitterFactor * this.#deps.prng.float());
      await this.#deps.clock.sleep(wait, signal);
    }
  }

  /** Returns when the lease could not be renewed within the deadline. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let renewedAt = clock.monotonic();
    for (;;) {
      await clock.sleep(this.#retryPeriodMs, signal);
      if (await this.#tryAcquireOrRenew(signal)) renewedAt = clock.monotonic();
      else if (clock.monotonic() - renewedAt >= this.#renewDeadlineMs) return;
    }
  }

  async #tryAcquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const { clock, log } = this.#deps;
    const { namespace, name, identity } = this.#options;
    const client = this.#deps.client.resource<Lease>(leases).namespace(namespace);
    const now = rfc3339Micro(clock.now());
    const mine = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000) };
    try {
      let lease: Readonly<Lease>;
      try {
        lease = await client.get(name, { signal });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        const spec: LeaseSpec = { ...mine, acquireTime: now, renewTime: now, leaseTransitions: 0 };
        const metadata = { name, namespace };
        this.#observe(
          await client.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }, { signal }),
        );
        return true;
      }
      if (this.#observed?.metadata.resourceVersion !== lease.metadata.resourceVersion) this.#observe(lease);
      const held = lease.spec?.holderIdentity === identity;
      const holder = lease.spec?.holderIdentity ?? '';
      const validMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
      if (!held && holder !== '' && this.#observedAt + validMs > clock.monotonic()) return false;
      const spec: LeaseSpec = {
        ...lease.spec,
        ...mine,
        renewTime: now,
        acquireTime: held ? lease.spec?.acquireTime : now,
        leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (held ? 0 : 1),
      };
      this.#observe(await client.update({ ...lease, spec }, { signal }));
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(error instanceof StatusError) && (error as Error).name !== 'ConnectionError') throw error;
      log.debug('could not acquire or renew the lease', { lease: `${namespace}/${name}`, error });
      return false;
    }
  }

  async #release(): Promise<void> {
    const observed = this.#observed!;
    const now = rfc3339Micro(this.#deps.clock.now());
    const { leaseTransitions } = observed.spec ?? {};
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
    try {
      const client = this.#deps.client.resource<Lease>(leases).namespace(this.#options.namespace);
      this.#observe(await client.update({ ...observed, spec }));
    } catch (error) {
      if (!(error instanceof StatusError) && (error as Error).name !== 'ConnectionError') throw error;
      this.#deps.log.warn('could not release the lease; it will run out', { lease: this.#options.name, error });
    }
  }

  #observe(lease: Readonly<Lease>): void {
    this.#observed = lease;
    this.#observedAt = this.#deps.clock.monotonic();
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder === this.#reportedLeader) return;
    this.#reportedLeader = holder;
    this.#options.onNewLeader?.(holder);
  }

  #event(what: string): void {
    const { identity } = this.#options;
    if (this.#observed) this.#deps.recorder?.event(this.#observed, 'Normal', 'LeaderElection', `${identity} ${what}`);
  }
}
