/** Rows of the core group, in the order discovery shows them. */
import type { KubeObject } from '../../../apimachinery/index.ts';
import { rfc3339 } from '../../../base/index.ts';
import type { ResourceDefinition, Strategy, Verb } from '../../definition.ts';
import { type GroupVersionRows, type RowInput, row, storedVerbs } from '../../row.ts';
import type { Event, Namespace, Node, Pod, ReplicationController, Secret, Service } from '../../types.ts';
import { configMapStrategy } from './configmap/strategy.ts';
import { endpointsStrategy } from './endpoints/strategy.ts';
import { eventStrategy } from './event/strategy.ts';
import { limitRangeStrategy } from './limitrange/strategy.ts';
import { namespaceStrategy } from './namespace/strategy.ts';
import { newNodeStatus, nodeStrategy } from './node/strategy.ts';
import { persistentVolumeStrategy } from './persistentvolume/strategy.ts';
import { persistentVolumeClaimStrategy } from './persistentvolumeclaim/strategy.ts';
import { podPrinter } from './pod/printer.ts';
import { podStrategy } from './pod/strategy.ts';
import { podTemplateStrategy } from './podtemplate/strategy.ts';
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
import { replicationControllerStrategy } from './replicationcontroller/strategy.ts';
import { resourceQuotaStrategy } from './resourcequota/strategy.ts';
import { secretStrategy } from './secret/strategy.ts';
import { serviceStrategy } from './service/strategy.ts';

const place: GroupVersionRows = { group: '', version: 'v1', schemaPrefix: 'io.k8s.api.core.v1' };

const mountableSecrets = 'kubernetes.io/enforce-mountable-secrets';

/** Nothing but metadata to validate. */
const serviceAccountStrategy: Strategy = {
  validate: () => {},
  warnings(object, old) {
    const annotated = (account: Readonly<KubeObject>) => account.metadata.annotations?.[mountableSecrets] !== undefined;
    if (!annotated(object) || (old !== undefined && annotated(old))) return [];
    const advice = 'deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets';
    return [`metadata.annotations[${mountableSecrets}]: ${advice}`];
  },
};

const proxyVerbs = 'create delete get patch update';
const withoutCollection = storedVerbs.filter((verb): verb is Verb => verb !== 'deletecollection');

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

const inputs: readonly RowInput[] = [
  { kind: 'Binding', plural: 'bindings', virtual: true },
  {
    kind: 'ComponentStatus',
    plural: 'componentstatuses',
    deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
    cluster: true,
    shortNames: 'cs',
    verbs: ['get', 'list'],
    virtual: true,
    printer: componentStatusPrinter,
  },
  {
    kind: 'ConfigMap',
    plural: 'configmaps',
    strategy: configMapStrategy,
    shortNames: 'cm',
    printer: configMapPrinter,
  },
  {
    kind: 'Endpoints',
    plural: 'endpoints',
    strategy: endpointsStrategy,
    deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
    shortNames: 'ep',
    etcdPrefix: 'services/endpoints',
    printer: endpointsPrinter,
  },
  {
    kind: 'Event',
    plural: 'events',
    strategy: eventStrategy,
    shortNames: 'ev',
    printer: eventPrinter,
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
  { kind: 'LimitRange', plural: 'limitranges', strategy: limitRangeStrategy, shortNames: 'limits' },
  {
    kind: 'Namespace',
    plural: 'namespaces',
    strategy: namespaceStrategy,
    cluster: true,
    shortNames: 'ns',
    verbs: withoutCollection,
    subresources: [{ name: 'finalize', kind: 'Namespace', verbs: 'update', handler: 'finalize' }, 'status'],
    newStatus: () => ({ phase: 'Active' }),
    printer: namespacePrinter,
    selectableFields: (object) => ({ 'status.phase': text((object as Readonly<Namespace>).status?.phase) }),
  },
  {
    kind: 'Node',
    plural: 'nodes',
    strategy: nodeStrategy,
    newStatus: (object) => ({ ...newNodeStatus(), ...object['status'] }),
    cluster: true,
    shortNames: 'no',
    etcdPrefix: 'minions',
    subresources: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: proxyVerbs, handler: 'proxy' }, 'status'],
    printer: nodePrinter,
    selectableFields: (object) => ({
      'spec.unschedulable': text((object as Readonly<Node>).spec?.unschedulable ?? false),
    }),
  },
  {
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    returnsDeletedObject: true,
    strategy: persistentVolumeClaimStrategy,
    shortNames: 'pvc',
    subresources: ['status'],
    newStatus: () => ({ phase: 'Pending' }),
    printer: persistentVolumeClaimPrinter,
  },
  {
    kind: 'PersistentVolume',
    plural: 'persistentvolumes',
    returnsDeletedObject: true,
    strategy: persistentVolumeStrategy,
    cluster: true,
    shortNames: 'pv',
    subresources: ['status'],
    newStatus: (_object, { now }) => ({ phase: 'Pending', lastPhaseTransitionTime: rfc3339(now) }),
    printer: persistentVolumePrinter,
  },
  {
    kind: 'Pod',
    plural: 'pods',
    returnsDeletedObject: true,
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
    resetFields: {
      status: [['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']],
    },
    strategy: podStrategy,
    printer: podPrinter,
    selectableFields(object) {
      const { spec, status } = object as Readonly<Pod>;
      return {
        'spec.nodeName': text(spec?.nodeName),
        // The name of old.
        'spec.host': text(spec?.nodeName),
        'spec.restartPolicy': text(spec?.restartPolicy),
        'spec.schedulerName': text(spec?.schedulerName),
        'spec.serviceAccountName': text(spec?.serviceAccountName),
        'spec.hostNetwork': text(spec?.hostNetwork ?? false),
        'status.phase': text(status?.phase),
        'status.podIPs': '',
        'status.podIP': text(status?.podIPs?.[0]?.ip ?? status?.podIP),
        'status.nominatedNodeName': text(status?.nominatedNodeName),
      };
    },
  },
  {
    kind: 'PodTemplate',
    plural: 'podtemplates',
    returnsDeletedObject: true,
    strategy: podTemplateStrategy,
    printer: podTemplatePrinter,
  },
  {
    kind: 'ReplicationController',
    plural: 'replicationcontrollers',
    strategy: replicationControllerStrategy,
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
    returnsDeletedObject: true,
    strategy: resourceQuotaStrategy,
    shortNames: 'quota',
    subresources: ['status'],
    printer: resourceQuotaPrinter,
  },
  {
    kind: 'Secret',
    plural: 'secrets',
    strategy: secretStrategy,
    printer: secretPrinter,
    selectableFields: (object) => ({ type: text((object as Readonly<Secret>).type) }),
  },
  {
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    returnsDeletedObject: true,
    strategy: serviceAccountStrategy,
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
  },
  {
    kind: 'Service',
    plural: 'services',
    returnsDeletedObject: true,
    strategy: serviceStrategy,
    shortNames: 'svc',
    categories: 'all',
    etcdPrefix: 'services/specs',
    subresources: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: proxyVerbs, handler: 'proxy' }, 'status'],
    newStatus: () => ({ loadBalancer: {} }),
    printer: servicePrinter,
    selectableFields: (object) => {
      const { spec } = object as Readonly<Service>;
      return { 'spec.clusterIP': text(spec?.clusterIP), 'spec.type': text(spec?.type) };
    },
  },
];

export const coreV1Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
