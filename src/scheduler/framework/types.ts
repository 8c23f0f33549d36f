/** The framework's contracts. Upstream: staging/src/k8s.io/kube-scheduler/framework/interface.go (1.36). */
import type { Pod } from '../../api/index.ts';
import type { EventInterest } from './events.ts';
import type { NodeInfo, PodInfo } from './node-info.ts';
import type { ChangeLog } from './tally.ts';

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
  /** Those of them with pods that have affinity, and with pods that require anti-affinity. */
  readonly withAffinity: ReadonlySet<NodeInfo>;
  readonly withRequiredAntiAffinity: ReadonlySet<NodeInfo>;
  /** How many nodes have an image. */
  nodesWithImage(name: string): number;
  /** Which nodes changed, for those who keep what they counted. */
  readonly changes: ChangeLog;
  get(name: string): NodeInfo | undefined;
}

export interface PreFilterResult {
  /** Only these nodes can be feasible. */
  readonly nodeNames?: ReadonlySet<string>;
  /** Nothing to filter: the plugin's Filter is not called for this pod. */
  readonly skip?: boolean;
}

/** What Filter said of every node, as PostFilter sees it. */
export interface Diagnosis {
  /** Nodes that refused for a reason that removing pods from them may end. */
  readonly unschedulable: readonly NodeInfo[];
  /** Nodes that nothing done to their pods makes feasible, by name. */
  isUnresolvable(node: string): boolean;
}

export interface PostFilterResult {
  /** The pod may be schedulable later: no further PostFilter plugin runs. */
  readonly success: boolean;
  readonly reasons: readonly string[];
  /** What went wrong ends PostFilter: the plugins that follow are not asked. */
  readonly final?: boolean;
  /** Node to nominate; '' clears a nomination; absent leaves it. */
  readonly nominatedNode?: string;
}

/** Permit asks the pod to wait, at most so long. */
export interface PermitWait {
  readonly waitMs: number;
}

export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;
export type ExtensionPoint = (typeof extensionPoints)[number];

/** Does the plugin have anything to do at the point? */
export function implementsPoint(plugin: Plugin, point: ExtensionPoint): boolean {
  switch (point) {
    case 'queueSort':
      return plugin.less !== undefined;
    case 'reserve':
      return plugin.reserve !== undefined || plugin.unreserve !== undefined;
    default:
      return plugin[point] !== undefined;
  }
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
  /** What PreFilter computed, were `other` on `node` as well. Upstream: PreFilterExtensions. */
  addPod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void;
  removePod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void;
  /** Runs when no node is feasible. */
  postFilter?(state: CycleState, pod: PodInfo, diagnosis: Diagnosis): PostFilterResult | Promise<PostFilterResult>;
  /** `skip`: the plugin scores 0 for every node. */
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): 'skip' | undefined;
  /** Any integer; 0–100 after `normalizeScores`. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Changes the scores in place. */
  normalizeScores?(state: CycleState, pod: PodInfo, scores: number[], nodes: readonly NodeInfo[]): void;
  reserve?(state: CycleState, pod: PodInfo, node: string): Refusal | undefined;
  unreserve?(state: CycleState, pod: PodInfo, node: string): void;
  /** Holds a pod that has its node: refuses it, or lets it wait. */
  permit?(state: CycleState, pod: PodInfo, node: string): Refusal | PermitWait | undefined;
  /** Will `preBind` do anything? Then the pod is nominated to its node meanwhile. Absent: it will. */
  preBindPreFlight?(state: CycleState, pod: PodInfo, node: string): boolean;
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
  /** Attempts in which plugins refused it. */
  refusals: number;
  /** Attempts in a row that failed for something other than the cluster's state. */
  errors: number;
  /** Cluster-clock ms at which its backoff ends, once that is known. */
  backoffEnd: number | undefined;
  /** Plugins that refused it in the last attempt. */
  unschedulablePlugins: Set<string>;
  /** Those of them that asked it to be tried again at once when something helps. */
  pendingPlugins: Set<string>;
  /** Plugin that holds it before it may enter the active queue. */
  gatedBy: string | undefined;
}

export function isRefusal(value: Refusal | PreFilterResult | undefined): value is Refusal {
  return value !== undefined && 'code' in value;
}
