/** Upstream: pkg/registry/core/pod/strategy.go (1.36). */
import type { KubeObject } from '../../../../apimachinery/index.ts';
import type { Strategy, StrategyContext } from '../../../definition.ts';
import type { Container, Pod, PodAffinityTerm, PodSpec } from '../../../types.ts';
import { defaultPod } from './defaults.ts';
import { podQosClass } from './resources.ts';
import { validatePodCreate } from './validation.ts';
import { validatePodStatusUpdate, validatePodUpdate } from './validation-update.ts';
import { podWarnings } from './warnings.ts';

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

/** Only resources and resize policies may change through `/resize`. */
function resizedContainers(
  containers: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
): Container[] | undefined {
  return old?.map((container, index) => {
    const { resources, resizePolicy } = containers?.[index] ?? {};
    const changed: Container = { ...container, ...(resources ? { resources } : {}) };
    if (resizePolicy) changed.resizePolicy = resizePolicy;
    return changed;
  });
}

function prepareForUpdate(object: KubeObject, old: Readonly<KubeObject>, context: StrategyContext): void {
  const pod = object as Pod;
  const oldPod = old as Readonly<Pod>;
  switch (context.subresource) {
    case 'status':
      if (oldPod.metadata.ownerReferences) pod.metadata.ownerReferences = oldPod.metadata.ownerReferences;
      else delete pod.metadata.ownerReferences;
      if (pod.status && !pod.status.qosClass && oldPod.status?.qosClass) pod.status.qosClass = oldPod.status.qosClass;
      break;
    case 'ephemeralcontainers':
      pod.spec = { ...oldPod.spec!, ephemeralContainers: pod.spec?.ephemeralContainers ?? [] };
      pod.status = oldPod.status!;
      break;
    case 'resize': {
      const containers = resizedContainers(pod.spec?.containers, oldPod.spec?.containers) ?? [];
      const initContainers = resizedContainers(pod.spec?.initContainers, oldPod.spec?.initContainers);
      pod.spec = { ...oldPod.spec!, containers, ...(initContainers ? { initContainers } : {}) };
      pod.status = oldPod.status!;
      break;
    }
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
  warnings: (object) => podWarnings(object as Readonly<Pod>),
};
