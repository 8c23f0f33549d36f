/** Upstream: pkg/registry/core/pod/strategy.go (1.36). */
import type { KubeObject } from '../../../../apimachinery/index.ts';
import { ipWarning } from '../../../addresses.ts';
import type { Strategy, StrategyContext } from '../../../definition.ts';
import { restore } from '../../../row.ts';
import type { Container, Pod, PodAffinityTerm, PodSpec, PodStatus } from '../../../types.ts';
import { defaultPod } from './defaults.ts';
import { podQosClass } from './resources.ts';
import { validatePodCreate } from './validation.ts';
import { validatePodStatusUpdate } from './validation-status.ts';
import { validatePodUpdate } from './validation-update.ts';
import { nameWarnings, podWarnings } from './warnings.ts';

/** Puts the values of `matchLabelKeys` into selectors, once, at creation. */
function mergeLabelKeys(
  holder: Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>,
  labels: Readonly<Record<string, string>>,
): void {
  const selector = holder.labelSelector;
  if (!selector) return;
  const add = (keys: readonly string[] | undefined, operator: string) => {
    for (const key of keys ?? []) {
      const value = labels[key];
      if (value === undefined) continue;
      selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
    }
  };
  add(holder.matchLabelKeys, 'In');
  add(holder.mismatchLabelKeys, 'NotIn');
}

function mergeAllLabelKeys(spec: PodSpec, labels: Readonly<Record<string, string>>): void {
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeLabelKeys(term, labels);
    for (const weighted of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (weighted.podAffinityTerm) mergeLabelKeys(weighted.podAffinityTerm, labels);
    }
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) mergeLabelKeys(constraint, labels);
}

function prepareForCreate(object: KubeObject): void {
  const pod = object as Pod;
  pod.status = { phase: 'Pending', qosClass: podQosClass(pod) };
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
  }
  if (pod.spec) mergeAllLabelKeys(pod.spec, pod.metadata.labels ?? {});
}

/** Only resources and resize policies may change through `/resize`; another order or name is left to validation. */
function resizedContainers(containers: readonly Container[], old: readonly Container[]): Container[] {
  if (containers.some(({ name }, index) => name !== old[index]!.name)) return [...containers];
  return old.map((before, index) => {
    const { resizePolicy: _, resources: __, ...container } = before;
    const { resources, resizePolicy } = containers[index]!;
    return { ...container, ...(resources ? { resources } : {}), ...(resizePolicy ? { resizePolicy } : {}) };
  });
}

/** Upstream: dropNonResizeUpdates. */
function keepAllButResources(pod: Pod, old: Readonly<Pod>): void {
  const spec: PodSpec = pod.spec ?? { containers: [] };
  const oldSpec: PodSpec = old.spec ?? { containers: [] };
  const count = (list: readonly Container[] | undefined) => (list ?? []).length;
  if (count(spec.containers) !== count(oldSpec.containers)) return;
  if (count(spec.initContainers) !== count(oldSpec.initContainers)) return;
  const { resources: _, ...kept } = oldSpec;
  pod.spec = { ...kept, containers: resizedContainers(spec.containers ?? [], oldSpec.containers ?? []) };
  if (oldSpec.initContainers) {
    pod.spec.initContainers = resizedContainers(spec.initContainers ?? [], oldSpec.initContainers);
  }
  if (spec.resources) pod.spec.resources = spec.resources;
  restore(pod, old, 'status');
}

/** A status that names no generation keeps what it had observed, condition by condition. */
function keepObservedGenerations(status: PodStatus, old: Readonly<PodStatus> | undefined): void {
  if (!status.observedGeneration && old?.observedGeneration) status.observedGeneration = old.observedGeneration;
  const before = [...(old?.conditions ?? [])];
  for (const condition of status.conditions ?? []) {
    const index = before.findIndex(({ type }) => type === condition.type);
    const [known] = index < 0 ? [] : before.splice(index, 1);
    if (!condition.observedGeneration && known?.observedGeneration) {
      condition.observedGeneration = known.observedGeneration;
    }
  }
}

function prepareForUpdate(object: KubeObject, old: Readonly<KubeObject>, context: StrategyContext): void {
  const pod = object as Pod;
  const oldPod = old as Readonly<Pod>;
  switch (context.subresource) {
    case 'status':
      if (oldPod.metadata.ownerReferences) pod.metadata.ownerReferences = oldPod.metadata.ownerReferences;
      else delete pod.metadata.ownerReferences;
      if (pod.status && !pod.status.qosClass && oldPod.status?.qosClass) pod.status.qosClass = oldPod.status.qosClass;
      if (pod.status) keepObservedGenerations(pod.status, oldPod.status);
      break;
    case 'ephemeralcontainers':
      pod.spec = { ...oldPod.spec!, ephemeralContainers: pod.spec?.ephemeralContainers ?? [] };
      restore(pod, old, 'status');
      break;
    case 'resize':
      keepAllButResources(pod, oldPod);
      break;
  }
}

/** Zero: there is nothing to wait for, the pod runs nowhere or has ended. */
function gracePeriodSeconds(object: Readonly<KubeObject>): number {
  const { spec, status } = object as Readonly<Pod>;
  if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0;
  const period = spec.terminationGracePeriodSeconds ?? 0;
  return period < 0 ? 1 : period;
}

export const podStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: (object) => defaultPod(object as Pod),
  prepareForCreate,
  prepareForUpdate,
  validate: (object, errors) => validatePodCreate(object as Readonly<Pod>, errors),
  validateUpdate(object, old, errors, subresource = '') {
    validatePodUpdate(object as Readonly<Pod>, old as Readonly<Pod>, subresource, errors);
  },
  validateStatusUpdate: (object, old, errors) =>
    validatePodStatusUpdate(object as Readonly<Pod>, old as Readonly<Pod>, errors),
  gracePeriodSeconds,
  warnings: (object, old) =>
    old === undefined ? [...nameWarnings(object, "the Pod's hostname"), ...podWarnings(object as Readonly<Pod>)] : [],
  statusWarnings(object) {
    const { podIPs = [], hostIPs = [] } = (object as Readonly<Pod>).status ?? {};
    return [
      ...podIPs.flatMap(({ ip }, index) => ipWarning(`status.podIPs[${index}].ip`, ip ?? '')),
      ...hostIPs.flatMap(({ ip }, index) => ipWarning(`status.hostIPs[${index}].ip`, ip ?? '')),
    ];
  },
};
