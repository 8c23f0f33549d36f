/**
 * Keeps claims that pods use from going: a finalizer that is taken off when no scheduled pod names the claim.
 * Upstream: pkg/controller/volume/pvcprotection/pvc_protection_controller.go (1.36).
 */
import { claimsOfPod, type PersistentVolumeClaim, type Pod } from '../../api/index.ts';
import { isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { addPodClaimIndex, podClaimIndex } from '../common/pod-claims.ts';

const finalizer = 'kubernetes.io/pvc-protection';
const names = {
  name: 'persistentvolumeclaim-protection-controller',
  serviceAccount: 'pvc-protection-controller',
  component: 'pvc-protection-controller',
} as const;

type Claim = Readonly<PersistentVolumeClaim>;

export class PersistentVolumeClaimProtection implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #pods: SharedInformer<Pod>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'pvcprotection' });
    this.#claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.#pods = context.informers.informer<Pod>('pods');
    addPodClaimIndex(this.#pods);
    this.#claims.addHandler({
      onAdd: (claim) => {
        if (needsWork(claim)) this.#queue.add(objectKey(claim), causeOf(this.#claims.resource, claim));
      },
      onUpdate: (old, claim) => {
        if (needsWork(claim)) this.#queue.add(objectKey(claim), updateCause(this.#claims, old, claim));
      },
    });
    this.#pods.addHandler({
      onDelete: (pod) => {
        for (const { name } of claimsOfPod(pod)) {
          this.#queue.add(`${pod.metadata.namespace}/${name}`, causeOf(this.#pods.resource, pod));
        }
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#claims, this.#pods];
    const queues = [{ queue: this.#queue, workers: 1, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const claim = this.#claims.lister.get(namespace, name);
    if (!claim || !needsWork(claim)) return;
    const client = this.#base.client.resource<PersistentVolumeClaim>('persistentvolumeclaims');
    const { finalizers = [] } = claim.metadata;
    if (claim.metadata.deletionTimestamp === undefined) {
      await client.update({ ...claim, metadata: { ...claim.metadata, finalizers: [...finalizers, finalizer] } });
      return;
    }
    if (await this.#used(key, namespace)) return;
    const left = finalizers.filter((other) => other !== finalizer);
    try {
      await client.update({ ...claim, metadata: { ...claim.metadata, finalizers: left } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Asks the cache, and the server too before it says no: a pod may have come a moment ago. */
  async #used(key: string, namespace: string): Promise<boolean> {
    const uses = (pod: Readonly<Pod>) =>
      Boolean(pod.spec?.nodeName) && claimsOfPod(pod).some(({ name }) => `${namespace}/${name}` === key);
    if (this.#pods.lister.byIndex(podClaimIndex, key).some(uses)) return true;
    const live = await this.#base.client.resource<Pod>('pods').namespace(namespace).list();
    return live.items.some(uses);
  }
}

/** Being deleted with the finalizer, or there without it. */
function needsWork(claim: Claim): boolean {
  const has = claim.metadata.finalizers?.includes(finalizer) === true;
  return (claim.metadata.deletionTimestamp !== undefined) === has;
}
