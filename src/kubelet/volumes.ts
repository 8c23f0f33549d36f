/**
 * Volumes of a pod as the runtime mounts them. Upstream: pkg/kubelet/volumemanager with the emptydir, configmap,
 * secret, downwardapi and projected plugins; one set-up step per volume, messages as their MountVolume.SetUp errors.
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { type DownwardContext, metadataValue, resourceValue } from './downward.ts';
import type { NodeApi } from './node-api.ts';
import { decodeBase64, type ObjectCache } from './object-cache.ts';
import type { Pod, Volume } from './pod-types.ts';
import type { MountedVolume, VolumeFile } from './runtime/types.ts';

/** A volume that cannot be set up; the pod waits and FailedMount says so. */
export class MountError extends Error {
  override readonly name = 'MountError';
  readonly volume: string;
  constructor(volume: string, message: string) {
    super(message);
    this.volume = volume;
  }
}

export interface VolumeDeps {
  readonly api: NodeApi;
  readonly objects: ObjectCache;
}

/** Sources whose files follow changes at the API. */
export function isLive(volume: Volume): boolean {
  return Boolean(volume['configMap'] || volume['secret'] || volume['downwardAPI'] || volume['projected']);
}

/** The volume that every pod gets for the API server: its files never change. */
export function isApiAccess(volume: Volume): boolean {
  return volume.name.startsWith('kube-api-access-');
}

/** @throws MountError */
export async function setUpVolume(volume: Volume, context: DownwardContext, deps: VolumeDeps): Promise<MountedVolume> {
  const { name } = volume;
  if (volume['emptyDir']) return { name, kind: 'emptyDir', files: [] };
  if (volume['hostPath']) return { name, kind: 'hostPath', files: [] };
  if (volume['persistentVolumeClaim'] || volume['ephemeral']) return claimVolume(volume, context.pod, deps);
  if (isLive(volume)) return { name, kind: 'files', files: await volumeFiles(volume, context, deps) };
  return { name, kind: 'other', files: [] };
}

/** The files of a live volume as of now. @throws MountError */
export async function volumeFiles(volume: Volume, context: DownwardContext, deps: VolumeDeps): Promise<VolumeFile[]> {
  const { name, projected } = volume;
  const source = projected ? projected : volume;
  const mode: number =
    (projected ?? volume['configMap'] ?? volume['secret'] ?? volume['downwardAPI']).defaultMode ?? 0o644;
  try {
    if (!projected) return await sourceFiles(source, mode, context, deps);
    const files: VolumeFile[] = [];
    for (const part of projected.sources ?? []) files.push(...(await sourceFiles(part, mode, context, deps)));
    return files;
  } catch (error) {
    const message = (error as Error).message;
    throw new MountError(name, `MountVolume.SetUp failed for volume "${name}" : ${message}`);
  }
}

async function sourceFiles(
  source: any,
  mode: number,
  context: DownwardContext,
  deps: VolumeDeps,
): Promise<VolumeFile[]> {
  const namespace = context.pod.metadata.namespace ?? '';
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap;
    const object = await deps.objects.find('configmaps', namespace, name, optional === true);
    const data = new Map<string, string | Uint8Array>(Object.entries(object?.['data'] ?? {}));
    for (const [key, value] of Object.entries(object?.['binaryData'] ?? {}))
      data.set(key, decodeBase64(value as string));
    return pick(data, items, mode, optional === true, `configmap references non-existent config key`);
  }
  if (source.secret) {
    // A volume says secretName, a projection says name.
    const { secretName, name = secretName ?? '', items, optional } = source.secret;
    const object = await deps.objects.find('secrets', namespace, name, optional === true);
    return pick(secretData(object), items, mode, optional === true, `references non-existent secret key`);
  }
  if (source.downwardAPI) return (source.downwardAPI.items ?? []).map((item: any) => downwardFile(item, mode, context));
  if (source.serviceAccountToken) return [tokenFile(source.serviceAccountToken, mode, context, deps)];
  return [];
}

function secretData(object: Readonly<KubeObject> | undefined): Map<string, string | Uint8Array> {
  const data = new Map<string, string | Uint8Array>();
  for (const [key, value] of Object.entries(object?.['data'] ?? {})) data.set(key, decodeBase64(value as string));
  return data;
}

function pick(
  data: ReadonlyMap<string, string | Uint8Array>,
  items: { key: string; path: string; mode?: number }[] | undefined,
  mode: number,
  optional: boolean,
  missing: string,
): VolumeFile[] {
  if (!items || items.length === 0) return [...data].map(([path, content]) => ({ path, mode, content }));
  const files: VolumeFile[] = [];
  for (const item of items) {
    const content = data.get(item.key);
    if (content === undefined) {
      if (optional) continue;
      throw new Error(`${missing}: ${item.key}`);
    }
    files.push({ path: item.path, mode: item.mode ?? mode, content });
  }
  return files;
}

function downwardFile(item: any, mode: number, context: DownwardContext): VolumeFile {
  const content = item.fieldRef
    ? metadataValue(item.fieldRef.fieldPath, context.pod)
    : resourceValue(item.resourceFieldRef, undefined, context);
  return { path: item.path, mode: item.mode ?? mode, content };
}

/** Minted when first read: most simulated programs never look at their token. */
function tokenFile(source: any, mode: number, context: DownwardContext, deps: VolumeDeps): VolumeFile {
  const { pod } = context;
  let token: Promise<string> | undefined;
  const read = () => {
    token ??= deps.api.serviceAccountToken(pod.metadata.namespace ?? '', pod.spec.serviceAccountName ?? 'default', {
      audiences: source.audience ? [source.audience] : [],
      expirationSeconds: source.expirationSeconds ?? 3600,
      pod: { name: pod.metadata.name ?? '', uid: pod.metadata.uid ?? '' },
    });
    token.catch(() => {
      token = undefined;
    });
    return token;
  };
  return { path: source.path, mode, read };
}

/** A claim must be bound before the pod can use it; what backs it is a simulated disk. */
async function claimVolume(volume: Volume, pod: Pod, deps: VolumeDeps): Promise<MountedVolume> {
  const claim: string = volume['persistentVolumeClaim']?.claimName ?? `${pod.metadata.name}-${volume.name}`;
  const namespace = pod.metadata.namespace ?? '';
  let object: Readonly<KubeObject>;
  try {
    object = await deps.api.get('persistentvolumeclaims', namespace, claim);
  } catch (error) {
    throw new MountError(
      volume.name,
      `error processing PVC ${namespace}/${claim}: failed to fetch PVC from API server: ${(error as Error).message}`,
    );
  }
  if (object.metadata.deletionTimestamp !== undefined) {
    throw new MountError(volume.name, `error processing PVC ${namespace}/${claim}: PVC is being deleted`);
  }
  const bound = object['spec']?.volumeName;
  if (object['status']?.phase !== 'Bound' || !bound) {
    throw new MountError(volume.name, `error processing PVC ${namespace}/${claim}: PVC is not bound`);
  }
  const failed = (text: string) => new MountError(volume.name, `error processing PVC ${namespace}/${claim}: ${text}`);
  let persistent: Readonly<KubeObject>;
  try {
    persistent = await deps.api.get('persistentvolumes', '', bound);
  } catch (error) {
    throw failed(`failed to fetch PV ${bound} from API server: ${(error as Error).message}`);
  }
  const reference = persistent['spec']?.claimRef;
  if (reference?.uid !== object.metadata.uid) {
    throw failed(`PVC ${bound} is bound to another claim: ${reference?.namespace}/${reference?.name}`);
  }
  return { name: volume.name, disk: persistent.metadata.uid!, kind: 'other', files: [] };
}

/** Volume names that containers of the pod mount; others are not set up. */
export function usedVolumes(pod: Pod): Set<string> {
  const used = new Set<string>();
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  for (const container of [...initContainers, ...containers, ...ephemeralContainers]) {
    for (const mount of container.volumeMounts ?? []) used.add(mount.name);
  }
  return used;
}
