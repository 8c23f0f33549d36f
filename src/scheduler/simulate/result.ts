/** What a simulation tells. */
export interface SimulationPlacement {
  readonly pod: string;
  readonly node: string;
}

export interface SimulationFailure {
  readonly pod: string;
  readonly why: string;
  readonly message: string;
}

export interface SimulationEviction {
  readonly pod: string;
  readonly node: string;
  /** The more important pod that took its place. */
  readonly by: string;
  /** Its controller makes it anew: where that one went. Absent: nowhere, or nobody makes it anew. */
  readonly again?: string;
}

export interface SimulatedNode {
  readonly name: string;
  readonly pods: number;
  /** Pods of the workload. */
  readonly placed: number;
  /** Shares of what can be given out, 0…1. */
  readonly cpu: number;
  readonly memory: number;
  readonly price?: number;
}

export interface Simulation {
  /** Which configuration. */
  readonly config: string;
  readonly placements: readonly SimulationPlacement[];
  readonly unscheduled: readonly SimulationFailure[];
  /** Pods that preemption took away, in order. */
  readonly evicted: readonly SimulationEviction[];
  readonly nodes: readonly SimulatedNode[];
  /** Nodes with at least one pod that is not a daemon's. */
  readonly nodesInUse: number;
  readonly utilisation: { readonly cpu: number; readonly memory: number };
  /**
   * Of the largest pod of the workload: how many more fit node by node, how many would if all that is free were one node,
   * and the share that is lost.
   */
  readonly fragmentation: { readonly fits: number; readonly ideal: number; readonly lost: number };
  /** Per hour, where nodes have prices. */
  readonly cost?: { readonly all: number; readonly inUse: number };
}
