/**
 * Tells kubelets how long they may keep what they have read, by the size of the cluster. Klab's own kubelet does not
 * read it; others that join do. Upstream: pkg/controller/ttl/ttl_controller.go (1.36).
 */
import type { Node } from '../../api/index.ts';
import { isNotFound } from '../../apimachinery/index.ts';
import { causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';

const concurrentSyncs = 5;
const annotation = 'node.alpha.kubernetes.io/ttl';

/** The sizes overlap, so that a cluster at a boundary does not go to and fro. */
const boundaries = [
  { min: 0, max: 100, seconds: 0 },
  { min: 90, max: 500, seconds: 15 },
  { min: 450, max: 1000, seconds: 30 },
  { min: 900, max: 2000, seconds: 60 },
  { min: 1800, max: Number.POSITIVE_INFINITY, seconds: 300 },
] as const;

const names = { name: 'ttl-controller', serviceAccount: 'ttl-controller', component: 'ttl-controller' } as const;

export class TtlController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #nodes: SharedInformer<Node>;
  #count = 0;
  #step = 0;

  constructor(context: ControllerContext) {
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'ttlcontroller' });
    this.#nodes = context.informers.informer<Node>('nodes');
    const seen = (node: Readonly<Node>) => this.#queue.add(node.metadata.name!, causeOf(this.#nodes.resource, node));
    this.#nodes.addHandler({
      onAdd: (node) => {
        if (++this.#count > boundaries[this.#step]!.max) this.#step++;
        seen(node);
      },
      onUpdate: (_, node) => {
        // Heartbeats come by the second: only a node that says something else is looked at.
        if (node.metadata.annotations?.[annotation] !== this.#wanted) seen(node);
      },
      onDelete: () => {
        if (--this.#count < boundaries[this.#step]!.min) this.#step--;
      },
    });
  }

  get #wanted(): string {
    return String(boundaries[this.#step]!.seconds);
  }

  run(signal: AbortSignal): Promise<void> {
    const { log } = this.#base;
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, reconcile: (name: string) => this.#sync(name) }];
    return runController({ log, informers: [this.#nodes], queues }, signal);
  }

  async #sync(name: string): Promise<void> {
    const wanted = this.#wanted;
    const node = this.#nodes.lister.get('', name);
    if (!node || node.metadata.annotations?.[annotation] === wanted) return;
    try {
      const patch = { metadata: { annotations: { [annotation]: wanted } } };
      await this.#base.client.resource<Node>('nodes').patch(name, 'strategic', patch, { handOver: true });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
