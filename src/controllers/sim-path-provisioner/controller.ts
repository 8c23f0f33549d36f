/**
 * The provisioner behind klab's default class: makes a simulated disk for a claim that was handed to it, lets it grow, and
 * takes it away when it is released. Upstream: what kind's local-path-provisioner does through
 * sig-storage-lib-external-provisioner, with external-resizer's part.
 */
import {
  classOfClaim,
  delaysBinding,
  isClaimBound,
  type PersistentVolume,
  type PersistentVolumeClaim,
  provisionedByAnnotation,
  type StorageClass,
  selectedNodeAnnotation,
  storageCapacity,
  storageProvisionerAnnotation,
  storageRequest,
} from '../../api/index.ts';
import { compareQuantity, isAlreadyExists, isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
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

/** What StorageClasses name. */
export const simPathProvisioner = 'klab.dev/sim-path';

const names = {
  name: 'sim-path-provisioner',
  serviceAccount: 'sim-path-provisioner',
  component: simPathProvisioner,
} as const;
const workers = 4;

type Claim = Readonly<PersistentVolumeClaim>;
type Volume = Readonly<PersistentVolume>;

export class SimPathProvisioner implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #claimQueue: Workqueue;
  readonly #volumeQueue: Workqueue;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #classes: SharedInformer<StorageClass>;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#claimQueue = new Workqueue(context, { name: 'sim-path-claims' });
    this.#volumeQueue = new Workqueue(context, { name: 'sim-path-volumes' });
    const { informers } = context;
    this.#claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.#volumes = informers.informer<PersistentVolume>('persistentvolumes');
    this.#classes = informers.informer<StorageClass>('storageclasses.storage.k8s.io');
    const mine = (claim: Claim) => claim.metadata.annotations?.[storageProvisionerAnnotation] === simPathProvisioner;
    this.#claims.addHandler({
      onAdd: (claim) => {
        if (mine(claim)) this.#claimQueue.add(objectKey(claim), causeOf(this.#claims.resource, claim));
      },
      onUpdate: (old, claim) => {
        if (mine(claim)) this.#claimQueue.add(objectKey(claim), updateCause(this.#claims, old, claim));
      },
    });
    const released = (volume: Volume) => {
      if (shouldDelete(volume)) this.#volumeQueue.add(volume.metadata.name!, causeOf(this.#volumes.resource, volume));
    };
    this.#volumes.addHandler({ onAdd: released, onUpdate: (_, volume) => released(volume) });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#claims, this.#volumes, this.#classes];
    const queues = [
      { queue: this.#claimQueue, workers, reconcile: (key: string) => this.#syncClaim(key) },
      { queue: this.#volumeQueue, workers, reconcile: (key: string) => this.#deleteVolume(key) },
    ];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  async #syncClaim(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const claim = this.#claims.lister.get(namespace, name);
    if (!claim) return;
    const storageClass = this.#classes.lister.get('', classOfClaim(claim));
    if (isClaimBound(claim)) return this.#expand(claim, storageClass);
    if (claim.spec?.volumeName || claim.metadata.deletionTimestamp !== undefined) return;
    if (storageClass?.['provisioner'] !== simPathProvisioner) return;
    const node = claim.metadata.annotations?.[selectedNodeAnnotation];
    // The scheduler is to choose first.
    if (delaysBinding(storageClass) && node === undefined) return;
    const volume = `pvc-${claim.metadata.uid}`;
    if (this.#volumes.lister.get('', volume)) return;
    await this.#provision(claim, storageClass, delaysBinding(storageClass) ? node : undefined, volume);
  }

  async #provision(
    claim: Claim,
    storageClass: Readonly<StorageClass>,
    node: string | undefined,
    name: string,
  ): Promise<void> {
    const { recorder, client } = this.#base;
    const refusal = unsupported(claim, node);
    if (refusal !== undefined) {
      const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${refusal}`;
      recorder.event(claim, 'Warning', 'ProvisioningFailed', message);
      throw new Error(message);
    }
    const message = `External provisioner is provisioning volume for claim "${objectKey(claim)}"`;
    recorder.event(claim, 'Normal', 'Provisioning', message);
    try {
      await client
        .resource<PersistentVolume>('persistentvolumes')
        .create(newVolume(claim, storageClass, node, name), { handOver: true });
    } catch (error) {
      if (isAlreadyExists(error)) return;
      const text = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${(error as Error).message}`;
      recorder.event(claim, 'Warning', 'ProvisioningFailed', text);
      throw error;
    }
    recorder.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
  }

  /** A bound claim that asks for more gets it, when its class allows that. */
  async #expand(claim: Claim, storageClass: Readonly<StorageClass> | undefined): Promise<void> {
    const volume = this.#volumes.lister.get('', claim.spec!.volumeName!);
    if (!volume || volume.metadata.annotations?.[provisionedByAnnotation] !== simPathProvisioner) return;
    const wanted = storageRequest(claim);
    const { recorder, client } = this.#base;
    const claimHas = (claim.status?.capacity?.['storage'] as string | undefined) ?? 0;
    if (compareQuantity(wanted, claimHas) <= 0 || claim.status?.phase !== 'Bound') return;
    if (storageClass?.['allowVolumeExpansion'] !== true) return;
    if (compareQuantity(wanted, storageCapacity(volume)) > 0) {
      const name = volume.metadata.name!;
      recorder.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
      const capacity = { ...volume.spec!.capacity, storage: wanted };
      await client
        .resource<PersistentVolume>('persistentvolumes')
        .update({ ...volume, spec: { ...volume.spec, capacity } } as Volume);
    }
    const status = { ...claim.status, capacity: { ...claim.status?.capacity, storage: wanted } };
    await client.resource<PersistentVolumeClaim>('persistentvolumeclaims').updateStatus({ ...claim, status } as Claim);
    recorder.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
  }

  async #deleteVolume(name: string): Promise<void> {
    const volume = this.#volumes.lister.get('', name);
    if (!volume || !shouldDelete(volume)) return;
    try {
      await this.#base.client
        .resource<PersistentVolume>('persistentvolumes')
        .delete(name, { preconditions: { uid: volume.metadata.uid! } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function shouldDelete(volume: Volume): boolean {
  return (
    volume.metadata.deletionTimestamp === undefined &&
    volume.status?.phase === 'Released' &&
    volume.spec?.persistentVolumeReclaimPolicy === 'Delete' &&
    volume.metadata.annotations?.[provisionedByAnnotation] === simPathProvisioner
  );
}

function unsupported(claim: Claim, node: string | undefined): string | undefined {
  if (claim.spec?.volumeMode === 'Block') return `${simPathProvisioner} does not support block volume provisioning`;
  const local = node !== undefined;
  const modes = claim.spec?.accessModes ?? [];
  if (local && modes.some((mode) => mode !== 'ReadWriteOnce' && mode !== 'ReadWriteOncePod')) {
    return 'NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes';
  }
  if (claim.spec?.selector) return 'claim.Spec.Selector is not supported';
  return undefined;
}

/** With a node: a disk of that node. Without: one that every node reaches. */
function newVolume(
  claim: Claim,
  storageClass: Readonly<StorageClass>,
  node: string | undefined,
  name: string,
): PersistentVolume {
  const { namespace, uid, resourceVersion } = claim.metadata;
  const affinity = {
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node ?? ''] }] },
      ],
    },
  };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { [provisionedByAnnotation]: simPathProvisioner } },
    spec: {
      accessModes: claim.spec!.accessModes,
      capacity: { storage: storageRequest(claim) },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace,
        name: claim.metadata.name,
        uid,
        resourceVersion,
      },
      hostPath: { path: `/var/klab/volumes/${name}_${namespace}_${claim.metadata.name}`, type: 'DirectoryOrCreate' },
      ...(storageClass['mountOptions']?.length ? { mountOptions: storageClass['mountOptions'] } : {}),
      ...(node === undefined ? {} : { nodeAffinity: affinity }),
      persistentVolumeReclaimPolicy: storageClass['reclaimPolicy'] ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
    },
  } as PersistentVolume;
}
