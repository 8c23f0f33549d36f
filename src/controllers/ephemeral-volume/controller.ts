/**
 * Makes the claim of a pod's generic ephemeral volume, owned by the pod.
 * Upstream: pkg/controller/volume/ephemeral/controller.go (1.36).
 */
import { ephemeralClaimError, type PersistentVolumeClaim, type Pod } from '../../api/index.ts';
import { hasNamespaceTerminatingCause, newControllerRef, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const names = {
  name: 'ephemeral-volume-controller',
  serviceAccount: 'ephemeral-volume-controller',
  component: 'ephemeral_volume',
} as const;
/** Upstream: --concurrent-ephemeralvolume-syncs. */
const workers = 5;

type EphemeralVolume = { readonly name: string; readonly ephemeral: { readonly volumeClaimTemplate?: any } };

export class EphemeralVolumeController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #pods: SharedInformer<Pod>;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'ephemeral_volume' });
    this.#pods = context.informers.informer<Pod>('pods');
    this.#claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    // A pod's volumes never change: one look at each is enough.
    this.#pods.addHandler({
      onAdd: (pod) => {
        if (pod.metadata.deletionTimestamp !== undefined || ephemeralVolumes(pod).length === 0) return;
        this.#queue.add(objectKey(pod), causeOf(this.#pods.resource, pod));
      },
    });
    // A claim that is gone while its pod is there is made anew.
    this.#claims.addHandler({
      onDelete: (claim) => {
        const owner = claim.metadata.ownerReferences?.find(({ kind, controller }) => kind === 'Pod' && controller);
        if (owner) {
          this.#queue.add(`${claim.metadata.namespace}/${owner.name}`, causeOf(this.#claims.resource, claim));
        }
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#pods, this.#claims];
    const queues = [{ queue: this.#queue, workers, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const pod = this.#pods.lister.get(namespace, name);
    if (!pod || pod.metadata.deletionTimestamp !== undefined) return;
    for (const volume of ephemeralVolumes(pod)) {
      try {
        await this.#ensure(pod, volume);
      } catch (error) {
        if (hasNamespaceTerminatingCause(error)) return;
        const message = `ephemeral volume ${volume.name}: ${(error as Error).message}`;
        this.#base.recorder.event(pod, 'Warning', 'FailedBinding', message);
        throw new Error(`pod ${key}, ${message}`, { cause: error });
      }
    }
  }

  async #ensure(pod: Readonly<Pod>, volume: EphemeralVolume): Promise<void> {
    const namespace = pod.metadata.namespace!;
    const name = `${pod.metadata.name}-${volume.name}`;
    const existing = this.#claims.lister.get(namespace, name);
    if (existing) {
      const problem = ephemeralClaimError(pod, existing);
      if (problem !== undefined) throw new Error(problem);
      return;
    }
    const { metadata = {}, spec } = volume.ephemeral.volumeClaimTemplate ?? {};
    await this.#base.client.resource<PersistentVolumeClaim>('persistentvolumeclaims').create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name,
        namespace,
        ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
        ...(metadata.labels ? { labels: metadata.labels } : {}),
        ownerReferences: [newControllerRef(pod)],
      },
      spec,
    });
  }
}

function ephemeralVolumes(pod: Readonly<Pod>): EphemeralVolume[] {
  return (pod.spec?.volumes ?? []).filter((volume) => volume.ephemeral) as EphemeralVolume[];
}
