/** Rows of the core group, in the order discovery shows them. */
import type { ResourceDefinition, Verb } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row, storedVerbs } from '../../row.ts';
import type { Event, Namespace, Node, Pod, ReplicationController, Secret, Service } from '../../types.ts';
import { podPrinter } from './pod/printer.ts';
import { podStrategy } from './pod/strategy.ts';
import {
  componentStatusPrinter,
  configMapPrinter,
  endpointsPrinter,
  eventPrinter,
  namespacePrinter,
  nodePrinter,
  persistentVolumeClaimPrinter,
  persistentVolumePrinter,
  podTemplatePrinter,
  replicationControllerPrinter,
  resourceQuotaPrinter,
  secretPrinter,
  serviceAccountPrinter,
  servicePrinter,
} from './printers.ts';

const place: GroupVersionRows = { group: '', version: 'v1', schemaPrefix: 'io.k8s.api.core.v1' };

const proxyVerbs = 'create delete get patch update';
const withoutCollection = storedVerbs.filter((verb): verb is Verb => verb !== 'deletecollection');

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

const inputs: readonly RowInput[] = [
  { kind: 'Binding', plural: 'bindings', virtual: true },
  {
    kind: 'ComponentStatus',
    plural: 'componentstatuses',
    cluster: true,
    shortNames: 'cs',
    verbs: ['get', 'list'],
    virtual: true,
    printer: componentStatusPrinter,
  },
  { kind: 'ConfigMap', plural: 'configmaps', shortNames: 'cm', printer: configMapPrinter, acted: true },
  {
    kind: 'Endpoints',
    plural: 'endpoints',
    shortNames: 'ep',
    etcdPrefix: 'services/endpoints',
    printer: endpointsPrinter,
    acted: true,
  },
  {
    kind: 'Event',
    plural: 'events',
    shortNames: 'ev',
    printer: eventPrinter,
    acted: true,
    selectableFields(object) {
      const event = object as Readonly<Event>;
      return {
        'involvedObject.kind': text(event.involvedObject?.kind),
        'involvedObject.namespace': text(event.involvedObject?.namespace),
        'involvedObject.name': text(event.involvedObject?.name),
        'involvedObject.uid': text(event.involvedObject?.uid),
        'involvedObject.apiVersion': text(event.involvedObject?.apiVersion),
        'involvedObject.resourceVersion': text(event.involvedObject?.resourceVersion),
        'involvedObject.fieldPath': text(event.involvedObject?.fieldPath),
        reason: text(event.reason),
        reportingComponent: text(event.reportingComponent),
        source: text(event.source?.component || event.reportingComponent),
        type: text(event.type),
      };
    },
  },
  { kind: 'LimitRange', plural: 'limitranges', shortNames: 'limits' },
  {
    kind: 'Namespace',
    plural: 'namespaces',
    cluster: true,
    shortNames: 'ns',
    verbs: withoutCollection,
    subresources: [{ name: 'finalize', kind: 'Namespace', verbs: 'update', handler: 'finalize' }, 'status'],
    newStatus: () => ({ phase: 'Active' }),
    printer: namespacePrinter,
    acted: true,
    selectableFields: (object) => ({ 'status.phase': text((object as Readonly<Namespace>).status?.phase) }),
  },
  {
    kind: 'Node',
    plural: 'nodes',
    cluster: true,
    shortNames: 'no',
    etcdPrefix: 'minions',
    subresources: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: proxyVerbs, handler: 'proxy' }, 'status'],
    printer: nodePrinter,
    acted: true,
    selectableFields: (object) => ({
      'spec.unschedulable': text((object as Readonly<Node>).spec?.unschedulable ?? false),
    }),
  },
  {
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    shortNames: 'pvc',
    subresources: ['status'],
    newStatus: () => ({ phase: 'Pending' }),
    printer: persistentVolumeClaimPrinter,
  },
  {
    kind: 'PersistentVolume',
    plural: 'persistentvolumes',
    cluster: true,
    shortNames: 'pv',
    subresources: ['status'],
    newStatus: () => ({ phase: 'Pending' }),
    printer: persistentVolumePrinter,
  },
  {
    kind: 'Pod',
    plural: 'pods',
    shortNames: 'po',
    categories: 'all',
    subresources: [
      { name: 'attach', kind: 'PodAttachOptions', verbs: 'create get', handler: 'attach' },
      { name: 'binding', kind: 'Binding', verbs: 'create', handler: 'binding' },
      { name: 'ephemeralcontainers', kind: 'Pod', verbs: 'get patch update', handler: 'ephemeralcontainers' },
      { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: 'create', handler: 'eviction' },
      { name: 'exec', kind: 'PodExecOptions', verbs: 'create get', handler: 'exec' },
      { name: 'log', kind: 'Pod', verbs: 'get', handler: 'log' },
      { name: 'portforward', kind: 'PodPortForwardOptions', verbs: 'create get', handler: 'portforward' },
      { name: 'proxy', kind: 'PodProxyOptions', verbs: proxyVerbs, handler: 'proxy' },
      { name: 'resize', kind: 'Pod', verbs: 'get patch update', handler: 'resize' },
      'status',
    ],
    strategy: podStrategy,
    printer: podPrinter,
    acted: true,
    selectableFields(object) {
      const { spec, status } = object as Readonly<Pod>;
      return {
        'spec.nodeName': text(spec?.nodeName),
        'spec.restartPolicy': text(spec?.restartPolicy),
        'spec.schedulerName': text(spec?.schedulerName),
        'spec.serviceAccountName': text(spec?.serviceAccountName),
        'spec.hostNetwork': text(spec?.hostNetwork ?? false),
        'status.phase': text(status?.phase),
        'status.podIP': text(status?.podIPs?.[0]?.ip ?? status?.podIP),
        'status.nominatedNodeName': text(status?.nominatedNodeName),
      };
    },
  },
  { kind: 'PodTemplate', plural: 'podtemplates', printer: podTemplatePrinter, acted: true },
  {
    kind: 'ReplicationController',
    plural: 'replicationcontrollers',
    shortNames: 'rc',
    categories: 'all',
    etcdPrefix: 'controllers',
    subresources: ['scale', 'status'],
    newStatus: () => ({ replicas: 0 }),
    printer: replicationControllerPrinter,
    selectableFields: (object) => ({
      'status.replicas': text((object as Readonly<ReplicationController>).status?.replicas ?? 0),
    }),
  },
  {
    kind: 'ResourceQuota',
    plural: 'resourcequotas',
    shortNames: 'quota',
    subresources: ['status'],
    printer: resourceQuotaPrinter,
  },
  {
    kind: 'Secret',
    plural: 'secrets',
    printer: secretPrinter,
    acted: true,
    selectableFields: (object) => ({ type: text((object as Readonly<Secret>).type) }),
  },
  {
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    shortNames: 'sa',
    subresources: [
      {
        name: 'token',
        group: 'authentication.k8s.io',
        version: 'v1',
        kind: 'TokenRequest',
        verbs: 'create',
        handler: 'token',
      },
    ],
    printer: serviceAccountPrinter,
    acted: true,
  },
  {
    kind: 'Service',
    plural: 'services',
    shortNames: 'svc',
    categories: 'all',
    etcdPrefix: 'services/specs',
    subresources: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: proxyVerbs, handler: 'proxy' }, 'status'],
    newStatus: () => ({ loadBalancer: {} }),
    printer: servicePrinter,
    acted: true,
    selectableFields: (object) => {
      const { spec } = object as Readonly<Service>;
      return { 'spec.clusterIP': text(spec?.clusterIP), 'spec.type': text(spec?.type) };
    },
  },
];

export const coreV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
