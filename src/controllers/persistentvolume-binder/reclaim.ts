/** What becomes of a volume whose claim is gone. Upstream: pv_controller.go reclaimVolume, deleteVolumeOperation. */
import { type PersistentVolume, provisionedByAnnotation } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import type { EventRecorder } from '../../client/index.ts';
import type { VolumeWriter } from './writer.ts';

type Volume = Readonly<PersistentVolume>;

export interface ReclaimDeps {
  readonly recorder: EventRecorder;
  readonly write: VolumeWriter;
  /** Pods on nodes that use the claim `namespace/name`. */
  podsUsing(claimKey: string): readonly string[];
}

export async function reclaimVolume(deps: ReclaimDeps, volume: Volume): Promise<void> {
  switch (volume.spec?.persistentVolumeReclaimPolicy) {
    case 'Delete':
      return deleteVolume(deps, volume);
    case 'Recycle':
      // klab has no recycler for any volume: none of what it simulates can be scrubbed by a pod.
      return fail(deps, volume, 'VolumeFailedRecycle', 'No recycler plugin found for the volume!');
    default:
      return;
  }
}

async function deleteVolume(deps: ReclaimDeps, volume: Volume): Promise<void> {
  // The provisioner that made it watches for released volumes itself.
  if (volume.metadata.annotations?.[provisionedByAnnotation] !== undefined) return;
  const { namespace, name } = volume.spec!.claimRef!;
  const users = deps.podsUsing(`${namespace}/${name}`);
  if (users.length > 0) {
    deps.recorder.event(volume, 'Normal', 'VolumeDelete', `Volume is used by pods: ${users.join(',')}`);
    return;
  }
  const path = volume.spec?.hostPath?.path;
  if (path === undefined) {
    const message = `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`;
    return fail(deps, volume, 'VolumeFailedDelete', message);
  }
  if (!/^\/tmp\/.+/.test(path)) {
    const message = `host_path deleter only supports /tmp/.+ but received provided ${path}`;
    return fail(deps, volume, 'VolumeFailedDelete', message);
  }
  try {
    await deps.write.deleteVolume(volume);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function fail(deps: ReclaimDeps, volume: Volume, reason: string, message: string): Promise<void> {
  if (volume.status?.phase === 'Failed' && volume.status.message === message) return;
  const written = await deps.write.volumePhase(volume, 'Failed', message);
  deps.recorder.event(written, 'Warning', reason, message);
}
