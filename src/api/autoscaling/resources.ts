import { deepCopy, type KubeObject } from '../../apimachinery/index.ts';
import type { ResourceDefinition, TablePrinter } from '../definition.ts';
import { type GroupVersionRows, row } from '../row.ts';
import { autoscalerFromV2, autoscalerToV2 } from './conversion.ts';
import { horizontalPodAutoscalerV1Strategy, horizontalPodAutoscalerV2Strategy } from './strategies.ts';
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

/** The columns are those of v2. */
const v1Printer: TablePrinter = {
  columns: horizontalPodAutoscalerPrinter.columns,
  cells(object, context) {
    const copy = deepCopy(object) as KubeObject;
    autoscalerToV2(copy);
    return horizontalPodAutoscalerPrinter.cells(copy, context);
  },
};

export const autoscalingResources: readonly ResourceDefinition[] = [
  row(v2, {
    ...names,
    strategy: horizontalPodAutoscalerV2Strategy,
    newStatus: () => ({ desiredReplicas: 0 }),
    printer: horizontalPodAutoscalerPrinter,
  }),
  row(v1, {
    ...names,
    storedAs: 'autoscaling/v2',
    strategy: horizontalPodAutoscalerV1Strategy,
    conversion: { toStorage: autoscalerToV2, fromStorage: autoscalerFromV2 },
    newStatus: () => ({ currentReplicas: 0, desiredReplicas: 0 }),
    printer: v1Printer,
  }),
];
