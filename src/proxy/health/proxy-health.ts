/** Whether kube-proxy keeps up, and what it says of that on its own port. Upstream: pkg/proxy/healthcheck/proxy_health.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { type Clock, rfc3339Micro } from '../../base/index.ts';
import type { IpFamily } from '../../net/index.ts';
import { type HealthAnswer, jsonAnswer } from './answers.ts';

/** The cluster autoscaler puts it on a node that it is about to remove: load balancers should forget that node. */
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler';

/** Where nodes answer for their kube-proxy, unless `--healthz-bind-address` says otherwise. */
export const healthzPort = 10_256;

/** As Go prints a time: no zeros at the end of the fraction. */
const timeText = (ms: number): string => rfc3339Micro(ms).replace(/\.?0+Z$/, 'Z');
const never = '0001-01-01T00:00:00Z';

export class ProxyHealth {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #timeoutMs: number;
  readonly #updated = new Map<IpFamily, number>();
  readonly #queued = new Map<IpFamily, number>();
  #node: Readonly<KubeObject> | undefined;

  /** `timeoutMs`: a change that is not loaded after this long makes it unhealthy; upstream takes twice the sync period. */
  constructor(clock: Pick<Clock, 'now'>, timeoutMs: number, node: Readonly<KubeObject> | undefined) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#node = node;
  }

  /** Undefined when the Node object is gone. */
  setNode(node: Readonly<KubeObject> | undefined): void {
    this.#node = node;
  }

  /** A change waits to be loaded. */
  queued(family: IpFamily): void {
    if (!this.#queued.has(family)) this.#queued.set(family, this.#clock.now());
  }

  /** The kernel has what the cluster says. */
  updated(family: IpFamily): void {
    this.#queued.delete(family);
    this.#updated.set(family, this.#clock.now());
  }

  get healthy(): boolean {
    return [...this.#updated.keys()].every((family) => !this.#late(family));
  }

  #late(family: IpFamily): boolean {
    const since = this.#queued.get(family);
    return since !== undefined && this.#clock.now() - since >= this.#timeoutMs;
  }

  /** Neither being deleted nor about to be. */
  get nodeEligible(): boolean {
    const node = this.#node;
    if (!node || node.metadata.deletionTimestamp) return false;
    return !((node['spec']?.taints ?? []) as { key: string }[]).some(({ key }) => key === toBeDeletedTaint);
  }

  /** What a path of the port answers. */
  answer(path: string): HealthAnswer {
    switch (path.split('?')[0]) {
      case '/healthz':
        return this.#answer(this.nodeEligible);
      case '/livez':
        return this.#answer(undefined);
      default:
        return {
          status: 404,
          headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
          body: '404 page not found\n',
        };
    }
  }

  #answer(nodeEligible: boolean | undefined): HealthAnswer {
    const { healthy } = this;
    const ok = healthy && nodeEligible !== false;
    const now = this.#clock.now();
    const times = [...this.#updated.values()];
    // Who looks is told of something recent while all is well, as before kube-proxy knew partial syncs.
    const last = ok ? timeText(now) : times.length === 0 ? never : timeText(Math.max(...times));
    const status = [...this.#updated]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([family, at]) => [family, { lastUpdated: timeText(at), healthy: !this.#late(family) }]);
    const body = {
      lastUpdated: last,
      currentTime: timeText(now),
      ...(nodeEligible === undefined ? {} : { nodeEligible }),
      healthy,
      ...(status.length === 0 ? {} : { status: Object.fromEntries(status) }),
    };
    return jsonAnswer(ok ? 200 : 503, JSON.stringify(body));
  }
}
