/** Whether this node takes a pod that was bound to it. Upstream: pkg/kubelet/lifecycle/predicate.go. */
import { matchesRequiredNodeAffinity, toleratesTaint } from '../api/index.ts';
import { type KubeObject, milliValueOf, wholeValueOf } from '../apimachinery/index.ts';
import { podRequests } from './pod-resources.ts';
import { isTerminalPhase, type Pod } from './pod-types.ts';

export interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** Another version of the Node might not refuse. */
  readonly dependsOnNode?: true;
}

/** Undefined: admitted. `others` are the pods that run here already. */
export function admitPod(
  pod: Pod,
  others: Iterable<Pod>,
  node: Readonly<KubeObject> | undefined,
  allocatable: Readonly<Record<string, string>>,
): Refusal | undefined {
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
  const resources = insufficientResource(pod, others, allocatable);
  if (resources) return resources;
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

function insufficientResource(
  pod: Pod,
  others: Iterable<Pod>,
  allocatable: Readonly<Record<string, string>>,
): Refusal | undefined {
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
  if (pods + 1 > capacityPods) return outOf('pods', 1, pods, capacityPods);
  for (const [name, quantity] of Object.entries(podRequests(pod.spec))) {
    if (allocatable[name] === undefined) continue;
    const requested = amount(name, quantity);
    if (requested === 0) continue;
    const capacity = amount(name, allocatable[name]);
    const inUse = used.get(name) ?? 0;
    if (requested > capacity - inUse) return outOf(name, requested, inUse, capacity);
  }
  return undefined;
}

function outOf(name: string, requested: number, used: number, capacity: number): Refusal {
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
