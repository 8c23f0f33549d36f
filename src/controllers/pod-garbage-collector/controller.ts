/** Removes pods that nobody else will. Upstream: pkg/controller/podgc (1.36). */

import type { Node, Pod } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { type SharedInformer, withCause } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { isPodTerminal, type ReadPod, withPodCondition } from '../common/pods.ts';

const periodMs = 20_000;
/** A node must be missing this long before its pods are given up. */
const quarantineMs = 40_000;
const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

const names = {
  name: 'pod-garbage-collector-controller',
  serviceAccount: 'pod-garbage-collector',
  component: 'pod-garbage-collector',
} as const;

export class PodGarbageCollector implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #threshold: number;
  /** Missing node → monotonic ms when it was first missed. */
  readonly #missing = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#threshold = context.settings.terminatedPodGCThreshold ?? 12_500;
    this.#pods = context.informers.informer<Pod>('pods');
    this.#nodes = context.informers.informer<Node>('nodes');
  }

  run(signal: AbortSignal): Promise<void> {
    const loop = {
      name: 'gc',
      run: async (inner: AbortSignal) => {
        for (;;) {
          await withCause({ timer: 'pod-gc' }, () => this.#collect());
          await this.#context.clock.sleep(periodMs, inner);
        }
      },
    };
    const informers = [this.#pods, this.#nodes];
    return runController({ log: this.#base.log, informers, queues: [], loops: [loop] }, signal);
  }

  async #collect(): Promise<void> {
    const pods = this.#pods.lister.list();
    const gone = await this.#goneNodes(pods);
    const terminated = pods.filter(isPodTerminal);
    const excess = this.#threshold > 0 ? terminated.length - this.#threshold : 0;
    const work: Promise<void>[] = [];
    if (excess > 0) {
      terminated.sort(byEvictionAndCreation);
      for (const pod of terminated.slice(0, excess)) work.push(this.#forceDelete(pod));
    }
    for (const pod of pods) {
      const nodeName = pod.spec?.nodeName ?? '';
      if (gone.has(nodeName)) work.push(this.#forceDelete(pod, 'PodGC: node no longer exists'));
      else if (pod.metadata.deletionTimestamp === undefined) continue;
      else if (nodeName === '' || this.#isOutOfService(nodeName)) work.push(this.#forceDelete(pod));
    }
    await Promise.all(work);
  }

  /** Nodes that pods name, that have been missing for the quarantine, and that the server does not know either. */
  async #goneNodes(pods: readonly ReadPod[]): Promise<Set<string>> {
    const now = this.#context.clock.monotonic();
    const named = new Set<string>();
    for (const pod of pods) {
      const name = pod.spec?.nodeName;
      if (name && !this.#nodes.lister.get('', name)) named.add(name);
    }
    for (const name of this.#missing.keys()) if (!named.has(name)) this.#missing.delete(name);
    const gone = new Set<string>();
    for (const name of named) {
      const since = this.#missing.get(name);
      if (since === undefined) this.#missing.set(name, now);
      else if (now - since >= quarantineMs && !(await this.#nodeExists(name))) gone.add(name);
    }
    return gone;
  }

  async #nodeExists(name: string): Promise<boolean> {
    try {
      await this.#base.client.resource<Node>('nodes').get(name);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      this.#base.log.warn('error while getting node', { node: name, error });
      return true;
    }
  }

  #isOutOfService(nodeName: string): boolean {
    const node = this.#nodes.lister.get('', nodeName);
    if (!node?.spec?.taints?.some((taint) => taint.key === outOfServiceTaint)) return false;
    return !node.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  }

  /** Fails the pod if it has not ended, and deletes it without grace. What goes wrong is tried again next time. */
  async #forceDelete(pod: ReadPod, message?: string): Promise<void> {
    const name = pod.metadata.name!;
    const client = this.#base.client.resource<Pod>('pods').namespace(pod.metadata.namespace);
    try {
      if (!isPodTerminal(pod)) {
        const status: Record<string, unknown> = { phase: 'Failed' };
        if (message) {
          const condition = {
            type: 'DisruptionTarget',
            status: 'True' as const,
            observedGeneration: pod.metadata.generation,
            reason: 'DeletionByPodGC',
            message,
          };
          const conditions = withPodCondition(pod.status?.conditions, condition, rfc3339(this.#context.clock.now()));
          status['conditions'] = [conditions.find((other) => other.type === condition.type)];
        }
        const patch = { metadata: { uid: pod.metadata.uid }, status };
        await client.patch(name, 'strategic', patch, { subresource: 'status' });
      }
      await client.delete(name, { gracePeriodSeconds: 0 });
    } catch (error) {
      if (isNotFound(error)) return;
      if ((error as Error).name === 'AssertionError') throw error;
      this.#base.log.warn('failed to delete pod', { pod: `${pod.metadata.namespace}/${name}`, error });
    }
  }
}

function byEvictionAndCreation(a: ReadPod, b: ReadPod): number {
  const evicted = (pod: ReadPod) => pod.status?.phase === 'Failed' && pod.status.reason === 'Evicted';
  if (evicted(a) !== evicted(b)) return evicted(a) ? -1 : 1;
  const [x = '', y = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name! < b.metadata.name! ? -1 : 1;
}
