import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import {
  csiDriverPrinter,
  csiNodePrinter,
  storageClassPrinter,
  volumeAttachmentPrinter,
  volumeAttributesClassPrinter,
} from './printers.ts';

const place: GroupVersionRows = { group: 'storage.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.storage.v1' };

const inputs: readonly RowInput[] = [
  { kind: 'CSIDriver', plural: 'csidrivers', cluster: true, printer: csiDriverPrinter },
  { kind: 'CSINode', plural: 'csinodes', cluster: true, printer: csiNodePrinter },
  // Upstream serves it with the default columns although it has a printer of its own.
  { kind: 'CSIStorageCapacity', plural: 'csistoragecapacities' },
  {
    kind: 'StorageClass',
    plural: 'storageclasses',
    cluster: true,
    shortNames: 'sc',
    printer: storageClassPrinter,
  },
  {
    kind: 'VolumeAttachment',
    plural: 'volumeattachments',
    cluster: true,
    subresources: ['status'],
    newStatus: () => ({ attached: false }),
    printer: volumeAttachmentPrinter,
  },
  {
    kind: 'VolumeAttributesClass',
    plural: 'volumeattributesclasses',
    cluster: true,
    shortNames: 'vac',
    printer: volumeAttributesClassPrinter,
  },
];

export const storageV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
