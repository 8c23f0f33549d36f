/** Pods that are to run on a node once room has been made for them. Upstream: scheduler/backend/queue/nominator.go (1.36). */
import type { PodInfo } from './node-info.ts';

export class Nominator {
  readonly #byNode = new Map<string, Map<string, PodInfo>>();
  readonly #nodeOf = new Map<string, string>();

  set(info: PodInfo, node: string): void {
    this.delete(info.uid);
    let pods = this.#byNode.get(node);
    if (!pods) {
      pods = new Map();
      this.#byNode.set(node, pods);
    }
    pods.set(info.uid, info);
    this.#nodeOf.set(info.uid, node);
  }

  delete(uid: string): void {
    const node = this.#nodeOf.get(uid);
    if (node === undefined) return;
    this.#nodeOf.delete(uid);
    const pods = this.#byNode.get(node)!;
    pods.delete(uid);
    if (pods.size === 0) this.#byNode.delete(node);
  }

  /** Node the pod is nominated to. */
  nodeOf(uid: string): string | undefined {
    return this.#nodeOf.get(uid);
  }

  podsOn(node: string): Iterable<PodInfo> {
    return this.#byNode.get(node)?.values() ?? [];
  }

  /** Is anybody nominated to the node? */
  has(node: string): boolean {
    return this.#byNode.has(node);
  }

  get size(): number {
    return this.#nodeOf.size;
  }
}
