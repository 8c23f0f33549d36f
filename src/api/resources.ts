/**
 * Every resource Kubernetes 1.36 serves by default, in discovery order. Groups of one or two plain kinds stand here;
 * the others have their own folder.
 */

import { admissionregistrationV1Resources } from './admissionregistration/v1/resources.ts';
import { customResourceDefinitionStrategy } from './apiextensions/v1/customresourcedefinition/strategy.ts';
import { apiServiceStrategy } from './apiregistration/v1/apiservice/strategy.ts';
import { appsV1Resources } from './apps/v1/resources.ts';
import { authenticationV1Resources } from './authentication/v1/resources.ts';
import { authorizationV1Resources } from './authorization/v1/resources.ts';
import { autoscalingResources } from './autoscaling/resources.ts';
import { batchV1Resources } from './batch/v1/resources.ts';
import { certificateSigningRequestStrategy } from './certificates/v1/certificatesigningrequest/strategy.ts';
import { certificateSigningRequestPrinter } from './certificates/v1/printers.ts';
import { leaseStrategy } from './coordination/v1/lease/strategy.ts';
import { coreV1Resources } from './core/v1/resources.ts';
import type { ResourceDefinition } from './definition.ts';
import { endpointSliceStrategy } from './discovery/v1/endpointslice/strategy.ts';
import { endpointSlicePrinter } from './discovery/v1/printers.ts';
import { eventsV1Resources } from './events/v1/resources.ts';
import { flowSchemaPrinter, priorityLevelPrinter } from './flowcontrol/v1/printers.ts';
import { flowSchemaStrategy, priorityLevelStrategy } from './flowcontrol/v1/strategies.ts';
import { withGatedFields } from './gated-fields.ts';
import { networkingV1Resources } from './networking/v1/resources.ts';
import { runtimeClassStrategy } from './node/v1/runtimeclass/strategy.ts';
import { podDisruptionBudgetStrategy } from './policy/v1/poddisruptionbudget/strategy.ts';
import { podDisruptionBudgetPrinter } from './policy/v1/printers.ts';
import { ageOf, nameOfRow, printer } from './printing.ts';
import { rbacV1Resources } from './rbac/v1/resources.ts';
import { resourceV1Resources } from './resource/v1/resources.ts';
import { row } from './row.ts';
import { priorityClassStrategy } from './scheduling/v1/priorityclass/strategy.ts';
import { storageV1Resources } from './storage/v1/resources.ts';

const apiServicePrinter = printer('Name:name, Service, Available, Age', (object, context) => {
  const service = object['spec']?.service;
  const conditions: { type: string; status: string; reason?: string }[] = object['status']?.conditions ?? [];
  const available = conditions.find((condition) => condition.type === 'Available');
  let text = 'Unknown';
  if (available?.status === 'True') text = 'True';
  else if (available !== undefined) text = `${available.status} (${available.reason ?? ''})`;
  return [nameOfRow(object), service ? `${service.namespace}/${service.name}` : 'Local', text, ageOf(object, context)];
});

const leasePrinter = printer('Name:name, Holder, Age', (object, context) => [
  nameOfRow(object),
  object['spec']?.holderIdentity ?? '',
  ageOf(object, context),
]);

const priorityClassPrinter = printer(
  'Name:name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy',
  (object, context) => [
    nameOfRow(object),
    object['value'] ?? 0,
    object['globalDefault'] ?? false,
    ageOf(object, context),
    object['preemptionPolicy'] ?? '',
  ],
);

const runtimeClassPrinter = printer('Name:name, Handler, Age', (object, context) => [
  nameOfRow(object),
  object['handler'] ?? '',
  ageOf(object, context),
]);

const flowcontrol = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  schemaPrefix: 'io.k8s.api.flowcontrol.v1',
} as const;

const rows: readonly ResourceDefinition[] = [
  ...coreV1Resources,
  row(
    {
      group: 'apiregistration.k8s.io',
      version: 'v1',
      schemaPrefix: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
    },
    {
      kind: 'APIService',
      idle: 'requests are not passed on to servers beside this one yet',
      plural: 'apiservices',
      strategy: apiServiceStrategy,
      cluster: true,
      categories: 'api-extensions',
      etcdPrefix: 'apiregistration.k8s.io/apiservices',
      subresources: ['status'],
      printer: apiServicePrinter,
    },
  ),
  ...appsV1Resources,
  ...eventsV1Resources,
  ...authenticationV1Resources,
  ...authorizationV1Resources,
  ...autoscalingResources,
  ...batchV1Resources,
  row(
    { group: 'certificates.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.certificates.v1' },
    {
      kind: 'CertificateSigningRequest',
      plural: 'certificatesigningrequests',
      strategy: certificateSigningRequestStrategy,
      resetFields: {
        '': [['spec'], ['status']],
        status: [['spec'], ['status', 'conditions']],
        approval: [['spec'], ['status', 'certificate']],
      },
      cluster: true,
      shortNames: 'csr',
      subresources: [
        { name: 'approval', kind: 'CertificateSigningRequest', verbs: 'get patch update', handler: 'approval' },
        'status',
      ],
      printer: certificateSigningRequestPrinter,
      selectableFields: (object) => ({ 'spec.signerName': object['spec']?.signerName ?? '' }),
    },
  ),
  ...networkingV1Resources,
  row(
    { group: 'policy', version: 'v1', schemaPrefix: 'io.k8s.api.policy.v1' },
    {
      kind: 'PodDisruptionBudget',
      plural: 'poddisruptionbudgets',
      strategy: podDisruptionBudgetStrategy,
      shortNames: 'pdb',
      subresources: ['status'],
      newStatus: () => ({ currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }),
      printer: podDisruptionBudgetPrinter,
    },
  ),
  ...rbacV1Resources,
  ...storageV1Resources,
  ...admissionregistrationV1Resources,
  row(
    {
      group: 'apiextensions.k8s.io',
      version: 'v1',
      schemaPrefix: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
    },
    {
      kind: 'CustomResourceDefinition',
      plural: 'customresourcedefinitions',
      strategy: customResourceDefinitionStrategy,
      cluster: true,
      shortNames: 'crd crds',
      categories: 'api-extensions',
      etcdPrefix: 'apiextensions.k8s.io/customresourcedefinitions',
      subresources: ['status'],
    },
  ),
  row(
    { group: 'scheduling.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.scheduling.v1' },
    {
      kind: 'PriorityClass',
      plural: 'priorityclasses',
      strategy: priorityClassStrategy,
      cluster: true,
      shortNames: 'pc',
      printer: priorityClassPrinter,
    },
  ),
  row(
    { group: 'coordination.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.coordination.v1' },
    { kind: 'Lease', plural: 'leases', strategy: leaseStrategy, printer: leasePrinter },
  ),
  row(
    { group: 'node.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.node.v1' },
    {
      kind: 'RuntimeClass',
      plural: 'runtimeclasses',
      strategy: runtimeClassStrategy,
      cluster: true,
      printer: runtimeClassPrinter,
    },
  ),
  row(
    { group: 'discovery.k8s.io', version: 'v1', schemaPrefix: 'io.k8s.api.discovery.v1' },
    {
      kind: 'EndpointSlice',
      plural: 'endpointslices',
      strategy: endpointSliceStrategy,
      printer: endpointSlicePrinter,
    },
  ),
  ...resourceV1Resources,
  row(flowcontrol, {
    kind: 'FlowSchema',
    plural: 'flowschemas',
    strategy: flowSchemaStrategy,
    cluster: true,
    resetFields: { status: [['spec'], ['metadata']] },
    subresources: ['status'],
    printer: flowSchemaPrinter,
  }),
  row(flowcontrol, {
    kind: 'PriorityLevelConfiguration',
    plural: 'prioritylevelconfigurations',
    strategy: priorityLevelStrategy,
    cluster: true,
    resetFields: { status: [['spec'], ['metadata']] },
    subresources: ['status'],
    printer: priorityLevelPrinter,
  }),
];

/** With the feature gates as they stand by default. */
export const builtinResources: readonly ResourceDefinition[] = rows.map((item) => withGatedFields(item, {}));
