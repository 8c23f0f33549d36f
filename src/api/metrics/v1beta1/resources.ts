/**
 * metrics.k8s.io/v1beta1: what metrics-server serves. Read-only and stored nowhere: the server is given code that answers.
 * Upstream: staging/src/k8s.io/metrics/pkg/apis/metrics/v1beta1, metrics-server's pkg/api.
 */
import type { KubeObject, Schema } from '../../../apimachinery/index.ts';
import type { ResourceDefinition, TablePrinter } from '../../definition.ts';
import { ageOf, nameOfRow, printer } from '../../printing.ts';

const quantities = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'The memory usage is the memory working set.',
} as unknown as Schema;

const common = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: { type: 'object' },
  timestamp: {
    type: 'string',
    format: 'date-time',
    description: 'End of the interval the metrics were collected from.',
  },
  window: { type: 'string', description: 'Length of the interval the metrics were collected from.' },
} as const;

const schemaOf = (description: string, more: object): Schema =>
  ({ type: 'object', description, properties: { ...common, ...more } }) as unknown as Schema;

const nodeSchema = schemaOf('NodeMetrics sets resource usage metrics of a node.', { usage: quantities });
const podSchema = schemaOf('PodMetrics sets resource usage metrics of a pod.', {
  containers: {
    type: 'array',
    description: 'Metrics for all containers are collected within the same time window.',
    items: { type: 'object', properties: { name: { type: 'string' }, usage: quantities } },
  },
});

const usageText = (usage: Readonly<Record<string, string>> | undefined) => [usage?.['cpu'], usage?.['memory']];

const nodePrinter: TablePrinter = printer('Name:name, cpu, memory, Window', (object) => [
  nameOfRow(object),
  ...usageText(object['usage']),
  object['window'] ?? '',
]);

const podPrinter: TablePrinter = printer('Name:name, Window, Age', (object, context) => [
  nameOfRow(object),
  object['window'] ?? '',
  ageOf(object as Readonly<KubeObject>, context),
]);

function metricsRow(input: {
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly schema: Schema;
  readonly printer: TablePrinter;
}): ResourceDefinition {
  return {
    group: 'metrics.k8s.io',
    version: 'v1beta1',
    listKind: `${input.kind}List`,
    singular: '',
    shortNames: [],
    categories: [],
    verbs: ['get', 'list'],
    etcdPrefix: `metrics.k8s.io/${input.plural}`,
    storageVersion: 'metrics.k8s.io/v1beta1',
    subresources: [],
    strategy: {},
    virtual: true,
    ...input,
  };
}

export const metricsResources: readonly ResourceDefinition[] = [
  metricsRow({ kind: 'NodeMetrics', plural: 'nodes', namespaced: false, schema: nodeSchema, printer: nodePrinter }),
  metricsRow({ kind: 'PodMetrics', plural: 'pods', namespaced: true, schema: podSchema, printer: podPrinter }),
];
