import type { ResourceDefinition } from '../../definition.ts';
import { nameAgePrinter } from '../../printing.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import { resourceClaimPrinter, resourceSlicePrinter } from './printers.ts';
import {
  deviceClassStrategy,
  resourceClaimStrategy,
  resourceClaimTemplateStrategy,
  resourceSliceStrategy,
} from './strategies.ts';

const place: GroupVersionRows = { group: 'resource.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.resource.v1' };

const inputs: readonly RowInput[] = [
  {
    kind: 'DeviceClass',
    plural: 'deviceclasses',
    strategy: deviceClassStrategy,
    returnsDeletedObject: true,
    cluster: true,
    printer: nameAgePrinter,
  },
  {
    kind: 'ResourceClaim',
    plural: 'resourceclaims',
    strategy: resourceClaimStrategy,
    returnsDeletedObject: true,
    resetFields: { '': [['status']], status: [['spec'], ['metadata']] },
    subresources: ['status'],
    printer: resourceClaimPrinter,
  },
  {
    kind: 'ResourceClaimTemplate',
    plural: 'resourceclaimtemplates',
    strategy: resourceClaimTemplateStrategy,
    returnsDeletedObject: true,
    printer: nameAgePrinter,
  },
  {
    kind: 'ResourceSlice',
    plural: 'resourceslices',
    strategy: resourceSliceStrategy,
    returnsDeletedObject: true,
    cluster: true,
    printer: resourceSlicePrinter,
    unsupportedField: (label) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${label}`,
    selectableFields: (object) => ({
      'spec.nodeName': object['spec']?.nodeName ?? '',
      'spec.driver': object['spec']?.driver ?? '',
    }),
  },
];

export const resourceV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
