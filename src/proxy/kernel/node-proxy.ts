/**
 * One family's rules of one node, kept as its Services are: changes are gathered for min-sync-period, loaded as one
 * transaction; what fails is taken back and tried again as a whole. Upstream: pkg/proxy/runner/bounded_frequency_runner.go
 * and the proxiers' syncProxyRules (1.36).
 */
import { Backoff, type Clock, Deferred } from '../../base/index.ts';
import type { ProxyConfig } from '../config.ts';
import { type HealthCheck, healthCheckOf } from '../health/answers.ts';
import type { ProxyHealth } from '../health/proxy-health.ts';
import type { ProxyMode } from '../modes.ts';
import type { ServicePort } from '../service-ports.ts';
import { type ServiceChanges, ServiceTracker } from '../sync/service-tracker.ts';
import { bytesWritten, type RuleTransaction } from '../sync/transaction.ts';
import { cleanStaleFlows } from './conntrack.ts';
import { type KernelHost, load, type Programs, programsOf } from './host.ts';
import { type RuleLoader, ruleLoaders } from './loaders.ts';

export interface SyncReport {
  readonly family: 'IPv4' | 'IPv6';
  readonly kind: 'full' | 'partial';
  readonly services: number;
  /** Services touched. */
  readonly changed: number;
  readonly bytes: number;
  readonly milliseconds: number;
  readonly staleFlows: number;
}

export interface NodeProxyOptions {
  readonly mode: ProxyMode;
  readonly config: ProxyConfig;
  readonly host: KernelHost;
  readonly clock: Clock;
  /** Default the system's `iptables`. */
  readonly iptablesBackend?: 'nft' | 'legacy';
  /** Least time between two loads. Default 1 s. */
  readonly minSyncPeriodMs?: number;
  /** How often one looks whether the rules still stand; also the longest wait after a failure. Default 30 s. */
  readonly syncPeriodMs?: number;
  readonly onSync?: (report: SyncReport) => void;
  /** Told when changes wait and when they are loaded; may be shared by the proxies of both families. */
  readonly health?: ProxyHealth;
  /** After each load: what load balancers ask this node about, by `namespace/name`. */
  readonly onHealthChecks?: (checks: ReadonlyMap<string, HealthCheck>) => Promise<void>;
  readonly onError?: (error: Error, retryInMs: number) => void;
  /** Something is amiss, but rules are loaded. Once for each text. */
  readonly onWarning?: (text: string) => void;
}

/** Everything is loaded afresh this often. Upstream: proxyutil.FullSyncPeriod. */
const fullSyncPeriodMs = 3_600_000;

export class NodeProxy {
  readonly tracker: ServiceTracker;
  readonly #options: NodeProxyOptions;
  readonly #programs: Programs;
  readonly #warned = new Set<string>();
  readonly #healthChecks = new Map<string, HealthCheck>();
  #loader: RuleLoader;
  #needsFull = true;
  #lastFull = 0;
  #wake = new Deferred();

  constructor(options: NodeProxyOptions) {
    const { config } = options;
    this.#options = options;
    this.#programs = programsOf(config.family, options.iptablesBackend);
    this.tracker = new ServiceTracker(config.family, config.node);
    this.#loader = this.#newLoader(config);
  }

  #newLoader(config: ProxyConfig): RuleLoader {
    return new ruleLoaders[this.#options.mode](this.#options.host, this.#programs, config);
  }

  /** The node's own labels or addresses are others: every rule is thought over. */
  setNode(node: ProxyConfig['node']): void {
    if (JSON.stringify(node) === JSON.stringify(this.tracker.node)) return;
    this.tracker.setNode(node);
    this.#loader = this.#newLoader({ ...this.#options.config, node });
    this.#needsFull = true;
    this.changed();
  }

  /** Tells the loop that the tracker has news. */
  changed(): void {
    this.#options.health?.queued(this.#options.config.family);
    this.#wake.resolve();
  }

  /** What a first load would feed to the loaders; nothing is loaded. */
  preview(): RuleTransaction {
    this.#loader.sync.update(this.tracker.take(), this.tracker);
    return this.#loader.preview();
  }

  /** Brings the kernel to what the tracker says, now. @throws ProxyError; the next call then loads everything. */
  async sync(): Promise<SyncReport> {
    const { clock, host, config } = this.#options;
    const start = clock.monotonic();
    const full = this.#needsFull;
    const changes = this.tracker.take();
    const partial = this.#loader.sync.update(
      full ? new Map([...changes, ...this.tracker.ports]) : changes,
      this.tracker,
    );
    this.#needsFull = true;
    let bytes = 0;
    if (full) {
      bytes = bytesWritten(this.#loader.preview());
      await this.#loader.loadAll();
      this.#lastFull = clock.monotonic();
    } else {
      bytes = bytesWritten(partial);
      await load(host, this.#programs, partial);
    }
    this.#needsFull = false;
    this.#options.health?.updated(config.family);
    if (full) this.#healthChecks.clear();
    await this.#tellHealthChecks(full ? this.tracker.ports : changes);
    const touched = full ? this.tracker.ports.values() : changes.values();
    return {
      family: config.family,
      kind: full ? 'full' : 'partial',
      services: this.tracker.ports.size,
      changed: full ? this.tracker.ports.size : changes.size,
      bytes,
      staleFlows: await this.#cleanFlows(touched),
      milliseconds: clock.monotonic() - start,
    };
  }

  async #tellHealthChecks(changes: ServiceChanges): Promise<void> {
    for (const [key, ports] of changes) {
      const check = ports && healthCheckOf(ports);
      if (check) this.#healthChecks.set(key, check);
      else this.#healthChecks.delete(key);
    }
    await this.#options.onHealthChecks?.(this.#healthChecks);
  }

  async #cleanFlows(touched: Iterable<readonly ServicePort[] | undefined>): Promise<number> {
    if (![...touched].some((ports) => ports?.some(({ protocol }) => protocol === 'UDP'))) return 0;
    try {
      return await cleanStaleFlows(
        this.#options.host,
        this.#options.config.family,
        [...this.tracker.ports.values()].flat(),
      );
    } catch (error) {
      this.#warn(`stale UDP flows are not removed: ${(error as Error).message}`);
      return 0;
    }
  }

  #warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#options.onWarning?.(text);
  }

  /** Keeps the rules in sync until aborted; the rules stay. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, minSyncPeriodMs = 1000, syncPeriodMs = 30_000, onSync, onError } = this.#options;
    const backoff = new Backoff({ initialMs: 1000, maxMs: syncPeriodMs });
    try {
      while (!signal.aborted) {
        let wait = syncPeriodMs;
        this.#wake = new Deferred();
        try {
          if (clock.monotonic() - this.#lastFull > fullSyncPeriodMs) this.#needsFull = true;
          if (!this.#needsFull && !(await this.#loader.standing())) {
            this.#warn('the rules are gone: somebody has flushed them; loading them again');
            this.#warned.clear();
            this.#needsFull = true;
          }
          if (this.#needsFull || this.tracker.pending) onSync?.(await this.sync());
          else this.#options.health?.updated(this.#options.config.family);
          backoff.reset();
        } catch (error) {
          if (signal.aborted) return;
          wait = backoff.next();
          onError?.(error as Error, wait);
        }
        await clock.sleep(minSyncPeriodMs, signal);
        if (wait > minSyncPeriodMs) await this.#wakened(wait - minSyncPeriodMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #wakened(ms: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const slept = this.#options.clock.sleep(ms, either).catch(() => {});
    await Promise.race([slept, this.#wake.promise]);
    stop.abort();
    await slept;
    signal.throwIfAborted();
  }
}
