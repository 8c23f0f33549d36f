/**
 * The promises of a cluster, held to every revision it ever wrote: rollouts, places, orders and completions as the
 * controllers' own simulation has them; budgets that evictions keep; autoscalers that stay in their bounds.
 */
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import type { Cluster } from '../../../src/cluster/create-cluster.ts';
import { Checks } from '../../controllers/simulation/checks.ts';

type Read = Readonly<KubeObject> & Record<string, any>;

const kinds = new Set([
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
]);
/** An informer that tried in vain while the server was away waits for up to half a minute, with jitter, as upstream's. */
const staleMs = 60_000;
const available = (pod: Read) =>
  pod.metadata.deletionTimestamp === undefined &&
  pod['status']?.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True') === true;

/** What evictions are measured by, of one budget. */
interface Budget {
  /** Of the last status that the controller wrote. */
  statusAt: number;
  /** When pods last went for another reason than an eviction. */
  droppedAt: number;
}

export class HistoryChecks {
  readonly #cluster: Cluster;
  readonly #checks = new Checks();
  readonly #objects = new Map<string, Read>();
  readonly #budgets = new Map<string, Budget>();
  readonly #broken: string[] = [];
  readonly #bounds: { readonly min: number; readonly max: number; readonly since: number }[] = [];
  #from = 0;
  evictions = 0;
  scalings = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Reads what was written since the last call. Throws with what was broken. */
  readOn(): void {
    const member = this.#cluster.etcd.member();
    const { revision } = member.header();
    const limit = Number.MAX_SAFE_INTEGER;
    for (const { key, value, revision: at, provenance, time } of member.changes({
      from: this.#from,
      to: revision,
      limit,
    })) {
      this.#from = at;
      const name = Buffer.from(key).toString();
      const old = this.#objects.get(name);
      const object = value === undefined ? old : (JSON.parse(Buffer.from(value).toString()) as Read);
      if (!object || !kinds.has(object.kind ?? '')) continue;
      const by = provenance?.actor ?? '';
      const type = value === undefined ? 'DELETED' : old ? 'MODIFIED' : 'ADDED';
      if (value === undefined) this.#objects.delete(name);
      else this.#objects.set(name, object);
      this.#checks.changed({ type, object }, old, by);
      if (object.kind === 'Pod') this.#podChanged(object, old, type, by, time);
      else if (object.kind === 'PodDisruptionBudget') this.#budgetChanged(name, object, by, time);
      else if (object.kind === 'HorizontalPodAutoscaler') this.#boundsChanged(object, time);
      else if (object.kind === 'Deployment') this.#scaled(object, old, by, time);
    }
    this.#checks.throwIfBroken();
    if (this.#broken.length > 0) throw new Error(this.#broken.slice(0, 10).join('\n'));
  }

  unsettled(): Promise<string[]> {
    const { reader } = this.#cluster.server;
    const names: Record<string, string> = {
      replicasets: 'replicasets.apps',
      deployments: 'deployments.apps',
      statefulsets: 'statefulsets.apps',
      daemonsets: 'daemonsets.apps',
      jobs: 'jobs.batch',
      cronjobs: 'cronjobs.batch',
    };
    return this.#checks.unsettled(async (resource) => reader.list(names[resource] ?? resource) as Read[]);
  }

  #podChanged(pod: Read, old: Read | undefined, type: string, by: string, time: number): void {
    if (!old || !available(old) || (type !== 'DELETED' && available(pod))) return;
    const evicted = by === 'user:kubernetes-admin' && isEviction(pod);
    for (const [name, budget] of this.#budgets) {
      const object = this.#objects.get(name);
      const { matchLabels = {} } = object?.['spec'].selector ?? {};
      if (!Object.entries(matchLabels).every(([key, value]) => pod.metadata.labels?.[key] === value)) continue;
      if (!evicted) {
        budget.droppedAt = time;
        continue;
      }
      this.evictions++;
      // A budget whose controller has not seen a loss yet cannot count it: upstream's neither.
      if (budget.droppedAt > 0 && budget.statusAt < budget.droppedAt + 1000) continue;
      const left = [...this.#objects.values()].filter(
        (each) =>
          each.kind === 'Pod' &&
          available(each) &&
          Object.entries(matchLabels).every(([key, value]) => each.metadata.labels?.[key] === value),
      );
      const { minAvailable } = object!['spec'];
      if (left.length < minAvailable) {
        this.#broken.push(
          `budget ${name}: ${left.length} pods left of ${minAvailable} after ${pod.metadata.name} was evicted`,
        );
      }
    }
  }

  #budgetChanged(name: string, budget: Read, by: string, time: number): void {
    const known = this.#budgets.get(name) ?? { statusAt: 0, droppedAt: 0 };
    this.#budgets.set(name, known);
    if (by === 'controller:disruption') known.statusAt = time;
    const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = budget['status'] ?? {};
    if (disruptionsAllowed < 0) this.#broken.push(`budget ${name} allows ${disruptionsAllowed} disruptions`);
    if (by === 'controller:disruption' && disruptionsAllowed > Math.max(0, currentHealthy - desiredHealthy)) {
      this.#broken.push(
        `budget ${name}: ${disruptionsAllowed} allowed, ${currentHealthy} healthy of ${desiredHealthy}`,
      );
    }
  }

  #boundsChanged({ spec }: Read, time: number): void {
    const last = this.#bounds.at(-1);
    const { minReplicas: min, maxReplicas: max } = spec;
    if (last?.min !== min || last?.max !== max) this.#bounds.push({ min, max, since: time });
  }

  /** Within the bounds of now, or those that a controller whose watch has just broken still knows. */
  #scaled(deployment: Read, old: Read | undefined, by: string, time: number): void {
    if (by !== 'controller:horizontal-pod-autoscaler' || !old) return;
    const { replicas } = deployment['spec'];
    if (replicas === old['spec'].replicas) return;
    this.scalings++;
    const known = this.#bounds.filter((_, i) => (this.#bounds[i + 1]?.since ?? time) >= time - staleMs);
    if (known.some(({ min, max }) => replicas >= min && replicas <= max)) return;
    const { name } = deployment.metadata;
    this.#broken.push(`${name} was scaled to ${replicas} at ${time}, the bounds were ${JSON.stringify(this.#bounds)}`);
  }
}

function isEviction(pod: Read): boolean {
  return pod['status']?.conditions?.some(
    (c: any) => c.type === 'DisruptionTarget' && c.reason === 'EvictionByEvictionAPI',
  );
}
