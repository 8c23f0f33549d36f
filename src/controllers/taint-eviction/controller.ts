/** Evicts pods that do not tolerate their node's NoExecute taints. Upstream: pkg/controller/tainteviction (1.36). */

import type { Node, Pod } from '../../api/index.ts';
import { deepEqual, isNotFound, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
import { rfc3339, type Timer } from '../../base/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { addNodeIndex, podNodeIndex, type ReadPod, withPodCondition } from '../common/pods.ts';
import { noExecuteTaints, toleratedMs } from './tolerations.ts';

const workers = 8;
const names = {
  name: 'taint-eviction-controller',
  serviceAccount: 'node-controller',
  component: 'taint-eviction-controller',
} as const;

interface ScheduledEviction {
  /** Monotonic ms at which the pod first had to go. */
  readonly createdAt: number;
  readonly timer: Timer;
}

export class TaintEvictionController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #nodes: SharedInformer<Node>;
  readonly #pods: SharedInformer<Pod>;
  readonly #evictions: Workqueue;
  readonly #scheduled = new Map<string, ScheduledEviction>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#evictions = new Workqueue(context, { name: 'noexec_taint_pod' });
    this.#nodes = context.informers.informer<Node>('nodes');
    this.#pods = context.informers.informer<Pod>('pods');
    addNodeIndex(this.#pods);
    this.#nodes.addHandler({
      onAdd: (node) => this.#nodeChanged(node),
      onUpdate: (old, node) => {
        if (!deepEqual(noExecuteTaints(old.spec?.taints), noExecuteTaints(node.spec?.taints))) this.#nodeChanged(node);
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podChanged(pod),
      onUpdate: (old, pod) => {
        const moved = old.spec?.nodeName !== pod.spec?.nodeName;
        if (moved || !deepEqual(old.spec?.tolerations, pod.spec?.tolerations)) this.#podChanged(pod);
      },
      onDelete: (pod) => this.#cancel(pod),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#nodes, this.#pods];
    const reconcile = (key: string) => this.#evict(key);
    try {
      await runController(
        { log, broadcaster, informers, queues: [{ queue: this.#evictions, workers, reconcile }] },
        signal,
      );
    } finally {
      for (const { timer } of this.#scheduled.values()) timer.cancel();
      this.#scheduled.clear();
    }
  }

  #nodeChanged(node: Readonly<Node>): void {
    const cause = causeOf(this.#nodes.resource, node);
    for (const pod of this.#pods.lister.byIndex(podNodeIndex, node.metadata.name!)) this.#judge(pod, node, cause);
  }

  #podChanged(pod: ReadPod): void {
    const node = pod.spec?.nodeName ? this.#nodes.lister.get('', pod.spec.nodeName) : undefined;
    if (node) this.#judge(pod, node, causeOf(this.#pods.resource, pod));
  }

  #judge(pod: ReadPod, node: Readonly<Node>, cause: RequestCause): void {
    const key = objectKey(pod);
    const taints = noExecuteTaints(node.spec?.taints);
    const stay = taints.length === 0 ? 'forever' : toleratedMs(taints, pod.spec?.tolerations ?? []);
    if (stay === 'forever') {
      this.#cancel(pod);
      return;
    }
    const now = this.#context.clock.monotonic();
    const known = this.#scheduled.get(key);
    if (stay === 0) {
      this.#cancel(pod);
      this.#evictions.add(key, cause);
      return;
    }
    // Time already waited counts; an eviction due earlier stays.
    const createdAt = known?.createdAt ?? now;
    if (known) {
      if (createdAt + stay < now + stay) return;
      this.#cancel(pod);
    }
    const timer = this.#context.clock.schedule(createdAt + stay - now, () => {
      this.#scheduled.delete(key);
      this.#evictions.add(key, { ...cause, timer: 'toleration-seconds' });
    });
    this.#scheduled.set(key, { createdAt, timer });
  }

  #cancel(pod: ReadPod): void {
    const key = objectKey(pod);
    const known = this.#scheduled.get(key);
    if (!known) return;
    known.timer.cancel();
    this.#scheduled.delete(key);
    this.#base.recorder.event(reference(key), 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
  }

  async #evict(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    if (this.#evictions.numRequeues(key) === 0) {
      this.#base.recorder.event(reference(key), 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
    }
    const client = this.#base.client.resource<Pod>('pods').namespace(namespace);
    try {
      const pod = await client.get(name);
      const condition = {
        type: 'DisruptionTarget',
        status: 'True' as const,
        observedGeneration: pod.metadata.generation,
        reason: 'DeletionByTaintManager',
        message: 'Taint manager: deleting due to NoExecute taint',
      };
      const conditions = withPodCondition(pod.status?.conditions, condition, rfc3339(this.#context.clock.now()));
      if (conditions !== pod.status?.conditions) {
        const added = conditions.find((other) => other.type === condition.type);
        const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [added] } };
        await client.patch(name, 'strategic', patch, { subresource: 'status' });
      }
      await client.delete(name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function reference(key: string) {
  const { namespace, name } = splitObjectKey(key);
  return { apiVersion: 'v1', kind: 'Pod', namespace, name };
}
