/** Plugins that fill in the cluster's default classes and protect storage. */
import { compareQuantity, type KubeObject } from '../../apimachinery/index.ts';
import type { AdmissionPlugin, ObjectReader } from '../types.ts';
import { admissionForbidden, resourceOf } from './forbidden.ts';

/** The newest of the classes marked as default; by name when equally old. */
function defaultClass(
  classes: readonly Readonly<KubeObject>[],
  annotations: readonly string[],
): Readonly<KubeObject> | undefined {
  return classes
    .filter((each) => annotations.some((key) => each.metadata.annotations?.[key] === 'true'))
    .sort((a, b) => {
      const [at, bt] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
      if (at !== bt) return at < bt ? 1 : -1;
      return a.metadata.name! < b.metadata.name! ? -1 : 1;
    })[0];
}

/** Upstream: plugin/pkg/admission/storage/storageclass/setdefault. */
export function defaultStorageClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (operation) => operation === 'CREATE',
    admit(attributes) {
      if (resourceOf(attributes) !== 'persistentvolumeclaims' || attributes.subresource !== '') return;
      const claim = attributes.object!;
      const { annotations } = claim.metadata;
      if (claim.spec.storageClassName !== undefined && claim.spec.storageClassName !== null) return;
      if (annotations?.['volume.beta.kubernetes.io/storage-class'] !== undefined) return;
      const found = defaultClass(reader.list('storageclasses.storage.k8s.io'), [
        'storageclass.kubernetes.io/is-default-class',
        'storageclass.beta.kubernetes.io/is-default-class',
      ]);
      if (found) claim.spec.storageClassName = found.metadata.name;
    },
  };
}

/** Upstream: plugin/pkg/admission/network/defaultingressclass. */
export function defaultIngressClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: (operation) => operation === 'CREATE',
    admit(attributes) {
      if (resourceOf(attributes) !== 'ingresses.networking.k8s.io' || attributes.subresource !== '') return;
      const ingress = attributes.object!;
      ingress.spec ??= {};
      if (ingress.spec.ingressClassName !== undefined) return;
      if (ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
      const found = defaultClass(reader.list('ingressclasses.networking.k8s.io'), [
        'ingressclass.kubernetes.io/is-default-class',
      ]);
      if (found) ingress.spec.ingressClassName = found.metadata.name;
    },
  };
}

const protectionFinalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
  'volumeattributesclasses.storage.k8s.io': 'kubernetes.io/vac-protection',
};

/**
 * Needs the controllers that take the finalizers off again, else nothing protected can ever be deleted.
 * Upstream: plugin/pkg/admission/storage/storageobjectinuseprotection.
 */
export function storageObjectInUseProtection(): AdmissionPlugin {
  return {
    name: 'StorageObjectInUseProtection',
    handles: (operation) => operation === 'CREATE',
    admit(attributes) {
      const finalizer = protectionFinalizers[resourceOf(attributes)];
      if (finalizer === undefined || attributes.subresource !== '') return;
      const { metadata } = attributes.object!;
      if (metadata.finalizers?.includes(finalizer)) return;
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
    },
  };
}

/**
 * A claim may grow only when it is bound and its class allows that.
 * Upstream: plugin/pkg/admission/storage/persistentvolume/resize.
 */
export function persistentVolumeClaimResize(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: (operation) => operation === 'UPDATE',
    validate(attributes) {
      if (resourceOf(attributes) !== 'persistentvolumeclaims' || attributes.subresource !== '') return;
      const [claim, old] = [attributes.object!, attributes.oldObject!];
      const sizeOf = (object: Readonly<KubeObject>) => object['spec']?.resources?.requests?.storage ?? 0;
      if (compareQuantity(sizeOf(claim), sizeOf(old)) <= 0) return;
      if (old['status']?.phase !== 'Bound') {
        throw admissionForbidden(attributes, 'Only bound persistent volume claims can be expanded');
      }
      const name =
        claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim['spec'].storageClassName ?? '';
      if (reader.get('storageclasses.storage.k8s.io', '', name)?.['allowVolumeExpansion'] === true) return;
      throw admissionForbidden(
        attributes,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
    },
  };
}
