import type { ResourceDefinition } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import type { ReplicaSet } from '../../types.ts';
import { controllerRevisionStrategy } from './controllerrevision/strategy.ts';
import { daemonSetStrategy } from './daemonset/strategy.ts';
import { deploymentStrategy } from './deployment/strategy.ts';
import {
  controllerRevisionPrinter,
  daemonSetPrinter,
  deploymentPrinter,
  replicaSetPrinter,
  statefulSetPrinter,
} from './printers.ts';
import { replicaSetStrategy } from './replicaset/strategy.ts';
import { statefulSetStrategy } from './statefulset/strategy.ts';

const place: GroupVersionRows = { group: 'apps', version: 'v1', schemaPrefix: 'io.k8s.api.apps.v1' };

const inputs: readonly RowInput[] = [
  {
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    strategy: controllerRevisionStrategy,
    printer: controllerRevisionPrinter,
  },
  {
    kind: 'DaemonSet',
    plural: 'daemonsets',
    strategy: daemonSetStrategy,
    shortNames: 'ds',
    categories: 'all',
    subresources: ['status'],
    newStatus: () => ({
      currentNumberScheduled: 0,
      desiredNumberScheduled: 0,
      numberMisscheduled: 0,
      numberReady: 0,
    }),
    printer: daemonSetPrinter,
  },
  {
    kind: 'Deployment',
    plural: 'deployments',
    strategy: deploymentStrategy,
    shortNames: 'deploy',
    categories: 'all',
    resetFields: { status: [['spec'], ['metadata', 'labels']] },
    subresources: ['scale', 'status'],
    printer: deploymentPrinter,
  },
  {
    kind: 'ReplicaSet',
    plural: 'replicasets',
    strategy: replicaSetStrategy,
    shortNames: 'rs',
    categories: 'all',
    subresources: ['scale', 'status'],
    newStatus: () => ({ replicas: 0 }),
    printer: replicaSetPrinter,
    selectableFields: (object) => ({
      'status.replicas': String((object as Readonly<ReplicaSet>).status?.replicas ?? 0),
    }),
  },
  {
    kind: 'StatefulSet',
    plural: 'statefulsets',
    strategy: statefulSetStrategy,
    shortNames: 'sts',
    categories: 'all',
    subresources: ['scale', 'status'],
    newStatus: () => ({ availableReplicas: 0, replicas: 0 }),
    printer: statefulSetPrinter,
  },
];

export const appsV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
