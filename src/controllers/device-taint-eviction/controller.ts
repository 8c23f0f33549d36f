/**
 * Evicts pods whose devices have a NoExecute taint that their claims do not tolerate (any more). Level-based: a pod's
 * time is worked out anew whenever its claims or their devices change. Upstream: pkg/controller/devicetainteviction
 * (1.36).
 */
import { type Pod, type ResourceClaim, type ResourceSlice, toleratesTaint } from '../../api/index.ts';
import { isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { type ReadPod, withPodCondition } from '../common/pods.ts';
import { claimNamesOf, isReservedFor } from '../common/resource-claims.ts';

const workers = 10;
const deviceIndex = 'pool';
const names = {
  name: 'device-taint-eviction-controller',
  serviceAccount: 'device-taint-eviction-controller',
  component: 'device-taint-eviction-controller',
} as const;

type Claim = Readonly<ResourceClaim>;

export class DeviceTaintEvictionController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #pods: SharedInformer<Pod>;
  readonly #claims: SharedInformer<ResourceClaim>;
  readonly #slices: SharedInformer<ResourceSlice>;
  /** UIDs of pods that will have to go. */
  readonly #doomed = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: names.name });
    this.#pods = context.informers.informer<Pod>('pods');
    this.#claims = context.informers.informer<ResourceClaim>('resourceclaims');
    this.#slices = context.informers.informer<ResourceSlice>('resourceslices');
    this.#claims.addIndexers({
      [deviceIndex]: (claim) => [...new Set(resultsOf(claim).map(({ driver, pool }) => `${driver}/${pool}`))],
    });
    this.#slices.addIndexers({ [deviceIndex]: ({ spec }) => (spec ? [`${spec.driver}/${spec.pool.name}`] : []) });
    const claimSeen = (claim: Claim) => this.#queuePodsOf(claim, causeOf(this.#claims.resource, claim));
    this.#claims.addHandler({ onAdd: claimSeen, onUpdate: (_, claim) => claimSeen(claim) });
    const sliceSeen = (slice: Readonly<ResourceSlice>) => {
      const cause = causeOf(this.#slices.resource, slice);
      const key = `${slice.spec?.driver}/${slice.spec?.pool.name}`;
      for (const claim of this.#claims.lister.byIndex(deviceIndex, key)) this.#queuePodsOf(claim, cause);
    };
    this.#slices.addHandler({ onAdd: sliceSeen, onUpdate: (_, slice) => sliceSeen(slice), onDelete: sliceSeen });
    const podSeen = (pod: ReadPod) => {
      if (claimNamesOf(pod).length > 0) this.#queue.add(objectKey(pod), causeOf(this.#pods.resource, pod));
    };
    this.#pods.addHandler({
      onAdd: podSeen,
      onUpdate: (_, pod) => podSeen(pod),
      onDelete: (pod) => this.#doomed.delete(pod.metadata.uid!),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#pods, this.#claims, this.#slices];
    const queues = [{ queue: this.#queue, workers, reconcile: (key: string) => this.#judge(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #queuePodsOf(claim: Claim, cause: RequestCause): void {
    for (const { apiGroup, resource, name } of claim.status?.reservedFor ?? []) {
      if (!apiGroup && resource === 'pods') this.#queue.add(`${claim.metadata.namespace}/${name}`, cause);
    }
  }

  async #judge(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const pod = this.#pods.lister.get(namespace, name);
    if (!pod || pod.metadata.deletionTimestamp !== undefined || !pod.spec?.nodeName) return;
    const at = this.#evictionTime(pod);
    const uid = pod.metadata.uid!;
    if (at === undefined) {
      if (!this.#doomed.delete(uid)) return;
      this.#base.recorder.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Cancelling deletion');
      return;
    }
    this.#doomed.add(uid);
    const left = at - this.#context.clock.now();
    if (left > 0) this.#queue.addAfter(key, left, { timer: 'device-taint-toleration' });
    else await this.#evict(pod);
  }

  /** Milliseconds since the epoch of the earliest time that one of its devices gives it; undefined: it may stay. */
  #evictionTime(pod: ReadPod): number | undefined {
    let earliest: number | undefined;
    for (const name of claimNamesOf(pod)) {
      const claim = this.#claims.lister.get(pod.metadata.namespace!, name);
      if (!claim || !isReservedFor(claim, pod)) continue;
      for (const result of resultsOf(claim)) {
        for (const taint of this.#taintsOf(result)) {
          if (taint.effect !== 'NoExecute') continue;
          const added = taint.timeAdded === undefined ? 0 : parseTime(taint.timeAdded);
          const used = result.tolerations?.find((toleration) => toleratesTaint(toleration, taint));
          if (used && used.tolerationSeconds === undefined) continue;
          const at = added + Math.max(0, used?.tolerationSeconds ?? 0) * 1000;
          if (earliest === undefined || at < earliest) earliest = at;
        }
      }
    }
    return earliest;
  }

  /** Of the newest generation of the pool; older slices are on their way out. */
  #taintsOf({ driver, pool, device }: { driver: string; pool: string; device: string }) {
    const slices = this.#slices.lister.byIndex(deviceIndex, `${driver}/${pool}`);
    const newest = Math.max(...slices.map(({ spec }) => spec!.pool.generation));
    return slices
      .filter(({ spec }) => spec!.pool.generation === newest)
      .flatMap(({ spec }) => spec!.devices ?? [])
      .filter(({ name }) => name === device)
      .flatMap(({ taints }) => taints ?? []);
  }

  async #evict(pod: ReadPod): Promise<void> {
    const { name = '', namespace, uid } = pod.metadata;
    const client = this.#base.client.resource<Pod>('pods').namespace(namespace);
    this.#base.recorder.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Marking for deletion');
    const condition = {
      type: 'DisruptionTarget',
      status: 'True' as const,
      reason: 'DeletionByDeviceTaintManager',
      message: 'Device Taint manager: deleting due to NoExecute taint',
    };
    try {
      const conditions = withPodCondition(pod.status?.conditions, condition, rfc3339(this.#context.clock.now()));
      const changed = conditions.find(({ type }) => type === condition.type);
      const patch = { metadata: { uid }, status: { conditions: [changed] } };
      await client.patch(name, 'strategic', patch, { subresource: 'status' });
      await client.delete(name, { preconditions: { uid: uid! } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function resultsOf(claim: Claim) {
  return claim.status?.allocation?.devices?.results ?? [];
}
