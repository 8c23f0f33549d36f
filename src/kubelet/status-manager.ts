/**
 * Holds the newest status of each pod and writes it to the API: one writer, newest version only, so that what settles
 * within one write's time is one write. Upstream: pkg/kubelet/status/status_manager.go.
 */
import { deepEqual, isConflict, isNotFound } from '../apimachinery/index.ts';
import { type Clock, type Logger, rfc3339 } from '../base/index.ts';
import { withCause } from '../client/index.ts';
import { type PodApi, podCause } from './node-api.ts';
import { conditionByKubelet, containersReady } from './pod-conditions.ts';
import { isTerminalPhase, type Pod, type PodCondition, type PodStatus } from './pod-types.ts';
import { statusPatch } from './status-patch.ts';

interface Entry {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  status: PodStatus;
  version: number;
  written: number;
  /** The pod worker has ended: the object may go. */
  finished: boolean;
  /** What the last write answered: newer than the watch until its echo has come. */
  answered: Pod | undefined;
}

export interface StatusManagerDeps {
  readonly api: PodApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** The pod as last seen from the API. */
  readonly latestPod: (uid: string) => Pod | undefined;
  /** Containers of it may still run: a terminal phase is not published yet. */
  readonly couldHaveRunningContainers: (uid: string) => boolean;
  /** Told after each accepted local change, before it is written. */
  readonly onChange?: (uid: string) => void;
}

/** Wait before statuses that failed to be written are tried again. Upstream: syncPeriod. */
const retryMs = 10_000;
/** Writes under way at once. Upstream writes one after another at the client's rate. */
const parallelWrites = 4;

export class StatusManager {
  readonly #deps: StatusManagerDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #dirty = new Set<string>();
  /** Pods a write is under way for: a second one, made on the same base, could overtake the first. */
  readonly #writing = new Set<string>();
  #wake: (() => void) | undefined;

  constructor(deps: StatusManagerDeps) {
    this.#deps = deps;
  }

  get(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.status;
  }

  /** Takes a generated status; times and start are filled in from the old one. */
  set(pod: Pod, status: PodStatus): void {
    this.#update(pod, status, false);
  }

  /** The pod worker is done: a phase that is not terminal becomes Failed, and the object may be deleted. */
  terminate(pod: Pod): void {
    const uid = pod.metadata.uid!;
    const old = this.#entries.get(uid)?.status ?? pod.status ?? {};
    const started = old.conditions?.some((c) => c.type === 'Initialized' && c.status === 'True') ?? false;
    const lost = {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
    };
    const status: PodStatus = { ...old };
    if (started && status.containerStatuses) {
      status.containerStatuses = status.containerStatuses.map((container) =>
        container.state.terminated ? container : { ...container, state: { terminated: lost } },
      );
    }
    if (!isTerminalPhase(status.phase)) status.phase = 'Failed';
    this.#update(pod, status, true);
  }

  /** Forgets a pod that is gone from the API. */
  remove(uid: string): void {
    this.#entries.delete(uid);
    this.#dirty.delete(uid);
  }

  /** A pod changed at the API: what it has may differ from what we wrote, or a deletion may be due. */
  reconcile(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    const pod = this.#newest(entry);
    if (!pod) return;
    if (entry.finished || (entry.written === entry.version && this.#patchFor(pod, entry) !== undefined))
      this.#mark(uid);
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#wakeUp();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const active = new Set<Promise<void>>();
      while (!signal.aborted) {
        for (const uid of this.#dirty) {
          if (active.size >= parallelWrites) break;
          if (this.#writing.has(uid)) continue;
          this.#dirty.delete(uid);
          this.#writing.add(uid);
          const write: Promise<void> = this.#write(uid, signal).then(() => {
            this.#writing.delete(uid);
            active.delete(write);
            this.#wakeUp();
          });
          active.add(write);
        }
        if (active.size > 0 || this.#dirty.size === 0) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
      await Promise.all(active);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #update(pod: Pod, status: PodStatus, finished: boolean): void {
    const uid = pod.metadata.uid!;
    const entry = this.#entries.get(uid);
    const old = entry?.status ?? pod.status ?? {};
    const now = rfc3339(this.#deps.clock.now());
    status.conditions = (status.conditions ?? []).map((condition) => settleTransition(condition, old, now));
    status.startTime = old.startTime ?? status.startTime ?? now;
    if ((old.observedGeneration ?? 0) > (status.observedGeneration ?? 0)) {
      status.observedGeneration = old.observedGeneration;
    }
    if (entry && !finished && deepEqual(entry.status, status)) return;
    const next: Entry = entry ?? {
      uid,
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name ?? '',
      status,
      version: 0,
      written: 0,
      finished: false,
      answered: undefined,
    };
    next.status = status;
    next.version++;
    next.finished ||= finished;
    this.#entries.set(uid, next);
    this.#deps.onChange?.(uid);
    this.#mark(uid);
  }

  #mark(uid: string): void {
    this.#dirty.add(uid);
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  async #write(uid: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    const { version } = entry;
    const { api, log } = this.#deps;
    try {
      // The watch's copy is the base; the uid in the patch guards against a namesake, and conditions merge by type.
      let pod = this.#newest(entry);
      if (!pod) return;
      const patch = this.#patchFor(pod, entry);
      if (patch) {
        // A static pod's status goes to its mirror, which has a uid of its own.
        const body = { metadata: { uid: pod.metadata.uid }, status: patch };
        pod = await withCause(podCause(pod), () => api.patchPodStatus(entry.namespace, entry.name, body, signal));
        entry.answered = pod;
      }
      entry.written = version;
      if (this.#canBeDeleted(pod, entry)) {
        await withCause(podCause(pod), () => api.deletePod(entry.namespace, entry.name, uid, signal));
        this.remove(uid);
        return;
      }
      // What others wrote meanwhile came while this version did not count as written.
      if (this.#newest(entry) !== pod) this.reconcile(uid);
    } catch (error) {
      if (signal.aborted) return;
      if (isNotFound(error) || isConflict(error)) {
        // Deleted, or replaced by a namesake: the watch tells what is true.
        log.debug('pod status not written', { pod: entry.name, uid, error: String(error) });
        if (isNotFound(error)) return;
      } else {
        log.warn('failed to update status for pod', { pod: entry.name, uid, error: String(error) });
      }
      this.#deps.clock.schedule(retryMs, () => {
        if (this.#entries.has(uid)) this.#mark(uid);
      });
    }
  }

  /** The watch's copy, or our own answer while its echo is under way. */
  #newest(entry: Entry): Pod | undefined {
    const seen = this.#deps.latestPod(entry.uid);
    const { answered } = entry;
    if (!seen || !answered) return seen;
    if (Number(answered.metadata.resourceVersion) > Number(seen.metadata.resourceVersion)) return answered;
    entry.answered = undefined;
    return seen;
  }

  #patchFor(pod: Pod, entry: Entry): Record<string, unknown> | undefined {
    const merged = mergeStatus(pod, entry.status, this.#deps.couldHaveRunningContainers(entry.uid));
    return statusPatch(pod.status ?? {}, merged);
  }

  #canBeDeleted(pod: Pod, entry: Entry): boolean {
    return Boolean(pod.metadata.deletionTimestamp) && entry.finished && isTerminalPhase(pod.status?.phase);
  }
}

function settleTransition(condition: PodCondition, old: PodStatus, now: string): PodCondition {
  // DisruptionTarget is shared with others; ours comes without a time.
  if (!conditionByKubelet(condition.type) && condition.lastTransitionTime !== undefined) return condition;
  const before = old.conditions?.find((c) => c.type === condition.type);
  const lastTransitionTime = before && before.status === condition.status ? before.lastTransitionTime : now;
  return { ...condition, lastTransitionTime };
}

/** Our status over what others own of it. Upstream: mergePodStatus. */
function mergeStatus(pod: Pod, next: PodStatus, couldHaveRunningContainers: boolean): PodStatus {
  const old = pod.status ?? {};
  const conditions = (old.conditions ?? []).filter((condition) => !conditionByKubelet(condition.type));
  for (const condition of next.conditions ?? []) if (conditionByKubelet(condition.type)) conditions.push(condition);
  const ends = !isTerminalPhase(old.phase) && isTerminalPhase(next.phase);
  const disruption = next.conditions?.find(({ type }) => type === 'DisruptionTarget');
  // Told with the end, when nothing runs any more.
  if (disruption && ends && !couldHaveRunningContainers) {
    const at = conditions.findIndex(({ type }) => type === 'DisruptionTarget');
    conditions.splice(at < 0 ? conditions.length : at, at < 0 ? 0 : 1, disruption);
  }
  const merged: PodStatus = { ...old, ...next, conditions };
  for (const key of ['reason', 'message'] as const) if (next[key] === undefined) delete merged[key];
  if (ends && couldHaveRunningContainers) {
    merged.phase = old.phase;
    merged.reason = old.reason;
    merged.message = old.message;
  }
  if (isTerminalPhase(merged.phase)) {
    const verdict = containersReady(pod, [], merged.phase!);
    merged.conditions = conditions.map((condition) =>
      (condition.type === 'Ready' || condition.type === 'ContainersReady') && condition.status === 'True'
        ? {
            ...condition,
            status: 'False' as const,
            reason: verdict.reason ?? `Pod${merged.phase === 'Failed' ? 'Failed' : 'Completed'}`,
          }
        : condition,
    );
  }
  return merged;
}
