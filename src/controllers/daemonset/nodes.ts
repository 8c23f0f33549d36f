/** Which nodes a DaemonSet's pods belong on, and what the pods look like. Upstream: pkg/controller/daemon. */
import {
  type DaemonSet,
  matchesRequiredNodeAffinity,
  type Node,
  type PodSpec,
  type PodTemplateSpec,
  type Taint,
  type Toleration,
  toleratesTaint,
} from '../../api/index.ts';
import { scaledIntOrPercent } from '../../apimachinery/index.ts';
import type { ReadPod } from '../common/pods.ts';

export type ReadDaemonSet = Readonly<DaemonSet>;

export const hashLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

function exists(key: string, effect: 'NoExecute' | 'NoSchedule'): Toleration {
  return { key: `node.kubernetes.io/${key}`, operator: 'Exists', effect };
}

const daemonTolerations: readonly Toleration[] = [
  exists('not-ready', 'NoExecute'),
  exists('unreachable', 'NoExecute'),
  exists('disk-pressure', 'NoSchedule'),
  exists('memory-pressure', 'NoSchedule'),
  exists('pid-pressure', 'NoSchedule'),
  exists('unschedulable', 'NoSchedule'),
];

function tolerationsOf(spec: Readonly<PodSpec>): Toleration[] {
  const tolerations = [...(spec.tolerations ?? [])];
  const added = spec.hostNetwork
    ? [...daemonTolerations, exists('network-unavailable', 'NoSchedule')]
    : daemonTolerations;
  for (const toleration of added) {
    const same = tolerations.some(
      ({ key, operator, effect, value }) =>
        key === toleration.key && operator === toleration.operator && effect === toleration.effect && !value,
    );
    if (!same) tolerations.push(toleration);
  }
  return tolerations;
}

export interface Placement {
  /** A pod should be there. */
  readonly run: boolean;
  /** One that is there may stay. */
  readonly stay: boolean;
}

const nowhere: Placement = { run: false, stay: false };
const everywhere: Placement = { run: true, stay: true };

/** Decides for one DaemonSet, node by node. Upstream: NodeShouldRunDaemonPod. */
export function placementOn(set: ReadDaemonSet): (node: Readonly<Node>) => Placement {
  const spec = set.spec!.template.spec!;
  const tolerations = tolerationsOf(spec);
  const bears = (taint: Taint) => tolerations.some((toleration) => toleratesTaint(toleration, taint));
  return (node) => {
    if (spec.nodeName && spec.nodeName !== node.metadata.name) return nowhere;
    if (!matchesRequiredNodeAffinity(spec, node.metadata.labels ?? {}, node.metadata.name!)) return nowhere;
    let run = true;
    for (const taint of node.spec?.taints ?? []) {
      if ((taint.effect !== 'NoExecute' && taint.effect !== 'NoSchedule') || bears(taint)) continue;
      if (taint.effect === 'NoExecute') return nowhere;
      run = false;
    }
    return run ? everywhere : { run: false, stay: true };
  };
}

/** The node a pod is on or is meant for; undefined when it names none. */
export function targetNodeOf(pod: ReadPod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    for (const { key, operator, values = [] } of matchFields) {
      if (key === 'metadata.name' && operator === 'In') return values.length === 1 ? values[0] : undefined;
    }
  }
  return undefined;
}

/** The template of the set's pods, still without a node. */
export function daemonTemplate(set: ReadDaemonSet, hash: string): PodTemplateSpec {
  const template = set.spec!.template;
  const generation = templateGeneration(set);
  const labels = {
    ...template.metadata?.labels,
    ...(generation === undefined ? {} : { [generationLabel]: generation }),
    [hashLabel]: hash,
  };
  return {
    ...template,
    metadata: { ...template.metadata, labels },
    spec: { ...template.spec!, tolerations: tolerationsOf(template.spec!) },
  };
}

/** The scheduler is told the node by affinity to its name, which takes the place of other required node affinity. */
export function templateForNode(template: Readonly<PodTemplateSpec>, node: string): PodTemplateSpec {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node] }];
  const { affinity } = template.spec!;
  const nodeAffinity = {
    ...affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
  };
  return { ...template, spec: { ...template.spec!, affinity: { ...affinity, nodeAffinity } } };
}

function templateGeneration(set: ReadDaemonSet): string | undefined {
  const text = set.metadata.annotations?.[generationAnnotation];
  return text !== undefined && /^-?\d+$/.test(text) ? text : undefined;
}

export function isPodUpdated(set: ReadDaemonSet, pod: ReadPod, hash: string): boolean {
  const labels = pod.metadata.labels;
  if (labels?.[hashLabel] === hash) return true;
  const generation = templateGeneration(set);
  return generation !== undefined && labels?.[generationLabel] === generation;
}

/** Pods that may be there beside the wanted number. Percentages of the nodes are rounded up. */
export function surgeCount(set: ReadDaemonSet, nodes: number): number {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type !== 'RollingUpdate' || rollingUpdate?.maxSurge === undefined) return 0;
  return scaledIntOrPercent(rollingUpdate.maxSurge, nodes, 'up');
}

export function unavailableCount(set: ReadDaemonSet, nodes: number): number {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type !== 'RollingUpdate' || rollingUpdate?.maxUnavailable === undefined) return 0;
  return scaledIntOrPercent(rollingUpdate.maxUnavailable, nodes, 'up');
}

/** Assigned pods first, then the oldest. Upstream: podByCreationTimestampAndPhase. */
export function compareDaemonPods(a: ReadPod, b: ReadPod): number {
  const [assignedA, assignedB] = [Boolean(a.spec?.nodeName), Boolean(b.spec?.nodeName)];
  if (assignedA !== assignedB) return assignedA ? -1 : 1;
  const [x = '', y = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name! < b.metadata.name! ? -1 : 1;
}
