import type { Decision, DecisionSink } from '../scheduler/index.ts';
import type { SideTable } from '../sqlite/index.ts';

const kind = 'decision';
/** Attempts read per pod. */
const attemptsMax = 20;

/** Scheduling decisions in a side table of the cluster's database. */
export function decisionSink(table: SideTable): DecisionSink {
  return {
    append(_uid, key, decision) {
      // Expanded here: the record's own form is for memory.
      table.append(kind, key, decision.finishedAt, { ...decision, nodes: decision.nodes });
    },
    list(key) {
      const newestFirst = table.list(kind, key, { limit: attemptsMax });
      return newestFirst.map((entry) => entry.value as Decision).reverse();
    },
  };
}
