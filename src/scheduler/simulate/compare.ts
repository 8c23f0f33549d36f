/** Which of several configurations did better with the same workload. */
import type { Simulation } from './result.ts';

export type Criterion = 'placed' | 'evicted' | 'cost' | 'nodesInUse' | 'fragmentation';

export interface Comparison {
  /** Names of the configurations that are ahead: one, or all that nothing tells apart. */
  readonly ahead: readonly string[];
  /** What decided; absent when nothing tells any of them apart. */
  readonly by?: Criterion;
}

/** In this order; of each less is better. */
const criteria: Readonly<Record<Criterion, (simulation: Simulation) => number>> = {
  placed: ({ placements }) => -placements.length,
  evicted: ({ evicted }) => evicted.length,
  cost: ({ cost }) => cost?.inUse ?? 0,
  nodesInUse: ({ nodesInUse }) => nodesInUse,
  fragmentation: ({ fragmentation }) => fragmentation.lost,
};

/** Pods placed, pods evicted for it, cost of the nodes in use, their number, what is left in pieces: the first that differs decides. */
export function compareSimulations(results: readonly Simulation[]): Comparison {
  let ahead = results;
  let by: Criterion | undefined;
  for (const criterion of Object.keys(criteria) as Criterion[]) {
    const measure = criteria[criterion];
    const best = Math.min(...ahead.map(measure));
    const left = ahead.filter((simulation) => measure(simulation) === best);
    if (left.length < ahead.length) by = criterion;
    ahead = left;
    if (ahead.length === 1) break;
  }
  return { ahead: ahead.map(({ config }) => config), ...(by && { by }) };
}
