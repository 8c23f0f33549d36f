import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import type { Job } from '../../types.ts';
import { cronJobPrinter, jobPrinter } from './printers.ts';

const place: GroupVersionRows = { group: 'batch', version: 'v1', schemaPrefix: 'io.k8s.api.batch.v1' };

const inputs: readonly RowInput[] = [
  {
    kind: 'CronJob',
    plural: 'cronjobs',
    shortNames: 'cj',
    categories: 'all',
    subresources: ['status'],
    printer: cronJobPrinter,
  },
  {
    kind: 'Job',
    plural: 'jobs',
    categories: 'all',
    subresources: ['status'],
    printer: jobPrinter,
    selectableFields: (object) => ({
      'status.successful': String((object as Readonly<Job>).status?.succeeded ?? 0),
    }),
  },
];

export const batchV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
