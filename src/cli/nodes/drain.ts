/** `klab cordon`, `uncordon` and `drain`. Upstream: kubectl/pkg/cmd/drain, kubectl/pkg/drain. */
import { isNotFound, isTooManyRequests, type KubeObject } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { ManyErrors } from '../errors.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Session, SessionRequest } from '../session.ts';
import { type DryRun, parseDryRun } from '../write/dry-run.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { usageError } from '../write/usage.ts';

export interface CordonFlags extends SessionRequest {
  readonly selector?: string;
  readonly 'dry-run'?: string;
}

export interface DrainFlags extends CordonFlags {
  readonly force?: boolean;
  readonly 'ignore-daemonsets'?: boolean;
  readonly 'delete-emptydir-data'?: boolean;
  readonly 'disable-eviction'?: boolean;
  readonly 'grace-period'?: number;
  readonly timeout?: string;
  readonly 'pod-selector'?: string;
  readonly 'skip-wait-for-delete-timeout'?: number;
}

type Pod = KubeObject & {
  spec: { volumes?: { emptyDir?: object }[] };
  status?: { phase?: string };
};

/** A refused eviction is asked again after this long. */
const evictionRetryMs = 5000;
const goneEveryMs = 1000;

async function nodesOf(
  session: Session,
  command: string,
  words: readonly string[],
  flags: CordonFlags,
): Promise<LiveObject[]> {
  if (words.length === 0 && !flags.selector) throw usageError(command, `USAGE: ${command} NODE [flags]`);
  if (words.length > 0 && flags.selector)
    throw usageError(command, 'cannot specify both a node name and a --selector option');
  const found: LiveObject[] = [];
  const named = words.map((word) => (word.includes('/') ? word : `node/${word}`));
  const request = { command, words: named.length > 0 ? named : ['nodes'], selector: flags.selector };
  await eachLiveObject(session, request, (live) => void found.push(live));
  return found;
}

const suffixOf = (dryRun: DryRun) =>
  dryRun === 'none' ? '' : dryRun === 'client' ? ' (dry run)' : ' (server dry run)';

async function setSchedulable(live: LiveObject, cordon: boolean, dryRun: DryRun, io: WriteIo): Promise<void> {
  const verb = cordon ? 'cordoned' : 'uncordoned';
  const is = Boolean((live.object as { spec?: { unschedulable?: boolean } }).spec?.unschedulable);
  if (is === cordon) {
    io.write(`node/${live.name} already ${verb}${suffixOf(dryRun)}\n`);
    return;
  }
  if (dryRun !== 'client') {
    const patch = { spec: { unschedulable: cordon ? true : null } };
    await live.calls.patch(live.name, 'strategic', patch, { dryRun: dryRun === 'server', signal: io.signal });
  }
  io.write(`node/${live.name} ${verb}${suffixOf(dryRun)}\n`);
}

export async function cordonNodes(
  command: 'cordon' | 'uncordon',
  words: readonly string[],
  flags: CordonFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  const opened = await session();
  for (const live of await nodesOf(opened, command, words, flags)) {
    await setSchedulable(live, command === 'cordon', dryRun, io);
  }
}

interface Verdict {
  readonly pod: Pod;
  readonly reason?: string;
  readonly fatal: boolean;
  readonly skip?: boolean;
}

const texts = {
  daemonSet: 'DaemonSet-managed Pods (use --ignore-daemonsets to ignore)',
  daemonSetIgnored: 'ignoring DaemonSet-managed Pods',
  unmanaged: 'Pods that declare no controller (use --force to override)',
  unmanagedForced: 'deleting Pods that declare no controller',
  local: 'Pods with local storage (use --delete-emptydir-data to override)',
  localDeleted: 'deleting Pods with local storage',
};

/** What is to become of a pod. Upstream: kubectl/pkg/drain/filters.go. */
export function verdictOf(pod: Pod, flags: DrainFlags): Verdict {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller);
  const done = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (owner?.kind === 'DaemonSet' && !done) {
    return flags['ignore-daemonsets']
      ? { pod, reason: texts.daemonSetIgnored, fatal: false, skip: true }
      : { pod, reason: texts.daemonSet, fatal: true };
  }
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return { pod, fatal: false, skip: true };
  if (pod.spec.volumes?.some(({ emptyDir }) => emptyDir !== undefined) && !done) {
    if (!flags['delete-emptydir-data']) return { pod, reason: texts.local, fatal: true };
    return { pod, reason: texts.localDeleted, fatal: false };
  }
  if (!owner && !done) {
    return flags.force
      ? { pod, reason: texts.unmanagedForced, fatal: false }
      : { pod, reason: texts.unmanaged, fatal: true };
  }
  return { pod, fatal: false };
}

function reasonsText(verdicts: readonly Verdict[], prefix: string): string {
  const byReason = new Map<string, string[]>();
  for (const { pod, reason } of verdicts) {
    if (reason === undefined) continue;
    const { namespace, name } = pod.metadata;
    byReason.set(reason, [...(byReason.get(reason) ?? []), `${namespace}/${name}`]);
  }
  return [...byReason].map(([reason, pods]) => `${prefix}${reason}: ${pods.join(', ')}`).join('; ');
}

export async function drainNodes(
  words: readonly string[],
  flags: DrainFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  const timeoutMs = durationFlag('timeout', flags.timeout ?? '0s');
  const opened = await session();
  const nodes = await nodesOf(opened, 'drain', words, flags);
  for (const live of nodes) await setSchedulable(live, true, dryRun, io);
  const pods = opened.client.resource<Pod>(await opened.resolve('pods'));
  const failed: { readonly name: string; readonly error: Error }[] = [];
  for (const { name } of nodes) {
    try {
      const list = await pods.list({
        fieldSelector: `spec.nodeName=${name}`,
        labelSelector: flags['pod-selector'],
        signal: opened.signal,
      });
      const verdicts = list.items.map((pod) => verdictOf(pod as Pod, flags));
      const fatal = verdicts.filter((verdict) => verdict.fatal);
      if (fatal.length > 0) throw new UserError(reasonsText(fatal, 'cannot delete '));
      const warnings = reasonsText(verdicts, '');
      if (warnings !== '') io.say(`Warning: ${warnings}`);
      const victims = verdicts.filter(({ skip }) => !skip).map(({ pod }) => pod);
      const deadline = timeoutMs > 0 ? wallClock.monotonic() + timeoutMs : Infinity;
      await Promise.all(victims.map((pod) => evict(opened, pod, flags, dryRun, deadline, io)));
      io.write(`node/${name} drained${suffixOf(dryRun)}\n`);
    } catch (error) {
      opened.signal?.throwIfAborted();
      failed.push({ name, error: error as Error });
      io.say(
        `error: unable to drain node ${JSON.stringify(name)} due to error: ${(error as Error).message}, continuing command...`,
      );
    }
  }
  if (failed.length === 0) return;
  io.say('There are pending nodes to be drained:');
  for (const { name } of failed) io.say(` ${name}`);
  throw new ManyErrors(failed.map(({ error }) => new UserError(error.message, exitCodes.failed)));
}

async function evict(
  session: Session,
  pod: Pod,
  flags: DrainFlags,
  dryRun: DryRun,
  deadline: number,
  io: WriteIo,
): Promise<void> {
  const { namespace = '', name = '', uid } = pod.metadata;
  const [verb, done] = flags['disable-eviction'] ? ['deleting', 'deleted'] : ['evicting', 'evicted'];
  io.say(`${verb} pod ${namespace}/${name}${suffixOf(dryRun)}`);
  if (dryRun === 'client') return;
  const calls = session.client.resource(await session.resolve('pods')).namespace(namespace);
  const grace = flags['grace-period'] ?? -1;
  const deleteOptions = grace >= 0 ? { gracePeriodSeconds: grace } : {};
  const late = () =>
    new UserError(
      `error when ${verb} pods/${JSON.stringify(name)} -n ${JSON.stringify(namespace)}: global timeout reached: ${flags.timeout}`,
    );
  for (;;) {
    try {
      if (flags['disable-eviction']) {
        await calls.delete(name, { ...deleteOptions, dryRun: dryRun === 'server', signal: session.signal });
      } else {
        const eviction = {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name, namespace },
          deleteOptions: { ...deleteOptions, ...(dryRun === 'server' && { dryRun: ['All'] }) },
        } as unknown as KubeObject;
        await calls.createSubresource(name, 'eviction', eviction, { signal: session.signal });
      }
      break;
    } catch (error) {
      if (isNotFound(error)) break;
      if (!isTooManyRequests(error)) throw error;
      io.say(
        `error when evicting pods/${JSON.stringify(name)} -n ${JSON.stringify(namespace)} (will retry after 5s): ${(error as Error).message}`,
      );
      if (wallClock.monotonic() + evictionRetryMs > deadline) throw late();
      await wallClock.sleep(evictionRetryMs, session.signal);
    }
  }
  if (dryRun === 'server') return;
  const skip = flags['skip-wait-for-delete-timeout'] ?? 0;
  for (;;) {
    try {
      const { metadata } = await calls.get(name, { signal: session.signal });
      if (metadata.uid !== uid) break;
      const since = metadata.deletionTimestamp ? (wallClock.now() - Date.parse(metadata.deletionTimestamp)) / 1000 : 0;
      if (skip > 0 && since > skip) return;
    } catch (error) {
      if (isNotFound(error)) break;
      throw error;
    }
    if (wallClock.monotonic() > deadline) throw late();
    await wallClock.sleep(goneEveryMs, session.signal);
  }
  io.write(`pod/${name} ${done}\n`);
}
