/** What the store is asked, counted and timed. Upstream: apiserver/pkg/storage/etcd3/metrics/metrics.go. */
import { wallClock } from '../../base/index.ts';
import type { KV, RangeRequest, TxnRequest } from '../../etcd/index.ts';
import { family, Histogram, latencyBounds, sample } from '../health/exposition.ts';
import { keyText, registryRoot } from './keys.ts';

/** Upstream's operations, and the read that only asks for the newest revision, which upstream does not count. */
type Operation = 'get' | 'list' | 'create' | 'update' | 'delete' | 'getCurrentResourceVersion';

interface Counted {
  readonly operation: Operation;
  /** `pods`, `services/specs`: what stands between `/registry/` and the objects. */
  readonly prefix: string;
  errors: number;
  total: number;
  readonly latency: Histogram;
}

export class StoreMetrics {
  readonly #counted = new Map<string, Counted>();

  async time<T>(operation: Operation, key: Uint8Array, call: Promise<T>): Promise<T> {
    const counted = this.#of(operation, key);
    const start = wallClock.monotonic();
    counted.total++;
    try {
      return await call;
    } catch (error) {
      counted.errors++;
      throw error;
    } finally {
      counted.latency.observe((wallClock.monotonic() - start) / 1000);
    }
  }

  /** @param resourceOf names the resource whose objects lie under a prefix. */
  render(resourceOf: (prefix: string) => { readonly group: string; readonly resource: string } | undefined): string {
    const all = [...this.#counted.values()].map((counted) => {
      const { group, resource } = resourceOf(counted.prefix) ?? { group: '', resource: counted.prefix };
      return { counted, labels: { group, operation: counted.operation, resource } };
    });
    const counts = (name: string, of: (counted: Counted) => number) =>
      all.filter(({ counted }) => of(counted) > 0).map(({ counted, labels }) => sample(name, labels, of(counted)));
    return [
      family(
        'etcd_request_duration_seconds',
        'histogram',
        'Etcd request latency in seconds for each operation and object type.',
        all.flatMap(({ counted, labels }) => counted.latency.samples('etcd_request_duration_seconds', labels)),
      ),
      family(
        'etcd_requests_total',
        'counter',
        'Etcd request counts for each operation and object type.',
        counts('etcd_requests_total', ({ total }) => total),
      ),
      family(
        'etcd_request_errors_total',
        'counter',
        'Etcd failed request counts for each operation and object type.',
        counts('etcd_request_errors_total', ({ errors }) => errors),
      ),
    ].join('');
  }

  #of(operation: Operation, key: Uint8Array): Counted {
    const prefix = operation === 'getCurrentResourceVersion' ? '' : prefixOf(key);
    const id = `${operation} ${prefix}`;
    let counted = this.#counted.get(id);
    if (!counted) {
      counted = { operation, prefix, errors: 0, total: 0, latency: new Histogram(latencyBounds) };
      this.#counted.set(id, counted);
    }
    return counted;
  }
}

/** Resources of one name lie under one prefix, but for these (and custom resources, which bring their group). */
const nested: ReadonlySet<string> = new Set(['services', 'apiregistration.k8s.io', 'apiextensions.k8s.io']);

/** `/registry/services/specs/default/web` → `services/specs`; `/registry/example.com/widgets/a` → `example.com/widgets`. */
function prefixOf(key: Uint8Array): string {
  const text = keyText(key);
  if (!text.startsWith(registryRoot)) return '';
  const [first = '', second = ''] = text.slice(registryRoot.length).split('/', 2);
  return nested.has(first) || first.includes('.') ? `${first}/${second}` : first;
}

function operationOf({ rangeEnd, countOnly }: RangeRequest): Operation {
  if (rangeEnd !== undefined && rangeEnd.length > 0) return 'list';
  return countOnly === true ? 'getCurrentResourceVersion' : 'get';
}

/** What the API server's own transactions do: one put or one delete if the key is at a revision. */
function writeOf({ compare, success }: TxnRequest): { operation: Operation; key: Uint8Array } | undefined {
  const [first] = success;
  if (first?.op === 'deleteRange') return { operation: 'delete', key: first.deleteRange.key };
  if (first?.op !== 'put') return undefined;
  const [expected] = compare ?? [];
  const creates = expected?.target === 'mod' && expected.modRevision === 0;
  return { operation: creates ? 'create' : 'update', key: first.put.key };
}

/** The same store; reads and writes of objects are counted on their way. */
export function metered(kv: KV, metrics: StoreMetrics): KV {
  return {
    range: (request, options) => metrics.time(operationOf(request), request.key, kv.range(request, options)),
    txn: (request, options) => {
      const write = writeOf(request);
      const call = kv.txn(request, options);
      return write ? metrics.time(write.operation, write.key, call) : call;
    },
    put: (request, options) => kv.put(request, options),
    deleteRange: (request, options) => kv.deleteRange(request, options),
    compact: (revision, options) => kv.compact(revision, options),
    watch: (request) => kv.watch(request),
    leaseGrant: (request, options) => kv.leaseGrant(request, options),
    leaseRevoke: (id, options) => kv.leaseRevoke(id, options),
    leaseKeepAlive: (id, options) => kv.leaseKeepAlive(id, options),
    leaseTimeToLive: (id, withKeys, options) => kv.leaseTimeToLive(id, withKeys, options),
    leases: (options) => kv.leases(options),
    status: (options) => kv.status(options),
  };
}
