import { ageOf, count, nameOfRow, printer } from '../../printing.ts';
import type { CSIDriver, CSINode, StorageClass, VolumeAttachment } from '../../types.ts';

const defaultClassAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const storageClassPrinter = printer(
  'Name:name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age',
  (object, context) => {
    const { metadata, provisioner, reclaimPolicy, volumeBindingMode, allowVolumeExpansion } =
      object as Readonly<StorageClass>;
    const isDefault = defaultClassAnnotations.some((key) => metadata.annotations?.[key] === 'true');
    return [
      isDefault ? `${nameOfRow(object)} (default)` : nameOfRow(object),
      provisioner,
      reclaimPolicy ?? 'Delete',
      volumeBindingMode ?? 'Immediate',
      allowVolumeExpansion ?? false,
      ageOf(object, context),
    ];
  },
);

export const csiNodePrinter = printer('Name:name, Drivers:integer, Age', (object, context) => [
  nameOfRow(object),
  count((object as Readonly<CSINode>).spec?.drivers),
  ageOf(object, context),
]);

export const csiDriverPrinter = printer(
  'Name:name, AttachRequired:boolean, PodInfoOnMount:boolean, StorageCapacity:boolean, TokenRequests, RequiresRepublish:boolean, Modes, Age',
  (object, context) => {
    const { spec } = object as Readonly<CSIDriver>;
    return [
      nameOfRow(object),
      spec?.attachRequired ?? true,
      spec?.podInfoOnMount ?? false,
      spec?.storageCapacity ?? false,
      spec?.tokenRequests?.map((request) => request.audience).join(',') ?? '<unset>',
      spec?.requiresRepublish ?? false,
      (spec?.volumeLifecycleModes ?? []).join(',') || '<none>',
      ageOf(object, context),
    ];
  },
);

export const volumeAttachmentPrinter = printer(
  'Name:name, Attacher:name, PV, Node, Attached:boolean, Age',
  (object, context) => {
    const { spec, status } = object as Readonly<VolumeAttachment>;
    return [
      nameOfRow(object),
      spec?.attacher ?? '',
      spec?.source.persistentVolumeName ?? '',
      spec?.nodeName ?? '',
      status?.attached ?? false,
      ageOf(object, context),
    ];
  },
);

export const volumeAttributesClassPrinter = printer('Name:name, DriverName, Age', (object, context) => [
  nameOfRow(object),
  object['driverName'] ?? '',
  ageOf(object, context),
]);
