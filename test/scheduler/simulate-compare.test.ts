/** Which configuration did better, and by what. */
import { describe, expect, it } from 'vitest';
import { simulationText } from '../../src/cli/scheduler-simulate.ts';
import { compareSimulations, type Simulation } from '../../src/scheduler/index.ts';

const simulation = (
  config: string,
  of: { placed?: number; evicted?: number; cost?: number; used?: number; lost?: number },
) =>
  ({
    config,
    placements: Array.from({ length: of.placed ?? 4 }, (_, i) => ({ pod: `default/p-${i}`, node: 'n' })),
    unscheduled: [],
    evicted: Array.from({ length: of.evicted ?? 0 }, (_, i) => ({
      pod: `default/e-${i}`,
      node: 'n',
      by: 'default/p-0',
    })),
    nodes: [],
    nodesInUse: of.used ?? 3,
    utilisation: { cpu: 0.5, memory: 0.5 },
    fragmentation: { fits: 1, ideal: 2, lost: of.lost ?? 0.5 },
    ...(of.cost !== undefined && { cost: { all: 10, inUse: of.cost } }),
  }) satisfies Simulation;

describe('of configurations', () => {
  it.each([
    ['places more pods', { placed: 5, evicted: 3, cost: 9 }, { placed: 4, cost: 1 }, 'placed'],
    ['evicts fewer for as many', { evicted: 1, cost: 9 }, { evicted: 2, cost: 1 }, 'evicted'],
    ['costs less', { cost: 2, used: 4 }, { cost: 3, used: 3 }, 'cost'],
    ['needs fewer nodes where none has a price', { used: 2, lost: 0.9 }, { used: 3, lost: 0 }, 'nodesInUse'],
    ['leaves more in one piece', { lost: 0.1 }, { lost: 0.2 }, 'fragmentation'],
  ])('that one is ahead which %s', (_, better, worse, by) => {
    const [a, b] = [simulation('a', better), simulation('b', worse)];
    expect(compareSimulations([a, b])).toEqual({ ahead: ['a'], by });
    expect(compareSimulations([b, a])).toEqual({ ahead: ['a'], by });
  });

  it('none is ahead when nothing tells them apart', () => {
    const results = [simulation('a', {}), simulation('b', {})];
    const compared = compareSimulations(results);
    expect(compared).toEqual({ ahead: ['a', 'b'] });
    expect(simulationText(results, compared)).toContain('Nothing tells them apart by pods placed, evictions,');
  });

  it('several may be ahead of others, and the text says of what', () => {
    const results = [simulation('a', { cost: 2 }), simulation('b', { cost: 5 }), simulation('c', { cost: 2 })];
    const compared = compareSimulations(results);
    expect(compared).toEqual({ ahead: ['a', 'c'], by: 'cost' });
    expect(simulationText(results, compared)).toContain(
      'a and c are ahead: 2 per hour for the nodes in use, 5 with b.',
    );
  });
});
