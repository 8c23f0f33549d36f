/**
 * When an applied object is ready, and what is still missing in the words of `kubectl rollout status`. Pure.
 * Upstream: kubectl/pkg/polymorphichelpers/rollout_status.go. Kinds not listed are ready as soon as they exist.
 */
import type { KubeObject } from '../../apimachinery/index.ts';

export interface Readiness {
  readonly ready: boolean;
  /** It will not become ready any more. */
  readonly failed?: boolean;
  readonly text: string;
}

type Rule = (object: Readonly<KubeObject>) => Readiness;

const ready = (text = 'ready'): Readiness => ({ ready: true, text });
const pending = (text: string): Readiness => ({ ready: false, text });
const lost = (text: string): Readiness => ({ ready: false, failed: true, text });

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

function condition(object: Readonly<KubeObject>, type: string): Condition | undefined {
  return (object['status']?.conditions as Condition[] | undefined)?.find((entry) => entry.type === type);
}

function unobserved(object: Readonly<KubeObject>): boolean {
  return (object.metadata.generation ?? 0) > (object['status']?.observedGeneration ?? 0);
}

function isTrue(type: string): Rule {
  return (object) => {
    const found = condition(object, type);
    if (found?.status === 'True') return ready();
    return pending(found?.message || `condition ${type} is not True yet`);
  };
}

const deployment: Rule = (object) => {
  const { spec, status = {} } = object as any;
  if (unobserved(object)) return pending('the new spec is not observed yet');
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const wanted = spec.replicas ?? 1;
  const late = condition(object, 'Progressing')?.reason === 'ProgressDeadlineExceeded';
  const suffix = late ? ' (it exceeded its progress deadline)' : '';
  if (updatedReplicas < wanted)
    return pending(`${updatedReplicas} of ${wanted} new replicas have been updated${suffix}`);
  if (replicas > updatedReplicas)
    return pending(`${replicas - updatedReplicas} old replicas are pending termination${suffix}`);
  if (availableReplicas < updatedReplicas) {
    return pending(`${availableReplicas} of ${updatedReplicas} updated replicas are available${suffix}`);
  }
  return ready(`${availableReplicas} of ${wanted} replicas available`);
};

const statefulSet: Rule = (object) => {
  const { spec, status = {} } = object as any;
  if (unobserved(object)) return pending('the new spec is not observed yet');
  const wanted = spec.replicas ?? 1;
  const { readyReplicas = 0, updatedReplicas = 0 } = status;
  if (readyReplicas < wanted) return pending(`${readyReplicas} of ${wanted} pods are ready`);
  if (spec.updateStrategy?.type === 'OnDelete') return ready(`${readyReplicas} of ${wanted} pods ready`);
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  if (partition > 0) {
    const target = Math.max(0, wanted - partition);
    if (updatedReplicas < target) return pending(`${updatedReplicas} of ${target} new pods have been updated`);
  } else if (status.updateRevision !== status.currentRevision) {
    return pending(`${updatedReplicas} pods at revision ${status.updateRevision}`);
  }
  return ready(`${readyReplicas} of ${wanted} pods ready`);
};

const daemonSet: Rule = (object) => {
  const { spec, status = {} } = object as any;
  if (unobserved(object)) return pending('the new spec is not observed yet');
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status;
  if (spec.updateStrategy?.type !== 'OnDelete' && updatedNumberScheduled < desiredNumberScheduled) {
    return pending(`${updatedNumberScheduled} of ${desiredNumberScheduled} new pods have been updated`);
  }
  if (numberAvailable < desiredNumberScheduled) {
    return pending(`${numberAvailable} of ${desiredNumberScheduled} updated pods are available`);
  }
  return ready(`${numberAvailable} of ${desiredNumberScheduled} pods available`);
};

const replicas: Rule = (object) => {
  const { spec, status = {} } = object as any;
  if (unobserved(object)) return pending('the new spec is not observed yet');
  const wanted = spec.replicas ?? 1;
  const { readyReplicas = 0 } = status;
  return readyReplicas >= wanted
    ? ready(`${readyReplicas} of ${wanted} replicas ready`)
    : pending(`${readyReplicas} of ${wanted} replicas are ready`);
};

const pod: Rule = (object) => {
  const { phase } = (object as any).status ?? {};
  if (phase === 'Succeeded') return ready('completed');
  if (phase === 'Failed') return lost((object as any).status.message || 'the pod failed');
  if (condition(object, 'Ready')?.status === 'True') return ready();
  return pending(condition(object, 'Ready')?.message || phase || 'not seen by a kubelet yet');
};

const job: Rule = (object) => {
  const { spec, status = {} } = object as any;
  if (condition(object, 'Complete')?.status === 'True') return ready('complete');
  const failed = condition(object, 'Failed');
  if (failed?.status === 'True') return lost(failed.message || failed.reason || 'the job failed');
  if (spec.suspend) return ready('suspended');
  return pending(`${status.succeeded ?? 0} of ${spec.completions ?? spec.parallelism ?? 1} completions`);
};

const rules: Readonly<Record<string, Rule>> = {
  'apps/Deployment': deployment,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'apps/ReplicaSet': replicas,
  '/ReplicationController': replicas,
  '/Pod': pod,
  'batch/Job': job,
  'apiextensions.k8s.io/CustomResourceDefinition': isTrue('Established'),
  'apiregistration.k8s.io/APIService': isTrue('Available'),
};

function ruleOf(object: Readonly<KubeObject>): Rule | undefined {
  const { apiVersion, kind } = object;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return rules[`${group}/${kind}`];
}

/** Whether there is anything to wait for beyond its existence. */
export function becomesReady(object: Readonly<KubeObject>): boolean {
  return ruleOf(object) !== undefined;
}

export function readinessOf(object: Readonly<KubeObject>): Readiness {
  return ruleOf(object)?.(object) ?? ready('exists');
}
