import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { favouredBy } from '../../src/scheduler/favours.ts';
import { explainDecision, numFeasibleNodesToFind } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

describe('explain', () => {
  it('names the winner, its lead, and why others were out', () => {
    const nodes = [
      makeNode('big', { cpu: '8' }),
      makeNode('small', { cpu: '2' }),
      makeNode('off', { unschedulable: true }),
    ];
    const { decision } = cycleOver(nodes).run(makePod('web', { requests: { cpu: '1', memory: '1Gi' } }));
    const { headline, story, tables } = explainDecision(decision);
    expect(headline).toBe('default/web was scheduled to big (attempt 1)');
    expect(story[0]).toContain('3 nodes: 1 filtered out, 2 feasible');
    expect(story.join(' ')).toMatch(/big leads small by \d+ points: /);
    expect(tables.map((table) => table.title.split(':')[0])).toEqual([
      'Scores',
      'Filtered out',
      'What earns points, 0 to 100 from each plugin',
    ]);
    expect(tables[2]!.rows.map(([plugin]) => plugin)).toEqual([
      'NodeResourcesFit',
      'NodeResourcesBalancedAllocation',
      'ImageLocality',
    ]);
    expect(tables[1]!.rows).toEqual([
      ['off', 'NodeUnschedulable', 'node(s) were unschedulable', 'spec.unschedulable is true (cordoned)'],
    ]);
  });

  it('at many nodes groups equal reasons and shows the best', () => {
    const nodes = Array.from({ length: 90 }, (_, i) => makeNode(`n${i}`, i % 3 === 0 ? {} : { cpu: '500m' }));
    const { decision } = cycleOver(nodes).run(makePod('web', { requests: { cpu: '1' } }));
    const { tables } = explainDecision(decision);
    expect(tables[0]!.rows).toHaveLength(10);
    expect(tables[1]!.rows).toHaveLength(1);
    expect(tables[1]!.rows[0]!.slice(0, 3)).toEqual(['60', 'NodeResourcesFit', 'Insufficient cpu']);
    expect(tables[1]!.rows[0]![3]).toContain('short by 500m');
  });

  it('has words for every plugin of upstream’s that gives points', () => {
    const scorers = cycleOver([makeNode('n')]).profile.points.score.map(({ name }) => name);
    expect(scorers.filter((name) => favouredBy(name) === undefined)).toEqual([]);
  });

  it('the record’s totals are those the choice was made by', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 16 }), mem: fc.integer({ min: 1, max: 32 }) }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.integer({ min: 1, max: 4000 }),
        (shapes, milli) => {
          const nodes = shapes.map(({ cpu, mem }, i) => makeNode(`n${i}`, { cpu: String(cpu), memory: `${mem}Gi` }));
          const { decision, node } = cycleOver(nodes).run(
            makePod('p', { requests: { cpu: `${milli}m`, memory: '512Mi' } }),
          );
          const scored = decision.nodes.filter((entry) => entry.total !== undefined);
          if (node === undefined) return scored.length === 0;
          const best = Math.max(...scored.map((entry) => entry.total!));
          const winners = scored.filter((entry) => entry.total === best).map((entry) => entry.name);
          const sums = scored.every(
            (entry) => entry.total === entry.scores!.reduce((sum, score) => sum + score.weighted, 0),
          );
          return (
            sums &&
            winners.includes(node) &&
            (winners.length === 1 ? !decision.tiedWith : decision.tiedWith!.length === winners.length)
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it('how many nodes are enough follows upstream', () => {
    expect([50, 100, 1000, 5000, 15_000].map((n) => numFeasibleNodesToFind(n))).toEqual([50, 100, 420, 500, 750]);
  });
});
