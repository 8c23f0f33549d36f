/** Filter on one node, with those nominated to it. Upstream: framework/runtime/framework.go, RunFilterPluginsWithNominatedPods. */
import type { NodeInfo, PodInfo } from './node-info.ts';
import type { Nominator } from './nominator.ts';
import type { CycleState, Plugin, Refusal } from './types.ts';

export interface FilterVerdict {
  readonly plugin: string;
  readonly refusal: Refusal;
}

/** A node with more pods, for as long as neither it nor they are others. */
interface Fuller {
  readonly generation: number;
  readonly others: readonly PodInfo[];
  readonly node: NodeInfo;
}

const same = (a: readonly PodInfo[], b: readonly PodInfo[]) =>
  a.length === b.length && a.every((pod, i) => pod === b[i]);

export class FilterRunner {
  readonly #all: readonly Plugin[];
  readonly #nominator: Nominator;
  /** Of nodes that others are nominated to: every cycle asks for them, and most cycles find them as they were. */
  #fuller = new WeakMap<NodeInfo, Fuller>();
  #keeping = false;

  constructor(filters: readonly Plugin[], nominator: Nominator) {
    this.#all = filters;
    this.#nominator = nominator;
  }

  /** Filters that this pod needs; reuse them for every node. */
  filtersFor(state: CycleState): readonly Plugin[] {
    return state.skipFilter.size === 0 ? this.#all : this.#all.filter(({ name }) => !state.skipFilter.has(name));
  }

  /** The first refusal, or undefined when the node is feasible. */
  run(filters: readonly Plugin[], state: CycleState, pod: PodInfo, node: NodeInfo): FilterVerdict | undefined {
    if (this.#nominator.size > 0 && this.#nominator.has(node.name)) {
      const others: PodInfo[] = [];
      for (const other of this.#nominator.podsOn(node.name)) {
        if (other.priority >= pod.priority && other.uid !== pod.uid && !node.pods.has(other.uid)) others.push(other);
      }
      if (others.length > 0) {
        const verdict = this.#withOthers(filters, state, pod, node, others);
        if (verdict) return verdict;
      }
    } else if (this.#keeping && this.#nominator.size === 0) {
      this.#fuller = new WeakMap();
      this.#keeping = false;
    }
    return first(filters, state, pod, node);
  }

  /** As if those nominated here were here already. The state is put back. */
  #withOthers(
    filters: readonly Plugin[],
    state: CycleState,
    pod: PodInfo,
    node: NodeInfo,
    others: readonly PodInfo[],
  ): FilterVerdict | undefined {
    const fuller = this.#with(node, others);
    for (const other of others) for (const plugin of filters) plugin.addPod?.(state, pod, other, fuller);
    const verdict = first(filters, state, pod, fuller);
    for (const other of others) for (const plugin of filters) plugin.removePod?.(state, pod, other, fuller);
    return verdict;
  }

  #with(node: NodeInfo, others: readonly PodInfo[]): NodeInfo {
    const known = this.#fuller.get(node);
    if (known?.generation === node.generation && same(known.others, others)) return known.node;
    const fuller = node.clone();
    for (const other of others) fuller.addPod(other);
    this.#fuller.set(node, { generation: node.generation, others, node: fuller });
    this.#keeping = true;
    return fuller;
  }
}

function first(filters: readonly Plugin[], state: CycleState, pod: PodInfo, node: NodeInfo): FilterVerdict | undefined {
  for (const plugin of filters) {
    const refusal = plugin.filter!(state, pod, node);
    if (refusal) return { plugin: plugin.name, refusal };
  }
  return undefined;
}
