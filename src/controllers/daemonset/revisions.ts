/** The templates a DaemonSet has had. Upstream: pkg/controller/daemon/update.go (constructHistory and what follows). */
import type { ControllerRevision, DaemonSet, Pod } from '../../api/index.ts';
import type { KubeClient } from '../../client/index.ts';
import {
  createRevision,
  deleteRevision,
  type ReadRevision,
  renumberRevision,
  revisionMatches,
  sortRevisions,
} from '../common/history.ts';
import type { ReadPod } from '../common/pods.ts';
import { hashLabel, type ReadDaemonSet } from './nodes.ts';

export interface History {
  readonly current: ReadRevision;
  readonly old: readonly ReadRevision[];
}

/**
 * The revision of the template as it is now, made or found, and the others.
 * @throws StatusError; Error for a hash collision, after the collision count was raised
 */
export async function constructHistory(
  client: KubeClient,
  set: ReadDaemonSet,
  owned: readonly ReadRevision[],
  pods: readonly ReadPod[],
): Promise<History> {
  const revisions = client.resource<ControllerRevision>('controllerrevisions.apps');
  const matching: ReadRevision[] = [];
  const old: ReadRevision[] = [];
  for (let revision of owned) {
    const { labels, name } = revision.metadata;
    if (labels?.[hashLabel] === undefined) {
      const metadata = { ...revision.metadata, labels: { ...labels, [hashLabel]: name! } };
      revision = await revisions.update({ ...revision, metadata });
    }
    (revisionMatches(set, revision) ? matching : old).push(revision);
  }
  const next = Math.max(0, ...old.map((revision) => revision.revision)) + 1;
  const sorted = sortRevisions(matching);
  const kept = sorted.pop();
  if (!kept) return { current: await snapshot(client, set, next), old };
  if (sorted.length > 0) await merge(client, set, kept, sorted, pods);
  return { current: kept.revision < next ? await renumberRevision(client, kept, next) : kept, old };
}

async function snapshot(client: KubeClient, set: ReadDaemonSet, revision: number): Promise<ReadRevision> {
  const collisionCount = set.status?.collisionCount;
  const made = await createRevision(client, { owner: set, revision, collisionCount, hashLabel });
  if (made !== 'collision') return made.revision;
  const sets = client.resource<DaemonSet>('daemonsets.apps');
  const fresh = await sets.namespace(set.metadata.namespace).get(set.metadata.name!);
  const name = set.metadata.name;
  if (fresh.status?.collisionCount !== collisionCount) {
    throw new Error(`found a stale collision count of DaemonSet "${name}"; will retry until it is updated`);
  }
  await sets.updateStatus({ ...fresh, status: { ...fresh.status!, collisionCount: (collisionCount ?? 0) + 1 } });
  throw new Error(`hash collision of DaemonSet "${name}"`);
}

/** Several revisions of one template become the newest of them. */
async function merge(
  client: KubeClient,
  set: ReadDaemonSet,
  kept: ReadRevision,
  others: readonly ReadRevision[],
  pods: readonly ReadPod[],
): Promise<void> {
  const hash = kept.metadata.labels![hashLabel]!;
  const same = new Set(others.map((revision) => revision.metadata.labels?.[hashLabel]));
  const podClient = client.resource<Pod>('pods').namespace(set.metadata.namespace);
  for (const pod of pods) {
    if (!same.has(pod.metadata.labels?.[hashLabel])) continue;
    await podClient.patch(pod.metadata.name!, 'merge', { metadata: { labels: { [hashLabel]: hash } } });
  }
  for (const other of others) await deleteRevision(client, other);
}

/** Keeps the history limit, beside what pods still have. */
export async function cleanupHistory(
  client: KubeClient,
  set: ReadDaemonSet,
  old: readonly ReadRevision[],
  pods: readonly ReadPod[],
): Promise<void> {
  let excess = old.length - (set.spec?.revisionHistoryLimit ?? 10);
  if (excess <= 0) return;
  const live = new Set(pods.map((pod) => pod.metadata.labels?.[hashLabel]));
  for (const revision of sortRevisions(old)) {
    if (excess <= 0) return;
    if (live.has(revision.metadata.labels?.[hashLabel])) continue;
    await deleteRevision(client, revision);
    excess--;
  }
}
