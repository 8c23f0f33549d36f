/** Why nodes have neither a verdict nor a score. */
import type { NodeDecision } from './columns.ts';
import type { Decision } from './record.ts';

/**
 * `PreFilter`: a plugin refused the pod as a whole. `Nominated`: room had been made for the pod on one node, which is tried
 * first and suffices. `Sampling`: enough feasible nodes had been found.
 */
export type Unseen = 'PreFilter' | 'Nominated' | 'Sampling';

/** Undefined when all nodes were looked at. Takes `nodes`, which a decision makes anew whenever it is asked. */
export function unseenBecause(
  { preFilter, node }: Pick<Decision, 'preFilter' | 'node'>,
  nodes: readonly NodeDecision[],
): Unseen | undefined {
  const unseen = nodes.reduce((count, { skipped }) => count + (skipped ? 1 : 0), 0);
  if (unseen === 0) return undefined;
  if (preFilter.some(({ reasons }) => reasons.length > 0)) return 'PreFilter';
  // A sample has a hundred nodes at least, so one alone is the nominated one.
  return unseen === nodes.length - 1 && node !== undefined ? 'Nominated' : 'Sampling';
}
