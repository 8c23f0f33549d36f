import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import type { Job } from '../../types.ts';
import { cronJobStrategy } from './cronjob/strategy.ts';
import { jobStrategy } from './job/strategy.ts';
import { cronJobPrinter, jobPrinter } from './printers.ts';

const place: GroupVersionRows = { group: 'batch', version: 'v1', schemaPrefix: 'io.k8s.api.batch.v1' };

const inputs: readonly RowInput[] = [
  {
    kind: 'CronJob',
    plural: 'cronjobs',
    strategy: cronJobStrategy,
    shortNames: 'cj',
    categories: 'all',
    subresources: ['status'],
    printer: cronJobPrinter,
  },
  {
    kind: 'Job',
    plural: 'jobs',
    strategy: jobStrategy,
    categories: 'all',
    subresources: ['status'],
    printer: jobPrinter,
    unsupportedField: (label) => `field label ${JSON.stringify(label)} not supported for Job`,
    selectableFields: (object) => ({
      'status.successful': String((object as Readonly<Job>).status?.succeeded ?? 0),
    }),
  },
];

export const batchV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
