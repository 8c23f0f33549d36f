import type { KubeObject } from '../../apimachinery/index.ts';

/** Names of one kind that a pod needs from its own namespace. Upstream: pkg/api/v1/pod VisitPodSecretNames etc. */
export type ReferenceKind = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts';

export function podReferences(pod: Readonly<KubeObject>, kind: ReferenceKind, name: string): boolean {
  const spec = pod.spec ?? {};
  switch (kind) {
    case 'serviceaccounts':
      return spec.serviceAccountName === name;
    case 'persistentvolumeclaims':
      return (spec.volumes ?? []).some(
        (volume: any) =>
          volume.persistentVolumeClaim?.claimName === name ||
          (volume.ephemeral && `${pod.metadata.name}-${volume.name}` === name),
      );
    case 'configmaps':
      return containersUse(spec, 'configMapRef', 'configMapKeyRef', name) || configMapVolumes(spec.volumes ?? [], name);
    case 'secrets':
      return (
        (spec.imagePullSecrets ?? []).some((reference: any) => reference.name === name) ||
        containersUse(spec, 'secretRef', 'secretKeyRef', name) ||
        secretVolumes(spec.volumes ?? [], name)
      );
  }
}

function containersUse(spec: any, from: string, key: string, name: string): boolean {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
  return containers.some(
    (container) =>
      (container.envFrom ?? []).some((source: any) => source[from]?.name === name) ||
      (container.env ?? []).some((variable: any) => variable.valueFrom?.[key]?.name === name),
  );
}

function configMapVolumes(volumes: any[], name: string): boolean {
  return volumes.some(
    (volume) =>
      volume.configMap?.name === name ||
      (volume.projected?.sources ?? []).some((source: any) => source.configMap?.name === name),
  );
}

function secretVolumes(volumes: any[], name: string): boolean {
  return volumes.some(
    (volume) =>
      volume.secret?.secretName === name ||
      (volume.projected?.sources ?? []).some((source: any) => source.secret?.name === name) ||
      [volume.csi?.nodePublishSecretRef, volume.flexVolume, volume.cephfs, volume.iscsi, volume.rbd, volume.scaleIO]
        .map((source) => source?.secretRef?.name ?? source?.name)
        .includes(name) ||
      volume.azureFile?.secretName === name ||
      volume.storageos?.secretRef?.name === name,
  );
}
