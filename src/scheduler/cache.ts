/** Nodes and the pods on them, with pods assumed there before the API says so. Upstream: scheduler/backend/cache. */
import type { Node, Pod } from '../api/index.ts';
import { NodeInfo, type PodInfo, podInfoOf } from './framework/node-info.ts';
import { ChangeLog } from './framework/tally.ts';
import type { Snapshot } from './framework/types.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const regionLabel = 'topology.kubernetes.io/region';

export class SchedulerCache implements Snapshot {
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #podNode = new Map<string, string>();
  readonly #assumed = new Set<string>();
  readonly #affine = new Set<NodeInfo>();
  readonly #antiAffine = new Set<NodeInfo>();
  readonly changes = new ChangeLog();
  readonly #imageNodes = new Map<string, number>();
  #ordered: NodeInfo[] | undefined;

  /** Nodes with an object, round-robin over zones so that a sample of them spans all. */
  get nodes(): readonly NodeInfo[] {
    this.#ordered ??= this.#inZoneOrder();
    return this.#ordered;
  }

  get(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    return info?.node ? info : undefined;
  }

  get withAffinity(): ReadonlySet<NodeInfo> {
    return this.#affine;
  }

  get withRequiredAntiAffinity(): ReadonlySet<NodeInfo> {
    return this.#antiAffine;
  }

  nodesWithImage(name: string): number {
    return this.#imageNodes.get(name) ?? 0;
  }

  #countImages({ images }: NodeInfo, by: 1 | -1): void {
    for (const name of images.keys()) {
      const count = this.nodesWithImage(name) + by;
      if (count > 0) this.#imageNodes.set(name, count);
      else this.#imageNodes.delete(name);
    }
  }

  /** The node's pods changed, or whether it is there. */
  #index(info: NodeInfo): void {
    this.changes.push(info, Math.max(1024, 4 * this.#nodes.size));
    if (info.node && info.podsWithAffinity.size > 0) this.#affine.add(info);
    else this.#affine.delete(info);
    if (info.node && info.podsWithRequiredAntiAffinity.size > 0) this.#antiAffine.add(info);
    else this.#antiAffine.delete(info);
  }

  #inZoneOrder(): NodeInfo[] {
    const zones = new Map<string, NodeInfo[]>();
    for (const info of this.#nodes.values()) {
      if (!info.node) continue;
      const zone = `${info.labels[regionLabel] ?? ''}:\u0000:${info.labels[zoneLabel] ?? ''}`;
      const members = zones.get(zone);
      if (members) members.push(info);
      else zones.set(zone, [info]);
    }
    const lists = [...zones.values()];
    const out: NodeInfo[] = [];
    for (let i = 0; lists.some((list) => i < list.length); i++) {
      for (const list of lists) if (i < list.length) out.push(list[i]!);
    }
    return out;
  }

  #nodeInfo(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (!info) {
      info = new NodeInfo(name);
      this.#nodes.set(name, info);
    }
    return info;
  }

  setNode(node: Readonly<Node>): void {
    const info = this.#nodeInfo(node.metadata.name!);
    const placed = (labels: Readonly<Record<string, string>>) => `${labels[regionLabel]}/${labels[zoneLabel]}`;
    const before = info.node && placed(info.labels);
    this.#countImages(info, -1);
    info.setNode(node);
    this.#countImages(info, 1);
    this.#index(info);
    if (before !== placed(info.labels)) this.#ordered = undefined;
  }

  /** The node's pods are still counted, should it come back. */
  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    this.#countImages(info, -1);
    info.setNode(undefined);
    this.#index(info);
    if (info.pods.size === 0) this.#nodes.delete(name);
    this.#ordered = undefined;
  }

  /** A bound pod as the API has it; ends its being assumed. */
  setPod(pod: Readonly<Pod>): void {
    const uid = pod.metadata.uid!;
    const node = pod.spec!.nodeName!;
    this.removePod(uid);
    this.#add(podInfoOf(pod), node);
    this.#podNode.set(uid, node);
  }

  #add(pod: PodInfo, node: string): void {
    const info = this.#nodeInfo(node);
    info.addPod(pod);
    this.#index(info);
  }

  removePod(uid: string): void {
    const node = this.#podNode.get(uid);
    if (node === undefined) return;
    const info = this.#nodes.get(node);
    info?.removePod(uid);
    if (info) this.#index(info);
    if (info && !info.node && info.pods.size === 0) this.#nodes.delete(node);
    this.#podNode.delete(uid);
    this.#assumed.delete(uid);
  }

  /** Counts a pod on a node from the moment of the decision, while its binding is under way. */
  assume(info: PodInfo, node: string): void {
    this.#add(info, node);
    this.#podNode.set(info.uid, node);
    this.#assumed.add(info.uid);
  }

  /** The binding failed. */
  forget(uid: string): void {
    if (this.#assumed.has(uid)) this.removePod(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /** Node a pod is counted on. */
  nodeOf(uid: string): string | undefined {
    return this.#podNode.get(uid);
  }
}
