/**
 * Makes room: marks and deletes victims while the scheduler goes on with other pods.
 * Upstream: framework/preemption/executor.go (1.36, SchedulerAsyncPreemption).
 */
import type { Pod } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { type Clock, isAbort, type Logger, rfc3339 } from '../../base/index.ts';
import type { EventRecorder, KubeClient } from '../../client/index.ts';
import type { PodInfo } from '../framework/node-info.ts';
import type { Nominator } from '../framework/nominator.ts';
import type { Candidate } from './victims.ts';

export interface PreemptionDeps {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nominator: Nominator;
  /** The pod as the cache has it. */
  readonly pod: (namespace: string, name: string) => Readonly<Pod> | undefined;
  /** Runs beside the scheduling loop, until done or the scheduler ends. */
  readonly spawn: (name: string, task: (signal: AbortSignal) => Promise<void>) => void;
  /** Lets the pod be tried again at once. */
  readonly activate: (uid: string) => void;
  /** A pod that waits at Permit gives up its place instead of being deleted. True when it did. */
  readonly rejectWaiting: (uid: string, message: string) => boolean;
}

export class PreemptionExecutor {
  readonly #deps: PreemptionDeps;
  readonly #preempting = new Set<string>();
  readonly #lastVictim = new Map<string, PodInfo>();

  constructor(deps: PreemptionDeps) {
    this.#deps = deps;
  }

  /** Is room still being made for the pod? Once its last victim is going, its deletion may already have been seen. */
  isPreempting(uid: string): boolean {
    if (!this.#preempting.has(uid)) return false;
    const last = this.#lastVictim.get(uid);
    if (!last) return true;
    const current = this.#deps.pod(last.namespace, last.pod.metadata.name!);
    return current !== undefined && current.metadata.deletionTimestamp === undefined;
  }

  start(preemptor: PodInfo, { node, victims }: Candidate, schedulerName: string, plugin: string): void {
    // Those already going need no other word.
    const standing = victims.filter(({ terminating }) => !terminating);
    if (standing.length === 0) return;
    const { uid } = preemptor;
    this.#preempting.add(uid);
    this.#deps.spawn(`preempt for ${preemptor.key}`, async (signal) => {
      let again = false;
      try {
        await this.#clearNominations(preemptor, node, signal);
        const last = standing.at(-1)!;
        await Promise.all(
          standing.slice(0, -1).map((victim) => this.#preempt(preemptor, victim, node, schedulerName, plugin, signal)),
        );
        this.#lastVictim.set(uid, last);
        // One that had not been bound frees its place without the API's telling of it.
        again = await this.#preempt(preemptor, last, node, schedulerName, plugin, signal);
      } catch (error) {
        if (isAbort(error) && signal.aborted) throw error;
        again = true;
        this.#deps.log.warn('preemption failed', { pod: preemptor.key, node, error: String(error) });
      } finally {
        this.#preempting.delete(uid);
        this.#lastVictim.delete(uid);
      }
      if (again) this.#deps.activate(uid);
    });
  }

  /** Less important pods nominated to the node may not fit any more: they look for another place. */
  async #clearNominations(preemptor: PodInfo, node: string, signal: AbortSignal): Promise<void> {
    const { nominator, client } = this.#deps;
    const lower = [...nominator.podsOn(node)].filter(({ priority }) => priority < preemptor.priority);
    for (const { pod, namespace, uid } of lower) {
      nominator.delete(uid);
      try {
        const patch = { metadata: { uid }, status: { nominatedNodeName: null } };
        await client
          .resource('pods')
          .namespace(namespace)
          .patch(pod.metadata.name!, 'strategic', patch, { subresource: 'status', signal });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      this.#deps.activate(uid);
    }
  }

  /** True when the victim was not bound yet and has lost its place without the API. */
  async #preempt(
    preemptor: PodInfo,
    victim: PodInfo,
    node: string,
    schedulerName: string,
    plugin: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { client, events, clock, rejectWaiting } = this.#deps;
    const { name, uid, generation } = victim.pod.metadata;
    let message = `Preempted by pod ${preemptor.uid} on node ${node}`;
    const inMemory = rejectWaiting(victim.uid, `preempted by ${plugin}`);
    if (inMemory) message += ' (in kube-scheduler memory).';
    else {
      const pods = client.resource('pods').namespace(victim.namespace);
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: `${schedulerName}: preempting to accommodate a higher priority pod`,
        lastProbeTime: null,
        lastTransitionTime: rfc3339(clock.now()),
        observedGeneration: generation,
      };
      try {
        const patch = { metadata: { uid }, status: { conditions: [condition] } };
        await pods.patch(name!, 'strategic', patch, { subresource: 'status', signal });
        await pods.delete(name!, { signal });
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    }
    events.event(victim.pod, 'Normal', 'Preempted', message);
    return inMemory;
  }
}
