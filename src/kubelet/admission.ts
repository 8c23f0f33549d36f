/** Whether this node takes a pod that was bound to it. Upstream: pkg/kubelet/lifecycle/predicate.go. */
import { matchesRequiredNodeAffinity, toleratesTaint } from '../api/index.ts';
import { type KubeObject, milliValueOf, wholeValueOf } from '../apimachinery/index.ts';
import { podRequests } from './pod-resources.ts';
import { type Container, isCriticalPod, isTerminalPhase, type Pod } from './pod-types.ts';
import { PreemptionError, podsToPreempt, type Shortage } from './preemption.ts';

export interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** Another version of the Node might not refuse. */
  readonly dependsOnNode?: true;
}

/** The pod is taken, once these are gone. */
export interface Admission {
  readonly victims: readonly Pod[];
}

/** `others` are the pods that run here already. */
export function admitPod(
  pod: Pod,
  others: Iterable<Pod>,
  node: Readonly<KubeObject> | undefined,
  allocatable: Readonly<Record<string, string>>,
): Refusal | Admission {
  const labels = node?.metadata.labels ?? {};
  const wantedOS = pod.metadata.labels?.['kubernetes.io/os'];
  if (wantedOS !== undefined && wantedOS !== 'linux') {
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  if (pod.spec.os && pod.spec.os.name !== 'linux') {
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const running = [...others];
  const lacking = insufficientResources(pod, running, allocatable);
  const refusal = nodeRefusal(pod, node, labels);
  if (isCriticalPod(pod)) return refusal ?? makeRoom(pod, running, lacking);
  if (lacking[0]) return outOf(lacking[0]);
  return refusal ?? admitted;
}

const admitted: Admission = { victims: [] };

/** A critical pod does not fail for lack of resources while others can go. Upstream: HandleAdmissionFailure. */
function makeRoom(pod: Pod, running: readonly Pod[], lacking: readonly Lack[]): Refusal | Admission {
  if (lacking.length === 0) return admitted;
  const shortages = lacking.map(({ name, requested, used, capacity }): Shortage => {
    return { resource: name, amount: requested - (capacity - used) };
  });
  try {
    return { victims: podsToPreempt(pod, running, shortages) };
  } catch (error) {
    if (!(error instanceof PreemptionError)) throw error;
    const cause = `preemption: error finding a set of pods to preempt: ${error.message}`;
    return {
      reason: 'UnexpectedAdmissionError',
      message: `Unexpected error while attempting to recover from admission failure: ${cause}`,
    };
  }
}

function nodeRefusal(
  pod: Pod,
  node: Readonly<KubeObject> | undefined,
  labels: Readonly<Record<string, string>>,
): Refusal | undefined {
  if (node && !matchesRequiredNodeAffinity(pod.spec, labels, node.metadata.name ?? '')) {
    return {
      dependsOnNode: true,
      reason: 'NodeAffinity',
      message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    };
  }
  const taint = untolerated(pod, node?.['spec']?.taints ?? []);
  if (taint) {
    return {
      dependsOnNode: true,
      reason: 'TaintToleration',
      message: `Predicate TaintToleration failed: node(s) had untolerated taint {${taint}}`,
    };
  }
  return undefined;
}

interface Lack {
  readonly name: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** The number of pods first, then what the pod asks for. */
function insufficientResources(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): Lack[] {
  const lacking: Lack[] = [];
  const used = new Map<string, number>();
  let pods = 0;
  for (const other of others) {
    if (other.metadata.uid === pod.metadata.uid || isTerminalPhase(other.status?.phase)) continue;
    pods++;
    for (const [name, quantity] of Object.entries(podRequests(other.spec))) {
      used.set(name, (used.get(name) ?? 0) + amount(name, quantity));
    }
  }
  const capacityPods = wholeValueOf(allocatable['pods'] ?? '110');
  if (pods + 1 > capacityPods) lacking.push({ name: 'pods', requested: 1, used: pods, capacity: capacityPods });
  for (const [name, quantity] of Object.entries(podRequests(withoutClaimed(pod)))) {
    if (allocatable[name] === undefined) continue;
    const requested = amount(name, quantity);
    if (requested === 0) continue;
    const capacity = amount(name, allocatable[name]);
    const inUse = used.get(name) ?? 0;
    if (requested > capacity - inUse) lacking.push({ name, requested, used: inUse, capacity });
  }
  return lacking;
}

/** What devices of a claim provide, the node need not have. Upstream: removeMissingExtendedResources. */
function withoutClaimed({ spec, status }: Pod): Pod['spec'] {
  const mappings = status?.extendedResourceClaimStatus?.requestMappings ?? [];
  if (mappings.length === 0) return spec;
  const rest = (container: Container): Container => {
    const requests = { ...container.resources?.requests };
    for (const { containerName, resourceName } of mappings) {
      if (containerName === container.name) delete requests[resourceName];
    }
    return { ...container, resources: { ...container.resources, requests } };
  };
  return {
    ...spec,
    containers: spec.containers.map(rest),
    ...(spec.initContainers && { initContainers: spec.initContainers.map(rest) }),
  };
}

function outOf({ name, requested, used, capacity }: Lack): Refusal {
  const message = `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return { reason: `OutOf${name}`, message };
}

function amount(name: string, quantity: string): number {
  return name === 'cpu' ? milliValueOf(quantity) : wholeValueOf(quantity);
}

/** The kubelet refuses only for NoExecute taints. */
function untolerated(pod: Pod, taints: readonly any[]): string | undefined {
  const taint = taints.find(
    (t) =>
      t.effect === 'NoExecute' && !(pod.spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, t)),
  );
  return taint && `${taint.key}: ${taint.value ?? ''}`;
}
