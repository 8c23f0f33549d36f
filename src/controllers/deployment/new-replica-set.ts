/** Finds or makes the ReplicaSet of the current template. Upstream: deployment/sync.go getNewReplicaSet. */

import type { Deployment, ReplicaSet } from '../../api/index.ts';
import {
  controllerOf,
  hasNamespaceTerminatingCause,
  isAlreadyExists,
  newControllerRef,
} from '../../apimachinery/index.ts';
import type { Clock } from '../../base/index.ts';
import type { Lister } from '../../client/index.ts';
import { templateHash, templatesEqual } from '../common/template-hash.ts';
import { maxRevision, revisionAnnotation, withReplicaSetAnnotations } from './annotations.ts';
import {
  findNewReplicaSet,
  hashLabel,
  hasProgressDeadline,
  newReplicaSetReplicas,
  type ReadReplicaSet,
} from './replica-sets.ts';
import type { ScalingDeps } from './scaling.ts';
import { condition, newCondition, withCondition } from './status.ts';

export interface RolloutDeps extends ScalingDeps {
  readonly clock: Clock;
  readonly lister: Lister<ReplicaSet>;
  /** Writes the working copy's status and annotations; the copy takes the new resourceVersion. */
  updateStatus(deployment: Deployment): Promise<void>;
}

export interface ReplicaSets {
  readonly newReplicaSet: ReadReplicaSet | undefined;
  readonly old: readonly ReadReplicaSet[];
}

const maxNameLength = 253;

/**
 * Splits the Deployment's ReplicaSets into new and old, keeping revisions right. `deployment` is the sync's working
 * copy and is changed. `create`: make the new one when there is none.
 */
export async function getAllReplicaSets(
  deps: RolloutDeps,
  deployment: Deployment,
  replicaSets: readonly ReadReplicaSet[],
  create: boolean,
): Promise<ReplicaSets> {
  const existing = findNewReplicaSet(deployment, replicaSets);
  const old = replicaSets.filter((rs) => rs.metadata.uid !== existing?.metadata.uid);
  const revision = maxRevision(old) + 1;
  if (existing) return { newReplicaSet: await syncExisting(deps, deployment, existing, revision), old };
  return { newReplicaSet: create ? await createNew(deps, deployment, old, revision) : undefined, old };
}

async function syncExisting(
  deps: RolloutDeps,
  deployment: Deployment,
  existing: ReadReplicaSet,
  revision: number,
): Promise<ReadReplicaSet> {
  const annotated = withReplicaSetAnnotations(deployment, existing, revision, true);
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
  if (annotated !== existing || (existing.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
    const next = { ...annotated, spec: { ...annotated.spec!, minReadySeconds } };
    return deps.client.resource<ReplicaSet>('replicasets.apps').update(next);
  }
  let changed = setRevision(deployment, existing.metadata.annotations?.[revisionAnnotation] ?? '');
  if (hasProgressDeadline(deployment) && !condition(deployment.status?.conditions, 'Progressing')) {
    setProgressing(deps, deployment, 'True', 'FoundNewReplicaSet', `Found new replica set "${existing.metadata.name}"`);
    changed = true;
  }
  if (changed) await deps.updateStatus(deployment);
  return existing;
}

async function createNew(
  deps: RolloutDeps,
  deployment: Deployment,
  old: readonly ReadReplicaSet[],
  revision: number,
): Promise<ReadReplicaSet> {
  const draft = draftReplicaSet(deployment);
  draft.spec!.replicas = newReplicaSetReplicas(deployment, [...old, draft], draft);
  const wanted = withReplicaSetAnnotations(deployment, draft, revision, false);
  const replicas = wanted.spec!.replicas!;
  let created: ReadReplicaSet;
  let alreadyExists = false;
  try {
    created = await deps.client.resource<ReplicaSet>('replicasets.apps').create(wanted);
  } catch (error) {
    if (isAlreadyExists(error)) {
      created = await existingOrCollision(deps, deployment, wanted, error);
      alreadyExists = true;
    } else {
      if (!hasNamespaceTerminatingCause(error)) await reportFailure(deps, deployment, wanted, error as Error);
      throw error;
    }
  }
  const { name } = created.metadata;
  if (!alreadyExists && replicas > 0) {
    const message = `Scaled up replica set ${name} from 0 to ${replicas}`;
    deps.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
  }
  let changed = setRevision(deployment, String(revision));
  if (!alreadyExists && hasProgressDeadline(deployment)) {
    setProgressing(deps, deployment, 'True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
    changed = true;
  }
  if (changed) await deps.updateStatus(deployment);
  return created;
}

function draftReplicaSet(deployment: Deployment): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec!;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template?.metadata?.labels, [hashLabel]: hash };
  const { name, namespace } = deployment.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name!.slice(0, maxNameLength - 1 - hash.length)}-${hash}`,
      namespace,
      ownerReferences: [newControllerRef(deployment)],
      labels: { ...labels },
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  } as ReplicaSet;
}

/** The name is taken: by ours, which the cache did not have yet, or by another template with the same hash. */
async function existingOrCollision(
  deps: RolloutDeps,
  deployment: Deployment,
  wanted: ReadReplicaSet,
  error: unknown,
): Promise<ReadReplicaSet> {
  const found = deps.lister.mustGet(wanted.metadata.namespace!, wanted.metadata.name!);
  const ours = controllerOf(found)?.uid === deployment.metadata.uid;
  if (ours && templatesEqual(deployment.spec?.template, found.spec?.template, hashLabel)) return found;
  // Another salt for the hash; the next sync tries with it.
  deployment.status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
  await deps.updateStatus(deployment);
  throw error;
}

async function reportFailure(
  deps: RolloutDeps,
  deployment: Deployment,
  wanted: ReadReplicaSet,
  error: Error,
): Promise<void> {
  const message = `Failed to create new replica set "${wanted.metadata.name}": ${error.message}`;
  deps.recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
  if (!hasProgressDeadline(deployment)) return;
  setProgressing(deps, deployment, 'False', 'ReplicaSetCreateError', message);
  try {
    await deps.updateStatus(deployment);
  } catch {
    // The failure to create is what the sync reports; the condition is written with the next try.
  }
}

function setProgressing(
  deps: RolloutDeps,
  deployment: Deployment,
  status: 'True' | 'False',
  reason: string,
  message: string,
): void {
  const next = newCondition(deps.clock.now(), 'Progressing', status, reason, message);
  deployment.status = { ...deployment.status, conditions: withCondition(deployment.status?.conditions, next) };
}

/** The Deployment shows its newest revision. True when it did not. */
function setRevision(deployment: Deployment, revision: string): boolean {
  if (deployment.metadata.annotations?.[revisionAnnotation] === revision) return false;
  const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: revision };
  deployment.metadata = { ...deployment.metadata, annotations };
  return true;
}
