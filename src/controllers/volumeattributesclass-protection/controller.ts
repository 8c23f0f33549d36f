/**
 * Keeps VolumeAttributesClasses that claims or volumes name from going. Upstream: pkg/controller/volume/vacprotection
 * (1.36).
 */
import type { PersistentVolume, PersistentVolumeClaim, VolumeAttributesClass } from '../../api/index.ts';
import { isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const finalizer = 'kubernetes.io/vac-protection';
const index = 'vacName';
const names = {
  name: 'volumeattributesclass-protection-controller',
  serviceAccount: 'volumeattributesclass-protection-controller',
  component: 'vac-protection-controller',
} as const;

export class VolumeAttributesClassProtection implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #classes: SharedInformer<VolumeAttributesClass>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'vacprotection' });
    this.#classes = context.informers.informer<VolumeAttributesClass>('volumeattributesclasses');
    this.#volumes = context.informers.informer<PersistentVolume>('persistentvolumes');
    this.#claims = context.informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    const seen = (object: Readonly<VolumeAttributesClass>) => {
      if (needsWork(object)) this.#queue.add(object.metadata.name!, causeOf(this.#classes.resource, object));
    };
    this.#classes.addHandler({ onAdd: seen, onUpdate: (_, object) => seen(object) });
    this.#watch(this.#volumes, ({ spec }) => classNames(spec?.volumeAttributesClassName));
    this.#watch(this.#claims, ({ spec, status }) =>
      classNames(
        spec?.volumeAttributesClassName,
        status?.currentVolumeAttributesClassName,
        status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
      ),
    );
  }

  /** A class is looked at again when an object ceases to name it. */
  #watch<T extends KubeObject>(informer: SharedInformer<T>, namesOf: (object: Readonly<T>) => string[]): void {
    informer.addIndexers({ [index]: namesOf });
    const left = (object: Readonly<T>, still: readonly string[]) => {
      for (const name of namesOf(object)) {
        if (!still.includes(name)) this.#queue.add(name, causeOf(informer.resource, object));
      }
    };
    informer.addHandler({
      onUpdate: (old, object) => left(old, namesOf(object)),
      onDelete: (object) => left(object, []),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const informers = [this.#classes, this.#volumes, this.#claims];
    const queues = [{ queue: this.#queue, workers: 1, reconcile: (name: string) => this.#sync(name) }];
    return runController({ log: this.#base.log, informers, queues }, signal);
  }

  async #sync(name: string): Promise<void> {
    const object = this.#classes.lister.get('', name);
    if (!object || !needsWork(object)) return;
    const { finalizers = [], deletionTimestamp } = object.metadata;
    const isUsed = [this.#volumes, this.#claims].some(
      ({ lister }) => (lister.byIndex(index, name) as unknown[]).length > 0,
    );
    if (deletionTimestamp !== undefined && isUsed) return;
    const next =
      deletionTimestamp === undefined ? [...finalizers, finalizer] : finalizers.filter((other) => other !== finalizer);
    try {
      const client = this.#base.client.resource<VolumeAttributesClass>('volumeattributesclasses');
      await client.update({ ...object, metadata: { ...object.metadata, finalizers: next } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function classNames(...names: (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[];
}

/** Being deleted with the finalizer, or there without it. */
function needsWork({ metadata }: Readonly<VolumeAttributesClass>): boolean {
  return (metadata.deletionTimestamp !== undefined) === (metadata.finalizers?.includes(finalizer) ?? false);
}
