/** `klab cordon`, `uncordon` and `drain`. Upstream: kubectl/pkg/cmd/drain, kubectl/pkg/drain. */
import { isNotFound, type KubeObject, parseLabelSelector } from '../../apimachinery/index.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Session, SessionRequest } from '../session.ts';
import { type DryRun, parseDryRun } from '../write/dry-run.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { usageError } from '../write/usage.ts';
import { type EvictFlags, isLongDeleted, removePods } from './evict.ts';

export interface CordonFlags extends SessionRequest {
  readonly selector?: string;
  readonly 'dry-run'?: string;
}

export interface DrainFlags extends CordonFlags, EvictFlags {
  readonly force?: boolean;
  readonly 'ignore-daemonsets'?: boolean;
  readonly 'delete-emptydir-data'?: boolean;
  readonly timeout?: string;
  readonly 'pod-selector'?: string;
}

type Pod = KubeObject & {
  spec: { volumes?: { emptyDir?: object }[] };
  status?: { phase?: string };
};

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
  await eachLiveObject(session, request, (live) => {
    const { group, version, plural } = live.resource;
    if (group !== '' || plural !== 'nodes') {
      throw new UserError(`expected resource of type node, got "${group}/${version}, Resource=${plural}"`);
    }
    found.push(live);
  });
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

/** What is to become of a pod: nothing, a warning, or an error that keeps the node from being drained. */
export interface Verdict {
  readonly remove: boolean;
  readonly warning?: string;
  readonly error?: string;
}

const texts = {
  daemonSet: 'DaemonSet-managed Pods (use --ignore-daemonsets to ignore)',
  daemonSetIgnored: 'ignoring DaemonSet-managed Pods',
  unmanaged: 'Pods that declare no controller (use --force to override)',
  unmanagedForced: 'deleting Pods that declare no controller',
  local: 'Pods with local storage (use --delete-emptydir-data to override)',
  localDeleted: 'deleting Pods with local storage',
};

/**
 * Of several reasons to go the last one is told. Upstream: kubectl/pkg/drain/filters.go.
 * @param daemonSetError why the pod's DaemonSet is not there; undefined when it is
 */
export async function verdictOf(
  pod: Pod,
  flags: DrainFlags,
  daemonSetError: (namespace: string, name: string) => Promise<Error | undefined>,
): Promise<Verdict> {
  if (isLongDeleted(pod, flags['skip-wait-for-delete-timeout'])) return { remove: false };
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller);
  const done = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  let warning: string | undefined;
  if (owner?.kind === 'DaemonSet' && owner.apiVersion === 'apps/v1' && !done) {
    const missing = await daemonSetError(pod.metadata.namespace ?? '', owner.name);
    if (!missing && !flags['ignore-daemonsets']) return { remove: false, error: texts.daemonSet };
    if (!missing) return { remove: false, warning: texts.daemonSetIgnored };
    if (!isNotFound(missing) || !flags.force) return { remove: false, error: missing.message };
    // An orphan; what is said of it here is not told, as upstream: it has a controller by its own word.
  }
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return { remove: false };
  if (done) return { remove: true };
  if (pod.spec.volumes?.some(({ emptyDir }) => emptyDir !== undefined)) {
    if (!flags['delete-emptydir-data']) return { remove: false, error: texts.local };
    warning = texts.localDeleted;
  }
  if (owner) return { remove: true };
  if (!flags.force) return { remove: false, error: texts.unmanaged };
  warning = texts.unmanagedForced;
  return { remove: true, warning };
}

/** `REASON: NAMESPACE/NAME, …` for each reason, in the order in which they came up. */
function byReason(pods: readonly (readonly [Pod, string | undefined])[]): string[] {
  const groups = new Map<string, string[]>();
  for (const [{ metadata }, reason] of pods) {
    if (reason === undefined) continue;
    groups.set(reason, [...(groups.get(reason) ?? []), `${metadata.namespace}/${metadata.name}`]);
  }
  return [...groups].map(([reason, names]) => `${reason}: ${names.join(', ')}`);
}

/** Several errors in one text, as Go's aggregate. */
function textOf(error: Error): string {
  if (!(error instanceof ManyErrors)) return error.message;
  const texts = error.errors.map(({ message }) => message);
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}

export async function drainNodes(
  words: readonly string[],
  flags: DrainFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  const timeoutMs = durationFlag('timeout', flags.timeout ?? '0s');
  checkPodSelector(flags['pod-selector']);
  const opened = await session();
  const nodes = await nodesOf(opened, 'drain', words, flags);
  for (const live of nodes) await setSchedulable(live, true, dryRun, io);
  const failed: { readonly name: string; readonly error: Error }[] = [];
  for (const { name } of nodes) {
    try {
      const pods = await podsToGo(opened, name, flags, (warning) => io.say(`Warning: ${warning}`));
      if (dryRun === 'client') {
        for (const { metadata } of pods) {
          io.write(`evicting pod ${metadata.namespace}/${metadata.name} (dry run)\n`);
        }
      } else {
        try {
          await removePods({ session: opened, flags, dryRun, timeoutMs, io }, pods);
        } catch (error) {
          opened.signal?.throwIfAborted();
          await sayPending(opened, name, flags, error as Error, io);
          throw error;
        }
      }
      io.write(`node/${name} drained${suffixOf(dryRun)}\n`);
    } catch (error) {
      opened.signal?.throwIfAborted();
      failed.push({ name, error: error as Error });
      const text = textOf(error as Error);
      io.say(`error: unable to drain node ${JSON.stringify(name)} due to error: ${text}, continuing command...`);
    }
  }
  if (failed.length === 0) return;
  io.say('There are pending nodes to be drained:');
  for (const { name } of failed) io.say(` ${name}`);
  if (failed.length === 1) throw failed[0]!.error;
  throw new ManyErrors(failed.map(({ error }) => new UserError(textOf(error))));
}

function checkPodSelector(text: string | undefined): void {
  if (!text) return;
  try {
    parseLabelSelector(text);
  } catch {
    throw new UserError('--pod-selector=<pod_selector> must be a valid label selector');
  }
}

/** Pods of a node that must go. @throws ManyErrors when one may not */
async function podsToGo(
  session: Session,
  node: string,
  flags: DrainFlags,
  warn: (text: string) => void,
): Promise<Pod[]> {
  const { signal } = session;
  const pods = session.client.resource<Pod>(await session.resolve('pods'));
  const daemonSets = session.client.resource(await session.resolve('daemonsets.apps'));
  const list = await pods.list({
    fieldSelector: `spec.nodeName=${node}`,
    labelSelector: flags['pod-selector'],
    signal,
  });
  const daemonSetError = (namespace: string, name: string) =>
    daemonSets
      .namespace(namespace)
      .get(name, { signal })
      .then(
        () => undefined,
        (error: Error) => error,
      );
  const judged = await Promise.all(
    list.items.map(async (pod) => [pod as Pod, await verdictOf(pod as Pod, flags, daemonSetError)] as const),
  );
  const errors = byReason(judged.map(([pod, { error }]) => [pod, error]));
  if (errors.length > 0) throw new ManyErrors(errors.map((text) => new UserError(`cannot delete ${text}`)));
  const warnings = byReason(judged.map(([pod, { warning }]) => [pod, warning]));
  if (warnings.length > 0) warn(warnings.join('; '));
  return judged.filter(([, { remove }]) => remove).map(([pod]) => pod);
}

/** What is still on the node after an error. */
async function sayPending(session: Session, node: string, flags: DrainFlags, error: Error, io: WriteIo): Promise<void> {
  try {
    const pods = await podsToGo(session, node, flags, () => {});
    if (pods.length === 0) return;
    io.say(`There are pending pods in node ${JSON.stringify(node)} when an error occurred: ${textOf(error)}`);
    for (const { metadata } of pods) io.say(`pod/${metadata.name}`);
  } catch (listing) {
    io.say(`Following errors occurred while getting the list of pods to delete:\n${textOf(listing as Error)}`);
  }
}
