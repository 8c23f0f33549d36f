/** What the scheduler knows of a node: its object and the sums over its pods. Upstream: scheduler/framework/types.go. */
import { claimsOfPod, type Node, type Pod } from '../../api/index.ts';
import { addResources, emptyResources, podRequests, type Resources, resourcesOf } from './resources.ts';

/** A pod with what scheduling asks of it again and again. */
export interface PodInfo {
  readonly pod: Readonly<Pod>;
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Equal for pods of one namespace with equal labels. */
  readonly kin: string;
  readonly requests: Resources;
  readonly nonZeroRequests: Resources;
  readonly priority: number;
  readonly terminating: boolean;
  readonly hasAffinity: boolean;
  readonly hasRequiredAntiAffinity: boolean;
  /** Host ports it takes. */
  readonly ports: readonly HostPort[];
  /** Keys of its claims, `namespace/name`. */
  readonly claims: readonly string[];
}

export function podKey(pod: Readonly<Pod>): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

function kinOf({ namespace = '', labels }: Pod['metadata']): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  if (pairs.length > 1) pairs.sort();
  return `${namespace}/${pairs.join()}`;
}

export function podInfoOf(pod: Readonly<Pod>): PodInfo {
  const affinity = pod.spec?.affinity;
  return {
    pod,
    key: podKey(pod),
    uid: pod.metadata.uid ?? '',
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels ?? {},
    kin: kinOf(pod.metadata),
    requests: podRequests(pod),
    nonZeroRequests: podRequests(pod, true),
    priority: pod.spec?.priority ?? 0,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    hasAffinity: affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined,
    hasRequiredAntiAffinity:
      (affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0,
    ports: hostPortsOf(pod),
    claims: pod.spec?.volumes?.length ? claimsOfPod(pod).map(({ name }) => `${pod.metadata.namespace}/${name}`) : [],
  };
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Host ports a pod takes. */
export function hostPortsOf(pod: Readonly<Pod>): HostPort[] {
  const out: HostPort[] = [];
  const spec = pod.spec;
  const sidecars = (spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...(spec?.containers ?? []), ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (!port.hostPort) continue;
      out.push({ ip: port.hostIP || '0.0.0.0', protocol: port.protocol ?? 'TCP', port: port.hostPort });
    }
  }
  return out;
}

/** `0.0.0.0` clashes with every address. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

/** Where `NodeInfo.sums` has what. */
export const use = {
  freePods: 0,
  freeCPU: 1,
  freeMemory: 2,
  freeStorage: 3,
  cpu: 4,
  memory: 5,
  nonZeroCPU: 6,
  nonZeroMemory: 7,
} as const;

const none: Readonly<Record<string, string>> = {};
const noTaints: readonly Taint[] = [];

function copyInto<V>(to: Map<string, V>, from: ReadonlyMap<string, V>): void {
  if (from.size > 0) for (const [key, value] of from) to.set(key, value);
}

export class NodeInfo {
  readonly name: string;
  /** Another number whenever the node or its pods are others than before. */
  generation = 0;
  node: Readonly<Node> | undefined;
  /** What filters look at of the object, near at hand: at 5,000 nodes the way there is what takes time. */
  labels: Readonly<Record<string, string>> = none;
  taints: readonly Taint[] = noTaints;
  unschedulable = false;
  allocatable: Resources = emptyResources();
  readonly requested: Resources = emptyResources();
  /** The sums that every cycle reads of every node, in one line of the processor's cache: see `use`. */
  readonly sums = new Float64Array(8);
  readonly nonZeroRequested: Resources = emptyResources();
  /** By uid, in order of arrival. */
  readonly pods = new Map<string, PodInfo>();
  /** How many pods that are not going have these labels: far fewer than pods, as their owners stamp them. */
  readonly kin = new Map<string, { readonly like: PodInfo; count: number }>();
  readonly podsWithAffinity = new Map<string, PodInfo>();
  readonly podsWithRequiredAntiAffinity = new Map<string, PodInfo>();
  readonly usedPorts = new Map<string, readonly HostPort[]>();
  /** Claims (`namespace/name`) in use here, with how many pods use each. */
  readonly claims = new Map<string, number>();
  /** Image name → size in bytes. */
  images = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  setNode(node: Readonly<Node> | undefined): void {
    this.node = node;
    this.labels = node?.metadata.labels ?? none;
    this.taints = (node?.spec?.taints as readonly Taint[] | undefined) ?? noTaints;
    this.unschedulable = node?.spec?.unschedulable === true;
    this.allocatable = resourcesOf(node?.status?.allocatable as Record<string, string> | undefined);
    this.images = new Map();
    for (const image of node?.status?.images ?? []) {
      for (const name of image.names ?? []) this.images.set(name, image.sizeBytes ?? 0);
    }
    this.#sum();
  }

  #sum(): void {
    this.generation++;
    const { sums, allocatable, requested, nonZeroRequested } = this;
    sums[use.freePods] = allocatable.allowedPodNumber - this.pods.size;
    sums[use.freeCPU] = allocatable.milliCPU - requested.milliCPU;
    sums[use.freeMemory] = allocatable.memory - requested.memory;
    sums[use.freeStorage] = allocatable.ephemeralStorage - requested.ephemeralStorage;
    sums[use.cpu] = allocatable.milliCPU;
    sums[use.memory] = allocatable.memory;
    sums[use.nonZeroCPU] = nonZeroRequested.milliCPU;
    sums[use.nonZeroMemory] = nonZeroRequested.memory;
  }

  addPod(info: PodInfo): void {
    this.pods.set(info.uid, info);
    this.#countKin(info, 1);
    if (info.hasAffinity) this.podsWithAffinity.set(info.uid, info);
    if (info.hasRequiredAntiAffinity) this.podsWithRequiredAntiAffinity.set(info.uid, info);
    addResources(this.requested, info.requests);
    addResources(this.nonZeroRequested, info.nonZeroRequests);
    if (info.ports.length > 0) this.usedPorts.set(info.uid, info.ports);
    if (info.claims.length > 0) this.#countClaims(info, 1);
    this.#sum();
  }

  /** The same node to try things on; the original does not change. */
  clone(): NodeInfo {
    const copy = new NodeInfo(this.name);
    copy.node = this.node;
    copy.labels = this.labels;
    copy.taints = this.taints;
    copy.unschedulable = this.unschedulable;
    copy.allocatable = this.allocatable;
    copy.images = this.images;
    copyInto(copy.pods, this.pods);
    for (const [kin, { like, count }] of this.kin) copy.kin.set(kin, { like, count });
    copyInto(copy.podsWithAffinity, this.podsWithAffinity);
    copyInto(copy.podsWithRequiredAntiAffinity, this.podsWithRequiredAntiAffinity);
    copyInto(copy.usedPorts, this.usedPorts);
    copyInto(copy.claims, this.claims);
    addResources(copy.requested, this.requested);
    addResources(copy.nonZeroRequested, this.nonZeroRequested);
    copy.#sum();
    return copy;
  }

  #countKin(info: PodInfo, sign: 1 | -1): void {
    if (info.terminating) return;
    const known = this.kin.get(info.kin);
    if (!known) this.kin.set(info.kin, { like: info, count: sign });
    else if (known.count + sign === 0) this.kin.delete(info.kin);
    else known.count += sign;
  }

  #countClaims(info: PodInfo, sign: 1 | -1): void {
    for (const key of info.claims) {
      const count = (this.claims.get(key) ?? 0) + sign;
      if (count > 0) this.claims.set(key, count);
      else this.claims.delete(key);
    }
  }

  removePod(uid: string): void {
    const info = this.pods.get(uid);
    if (!info) return;
    this.pods.delete(uid);
    this.#countKin(info, -1);
    if (info.hasAffinity) this.podsWithAffinity.delete(uid);
    if (info.hasRequiredAntiAffinity) this.podsWithRequiredAntiAffinity.delete(uid);
    if (info.ports.length > 0) this.usedPorts.delete(uid);
    addResources(this.requested, info.requests, -1);
    addResources(this.nonZeroRequested, info.nonZeroRequests, -1);
    if (info.claims.length > 0) this.#countClaims(info, -1);
    this.#sum();
  }
}
