/** The writes of the binder, each leaving out what is already so. Upstream: pv_controller.go bind and its steps. */
import {
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  isVolumeBoundToClaim,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '../../api/index.ts';
import { deepEqual, objectKey } from '../../apimachinery/index.ts';
import type { ControllerBase } from '../common/controller.ts';
import type { FreshCache } from '../common/fresh-cache.ts';

type Claim = Readonly<PersistentVolumeClaim>;
type Volume = Readonly<PersistentVolume>;
type Phase = NonNullable<NonNullable<PersistentVolume['status']>['phase']>;

export class VolumeWriter {
  readonly #base: ControllerBase;
  readonly #claims: FreshCache<PersistentVolumeClaim>;
  readonly #volumes: FreshCache<PersistentVolume>;

  constructor(base: ControllerBase, claims: FreshCache<PersistentVolumeClaim>, volumes: FreshCache<PersistentVolume>) {
    this.#base = base;
    this.#claims = claims;
    this.#volumes = volumes;
  }

  async claim(claim: Claim): Promise<Claim> {
    return this.#claims.wrote(await this.#claimClient().update(claim));
  }

  async volume(volume: Volume): Promise<Volume> {
    return this.#volumes.wrote(await this.#volumeClient().update(volume));
  }

  async deleteVolume(volume: Volume): Promise<void> {
    await this.#volumeClient().delete(volume.metadata.name!, { preconditions: { uid: volume.metadata.uid! } });
  }

  /** Four writes, in an order that a crash between any two of them leaves something to go on from. */
  async bind(volume: Volume, claim: Claim): Promise<void> {
    const boundVolume = await this.#bindVolumeToClaim(volume, claim);
    const phased = await this.volumePhase(boundVolume, 'Bound');
    const boundClaim = await this.#bindClaimToVolume(claim, phased);
    await this.claimStatus(boundClaim, 'Bound', phased);
  }

  async #bindVolumeToClaim(volume: Volume, claim: Claim): Promise<Volume> {
    const chosenByUser = isVolumeBoundToClaim(volume, claim);
    const reference = volume.spec?.claimRef;
    if (chosenByUser && reference?.uid === claim.metadata.uid) return volume;
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    const annotations = chosenByUser
      ? volume.metadata.annotations
      : { ...volume.metadata.annotations, [boundByControllerAnnotation]: 'yes' };
    return this.volume({
      ...volume,
      metadata: { ...volume.metadata, ...(annotations && { annotations }) },
      spec: {
        ...volume.spec,
        claimRef: { kind: 'PersistentVolumeClaim', namespace, name, uid, apiVersion: 'v1', resourceVersion },
      },
    } as Volume);
  }

  async #bindClaimToVolume(claim: Claim, volume: Volume): Promise<Claim> {
    const { annotations } = claim.metadata;
    const named = claim.spec?.volumeName === volume.metadata.name;
    if (named && annotations?.[bindCompletedAnnotation] !== undefined) return claim;
    return this.claim({
      ...claim,
      metadata: {
        ...claim.metadata,
        annotations: {
          ...annotations,
          [bindCompletedAnnotation]: 'yes',
          ...(named ? {} : { [boundByControllerAnnotation]: 'yes' }),
        },
      },
      spec: { ...claim.spec, volumeName: volume.metadata.name! },
    });
  }

  /** Takes the claim off a volume; one that a user bound in advance stays reserved for the name. */
  async unbind(volume: Volume): Promise<void> {
    const annotations = { ...volume.metadata.annotations };
    const byController = boundByControllerAnnotation in annotations;
    delete annotations[boundByControllerAnnotation];
    const spec = { ...volume.spec } as NonNullable<PersistentVolume['spec']>;
    if (byController) delete spec.claimRef;
    else {
      const { uid: _uid, resourceVersion: _version, ...rest } = spec.claimRef!;
      spec.claimRef = rest as typeof spec.claimRef;
    }
    const written = await this.volume({ ...volume, metadata: { ...volume.metadata, annotations }, spec } as Volume);
    await this.volumePhase(written, 'Available');
  }

  /** `message` with phase Failed. */
  async volumePhase(volume: Volume, phase: Phase, message = ''): Promise<Volume> {
    const { status } = volume;
    if (status?.phase === phase && (status.message ?? '') === message) return volume;
    const { message: _, ...rest } = status ?? {};
    const next = { ...volume, status: { ...rest, phase, ...(message === '' ? {} : { message }) } };
    return this.#volumes.wrote(await this.#volumeClient().updateStatus(next as Volume));
  }

  /** Whether anything was written. */
  async claimStatus(claim: Claim, phase: string, volume?: Volume): Promise<boolean> {
    const status: Record<string, unknown> = { ...claim.status, phase };
    if (!volume) {
      delete status['accessModes'];
      delete status['capacity'];
    } else {
      status['accessModes'] = volume.spec?.accessModes;
      // A claim that is bound keeps the capacity it has: growing it is the expander's business.
      if (claim.status?.phase !== 'Bound') status['capacity'] = volume.spec?.capacity;
    }
    if (deepEqual(status, claim.status ?? {})) return false;
    this.#claims.wrote(await this.#claimClient().updateStatus({ ...claim, status } as Claim));
    this.#base.log.debug?.('claim phase', { claim: objectKey(claim), phase });
    return true;
  }

  #claimClient() {
    return this.#base.client.resource<PersistentVolumeClaim>('persistentvolumeclaims');
  }

  #volumeClient() {
    return this.#base.client.resource<PersistentVolume>('persistentvolumes');
  }
}
