/**
 * One step towards the set that is wanted: pods from the lowest ordinal up, surplus from the highest down, then the
 * rolling update from the highest down to the partition. Upstream: pkg/controller/statefulset/stateful_set_control.go.
 */
import type { StatefulSetStatus } from '../../api/index.ts';
import { slowStartBatch } from '../common/pod-control.ts';
import { isPodAvailable, isPodReady, type ReadPod } from '../common/pods.ts';
import type { StatefulPodControl } from './pod-control.ts';
import {
  identityMatches,
  isCreated,
  isInRange,
  isTerminating,
  isUnavailable,
  newVersionedPod,
  ordinalOf,
  type ReadSet,
  type Revisions,
  replicasOf,
  revisionOf,
  startOrdinal,
  storageMatches,
} from './pods.ts';

export interface UpdateInput {
  readonly set: ReadSet;
  readonly revisions: Revisions;
  readonly collisionCount: number;
  readonly pods: readonly ReadPod[];
  /** Cluster-clock ms. */
  readonly now: number;
}

/** The status after the step, and what went wrong in it. */
export async function updateStatefulSet(
  control: StatefulPodControl,
  input: UpdateInput,
): Promise<{ readonly status: StatefulSetStatus; readonly error?: unknown }> {
  const { set, revisions, pods, now } = input;
  if (set.metadata.deletionTimestamp !== undefined) return { status: statusOf(input, pods) };
  const start = startOrdinal(set);
  const replicas: ReadPod[] = new Array(replicasOf(set));
  const condemned: ReadPod[] = [];
  for (const pod of pods) {
    if (isInRange(set, pod)) replicas[ordinalOf(pod) - start] = pod;
    else if (ordinalOf(pod) >= 0) condemned.push(pod);
  }
  for (let i = 0; i < replicas.length; i++) replicas[i] ??= newVersionedPod(set, revisions, start + i);
  condemned.sort((a, b) => ordinalOf(b) - ordinalOf(a));
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const firstUnavailable = [...replicas, ...condemned.toReversed()].find((pod) =>
    isUnavailable(pod, minReadySeconds, now),
  );
  const step: Step = { control, input, minReadySeconds, ordered: set.spec?.podManagementPolicy !== 'Parallel' };
  const finish = (error?: unknown) => ({ status: statusOf(input, [...replicas, ...condemned]), error });
  try {
    if (await forAll(step, replicas, (pod) => processReplica(step, pod))) return finish();
    if (await forAll(step, condemned, (pod) => fixClaims(step, pod))) return finish();
    if (await forAll(step, condemned, (pod) => processCondemned(step, pod, firstUnavailable))) return finish();
  } catch (error) {
    return finish(error);
  }
  const { status } = finish();
  if (set.spec?.updateStrategy?.type === 'OnDelete') return { status };
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (let target = replicas.length - 1; target >= partition; target--) {
    const pod = replicas[target]!;
    if (revisionOf(pod) !== revisions.update.metadata.name && !isTerminating(pod)) {
      try {
        await control.delete(set, pod);
      } catch (error) {
        return { status, error };
      }
      const { currentReplicas = 0 } = status;
      return { status: withCounts(status, { currentReplicas: currentReplicas - 1 }) };
    }
    // The one just replaced has to be available before the next goes.
    if (isUnavailable(pod, minReadySeconds, now)) return { status };
  }
  return { status };
}

interface Step {
  readonly control: StatefulPodControl;
  readonly input: UpdateInput;
  readonly minReadySeconds: number;
  readonly ordered: boolean;
}

/** One after the other until one says that it is enough for now (true), or all in growing batches. */
async function forAll(
  { ordered }: Step,
  pods: readonly ReadPod[],
  process: (pod: ReadPod) => Promise<boolean>,
): Promise<boolean> {
  if (!ordered) {
    const { error } = await slowStartBatch(pods.length, async (i) => {
      await process(pods[i]!);
    });
    if (error !== undefined) throw error;
    return false;
  }
  for (const pod of pods) if (await process(pod)) return true;
  return false;
}

async function processReplica({ control, input, ordered, minReadySeconds }: Step, pod: ReadPod): Promise<boolean> {
  const { set, revisions, now } = input;
  const phase = pod.status?.phase;
  if (phase === 'Failed' || phase === 'Succeeded') {
    if (!isTerminating(pod)) await control.delete(set, pod);
    return true;
  }
  if (!isCreated(pod)) {
    if (control.claimIsStale(set, pod)) return true;
    await control.create(set, pod);
    if (ordered) return true;
  }
  if (phase === 'Pending') {
    await control.createClaims(set, pod);
    await control.updateClaims(set, pod);
  }
  if (ordered) {
    if (isTerminating(pod) || phase !== 'Running' || !isPodReady(pod)) return true;
    if (!isPodAvailable(pod, minReadySeconds, now)) return true;
  }
  // A pod that was created just now is as it should be.
  if (!isCreated(pod)) return false;
  const { updateSet } = revisions;
  if (identityMatches(set, pod) && storageMatches(set, pod) && control.claimsMatch(updateSet, pod)) return false;
  await control.update(updateSet, pod);
  return false;
}

async function fixClaims({ control, input }: Step, pod: ReadPod): Promise<boolean> {
  const { updateSet } = input.revisions;
  if (!control.claimsMatch(updateSet, pod)) await control.updateClaims(updateSet, pod);
  return false;
}

async function processCondemned(
  { control, input, ordered, minReadySeconds }: Step,
  pod: ReadPod,
  firstUnavailable: ReadPod | undefined,
): Promise<boolean> {
  if (isTerminating(pod)) return ordered;
  // Others that are not well are waited for; the first of them may go.
  const well = pod.status?.phase === 'Running' && isPodAvailable(pod, minReadySeconds, input.now);
  if (ordered && !well && pod !== firstUnavailable) return true;
  await control.delete(input.set, pod);
  return true;
}

function statusOf({ set, revisions, collisionCount, now }: UpdateInput, pods: readonly ReadPod[]): StatefulSetStatus {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const { current, update } = revisions;
  const counts = { replicas: 0, readyReplicas: 0, availableReplicas: 0, currentReplicas: 0, updatedReplicas: 0 };
  for (const pod of pods) {
    if (!isCreated(pod)) continue;
    counts.replicas++;
    if (pod.status?.phase === 'Running' && isPodReady(pod)) {
      counts.readyReplicas++;
      if (isPodAvailable(pod, minReadySeconds, now)) counts.availableReplicas++;
    }
    if (isTerminating(pod)) continue;
    if (revisionOf(pod) === current.metadata.name) counts.currentReplicas++;
    if (revisionOf(pod) === update.metadata.name) counts.updatedReplicas++;
  }
  const { metadata } = set;
  return withCounts(
    {
      observedGeneration: metadata.generation,
      replicas: 0,
      availableReplicas: 0,
      currentRevision: current.metadata.name,
      updateRevision: update.metadata.name,
      collisionCount,
    },
    counts,
  );
}

/** Counts of zero are left out where upstream leaves them out. */
export function withCounts(
  status: StatefulSetStatus,
  counts: Partial<
    Pick<StatefulSetStatus, 'replicas' | 'readyReplicas' | 'availableReplicas' | 'currentReplicas' | 'updatedReplicas'>
  >,
): StatefulSetStatus {
  const next: StatefulSetStatus = { ...status, ...counts };
  for (const name of ['readyReplicas', 'currentReplicas', 'updatedReplicas'] as const) {
    if (next[name] === 0) delete next[name];
  }
  return next;
}
