/**
 * The FlowSchemas and PriorityLevelConfigurations of every cluster. Mandatory ones are always put right, suggested ones
 * as long as nobody took them over. Upstream: apiserver/pkg/apis/flowcontrol/bootstrap/default.go (1.36).
 */
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';

/** `true`: the server keeps the spec as it ships it. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec';

export const flowSchemas = 'flowschemas.flowcontrol.apiserver.k8s.io';
export const priorityLevels = 'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io';

/** The field manager of the bootstrap objects. */
export const configProducer = 'api-priority-and-fairness-config-producer-v1';

export interface BootstrapConfiguration {
  readonly resource: typeof flowSchemas | typeof priorityLevels;
  readonly object: KubeObject;
  readonly mandatory: boolean;
}

type Spec = Readonly<Record<string, unknown>>;

const everyVerb = { verbs: ['*'] };
const anyNamespace = { namespaces: ['*'] };
const everyResource = {
  resourceRules: [{ ...everyVerb, apiGroups: ['*'], resources: ['*'], clusterScope: true, ...anyNamespace }],
};
const everything = { ...everyResource, nonResourceRules: [{ ...everyVerb, nonResourceURLs: ['*'] }] };

const groups = (...names: string[]) => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]) => names.map((name) => ({ kind: 'User', user: { name } }));
const everybody = groups('system:unauthenticated', 'system:authenticated');
const nodes = groups('system:nodes');
const kubeSystemAccounts = [{ kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } }];
const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], ...anyNamespace };

function schema(level: string, matchingPrecedence: number, distinguisher: '' | 'ByUser' | 'ByNamespace', rule: object) {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(distinguisher === '' ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules: [rule],
  };
}

function level(nominalConcurrencyShares: number, lendablePercent: number, queues: number, handSize: number): Spec {
  const limitResponse = { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } };
  return { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse } };
}

const suggestedLevels: Readonly<Record<string, Spec>> = {
  system: level(30, 33, 64, 6),
  'node-high': level(40, 25, 64, 6),
  'leader-election': level(10, 0, 16, 4),
  'workload-high': level(40, 50, 128, 6),
  'workload-low': level(100, 90, 128, 6),
  'global-default': level(20, 50, 128, 6),
};

const suggestedSchemas: Readonly<Record<string, Spec>> = {
  'system-nodes': schema('system', 500, 'ByUser', { subjects: nodes, ...everything }),
  'system-node-high': schema('node-high', 400, 'ByUser', {
    subjects: nodes,
    resourceRules: [
      { ...everyVerb, apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, ...anyNamespace },
      { ...everyVerb, ...leases },
    ],
  }),
  probes: schema('exempt', 2, '', {
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  'system-leader-election': schema('leader-election', 100, 'ByUser', {
    subjects: [...users('system:kube-controller-manager', 'system:kube-scheduler'), ...kubeSystemAccounts],
    resourceRules: [{ verbs: ['get', 'create', 'update'], ...leases }],
  }),
  'kube-controller-manager': schema('workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-controller-manager'),
    ...everything,
  }),
  'kube-scheduler': schema('workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-scheduler'),
    ...everything,
  }),
  'kube-system-service-accounts': schema('workload-high', 900, 'ByNamespace', {
    subjects: kubeSystemAccounts,
    ...everything,
  }),
  'service-accounts': schema('workload-low', 9000, 'ByUser', {
    subjects: groups('system:serviceaccounts'),
    ...everything,
  }),
  'global-default': schema('global-default', 9900, 'ByUser', { subjects: everybody, ...everything }),
};

function configurations(
  resource: BootstrapConfiguration['resource'],
  specs: Readonly<Record<string, object>>,
  mandatory: boolean,
): BootstrapConfiguration[] {
  const kind = resource === flowSchemas ? 'FlowSchema' : 'PriorityLevelConfiguration';
  return Object.entries(specs).map(([name, spec]) => ({
    resource,
    mandatory,
    object: {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind,
      metadata: { name, annotations: { [autoUpdateAnnotation]: 'true' } },
      spec,
    },
  }));
}

/** In the order upstream writes them. The objects are shared: copy before changing. */
export const bootstrapConfigurations: readonly BootstrapConfiguration[] = [
  ...configurations(priorityLevels, suggestedLevels, false),
  ...configurations(flowSchemas, suggestedSchemas, false),
  ...configurations(priorityLevels, mandatoryPriorityLevels, true),
  ...configurations(flowSchemas, mandatoryFlowSchemas, true),
];
