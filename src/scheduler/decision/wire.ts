/**
 * Decisions between server and command: by columns, as at 5,000 nodes the entries of the nodes, each with its reasons
 * spelt out, are more than a megabyte of JSON that takes longer to send and read than to explain.
 */
import { headOf } from './codec.ts';
import type { DecisionColumns } from './columns.ts';
import { columnsOf, type Decision, type DecisionHead, decisionOf } from './record.ts';

/** A decision whose nodes are in `columns`, as plain arrays. */
export interface DecisionByColumns extends DecisionHead {
  readonly columns: DecisionColumns;
}

/** Plain data. A decision that was not built from columns is sent as it is. */
export function decisionToWire(decision: Decision): Decision | DecisionByColumns {
  const data = columnsOf(decision);
  if (!data) return { ...decision, nodes: decision.nodes };
  const { nodeNames, verdicts, state, feasible, scores } = data;
  return {
    ...headOf(decision),
    columns: {
      nodeNames,
      verdicts,
      state: Array.from(state),
      feasible: Array.from(feasible),
      scores: scores.map(({ plugin, weight, raw, normalised }) => ({
        plugin,
        weight,
        raw: Array.from(raw),
        normalised: Array.from(normalised),
      })),
    },
  };
}

/** What `decisionToWire` made, or a decision in full: its nodes are there to be read again and again. */
export function decisionFromWire(wire: Decision | DecisionByColumns): Decision {
  if (!('columns' in wire)) return wire;
  const { columns, ...head } = wire;
  return { ...head, nodes: decisionOf(head, columns).nodes };
}
