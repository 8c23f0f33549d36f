/** Volumes of a pod or a template. */
import type { Volume } from '../../api/index.ts';
import { canonicalQuantity } from '../../apimachinery/index.ts';
import type { DescribeWriter } from './writer.ts';

type Field = readonly [label: string, value: string | number | boolean | undefined];
type Source<K extends keyof Volume> = NonNullable<Volume[K]>;

/** What each kind of volume is, in upstream's words, and the fields it shows. */
const kinds: { readonly [K in keyof Volume]?: readonly [what: string, fields: (source: Source<K>) => Field[]] } = {
  hostPath: [
    'HostPath (bare host directory volume)',
    ({ path, type }) => [
      ['Path', path],
      ['HostPathType', type ?? '<none>'],
    ],
  ],
  emptyDir: [
    "EmptyDir (a temporary directory that shares a pod's lifetime)",
    ({ medium, sizeLimit }) => [
      ['Medium', medium],
      ['SizeLimit', sizeLimit === undefined ? '<unset>' : canonicalQuantity(sizeLimit)],
    ],
  ],
  secret: [
    'Secret (a volume populated by a Secret)',
    ({ secretName, optional }) => [
      ['SecretName', secretName],
      ['Optional', optional ?? false],
    ],
  ],
  configMap: [
    'ConfigMap (a volume populated by a ConfigMap)',
    ({ name, optional }) => [
      ['Name', name],
      ['Optional', optional ?? false],
    ],
  ],
  nfs: [
    'NFS (an NFS mount that lasts the lifetime of a pod)',
    ({ server, path, readOnly }) => [
      ['Server', server],
      ['Path', path],
      ['ReadOnly', readOnly ?? false],
    ],
  ],
  persistentVolumeClaim: [
    'PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)',
    ({ claimName, readOnly }) => [
      ['ClaimName', claimName],
      ['ReadOnly', readOnly ?? false],
    ],
  ],
  csi: [
    'CSI (a Container Storage Interface (CSI) volume source)',
    ({ driver, fsType, readOnly }) => [
      ['Driver', driver],
      ['FSType', fsType],
      ['ReadOnly', readOnly ?? false],
    ],
  ],
  image: [
    'Image (a container image or OCI artifact)',
    ({ reference, pullPolicy }) => [
      ['Reference', reference],
      ['PullPolicy', pullPolicy],
    ],
  ],
  downwardAPI: ['DownwardAPI (a volume populated by information about the pod)', () => []],
  projected: ['Projected (a volume that contains injected data from multiple sources)', () => []],
  ephemeral: [
    'EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)',
    () => [],
  ],
};

export function describeVolumes(w: DescribeWriter, volumes: readonly Volume[] | undefined, indent = ''): void {
  if (!volumes || volumes.length === 0) {
    w.raw(`${indent}Volumes:\t<none>\n`);
    return;
  }
  w.raw(`${indent}Volumes:\n`);
  for (const volume of volumes) {
    w.raw(`  ${indent === '' ? '' : ' '}${volume.name}:\n`);
    const kind = (Object.keys(volume) as (keyof Volume)[]).find((key) => key !== 'name' && volume[key] !== undefined);
    const row = kind && (kinds[kind] as readonly [string, (source: any) => Field[]] | undefined);
    if (!kind || !row) {
      w.line(1, '<unknown>');
      continue;
    }
    const [what, fields] = row;
    w.line(2, 'Type:', what);
    for (const [label, value] of fields(volume[kind])) w.line(2, `${label}:`, value);
    if (volume.projected) describeProjected(w, volume.projected);
    if (volume.downwardAPI) describeDownward(w, volume.downwardAPI);
    if (volume.csi) describeAttributes(w, volume.csi.volumeAttributes);
    if (volume.ephemeral) describeEphemeral(w, volume.ephemeral);
  }
}

function describeProjected(w: DescribeWriter, { sources }: Source<'projected'>): void {
  for (const { secret, downwardAPI, configMap, serviceAccountToken } of sources ?? []) {
    if (secret) {
      w.line(2, 'SecretName:', secret.name);
      w.line(2, 'Optional:', secret.optional ?? false);
    } else if (downwardAPI) w.line(2, 'DownwardAPI:', true);
    else if (configMap) {
      w.line(2, 'ConfigMapName:', configMap.name);
      w.line(2, 'Optional:', configMap.optional ?? false);
    } else if (serviceAccountToken) {
      w.line(2, 'TokenExpirationSeconds:', serviceAccountToken.expirationSeconds);
    }
  }
}

function describeDownward(w: DescribeWriter, { items }: Source<'downwardAPI'>): void {
  w.line(2, 'Items:');
  for (const { fieldRef, resourceFieldRef, path } of items ?? []) {
    if (fieldRef) w.line(3, `${fieldRef.fieldPath} -> ${path}`);
    if (resourceFieldRef) w.line(3, `${resourceFieldRef.resource} -> ${path}`);
  }
}

function describeAttributes(w: DescribeWriter, attributes: Readonly<Record<string, string>> | undefined): void {
  const lines = Object.entries(attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (key === 'storage.kubernetes.io/csiProvisionerIdentity' ? key : `${key}=${value}`));
  w.multiline('VolumeAttributes', lines, '    ');
}

function describeEphemeral(w: DescribeWriter, { volumeClaimTemplate }: Source<'ephemeral'>): void {
  if (!volumeClaimTemplate) return;
  const { metadata, spec } = volumeClaimTemplate;
  w.line(2, 'StorageClass:', spec.storageClassName);
  w.line(2, 'Volume:', spec.volumeName);
  w.labels('Labels', metadata?.labels, '    ');
  w.multiline(
    'Annotations',
    Object.entries(metadata?.annotations ?? {}).map(([key, value]) => `${key}: ${value}`),
    '    ',
  );
  w.line(2, 'Capacity:', '');
  w.line(2, 'Access Modes:', '');
  if (spec.volumeMode) w.line(2, 'VolumeMode:', spec.volumeMode);
}
