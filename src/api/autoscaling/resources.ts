import type { ResourceDefinition } from '../definition.ts';
import { type GroupVersionRows, row } from '../row.ts';
import { horizontalPodAutoscalerPrinter } from './v2/printers.ts';

const v1: GroupVersionRows = { group: 'autoscaling', version: 'v1', schemaPrefix: 'io.k8s.api.autoscaling.v1' };
const v2: GroupVersionRows = { group: 'autoscaling', version: 'v2', schemaPrefix: 'io.k8s.api.autoscaling.v2' };

const names = {
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: 'hpa',
  categories: 'all',
  subresources: ['status'],
} as const;

export const autoscalingResources: readonly ResourceDefinition[] = [
  row(v2, { ...names, newStatus: () => ({ desiredReplicas: 0 }), printer: horizontalPodAutoscalerPrinter }),
  row(v1, {
    ...names,
    storedAs: 'autoscaling/v2',
    newStatus: () => ({ currentReplicas: 0, desiredReplicas: 0 }),
    printer: horizontalPodAutoscalerPrinter,
  }),
];
