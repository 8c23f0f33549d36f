/**
 * Makes room for a pod by removing less important ones. Upstream: framework/plugins/defaultpreemption,
 * framework/preemption (1.36).
 */
import type { PodDisruptionBudget } from '../../api/index.ts';
import type { Prng } from '../../base/index.ts';
import { fitErrorMessage } from '../fit-error.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import type { FilterRunner } from '../framework/run-filters.ts';
import type { CycleState, Diagnosis, Plugin, PostFilterResult, Snapshot } from '../framework/types.ts';
import type { PreemptionExecutor } from '../preemption/executor.ts';
import { type Candidate, pickCandidate, selectVictims } from '../preemption/victims.ts';

const name = 'DefaultPreemption';
const notHelpful = 'Preemption is not helpful for scheduling';

/** Upstream: DefaultPreemptionArgs. */
export interface DefaultPreemptionArgs {
  /** Share of the nodes that are tried. Default 10. */
  readonly minCandidateNodesPercentage?: number;
  /** At least so many are tried. Default 100. */
  readonly minCandidateNodesAbsolute?: number;
}

/** What preemption looked at, for the record of the decision. */
export interface PreemptionReport {
  readonly candidates: readonly Candidate[];
  readonly chosen?: Candidate;
}

export interface DefaultPreemptionDeps {
  readonly snapshot: () => Snapshot;
  readonly budgets: () => readonly Readonly<PodDisruptionBudget>[];
  readonly runner: () => FilterRunner;
  /** Makes the room, or keeps in mind that it would be made. */
  readonly executor: Pick<PreemptionExecutor, 'start' | 'isPreempting'>;
  readonly prng: Prng;
  readonly schedulerName: string;
  /** Extenders may take candidates away. Throws what ends the attempt. */
  readonly extenders?: (pod: PodInfo, candidates: readonly Candidate[]) => Promise<readonly Candidate[]>;
}

const failed = (message: string, clear = false): PostFilterResult => ({
  success: false,
  reasons: [`preemption: ${message}`],
  ...(clear && { nominatedNode: '' }),
});

function terminatingByPreemption({ pod }: PodInfo): boolean {
  if (pod.metadata.deletionTimestamp === undefined) return false;
  const condition = pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

/** Why the pod may not preempt. Upstream: PodEligibleToPreemptOthers. */
function ineligible({ pod, priority }: PodInfo, diagnosis: Diagnosis, snapshot: Snapshot): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.status?.nominatedNodeName;
  if (!nominated || diagnosis.isUnresolvable(nominated)) return undefined;
  for (const other of snapshot.get(nominated)?.pods.values() ?? []) {
    if (other.priority < priority && terminatingByPreemption(other)) {
      return 'not eligible due to a terminating pod on the nominated node.';
    }
  }
  return undefined;
}

export function defaultPreemption(deps: DefaultPreemptionDeps, args: DefaultPreemptionArgs = {}): Plugin {
  const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = args;
  const wanted = (nodes: number) =>
    Math.min(nodes, Math.max(minCandidateNodesAbsolute, Math.trunc((nodes * minCandidateNodesPercentage) / 100)));

  /** Candidates, and the reasons of the nodes that are none. */
  const dryRun = (state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], counts: Map<string, number>) => {
    const runner = deps.runner();
    const budgets = deps.budgets();
    const limit = wanted(nodes.length);
    const offset = deps.prng.int(nodes.length);
    const clean: Candidate[] = [];
    const violating: Candidate[] = [];
    for (let i = 0; i < nodes.length; i++) {
      if (clean.length > 0 && clean.length + violating.length >= limit) break;
      const found = selectVictims(runner, state, pod, nodes[(offset + i) % nodes.length]!, budgets);
      if ('victims' in found) {
        (found.pdbViolations === 0 ? clean : violating).push(found);
        continue;
      }
      for (const reason of found.reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...clean, ...violating];
  };

  const actuate = (state: CycleState, pod: PodInfo, candidates: readonly Candidate[]): PostFilterResult => {
    if (candidates.length === 0) return failed('no candidate node for preemption');
    const chosen = pickCandidate(candidates);
    state.set(`${name}/report`, { candidates, chosen } satisfies PreemptionReport);
    deps.executor.start(pod, chosen, deps.schedulerName, name);
    return { success: true, reasons: [], nominatedNode: chosen.node };
  };

  return {
    name,
    // Those that refused the pod know which deletions help; being here again is not for preemption to say.
    events: [{ resource: 'pods', actions: ['delete'], hint: () => false }],
    preEnqueue(pod) {
      if (!deps.executor.isPreempting(pod.metadata.uid!)) return undefined;
      return {
        code: 'UnschedulableAndUnresolvable',
        reasons: ['waiting for the preemption for this pod to be finished'],
      };
    },
    postFilter(state, pod, diagnosis) {
      const snapshot = deps.snapshot();
      const reason = ineligible(pod, diagnosis, snapshot);
      if (reason !== undefined) return failed(reason);
      const total = snapshot.nodes.length;
      const counts = new Map<string, number>();
      const candidates =
        diagnosis.unschedulable.length === 0 ? [] : dryRun(state, pod, diagnosis.unschedulable, counts);
      if (candidates.length === 0) {
        const rest = total - diagnosis.unschedulable.length;
        if (rest > 0) counts.set(notHelpful, (counts.get(notHelpful) ?? 0) + rest);
        state.set(`${name}/report`, { candidates } satisfies PreemptionReport);
        return failed(fitErrorMessage(total, counts, ''), true);
      }
      if (!deps.extenders) return actuate(state, pod, candidates);
      return deps.extenders(pod, candidates).then((left) => actuate(state, pod, left));
    },
  };
}

/** What the plugin looked at in this cycle. */
export function preemptionReport(state: CycleState): PreemptionReport | undefined {
  return state.get(`${name}/report`);
}
