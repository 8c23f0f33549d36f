/**
 * Keeps volumes that are bound from going. Upstream: pkg/controller/volume/pvprotection/pv_protection_controller.go (1.36).
 */
import type { PersistentVolume } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
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

const finalizer = 'kubernetes.io/pv-protection';
const names = {
  name: 'persistentvolume-protection-controller',
  serviceAccount: 'pv-protection-controller',
  component: 'pv-protection-controller',
} as const;

type Volume = Readonly<PersistentVolume>;

export class PersistentVolumeProtection implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #volumes: SharedInformer<PersistentVolume>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'pvprotection' });
    this.#volumes = context.informers.informer<PersistentVolume>('persistentvolumes');
    this.#volumes.addHandler({
      onAdd: (volume) => {
        if (needsWork(volume)) this.#queue.add(volume.metadata.name!, causeOf(this.#volumes.resource, volume));
      },
      onUpdate: (old, volume) => {
        if (needsWork(volume)) this.#queue.add(volume.metadata.name!, updateCause(this.#volumes, old, volume));
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [{ queue: this.#queue, workers: 1, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers: [this.#volumes], queues }, signal);
  }

  async #sync(name: string): Promise<void> {
    const volume = this.#volumes.lister.get('', name);
    if (!volume || !needsWork(volume)) return;
    const { finalizers = [], deletionTimestamp } = volume.metadata;
    const next =
      deletionTimestamp === undefined ? [...finalizers, finalizer] : finalizers.filter((other) => other !== finalizer);
    try {
      await this.#base.client
        .resource<PersistentVolume>('persistentvolumes')
        .update({ ...volume, metadata: { ...volume.metadata, finalizers: next } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Being deleted with the finalizer and not bound, or there without it. */
function needsWork(volume: Volume): boolean {
  const has = volume.metadata.finalizers?.includes(finalizer) === true;
  if (volume.metadata.deletionTimestamp === undefined) return !has;
  return has && volume.status?.phase !== 'Bound';
}
