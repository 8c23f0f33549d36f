/** `klab apply --wait`: lists and watches what was applied until all of it is ready. */
import { formatDuration, type KubeObject, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import { Deferred, Prng, silentLogger, wallClock } from '../../base/index.ts';
import { Reflector } from '../../client/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { Applied } from './apply.ts';
import { becomesReady, type Readiness, readinessOf } from './ready.ts';
import { type Target, targetName } from './target.ts';

export interface WaitItem {
  /** `deployment.apps/web`. */
  readonly name: string;
  readonly target: Target;
  /** Older states, which a server's cache may still give, say nothing. */
  readonly since: number;
  readiness: Readiness;
  object: Readonly<KubeObject> | undefined;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Called when an item changed. */
  readonly onChange?: (items: readonly WaitItem[], changed: WaitItem) => void;
}

/** Pods named below an object that is not ready. */
const podsMax = 5;

/**
 * Resolves when everything is ready.
 * @throws UserError with exit code 3 naming what is not ready and why, in time or once it cannot become ready any more.
 */
export async function awaitReady(session: Session, applied: readonly Applied[], options: WaitOptions): Promise<void> {
  const items = applied
    .filter(({ object }) => becomesReady(object))
    .map(({ target, object }): WaitItem => {
      const name = targetName(target.resource, target.name);
      return { name, target, object, since: Number(object.metadata.resourceVersion), readiness: readinessOf(object) };
    });
  const done = new Deferred<'ready' | 'failed' | 'timeout'>();
  const check = () => {
    if (items.every(({ readiness }) => readiness.ready)) done.resolve('ready');
    // What failed for good cannot be waited for; what is still on its way may finish first.
    else if (items.every(({ readiness }) => readiness.ready || readiness.failed)) done.resolve('failed');
  };
  const update = (item: WaitItem, object: Readonly<KubeObject> | undefined, revision: string | undefined) => {
    if (Number(revision) < item.since) return;
    const next: Readiness = object ? readinessOf(object) : { ready: false, failed: true, text: 'it was deleted' };
    const same = next.text === item.readiness.text && next.ready === item.readiness.ready;
    item.object = object;
    item.readiness = next;
    if (!same) options.onChange?.(items, item);
  };
  const stop = new AbortController();
  const signal = session.signal ? AbortSignal.any([session.signal, stop.signal]) : stop.signal;
  const timer = wallClock.schedule(options.timeoutMs, () => done.resolve('timeout'));
  const onAbort = () => done.reject(session.signal!.reason);
  session.signal?.addEventListener('abort', onAbort, { once: true });
  const runs = [...groups(items).values()].map((group) => follow(session, group, { update, check }, signal));
  for (const run of runs) run.catch((error) => done.reject(error));
  check();
  let verdict: 'ready' | 'failed' | 'timeout';
  try {
    verdict = await done.promise;
  } finally {
    timer.cancel();
    session.signal?.removeEventListener('abort', onAbort);
    stop.abort();
    await Promise.allSettled(runs);
  }
  if (verdict !== 'ready') throw new UserError(await complaint(session, items, verdict, options), exitCodes.notInTime);
}

/** Items by collection. */
function groups(items: readonly WaitItem[]): Map<string, WaitItem[]> {
  const out = new Map<string, WaitItem[]>();
  for (const item of items) {
    const { resource, namespace } = item.target;
    const key = `${resource.group}/${resource.version}/${resource.plural}/${namespace}`;
    const group = out.get(key);
    if (group) group.push(item);
    else out.set(key, [item]);
  }
  return out;
}

async function follow(
  session: Session,
  group: readonly WaitItem[],
  on: {
    update(item: WaitItem, object: Readonly<KubeObject> | undefined, revision: string | undefined): void;
    check(): void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { resource, namespace } = group[0]!.target;
  const byName = new Map(group.map((item) => [item.target.name, item]));
  const fieldSelector = group.length === 1 ? `metadata.name=${group[0]!.target.name}` : undefined;
  const reflector = new Reflector(
    session.client.resource(resource).namespace(namespace),
    {
      async replace(objects, revision) {
        const live = new Map(objects.map((object) => [object.metadata.name!, object]));
        for (const item of group) {
          const object = live.get(item.target.name);
          on.update(item, object, object?.metadata.resourceVersion ?? revision);
        }
        on.check();
      },
      apply(type, object) {
        const item = byName.get(object.metadata.name!);
        if (!item) return;
        on.update(item, type === 'DELETED' ? undefined : object, object.metadata.resourceVersion);
        on.check();
      },
    },
    { clock: wallClock, prng: new Prng('apply-wait'), log: silentLogger },
    { fieldSelector },
  );
  await reflector.run(signal);
}

async function complaint(
  session: Session,
  items: readonly WaitItem[],
  verdict: 'failed' | 'timeout',
  { timeoutMs }: WaitOptions,
): Promise<string> {
  const missing = items.filter(({ readiness }) => !readiness.ready);
  const what = `${missing.length} of ${items.length} objects`;
  const lines = [
    verdict === 'timeout'
      ? `timed out after ${formatDuration(timeoutMs)}: ${what} are not ready`
      : `${what} will not become ready`,
  ];
  for (const item of missing) {
    lines.push(`  ${item.name}: ${item.readiness.text}`);
    for (const line of await podLines(session, item)) lines.push(`    ${line}`);
  }
  return lines.join('\n');
}

/** The pods behind an object that are not ready: STATUS and its reason. */
async function podLines(session: Session, { target, object }: WaitItem): Promise<string[]> {
  if (!object || session.signal?.aborted) return [];
  let pods: readonly Readonly<KubeObject>[];
  if (object.kind === 'Pod') pods = [object];
  else {
    const { selector } = (object as any).spec ?? {};
    if (!selector) return [];
    const labelSelector = selectorFromLabelSelector(
      selector.matchLabels || selector.matchExpressions ? selector : { matchLabels: selector },
    ).toString();
    try {
      const list = await session.client
        .resource(await session.resolve('pods'))
        .namespace(target.namespace)
        .list({ labelSelector });
      pods = list.items;
    } catch {
      // The complaint is worth more than this detail.
      return [];
    }
  }
  const { podStatus } = await import('../../api/index.ts');
  const waiting = pods.filter((pod) => !readinessOf({ ...pod, apiVersion: 'v1', kind: 'Pod' }).ready);
  const lines = waiting.slice(0, podsMax).map((pod) => {
    const { word } = podStatus(pod as never);
    const reason = reasonOf(pod);
    return `pod/${pod.metadata.name}: ${word}${reason ? ` (${reason})` : ''}`;
  });
  if (waiting.length > podsMax) lines.push(`and ${waiting.length - podsMax} more pods`);
  return lines;
}

/** The message that says most about why a pod is not ready. */
export function reasonOf(pod: Readonly<KubeObject>): string | undefined {
  const { status = {} } = pod as any;
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.message) return `container ${container.name}: ${waiting.message}`;
    if (terminated && terminated.exitCode !== 0) {
      return `container ${container.name}: ${terminated.message || `exit code ${terminated.exitCode}`}`;
    }
  }
  const refused = status.conditions?.find(
    (entry: { status: string; message?: string }) => entry.status === 'False' && entry.message,
  );
  return status.message ?? refused?.message;
}
