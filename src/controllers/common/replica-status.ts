/** Upstream: pkg/controller/replicaset/replica_set_utils.go. */
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/index.ts';
import { type Selector, selectorFromSet } from '../../apimachinery/index.ts';
import { isPodAvailable, isPodReady, type ReadPod } from './pods.ts';

const templateSelectors = new WeakMap<object, Selector>();

function templateSelector(labels: Record<string, string>): Selector {
  let selector = templateSelectors.get(labels);
  if (!selector) {
    selector = selectorFromSet(labels);
    templateSelectors.set(labels, selector);
  }
  return selector;
}

export interface StatusInput {
  readonly replicaSet: Readonly<ReplicaSet>;
  readonly activePods: readonly ReadPod[];
  /** undefined: the kind does not count them. */
  readonly terminatingPods: number | undefined;
  /** What creating or deleting pods threw, if anything. */
  readonly manageError: unknown;
  /** Cluster-clock ms. */
  readonly now: number;
  /** RFC 3339 of now. */
  readonly timestamp: string;
}

export function calculateStatus(input: StatusInput): ReplicaSetStatus {
  const { replicaSet, activePods, now } = input;
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const labels = replicaSet.spec?.template?.metadata?.labels;
  const fullyLabeled = labels ? templateSelector(labels) : undefined;
  let fullyLabeledReplicas = 0;
  let readyReplicas = 0;
  let availableReplicas = 0;
  for (const pod of activePods) {
    if (!fullyLabeled || fullyLabeled.matches(pod.metadata.labels)) fullyLabeledReplicas++;
    if (!isPodReady(pod)) continue;
    readyReplicas++;
    if (isPodAvailable(pod, minReadySeconds, now)) availableReplicas++;
  }
  const conditions = failureConditions(input);
  return {
    replicas: activePods.length,
    ...(fullyLabeledReplicas > 0 ? { fullyLabeledReplicas } : {}),
    ...(readyReplicas > 0 ? { readyReplicas } : {}),
    ...(availableReplicas > 0 ? { availableReplicas } : {}),
    ...(input.terminatingPods === undefined ? {} : { terminatingReplicas: input.terminatingPods }),
    observedGeneration: replicaSet.metadata.generation,
    ...(conditions.length > 0 ? { conditions: [...conditions] } : {}),
  };
}

function failureConditions(input: StatusInput): readonly ReplicaSetCondition[] {
  const { replicaSet, manageError, activePods } = input;
  const conditions = replicaSet.status?.conditions ?? [];
  const failing = conditions.some((condition) => condition.type === 'ReplicaFailure');
  if (manageError !== undefined && !failing) {
    const reason = activePods.length < (replicaSet.spec?.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
    const message = manageError instanceof Error ? manageError.message : String(manageError);
    const lastTransitionTime = input.timestamp;
    return [...conditions, { type: 'ReplicaFailure', status: 'True', reason, message, lastTransitionTime }];
  }
  if (manageError === undefined && failing)
    return conditions.filter((condition) => condition.type !== 'ReplicaFailure');
  return conditions;
}
