/**
 * Fields that exist only while a feature gate is on: without it they are dropped from what is written, unless the object
 * had them before. Upstream: `dropDisabledFields` of pkg/api/* and of the strategies in pkg/registry (1.36).
 */
import type { KubeObject } from '../apimachinery/index.ts';
import type { ResourceDefinition } from './definition.ts';
import { featureEnabled } from './feature-gates.ts';

type FeatureGates = Readonly<Record<string, boolean>>;

/**
 * Gate → paths below a pod spec. `[]` is every item of a list; `name?` goes with its last field; `name(other)` is meant only
 * where it has a field `other`.
 */
const podSpecFields: Readonly<Record<string, string>> = {
  ClusterTrustBundleProjection: 'volumes[].projected.sources[].clusterTrustBundle',
  ContainerRestartRules: '{containers}[].restartPolicyRules containers[].restartPolicy',
  ContainerStopSignals: '{containers}[].lifecycle?.stopSignal',
  EnvFiles: '{containers}[].env[].valueFrom.fileKeyRef',
  GenericWorkload: 'schedulingGroup',
  HostnameOverride: 'hostnameOverride',
  MatchLabelKeysInPodTopologySpread: 'topologySpreadConstraints[].matchLabelKeys',
  PodCertificateRequest: 'volumes[].projected.sources[].podCertificate',
  PodLevelResources: 'resources',
};

const podStatusFields: Readonly<Record<string, string>> = {
  DRAExtendedResource: 'status.extendedResourceClaimStatus',
  DRANodeAllocatableResources: 'status.nodeAllocatableResourceClaimStatuses',
  ImageVolumeWithDigest: 'status.{statuses}[].volumeMounts[].volumeStatus',
  InPlacePodLevelResourcesVerticalScaling: 'status.resources status.allocatedResources',
  ResourceHealthStatus: 'status.{statuses}[].allocatedResourcesStatus',
  ResourceHealthStatusMessage: 'status.{statuses}[].allocatedResourcesStatus[].resources[].message',
};

/** Where a kind keeps its pod spec. */
const podSpecPlaces: Readonly<Record<string, string>> = {
  Pod: 'spec',
  PodTemplate: 'template.spec',
  ReplicationController: 'spec.template.spec',
  Deployment: 'spec.template.spec',
  ReplicaSet: 'spec.template.spec',
  StatefulSet: 'spec.template.spec',
  DaemonSet: 'spec.template.spec',
  Job: 'spec.template.spec',
  CronJob: 'spec.jobTemplate.spec.template.spec',
};

const requests = 'spec.devices.requests[]';
const templateRequests = `spec.${requests}`;
const devices = 'spec.devices[]';
const groupTemplate = 'spec.podGroupTemplates[]';

/** Kind → gate → paths. */
const fieldsOfKinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Pod: podStatusFields,
  Node: { NodeDeclaredFeatures: 'status.declaredFeatures' },
  Deployment: { DeploymentReplicaSetTerminatingReplicas: 'status.terminatingReplicas' },
  ReplicaSet: { DeploymentReplicaSetTerminatingReplicas: 'status.terminatingReplicas' },
  StatefulSet: { MaxUnavailableStatefulSet: 'spec.updateStrategy.rollingUpdate.maxUnavailable' },
  HorizontalPodAutoscaler: {
    HPAConfigurableTolerance: 'spec.behavior.scaleUp.tolerance spec.behavior.scaleDown.tolerance',
  },
  PersistentVolumeClaim: { CrossNamespaceVolumeDataSource: 'spec.dataSourceRef(namespace)' },
  CSIDriver: { VolumeLimitScaling: 'spec.preventPodSchedulingIfMissing' },
  DeviceClass: { DRAExtendedResource: 'spec.extendedResourceName' },
  ResourceClaim: {
    DRADeviceTaints: `${requests}.exactly.tolerations ${requests}.firstAvailable[].tolerations`,
    DRAConsumableCapacity: `${requests}.exactly.capacity ${requests}.firstAvailable[].capacity`,
    DRAResourceClaimDeviceStatus: 'status.devices',
  },
  ResourceClaimTemplate: {
    DRADeviceTaints: `${templateRequests}.exactly.tolerations ${templateRequests}.firstAvailable[].tolerations`,
    DRAConsumableCapacity: `${templateRequests}.exactly.capacity ${templateRequests}.firstAvailable[].capacity`,
  },
  ResourceSlice: {
    DRADeviceTaints: `${devices}.taints`,
    DRAPartitionableDevices: `spec.sharedCounters spec.perDeviceNodeSelection ${devices}.consumesCounters ${devices}.nodeName ${devices}.nodeSelector ${devices}.allNodes`,
    DRADeviceBindingConditions: `${devices}.bindsToNode ${devices}.bindingConditions ${devices}.bindingFailureConditions`,
    DRAConsumableCapacity: `${devices}.allowMultipleAllocations`,
    DRANodeAllocatableResources: `${devices}.nodeAllocatableResourceMappings`,
  },
  PodGroup: {
    DRAWorkloadResourceClaims: 'spec.resourceClaims status.resourceClaimStatuses',
    TopologyAwareWorkloadScheduling: 'spec.schedulingConstraints',
    WorkloadAwarePreemption: 'spec.disruptionMode spec.priorityClassName spec.priority',
  },
  Workload: {
    DRAWorkloadResourceClaims: `${groupTemplate}.resourceClaims`,
    TopologyAwareWorkloadScheduling: `${groupTemplate}.schedulingConstraints`,
    WorkloadAwarePreemption: `${groupTemplate}.disruptionMode ${groupTemplate}.priorityClassName ${groupTemplate}.priority`,
  },
};

const lists: Readonly<Record<string, readonly string[]>> = {
  '{containers}': ['containers', 'initContainers', 'ephemeralContainers'],
  '{statuses}': ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'],
};

interface Step {
  readonly field: string;
  readonly list: boolean;
  /** The struct goes too when nothing is left in it. */
  readonly prune: boolean;
  /** Field that must be there, too. */
  readonly having: string | undefined;
}

function compilePaths(text: string, prefix = ''): Step[][] {
  return text.split(' ').flatMap((path) => {
    const set = Object.keys(lists).find((name) => path.includes(name));
    const spelled = set === undefined ? [path] : lists[set]!.map((field) => path.replace(set, field));
    return spelled.map((one) =>
      `${prefix}${one}`.split('.').map((word) => ({
        field: /^\w+/.exec(word)![0],
        list: word.endsWith('[]'),
        prune: word.endsWith('?'),
        having: /\((\w+)\)$/.exec(word)?.[1],
      })),
    );
  });
}

/** Fields of every gated path of a kind, for tests: that they are fields of its type. */
export function gatedPaths(kind: string): string[][] {
  const place = podSpecPlaces[kind];
  const texts = Object.values(fieldsOfKinds[kind] ?? {}).flatMap((text) => compilePaths(text));
  const inSpec =
    place === undefined ? [] : Object.values(podSpecFields).flatMap((text) => compilePaths(text, `${place}.`));
  return [...texts, ...inSpec].map((path) => path.map(({ field }) => field));
}

/** Whether the field is there; with `drop` it is gone afterwards. */
function visit(value: any, path: readonly Step[], at: number, drop: boolean): boolean {
  const step = path[at]!;
  const next = value?.[step.field];
  if (next === undefined || next === null || (step.having !== undefined && !next[step.having])) return false;
  if (at === path.length - 1) {
    if (drop) delete value[step.field];
    return true;
  }
  if (!step.list) {
    const found = visit(next, path, at + 1, drop);
    if (found && drop && step.prune && Object.keys(next).length === 0) delete value[step.field];
    return found;
  }
  let found = false;
  for (const item of Array.isArray(next) ? next : []) found = visit(item, path, at + 1, drop) || found;
  return found;
}

interface Gated {
  readonly gate: string;
  readonly paths: readonly (readonly Step[])[];
}

/** Of a kind, those whose gate is off. */
function closedFields(kind: string, gates: FeatureGates): Gated[] {
  const place = podSpecPlaces[kind];
  const closed = (table: Readonly<Record<string, string>> | undefined, prefix: string): Gated[] =>
    Object.entries(table ?? {})
      .filter(([gate]) => !featureEnabled(gate, gates))
      .map(([gate, text]) => ({ gate, paths: compilePaths(text, prefix) }));
  return [...(place === undefined ? [] : closed(podSpecFields, `${place}.`)), ...closed(fieldsOfKinds[kind], '')];
}

function dropClosed(fields: readonly Gated[], object: KubeObject, old: Readonly<KubeObject> | undefined): void {
  for (const { paths } of fields) {
    if (old !== undefined && paths.some((path) => visit(old, path, 0, false))) continue;
    for (const path of paths) visit(object, path, 0, true);
  }
}

/** Rows as they were written, by the rows made of them. */
const plainRows = new WeakMap<ResourceDefinition, ResourceDefinition>();

/** The row with the fields of closed gates taken out of every write. The same row when no gate of its kind is closed. */
export function withGatedFields(row: ResourceDefinition, gates: FeatureGates): ResourceDefinition {
  const plain = plainRows.get(row) ?? row;
  const fields = closedFields(plain.kind, gates);
  if (fields.length === 0) return plain;
  const { strategy } = plain;
  const gated: ResourceDefinition = {
    ...plain,
    strategy: {
      ...strategy,
      prepareForCreate(object, context) {
        dropClosed(fields, object, undefined);
        strategy.prepareForCreate?.(object, context);
      },
      prepareForUpdate(object, old, context) {
        dropClosed(fields, object, old);
        strategy.prepareForUpdate?.(object, old, context);
      },
    },
  };
  plainRows.set(gated, plain);
  return gated;
}
