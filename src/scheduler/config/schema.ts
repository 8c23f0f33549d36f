/** The types of KubeSchedulerConfiguration v1 and of the arguments. Upstream: staging kube-scheduler/config/v1 (1.36). */
import type { Schema, SchemaSet } from '../../apimachinery/index.ts';
import { extensionPoints } from '../framework/types.ts';

type Fields = Readonly<Record<string, Schema>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const int32: Schema = { type: 'integer', format: 'int32' };
const int64: Schema = { type: 'integer', format: 'int64' };
const bytes: Schema = { type: 'string', format: 'byte' };
/** Read by hand, for Go reports what is wrong with it without a field. */
const duration: Schema = {};
const typeMeta: Fields = { apiVersion: text, kind: text };

const ref = (name: string): Schema => ({ ref: `v1.${name}` });
const list = (items: Schema): Schema => ({ type: 'array', items });
const struct = (properties: Fields): Schema => ({ type: 'object', properties });

const pluginPoints = ['multiPoint', ...extensionPoints, 'placementGenerate', 'placementScore'];

/** By Go's names, which its messages tell. */
const structs: Readonly<Record<string, Fields>> = {
  KubeSchedulerConfiguration: {
    ...typeMeta,
    parallelism: int32,
    leaderElection: ref('LeaderElectionConfiguration'),
    clientConnection: ref('ClientConnectionConfiguration'),
    enableProfiling: flag,
    enableContentionProfiling: flag,
    percentageOfNodesToScore: int32,
    podInitialBackoffSeconds: int64,
    podMaxBackoffSeconds: int64,
    profiles: list(ref('KubeSchedulerProfile')),
    extenders: list(ref('Extender')),
    delayCacheUntilActive: flag,
  },
  LeaderElectionConfiguration: {
    leaderElect: flag,
    leaseDuration: duration,
    renewDeadline: duration,
    retryPeriod: duration,
    resourceLock: text,
    resourceName: text,
    resourceNamespace: text,
  },
  ClientConnectionConfiguration: {
    kubeconfig: text,
    acceptContentTypes: text,
    contentType: text,
    qps: { type: 'number', format: 'float' },
    burst: int32,
  },
  KubeSchedulerProfile: {
    schedulerName: text,
    percentageOfNodesToScore: int32,
    plugins: ref('Plugins'),
    pluginConfig: list(ref('PluginConfig')),
  },
  Plugins: Object.fromEntries(pluginPoints.map((point) => [point, ref('PluginSet')])),
  PluginSet: { enabled: list(ref('Plugin')), disabled: list(ref('Plugin')) },
  Plugin: { name: text, weight: int32 },
  PluginConfig: { name: text, args: {} },
  Extender: {
    urlPrefix: text,
    filterVerb: text,
    preemptVerb: text,
    prioritizeVerb: text,
    weight: int64,
    bindVerb: text,
    enableHTTPS: flag,
    tlsConfig: ref('ExtenderTLSConfig'),
    httpTimeout: duration,
    nodeCacheCapable: flag,
    managedResources: list(ref('ExtenderManagedResource')),
    ignorable: flag,
  },
  ExtenderManagedResource: { name: text, ignoredByScheduler: flag },
  ExtenderTLSConfig: {
    insecure: flag,
    serverName: text,
    certFile: text,
    keyFile: text,
    caFile: text,
    certData: bytes,
    keyData: bytes,
    caData: bytes,
  },

  DefaultPreemptionArgs: { ...typeMeta, minCandidateNodesPercentage: int32, minCandidateNodesAbsolute: int32 },
  DynamicResourcesArgs: { ...typeMeta, filterTimeout: duration, bindingTimeout: duration },
  InterPodAffinityArgs: { ...typeMeta, hardPodAffinityWeight: int32, ignorePreferredTermsOfExistingPods: flag },
  NodeAffinityArgs: { ...typeMeta, addedAffinity: ref('NodeAffinity') },
  NodeResourcesBalancedAllocationArgs: { ...typeMeta, resources: list(ref('ResourceSpec')) },
  NodeResourcesFitArgs: {
    ...typeMeta,
    ignoredResources: list(text),
    ignoredResourceGroups: list(text),
    scoringStrategy: ref('ScoringStrategy'),
  },
  PodTopologySpreadArgs: {
    ...typeMeta,
    defaultConstraints: list(ref('TopologySpreadConstraint')),
    defaultingType: text,
  },
  VolumeBindingArgs: { ...typeMeta, bindTimeoutSeconds: int64, shape: list(ref('UtilizationShapePoint')) },

  ResourceSpec: { name: text, weight: int64 },
  ScoringStrategy: {
    type: text,
    resources: list(ref('ResourceSpec')),
    requestedToCapacityRatio: ref('RequestedToCapacityRatioParam'),
  },
  RequestedToCapacityRatioParam: { shape: list(ref('UtilizationShapePoint')) },
  UtilizationShapePoint: { utilization: int32, score: int32 },
  NodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: ref('NodeSelector'),
    preferredDuringSchedulingIgnoredDuringExecution: list(ref('PreferredSchedulingTerm')),
  },
  NodeSelector: { nodeSelectorTerms: list(ref('NodeSelectorTerm')) },
  PreferredSchedulingTerm: { weight: int32, preference: ref('NodeSelectorTerm') },
  NodeSelectorTerm: {
    matchExpressions: list(ref('NodeSelectorRequirement')),
    matchFields: list(ref('NodeSelectorRequirement')),
  },
  NodeSelectorRequirement: { key: text, operator: text, values: list(text) },
  TopologySpreadConstraint: {
    maxSkew: int32,
    topologyKey: text,
    whenUnsatisfiable: text,
    labelSelector: ref('LabelSelector'),
    minDomains: int32,
    nodeAffinityPolicy: text,
    nodeTaintsPolicy: text,
    matchLabelKeys: list(text),
  },
  LabelSelector: {
    matchLabels: { type: 'object', additionalProperties: text },
    matchExpressions: list(ref('NodeSelectorRequirement')),
  },
};

const schemas = new Map(Object.entries(structs).map(([name, fields]) => [`v1.${name}`, struct(fields)]));

export const configSchemas: SchemaSet = {
  get: (name) => schemas.get(name),
  resolve: (schema) => (schema.ref === undefined ? schema : schemas.get(schema.ref)!),
  names: () => schemas.keys(),
};

/** The schema of a struct by Go's name; undefined when there is none, as for arguments of other people's plugins. */
export function configSchema(name: string): Schema | undefined {
  return schemas.has(`v1.${name}`) ? ref(name) : undefined;
}
