/** The Node as the agent registers and reports it. Upstream: pkg/kubelet/kubelet_node_status.go, nodestatus/setters.go. */
import { deepEqual, type KubeObject, parseQuantity, subtractQuantity } from '../apimachinery/index.ts';
import { type Prng, rfc3339 } from '../base/index.ts';
import type { PressureCondition } from './eviction/thresholds.ts';
import type { RuntimeCondition, RuntimeImage } from './runtime/types.ts';
import { hostIps, type NodeConfig } from './types.ts';

export const defaultCapacity: Readonly<Record<string, string>> = {
  cpu: '4',
  memory: '8Gi',
  'ephemeral-storage': '100Gi',
  'hugepages-1Gi': '0',
  'hugepages-2Mi': '0',
  pods: '110',
};

/** Images reported in the status, largest first. Upstream: nodeStatusMaxImages. */
const maxImages = 50;

export interface NodeIdentity {
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
}

/** The same seed gives the same machine. */
export function nodeIdentity(prng: Prng): NodeIdentity {
  return { machineID: prng.uuid().replaceAll('-', ''), systemUUID: prng.uuid(), bootID: prng.uuid() };
}

export function capacityOf(config: NodeConfig): Record<string, string> {
  return { ...defaultCapacity, ...config.capacity };
}

/** Capacity less what is reserved. Differs: what hard eviction thresholds keep free is not taken off; see the README. */
export function allocatableOf(config: NodeConfig): Record<string, string> {
  const allocatable = capacityOf(config);
  for (const [name, reserved] of Object.entries(config.reserved ?? {})) {
    const capacity = allocatable[name];
    if (capacity === undefined) continue;
    allocatable[name] =
      parseQuantity(capacity).compare(parseQuantity(reserved)) < 0 ? '0' : subtractQuantity(capacity, reserved);
  }
  return allocatable;
}

/** What a new Node starts with. */
export function initialNode(config: NodeConfig): KubeObject {
  const { name, region, zone, instanceType = 'klab', podCIDR } = config;
  const labels: Record<string, string> = {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'node.kubernetes.io/instance-type': instanceType,
  };
  if (region) labels['topology.kubernetes.io/region'] = region;
  if (zone) labels['topology.kubernetes.io/zone'] = zone;
  const spec: Record<string, unknown> = { providerID: config.providerID ?? `sim://${name}` };
  if (podCIDR) {
    spec['podCIDR'] = podCIDR;
    spec['podCIDRs'] = [podCIDR];
  }
  if (config.unschedulable) spec['unschedulable'] = true;
  if (config.taints?.length) spec['taints'] = config.taints.map((taint) => ({ ...taint }));
  const annotations = {
    'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
    ...config.annotations,
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...labels, ...config.labels }, annotations },
    spec,
    status: {},
  };
}

export interface NodeStatusInput {
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  readonly kubeletVersion: string;
  /** `sim://0.1.0`. */
  readonly runtimeVersion: string;
  readonly runtime: readonly RuntimeCondition[];
  readonly images: readonly RuntimeImage[];
  /** What the node is short of. */
  readonly pressure: readonly PressureCondition[];
  readonly now: number;
  /** Status as last reported. */
  readonly old: any;
}

interface Condition {
  type: string;
  status: string;
  lastHeartbeatTime: string;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

export function nodeStatus(input: NodeStatusInput): Record<string, any> {
  const { config, identity, old } = input;
  return {
    ...old,
    capacity: capacityOf(config),
    allocatable: allocatableOf(config),
    conditions: conditions(input),
    addresses: [
      ...hostIps(config).map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: config.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: config.kubeletPort ?? 10250 } },
    nodeInfo: {
      ...identity,
      kernelVersion: '6.12.0-klab',
      osImage: 'klab simulated node',
      containerRuntimeVersion: input.runtimeVersion,
      kubeletVersion: input.kubeletVersion,
      // Deprecated, and since 1.33 empty.
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
    images: imageList(input.images),
    features: { supplementalGroupsPolicy: true },
    runtimeHandlers: [{ name: '', features: { recursiveReadOnlyMounts: false, userNamespaces: false } }],
  };
}

function imageList(images: readonly RuntimeImage[]): { names: string[]; sizeBytes: number }[] {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.id < b.id ? -1 : 1))
    .slice(0, maxImages)
    .map((image) => ({ names: [...image.repoDigests, ...image.repoTags].slice(0, 5), sizeBytes: image.sizeBytes }));
}

/** Reason and message of a condition that is False, and of one that is True. */
const pressureTexts = {
  MemoryPressure: [
    ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
  ],
  DiskPressure: [
    ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
  ],
  PIDPressure: [
    ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
  ],
} as const;

function conditions(input: NodeStatusInput): Condition[] {
  const now = rfc3339(input.now);
  const old: Condition[] = input.old?.conditions ?? [];
  const make = (type: string, status: string, reason: string, message: string): Condition => {
    const before = old.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  };
  const pressure = (type: PressureCondition): Condition => {
    const under = input.pressure.includes(type);
    const [reason, message] = pressureTexts[type][under ? 1 : 0];
    return make(type, under ? 'True' : 'False', reason, message);
  };
  const broken = input.runtime.filter((condition) => !condition.status).map(describe);
  const foreign = old.filter(({ type }) => !['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].includes(type));
  return [
    ...foreign,
    pressure('MemoryPressure'),
    pressure('DiskPressure'),
    pressure('PIDPressure'),
    broken.length === 0
      ? make('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status')
      : make('Ready', 'False', 'KubeletNotReady', broken.length === 1 ? broken[0]! : `[${broken.join(', ')}]`),
  ];
}

function describe(condition: RuntimeCondition): string {
  const word = condition.type === 'NetworkReady' ? 'container runtime network not ready' : 'container runtime is down';
  return `${word}: ${condition.type}=false reason:${condition.reason} message:${condition.message}`;
}

/** True when nothing but heartbeat times differs, so that a report can wait. Upstream: nodeStatusHasChanged. */
export function sameNodeStatus(a: any, b: any): boolean {
  const strip = (status: any) => ({
    ...status,
    conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...rest }: Condition) => rest),
  });
  return deepEqual(strip(a), strip(b));
}

/**
 * Fields that differ, as a strategic merge patch. Conditions merge by type; so would addresses, of which a dual-stack node
 * has two of one type: they are replaced. Upstream: component-helpers/node/util (fixupPatchForNodeStatusAddresses).
 */
export function nodeStatusPatch(old: any, next: any): Record<string, unknown> {
  const patch: Record<string, unknown> = { conditions: next.conditions };
  for (const key of Object.keys(next)) {
    if (key === 'conditions' || deepEqual(old[key], next[key])) continue;
    patch[key] = key === 'addresses' ? [...next[key], { $patch: 'replace' }] : next[key];
  }
  return patch;
}
