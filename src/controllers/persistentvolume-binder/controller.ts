/**
 * Binds claims to volumes, asks for volumes to be provisioned, and reclaims released ones.
 * Upstream: pkg/controller/volume/persistentvolume/pv_controller.go (1.36).
 */
import {
  betaStorageProvisionerAnnotation,
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  claimsOfPod,
  classOfClaim,
  classOfVolume,
  delaysBinding,
  findMatchingVolume,
  isVolumeBoundToClaim,
  lacksClass,
  noProvisioner,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type StorageClass,
  selectedNodeAnnotation,
  storageProvisionerAnnotation,
  unsatisfied,
  volumeModesDiffer,
} from '../../api/index.ts';
import { isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { FreshCache } from '../common/fresh-cache.ts';
import { addPodClaimIndex, podClaimIndex } from '../common/pod-claims.ts';
import { isPodTerminal } from '../common/pods.ts';
import { reclaimVolume } from './reclaim.ts';
import { VolumeWriter } from './writer.ts';

const names = {
  name: 'persistentvolume-binder-controller',
  serviceAccount: 'persistent-volume-binder',
  component: 'persistentvolume-controller',
} as const;

type Claim = Readonly<PersistentVolumeClaim>;
type Volume = Readonly<PersistentVolume>;

const classIndex = 'storageClass';
const claimIndex = 'claim';
const volumeNameIndex = 'volumeName';
const defaultClassAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export class PersistentVolumeBinder implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #claimQueue: Workqueue;
  readonly #volumeQueue: Workqueue;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #volumes: SharedInformer<PersistentVolume>;
  readonly #classes: SharedInformer<StorageClass>;
  readonly #pods: SharedInformer<Pod>;
  readonly #freshClaims: FreshCache<PersistentVolumeClaim>;
  readonly #freshVolumes: FreshCache<PersistentVolume>;
  readonly #write: VolumeWriter;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#claimQueue = new Workqueue(context, { name: 'claims' });
    this.#volumeQueue = new Workqueue(context, { name: 'volumes' });
    const { informers } = context;
    // Unbound claims by class: what may be helped by a new volume or class.
    this.#claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims', {
      indexers: {
        [classIndex]: (claim) => (claim.spec?.volumeName ? [] : [classOfClaim(claim)]),
        [volumeNameIndex]: (claim) => (claim.spec?.volumeName ? [claim.spec.volumeName] : []),
      },
    });
    this.#volumes = informers.informer<PersistentVolume>('persistentvolumes', {
      indexers: {
        [classIndex]: (volume) => [classOfVolume(volume)],
        [claimIndex]: (volume) => {
          const reference = volume.spec?.claimRef;
          return reference ? [`${reference.namespace}/${reference.name}`] : [];
        },
      },
    });
    this.#classes = informers.informer<StorageClass>('storageclasses.storage.k8s.io');
    this.#pods = informers.informer<Pod>('pods');
    addPodClaimIndex(this.#pods);
    this.#freshClaims = new FreshCache(this.#claims);
    this.#freshVolumes = new FreshCache(this.#volumes);
    this.#write = new VolumeWriter(this.#base, this.#freshClaims, this.#freshVolumes);
    this.#listen();
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#claims, this.#volumes, this.#classes, this.#pods];
    const queues = [
      { queue: this.#volumeQueue, workers: 1, reconcile: (key: string) => this.#syncVolumeKey(key) },
      { queue: this.#claimQueue, workers: 1, reconcile: (key: string) => this.#syncClaimKey(key) },
    ];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #listen(): void {
    const claim = (object: Claim, cause: RequestCause) => this.#claimQueue.add(objectKey(object), cause);
    const volume = (object: Volume, cause: RequestCause) => this.#volumeQueue.add(object.metadata.name!, cause);
    this.#claims.addHandler({
      onAdd: (object) => claim(object, causeOf(this.#claims.resource, object)),
      onUpdate: (old, object) => {
        claim(object, updateCause(this.#claims, old, object));
        // The volume waits for its claim to name it.
        if (old.spec?.volumeName !== object.spec?.volumeName && object.spec?.volumeName) {
          this.#volumeQueue.add(object.spec.volumeName, causeOf(this.#claims.resource, object));
        }
      },
      onDelete: (object) => {
        const cause = causeOf(this.#claims.resource, object);
        if (object.spec?.volumeName) this.#volumeQueue.add(object.spec.volumeName, cause);
        for (const bound of this.#volumes.lister.byIndex(claimIndex, objectKey(object))) volume(bound, cause);
      },
    });
    this.#volumes.addHandler({
      onAdd: (object) => {
        const cause = causeOf(this.#volumes.resource, object);
        volume(object, cause);
        this.#wakeClaimsOf(object, cause);
      },
      onUpdate: (old, object) => {
        const cause = updateCause(this.#volumes, old, object);
        volume(object, cause);
        if (old.status?.phase !== object.status?.phase || old.spec?.claimRef !== object.spec?.claimRef) {
          this.#wakeClaimsOf(object, cause);
        }
      },
      onDelete: (object) => {
        const cause = causeOf(this.#volumes.resource, object);
        for (const bound of this.#claims.lister.byIndex(volumeNameIndex, object.metadata.name!)) claim(bound, cause);
      },
    });
    const classChanged = (object: Readonly<StorageClass>) => {
      const cause = causeOf(this.#classes.resource, object);
      const waiting = this.#claims.lister.byIndex(classIndex, object.metadata.name!);
      if (isDefaultClass(object)) waiting.push(...this.#claims.lister.byIndex(classIndex, ''));
      for (const each of waiting) claim(each, cause);
    };
    this.#classes.addHandler({ onAdd: classChanged, onUpdate: (_, object) => classChanged(object) });
    // A pod that ends may free a volume that waits to be deleted.
    this.#pods.addHandler({
      onDelete: (pod) => {
        for (const { name } of claimsOfPod(pod)) {
          for (const bound of this.#volumes.lister.byIndex(claimIndex, `${pod.metadata.namespace}/${name}`)) {
            if (bound.status?.phase === 'Released') volume(bound, causeOf(this.#pods.resource, pod));
          }
        }
      },
    });
  }

  /** A volume that is free helps the claims of its class; one that names a claim helps that one. */
  #wakeClaimsOf(volume: Volume, cause: RequestCause): void {
    const reference = volume.spec?.claimRef;
    if (reference) {
      this.#claimQueue.add(`${reference.namespace}/${reference.name}`, cause);
      return;
    }
    for (const asking of this.#claims.lister.byIndex(volumeNameIndex, volume.metadata.name!)) {
      this.#claimQueue.add(objectKey(asking), cause);
    }
    if (volume.status?.phase !== 'Available') return;
    for (const waiting of this.#claims.lister.byIndex(classIndex, classOfVolume(volume))) {
      this.#claimQueue.add(objectKey(waiting), cause);
    }
  }

  async #syncClaimKey(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const claim = this.#freshClaims.get(namespace, name);
    if (!claim) return;
    if (claim.metadata.annotations?.[bindCompletedAnnotation] === undefined) await this.#syncUnboundClaim(claim);
    else await this.#syncBoundClaim(claim);
  }

  async #syncUnboundClaim(claim: Claim): Promise<void> {
    const { recorder } = this.#base;
    const wanted = claim.spec?.volumeName;
    if (!wanted) {
      const storageClass = this.#classes.lister.get('', classOfClaim(claim));
      const delayed = delaysBinding(storageClass);
      const found = findMatchingVolume(claim, this.#candidates(claim), { delayBinding: delayed });
      if (found) return this.#write.bind(found, claim);
      const given = await this.#giveDefaultClass(claim);
      const { annotations } = given.metadata;
      if (delayed && annotations?.[selectedNodeAnnotation] === undefined) this.#tellWhatItWaitsFor(given);
      else if (classOfClaim(given) !== '') {
        // A class given a moment ago is looked at anew, as a claim of that class.
        if (given === claim) await this.#provision(given);
        else this.#claimQueue.add(objectKey(given));
      } else {
        const message = 'no persistent volumes available for this claim and no storage class is set';
        recorder.event(given, 'Normal', 'FailedBinding', message);
      }
      await this.#write.claimStatus(given, 'Pending');
      return;
    }
    const volume = this.#freshVolumes.get('', wanted);
    if (!volume) {
      await this.#write.claimStatus(claim, 'Pending');
    } else if (!volume.spec?.claimRef) {
      const mismatch = unsatisfied(volume, claim);
      if (mismatch === undefined) return this.#write.bind(volume, claim);
      recorder.event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume "${wanted}": ${mismatch}`);
      await this.#write.claimStatus(claim, 'Pending');
    } else if (isVolumeBoundToClaim(volume, claim)) {
      await this.#write.bind(volume, claim);
    } else {
      const { namespace, name } = volume.spec.claimRef;
      if (claim.metadata.annotations?.[boundByControllerAnnotation] !== undefined) {
        throw new Error(
          `invalid binding of claim "${objectKey(claim)}" to volume "${wanted}": volume already claimed by "${namespace}/${name}"`,
        );
      }
      const message = `volume "${wanted}" already bound to a different claim.`;
      recorder.event(claim, 'Warning', 'FailedBinding', message);
      await this.#write.claimStatus(claim, 'Pending');
    }
  }

  async #syncBoundClaim(claim: Claim): Promise<void> {
    const lost = async (reason: string, message: string) => {
      if (await this.#write.claimStatus(claim, 'Lost')) {
        this.#base.recorder.event(claim, 'Warning', reason, message);
      }
    };
    const wanted = claim.spec?.volumeName;
    if (!wanted) {
      await lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
      return;
    }
    const volume = this.#freshVolumes.get('', wanted);
    if (!volume) {
      await lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
    } else if (!volume.spec?.claimRef || volume.spec.claimRef.uid === claim.metadata.uid) {
      await this.#write.bind(volume, claim);
    } else {
      await lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
    }
  }

  /** Volumes of the claim's class, and those that name the claim whatever their class. */
  *#candidates(claim: Claim): Generator<Volume> {
    yield* this.#freshVolumes.byIndex(claimIndex, objectKey(claim));
    yield* this.#freshVolumes.byIndex(classIndex, classOfClaim(claim));
  }

  /** A claim made before there was a default class gets it now. Upstream: assignDefaultStorageClass. */
  async #giveDefaultClass(claim: Claim): Promise<Claim> {
    if (!lacksClass(claim)) return claim;
    const defaults = this.#classes.lister.list().filter(isDefaultClass);
    const newest = defaults.sort((a, b) => {
      const [at, bt] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
      if (at !== bt) return at < bt ? 1 : -1;
      return a.metadata.name! < b.metadata.name! ? -1 : 1;
    })[0];
    if (!newest) return claim;
    return this.#write.claim({ ...claim, spec: { ...claim.spec, storageClassName: newest.metadata.name! } });
  }

  #tellWhatItWaitsFor(claim: Claim): void {
    const { recorder } = this.#base;
    const pods = this.#pods.lister
      .byIndex(podClaimIndex, objectKey(claim))
      .filter((pod) => !isPodTerminal(pod) && !pod.spec?.nodeName)
      .map((pod) => pod.metadata.name!)
      .sort();
    if (pods.length === 0) {
      const message = 'waiting for first consumer to be created before binding';
      recorder.event(claim, 'Normal', 'WaitForFirstConsumer', message);
      return;
    }
    const who = pods.length === 1 ? `pod ${pods[0]}` : `pods ${pods.join(',')}`;
    recorder.event(claim, 'Normal', 'WaitForPodScheduled', `waiting for ${who} to be scheduled`);
  }

  /** Hands the claim to the provisioner its class names. Upstream: provisionClaim, provisionClaimOperationExternal. */
  async #provision(claim: Claim): Promise<void> {
    const { recorder } = this.#base;
    const className = classOfClaim(claim);
    const storageClass = this.#classes.lister.get('', className);
    if (!storageClass) {
      const message = `storageclass.storage.k8s.io "${className}" not found`;
      recorder.event(claim, 'Warning', 'ProvisioningFailed', message);
      return;
    }
    const provisioner = storageClass['provisioner'] as string;
    if (provisioner === noProvisioner || provisioner.startsWith('kubernetes.io/')) {
      const message = `no volume plugin matched name: ${provisioner}`;
      recorder.event(claim, 'Warning', 'ProvisioningFailed', message);
      return;
    }
    const { annotations } = claim.metadata;
    if (annotations?.[storageProvisionerAnnotation] !== provisioner) {
      await this.#write.claim({
        ...claim,
        metadata: {
          ...claim.metadata,
          annotations: {
            ...annotations,
            [betaStorageProvisionerAnnotation]: provisioner,
            [storageProvisionerAnnotation]: provisioner,
          },
        },
      });
    }
    recorder.event(
      claim,
      'Normal',
      'ExternalProvisioning',
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    );
  }

  async #syncVolumeKey(name: string): Promise<void> {
    const volume = this.#freshVolumes.get('', name);
    if (!volume) return;
    const reference = volume.spec?.claimRef;
    if (!reference?.uid) {
      await this.#write.volumePhase(volume, 'Available');
      return;
    }
    const claim = await this.#claimOf(volume);
    const { recorder } = this.#base;
    if (!claim) {
      const released = await this.#release(volume);
      await reclaimVolume({ ...this.#base, write: this.#write, podsUsing: (key) => this.#podsUsing(key) }, released);
    } else if (!claim.spec?.volumeName) {
      if (volumeModesDiffer(claim, volume)) {
        const volumeMessage = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`;
        recorder.event(volume, 'Warning', 'VolumeMismatch', volumeMessage);
        const claimMessage = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim due to incompatible volumeMode.`;
        recorder.event(claim, 'Warning', 'VolumeMismatch', claimMessage);
      }
      this.#claimQueue.add(objectKey(claim), causeOf(this.#volumes.resource, volume));
    } else if (claim.spec.volumeName === name) {
      await this.#write.volumePhase(volume, 'Bound');
    } else if (
      volume.metadata.annotations?.['pv.kubernetes.io/provisioned-by'] !== undefined &&
      volume.spec?.persistentVolumeReclaimPolicy === 'Delete'
    ) {
      // Provisioned twice for one claim: the superfluous one goes.
      const released = await this.#release(volume);
      await reclaimVolume({ ...this.#base, write: this.#write, podsUsing: () => [] }, released);
    } else {
      await this.#write.unbind(volume);
    }
  }

  /** The claim of the volume, read from the server when the cache does not have it: it may be a moment behind. */
  async #claimOf(volume: Volume): Promise<Claim | undefined> {
    const { namespace, name, uid } = volume.spec!.claimRef!;
    let claim = this.#freshClaims.get(namespace!, name!);
    if (!claim && volume.status?.phase !== 'Released' && volume.status?.phase !== 'Failed') {
      try {
        const client = this.#base.client.resource<PersistentVolumeClaim>('persistentvolumeclaims');
        claim = await client.namespace(namespace).get(name!);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return claim?.metadata.uid === uid ? claim : undefined;
  }

  async #release(volume: Volume): Promise<Volume> {
    const phase = volume.status?.phase;
    return phase === 'Released' || phase === 'Failed' ? volume : this.#write.volumePhase(volume, 'Released');
  }

  #podsUsing(claimKey: string): string[] {
    return this.#pods.lister
      .byIndex(podClaimIndex, claimKey)
      .filter((pod) => pod.spec?.nodeName && !isPodTerminal(pod))
      .map(objectKey);
  }
}

function isDefaultClass(storageClass: Readonly<StorageClass>): boolean {
  return defaultClassAnnotations.some((key) => storageClass.metadata.annotations?.[key] === 'true');
}
