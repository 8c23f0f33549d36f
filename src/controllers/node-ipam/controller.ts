/** Gives every node its range of pod addresses. Upstream: pkg/controller/nodeipam, RangeAllocator (1.36). */

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
import { CidrSet } from './cidr-set.ts';

const defaultClusterCidr = '10.244.0.0/16';
/** Upstream runs 30; one is enough where nothing but one patch is awaited, and keeps the ranges in the nodes' order. */
const workers = 1;
const updateRetries = 3;

const names = {
  name: 'node-ipam-controller',
  serviceAccount: 'node-controller',
  component: 'cidrAllocator',
} as const;

type ReadNode = Readonly<Node>;

export class NodeIpamController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #nodes: SharedInformer<Node>;
  readonly #sets: readonly CidrSet[];

  constructor(context: ControllerContext) {
    const {
      clusterCidrs = [defaultClusterCidr],
      nodeCidrMaskSizeIPv4 = 24,
      nodeCidrMaskSizeIPv6 = 64,
    } = context.settings;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'cidrallocator_node' });
    this.#sets = clusterCidrs.map(
      (cidr) => new CidrSet(cidr, cidr.includes(':') ? nodeCidrMaskSizeIPv6 : nodeCidrMaskSizeIPv4),
    );
    this.#nodes = context.informers.informer<Node>('nodes');
    const enqueue = (node: ReadNode) => this.#queue.add(node.metadata.name!, causeOf(this.#nodes.resource, node));
    this.#nodes.addHandler({
      onAdd: (node) => {
        // Ranges in use are marked before the first is given out: the workers start after the first list.
        this.#occupy(node);
        if (podCidrsOf(node).length === 0) enqueue(node);
      },
      onUpdate: (_, node) => {
        if (podCidrsOf(node).length === 0) enqueue(node);
        else this.#occupy(node);
      },
      onDelete: (node) => {
        for (const [i, cidr] of podCidrsOf(node).entries()) this.#sets[i]?.release(cidr);
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const queues = [{ queue: this.#queue, workers, reconcile: (name: string) => this.#sync(name) }];
    return runController({ log, broadcaster, informers: [this.#nodes], queues }, signal);
  }

  #occupy(node: ReadNode): void {
    for (const [i, cidr] of podCidrsOf(node).entries()) {
      if (this.#sets[i]?.occupy(cidr)) continue;
      this.#base.log.warn('node has a pod CIDR outside of the cluster CIDRs', { node: node.metadata.name, cidr });
    }
  }

  async #sync(name: string): Promise<void> {
    const node = this.#nodes.lister.get('', name);
    if (!node || podCidrsOf(node).length > 0) return;
    const podCIDRs: string[] = [];
    for (const set of this.#sets) {
      const cidr = set.allocateNext();
      if (cidr === undefined) {
        this.#release(podCIDRs);
        this.#statusEvent(node, 'CIDRNotAvailable');
        throw new Error(
          `failed to allocate cidr from cluster cidr at idx:${podCIDRs.length}: CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range`,
        );
      }
      podCIDRs.push(cidr);
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const patch = { spec: { podCIDR: podCIDRs[0], podCIDRs } };
        await this.#base.client.resource<Node>('nodes').patch(name, 'strategic', patch);
        return;
      } catch (error) {
        if (isNotFound(error)) {
          this.#release(podCIDRs);
          return;
        }
        if (attempt < updateRetries) continue;
        this.#statusEvent(node, 'CIDRAssignmentFailed');
        this.#release(podCIDRs);
        throw error;
      }
    }
  }

  #release(cidrs: readonly string[]): void {
    for (const [i, cidr] of cidrs.entries()) this.#sets[i]!.release(cidr);
  }

  #statusEvent(node: ReadNode, what: string): void {
    const { name, uid } = node.metadata;
    const reference = { apiVersion: 'v1', kind: 'Node', name, uid };
    this.#base.recorder.event(reference, 'Normal', what, `Node ${name} status is now: ${what}`);
  }
}

function podCidrsOf(node: ReadNode): readonly string[] {
  return node.spec?.podCIDRs ?? (node.spec?.podCIDR ? [node.spec.podCIDR] : []);
}
