import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import {
  csiDriverPrinter,
  csiNodePrinter,
  storageClassPrinter,
  volumeAttachmentPrinter,
  volumeAttributesClassPrinter,
} from './printers.ts';
import {
  csiDriverStrategy,
  csiNodeStrategy,
  csiStorageCapacityStrategy,
  storageClassStrategy,
  volumeAttachmentStrategy,
  volumeAttributesClassStrategy,
} from './strategies.ts';

const place: GroupVersionRows = { group: 'storage.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.storage.v1' };

const inputs: readonly RowInput[] = [
  {
    kind: 'CSIDriver',
    idle: 'simulated nodes run no CSI drivers',
    plural: 'csidrivers',
    returnsDeletedObject: true,
    strategy: csiDriverStrategy,
    cluster: true,
    printer: csiDriverPrinter,
  },
  {
    kind: 'CSINode',
    plural: 'csinodes',
    returnsDeletedObject: true,
    strategy: csiNodeStrategy,
    cluster: true,
    printer: csiNodePrinter,
  },
  // Upstream serves it with the default columns although it has a printer of its own.
  { kind: 'CSIStorageCapacity', plural: 'csistoragecapacities', strategy: csiStorageCapacityStrategy },
  {
    kind: 'StorageClass',
    plural: 'storageclasses',
    returnsDeletedObject: true,
    strategy: storageClassStrategy,
    cluster: true,
    shortNames: 'sc',
    printer: storageClassPrinter,
  },
  {
    kind: 'VolumeAttachment',
    plural: 'volumeattachments',
    returnsDeletedObject: true,
    strategy: volumeAttachmentStrategy,
    resetFields: { '': [['status']], status: [['spec'], ['metadata']] },
    cluster: true,
    subresources: ['status'],
    newStatus: () => ({ attached: false }),
    printer: volumeAttachmentPrinter,
  },
  {
    kind: 'VolumeAttributesClass',
    idle: 'the simulated driver has nothing to modify',
    plural: 'volumeattributesclasses',
    strategy: volumeAttributesClassStrategy,
    returnsDeletedObject: true,
    cluster: true,
    shortNames: 'vac',
    printer: volumeAttributesClassPrinter,
  },
];

export const storageV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
