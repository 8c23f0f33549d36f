/** How `klab drain` rids a node of its pods. Upstream: kubectl/pkg/drain/drain.go (1.36). */
import {
  formatDuration,
  isForbidden,
  isNotFound,
  isTooManyRequests,
  type KubeObject,
  StatusError,
} from '../../apimachinery/index.ts';
import { parseTime, wallClock } from '../../base/index.ts';
import { ManyErrors } from '../errors.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { DryRun } from '../write/dry-run.ts';
import type { WriteIo } from '../write/io.ts';

export interface EvictFlags {
  readonly 'disable-eviction'?: boolean;
  readonly 'grace-period'?: number;
  readonly 'skip-wait-for-delete-timeout'?: number;
}

export interface Eviction {
  readonly session: Session;
  readonly flags: EvictFlags;
  readonly dryRun: DryRun;
  /** 0: as long as it takes. */
  readonly timeoutMs: number;
  readonly io: WriteIo;
}

/** A refused eviction is asked again after this long. */
const retryMs = 5000;
const goneEveryMs = 1000;

/** Ended pods that are long gone by their own word: their node is probably dead. */
export function isLongDeleted({ metadata }: KubeObject, seconds = 0): boolean {
  const { deletionTimestamp } = metadata;
  if (seconds <= 0 || !deletionTimestamp) return false;
  return Math.floor((wallClock.now() - parseTime(deletionTimestamp)) / 1000) > seconds;
}

/** Evicts or deletes them all and waits until they are gone. @throws ManyErrors one a pod; UserError, StatusError of a deletion */
export async function removePods(eviction: Eviction, pods: readonly KubeObject[]): Promise<void> {
  const { session, flags, timeoutMs } = eviction;
  const deadline = timeoutMs > 0 ? wallClock.monotonic() + timeoutMs : Number.POSITIVE_INFINITY;
  if (flags['disable-eviction']) {
    for (const pod of pods) await deletePod(eviction, pod);
    if (eviction.dryRun === 'none') await Promise.all(pods.map((pod) => untilGone(eviction, pod, 'deleted', deadline)));
    return;
  }
  const ends = await Promise.allSettled(pods.map((pod) => evict(eviction, pod, deadline)));
  session.signal?.throwIfAborted();
  const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []));
  if (errors.length > 0) throw new ManyErrors(errors);
}

async function callsOf({ session }: Eviction, pod: KubeObject) {
  return session.client.resource(await session.resolve('pods')).namespace(pod.metadata.namespace ?? '');
}

const deleteOptionsOf = ({ flags, dryRun }: Eviction) => ({
  ...((flags['grace-period'] ?? -1) >= 0 && { gracePeriodSeconds: flags['grace-period'] }),
  ...(dryRun === 'server' && { dryRun: ['All'] }),
});

async function deletePod(eviction: Eviction, pod: KubeObject): Promise<void> {
  const { flags, dryRun, session } = eviction;
  const grace = flags['grace-period'] ?? -1;
  const calls = await callsOf(eviction, pod);
  try {
    await calls.delete(pod.metadata.name!, {
      ...(grace >= 0 && { gracePeriodSeconds: grace }),
      dryRun: dryRun === 'server',
      signal: session.signal,
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Asks until the eviction is granted, then waits for the end of the pod. */
async function evict(eviction: Eviction, pod: KubeObject, deadline: number): Promise<void> {
  const { session, dryRun, timeoutMs, io } = eviction;
  const { namespace = '', name = '' } = pod.metadata;
  const calls = await callsOf(eviction, pod);
  const what = `pods/${JSON.stringify(name)} -n ${JSON.stringify(namespace)}`;
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: deleteOptionsOf(eviction),
  } as unknown as KubeObject;
  let active = pod;
  for (;;) {
    io.write(`evicting pod ${namespace}/${name}${dryRun === 'server' ? ' (server dry run)' : ''}\n`);
    if (wallClock.monotonic() >= deadline) {
      const text = `error when evicting ${what}: global timeout reached: ${formatDuration(timeoutMs)}`;
      throw new UserError(text, exitCodes.notInTime);
    }
    try {
      await calls.createSubresource(name, 'eviction', body, { signal: session.signal });
      break;
    } catch (error) {
      session.signal?.throwIfAborted();
      if (isNotFound(error)) return;
      const { message } = error as Error;
      if (isTooManyRequests(error)) {
        io.say(`error when evicting ${what} (will retry after 5s): ${message}`);
      } else if (isOfEndingNamespace(error)) {
        // No eviction is granted there any more: the pod is deleted by the namespace's end.
        if (active.metadata.deletionTimestamp) break;
        io.say(
          `error when evicting pod ${JSON.stringify(name)} from terminating namespace ${JSON.stringify(namespace)} (will retry after 5s): ${message}`,
        );
      } else throw new UserError(`error when evicting ${what}: ${message}`);
      await wallClock.sleep(retryMs, session.signal);
    }
    // What is there now may be another pod of that name.
    active = await calls.get(name, { signal: session.signal }).catch(() => active);
  }
  if (dryRun === 'server') return;
  try {
    await untilGone(eviction, active, 'evicted', deadline);
  } catch (error) {
    session.signal?.throwIfAborted();
    const text = `error when waiting for pod ${JSON.stringify(name)} in namespace ${JSON.stringify(namespace)} to terminate: ${(error as Error).message}`;
    throw new UserError(text, error instanceof UserError ? error.exitCode : exitCodes.failed);
  }
}

function isOfEndingNamespace(error: unknown): boolean {
  if (!isForbidden(error) || !(error instanceof StatusError)) return false;
  return error.status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false;
}

async function untilGone(
  eviction: Eviction,
  pod: KubeObject,
  done: 'evicted' | 'deleted',
  deadline: number,
): Promise<void> {
  const { session, flags, io } = eviction;
  const { name = '', uid } = pod.metadata;
  const calls = await callsOf(eviction, pod);
  const skip = flags['skip-wait-for-delete-timeout'];
  for (;;) {
    try {
      const live = await calls.get(name, { signal: session.signal });
      if (live.metadata.uid !== uid) break;
      if (isLongDeleted(live, skip)) {
        io.write(`pod ${JSON.stringify(name)} has DeletionTimestamp older than ${skip} seconds, skipping\n`);
        return;
      }
    } catch (error) {
      if (isNotFound(error)) break;
      session.signal?.throwIfAborted();
      io.write(`pod/${name} ${done === 'evicted' ? 'eviction' : 'deletion'} failed\n`);
      throw error;
    }
    if (wallClock.monotonic() >= deadline) throw new UserError('context deadline exceeded', exitCodes.notInTime);
    await wallClock.sleep(goneEveryMs, session.signal);
  }
  io.write(`pod/${name} ${done}\n`);
}
