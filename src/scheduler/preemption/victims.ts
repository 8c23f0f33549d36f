/**
 * Which pods would have to go from a node for a pod to fit. Upstream: framework/plugins/defaultpreemption
 * (SelectVictimsOnNode, filterPodsWithPDBViolation), framework/preemption (pickOneNodeForPreemption) (1.36).
 */
import type { PodDisruptionBudget } from '../../api/index.ts';
import { type LabelSelectorObject, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import type { FilterRunner } from '../framework/run-filters.ts';
import type { CycleState, Refusal } from '../framework/types.ts';

/** A node that preemption would make feasible. */
export interface Candidate {
  readonly node: string;
  /** Most important first. */
  readonly victims: readonly PodInfo[];
  readonly pdbViolations: number;
}

/** Pods that have not started are as young as can be. */
export function startTimeOf({ pod }: PodInfo): number {
  const text = pod.status?.startTime;
  return text ? parseTime(text as string) : Number.POSITIVE_INFINITY;
}

/** Higher priority first, then longer running. */
function byImportance(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  const [x, y] = [startTimeOf(a), startTimeOf(b)];
  return x === y ? 0 : x - y;
}

/** Pods whose going would go over a budget, and the others; the order stays. */
function splitByBudget(
  pods: readonly PodInfo[],
  budgets: readonly Readonly<PodDisruptionBudget>[],
): { violating: PodInfo[]; others: PodInfo[] } {
  const left = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0);
  const selectors = budgets.map(({ spec }) => selectorFromLabelSelector(spec?.selector as LabelSelectorObject));
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const pod of pods) {
    let violates = false;
    if (Object.keys(pod.labels).length > 0) {
      for (const [i, { metadata, status }] of budgets.entries()) {
        if (metadata.namespace !== pod.namespace) continue;
        const selector = selectors[i]!;
        if (selector.requirements.length === 0 || !selector.matches(pod.labels)) continue;
        // The API server has counted this one already.
        if (status?.disruptedPods?.[pod.pod.metadata.name!]) continue;
        left[i]!--;
        if (left[i]! < 0) violates = true;
      }
    }
    (violates ? violating : others).push(pod);
  }
  return { violating, others };
}

const noVictims: Refusal = {
  code: 'UnschedulableAndUnresolvable',
  reasons: ['No preemption victims found for incoming pod'],
};

/** The least pods to remove from the node. The state is put back; the node is not touched. */
export function selectVictims(
  runner: FilterRunner,
  state: CycleState,
  pod: PodInfo,
  original: NodeInfo,
  budgets: readonly Readonly<PodDisruptionBudget>[],
): Candidate | Refusal {
  const lower = [...original.pods.values()].filter((other) => other.priority < pod.priority);
  if (lower.length === 0) return noVictims;
  const node = original.clone();
  const filters = runner.filtersFor(state);
  const remove = (other: PodInfo) => {
    node.removePod(other.uid);
    for (const plugin of filters) plugin.removePod?.(state, pod, other, node);
  };
  const add = (other: PodInfo) => {
    node.addPod(other);
    for (const plugin of filters) plugin.addPod?.(state, pod, other, node);
  };
  for (const other of lower) remove(other);
  const refused = runner.run(filters, state, pod, node);
  if (refused) {
    for (const other of lower) add(other);
    return refused.refusal;
  }
  lower.sort(byImportance);
  const { violating, others } = splitByBudget(lower, budgets);
  const victims: PodInfo[] = [];
  let pdbViolations = 0;
  const reprieved = (other: PodInfo): boolean => {
    add(other);
    if (!runner.run(filters, state, pod, node)) return true;
    remove(other);
    victims.push(other);
    return false;
  };
  for (const other of violating) if (!reprieved(other)) pdbViolations++;
  for (const other of others) reprieved(other);
  for (const other of victims) add(other);
  victims.sort(byImportance);
  return { node: node.name, victims, pdbViolations };
}

/** Start of the longest running of the most important victims. */
function earliestStart({ victims }: Candidate): number {
  const top = Math.max(...victims.map(({ priority }) => priority));
  return Math.min(...victims.filter(({ priority }) => priority === top).map(startTimeOf));
}

/** Each says how good a candidate is; the next decides between equals. */
const criteria: readonly ((candidate: Candidate) => number)[] = [
  ({ pdbViolations }) => -pdbViolations,
  ({ victims }) => -victims[0]!.priority,
  // Moved up, so that many pods of negative priority weigh more than few.
  ({ victims }) => -victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0),
  ({ victims }) => -victims.length,
  earliestStart,
];

/** The node to preempt on; the first of equals. */
export function pickCandidate(candidates: readonly Candidate[]): Candidate {
  let left = candidates;
  for (const value of criteria) {
    if (left.length === 1) break;
    const values = left.map(value);
    const best = Math.max(...values);
    left = left.filter((_, i) => values[i] === best);
  }
  return left[0]!;
}
