/** The framework's contracts. Upstream: staging/src/k8s.io/kube-scheduler/framework/interface.go (1.36). */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { NodeInfo, PodInfo } from './node-info.ts';

export type StatusCode =
  | 'Success'
  | 'Error'
  | 'Unschedulable'
  | 'UnschedulableAndUnresolvable'
  | 'Wait'
  | 'Skip'
  | 'Pending';

/** Why a plugin refused. `detail` says it with this node's own values, for explanations only; never in events. */
export interface Refusal {
  readonly code: 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Pending' | 'Error';
  readonly reasons: readonly string[];
  readonly detail?: string;
}

/** State of one scheduling cycle; plugins keep what PreFilter and PreScore computed under their own name. */
export class CycleState {
  readonly #values = new Map<string, unknown>();
  readonly skipFilter = new Set<string>();
  readonly skipScore = new Set<string>();

  set(key: string, value: unknown): void {
    this.#values.set(key, value);
  }

  get<T>(key: string): T | undefined {
    return this.#values.get(key) as T | undefined;
  }
}

/** All nodes and the pods on them, as they stand during one cycle. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  get(name: string): NodeInfo | undefined;
}

export interface PreFilterResult {
  /** Only these nodes can be feasible. */
  readonly nodeNames?: ReadonlySet<string>;
  /** Nothing to filter: the plugin's Filter is not called for this pod. */
  readonly skip?: boolean;
}

export type ClusterEventAction = 'add' | 'update' | 'delete';

/** An event that may make a pod schedulable that this plugin refused. */
export interface EventInterest {
  readonly resource:
    | 'pods'
    | 'nodes'
    | 'persistentvolumeclaims'
    | 'persistentvolumes'
    | 'services'
    | 'storageclasses'
    | 'csinodes';
  readonly actions: readonly ClusterEventAction[];
  /** `false` when this very event cannot help. Absent: it may. */
  hint?(pod: PodInfo, old: Readonly<KubeObject> | undefined, now: Readonly<KubeObject> | undefined): boolean;
}

export interface Plugin {
  readonly name: string;
  /** For plugins that filter or gate. */
  readonly events?: readonly EventInterest[];
  preEnqueue?(pod: Readonly<Pod>): Refusal | undefined;
  /** Negative when `a` comes first. */
  less?(a: QueuedPod, b: QueuedPod): number;
  preFilter?(state: CycleState, pod: PodInfo, snapshot: Snapshot): Refusal | PreFilterResult | undefined;
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Refusal | undefined;
  /** `skip`: the plugin scores 0 for every node. */
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): 'skip' | undefined;
  /** Any integer; 0–100 after `normalizeScores`. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Changes the scores in place. */
  normalizeScores?(state: CycleState, pod: PodInfo, scores: number[], nodes: readonly NodeInfo[]): void;
  reserve?(state: CycleState, pod: PodInfo, node: string): Refusal | undefined;
  unreserve?(state: CycleState, pod: PodInfo, node: string): void;
  preBind?(state: CycleState, pod: PodInfo, node: string, signal: AbortSignal): Promise<void>;
  bind?(state: CycleState, pod: PodInfo, node: string, signal: AbortSignal): Promise<void>;
  postBind?(state: CycleState, pod: PodInfo, node: string): void;
}

export const maxNodeScore = 100;

/** A pod on its way through the queues. */
export interface QueuedPod {
  info: PodInfo;
  /** Cluster-clock ms at which it entered the queue for the present attempt. */
  timestamp: number;
  /** When it was first seen. */
  readonly initialTimestamp: number;
  attempts: number;
  /** Plugins that refused it in the last attempt. */
  unschedulablePlugins: Set<string>;
  /** Plugin that holds it before it may enter the active queue. */
  gatedBy: string | undefined;
}

export function isRefusal(value: Refusal | PreFilterResult | undefined): value is Refusal {
  return value !== undefined && 'code' in value;
}
