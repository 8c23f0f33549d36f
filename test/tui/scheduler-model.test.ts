import { describe, expect, it } from 'vitest';
import type { SchedulerNews } from '../../src/cli/index.ts';
import {
  applyNews,
  emptySchedulerState,
  hold,
  type Line,
  loseConnection,
  measureBy,
  type SchedulerState,
  schedulerViewOf,
  scrollDecisions,
} from '../../src/tui/scheduler-model.ts';
import { decision, news, use } from './scheduler-news.ts';

const text = (line: Line): string => line.map((span) => span.text).join('');
const stateAfter = (all: readonly SchedulerNews[], now = 0): SchedulerState =>
  all.reduce((state, one) => applyNews(state, one, now), emptySchedulerState);
const view = (state: SchedulerState, { now = 0, columns = 80, lines = 24 } = {}) => {
  const { queues, map, decisions, ...rest } = schedulerViewOf(state, { now, columns, lines });
  return { ...rest, queues: text(queues), map: map.map(text), decisions: decisions.map(text) };
};
const numbered = (count: number, zone: string) =>
  Array.from({ length: count }, (_, i) => use(`${zone}-${i}`, zone, i % 2));

describe('the screen of klab scheduler watch', () => {
  it('shows how long the queues are, in colour when somebody waits', () => {
    const state = stateAfter([news()]);
    expect(view(state).queues).toBe('queues  active 3  backoff 0  unschedulable 1  gated 0');
    const { queues } = schedulerViewOf(state, { now: 0, columns: 80, lines: 24 });
    expect(queues.filter(({ tone }) => tone !== 'plain')).toEqual([
      { text: '3', tone: 'good' },
      { text: '1', tone: 'bad' },
    ]);
  });

  it('says that it loads, and that no scheduler runs', () => {
    expect(view(emptySchedulerState).queues).toBe('loading…');
    expect(view(stateAfter([{ running: false, lengths: {}, decisions: [] }])).queues).toBe(
      'the scheduler does not run',
    );
  });

  it('maps the nodes by zone: nothing, a share, full, more than full, cordoned', () => {
    const nodes = [
      use('n1', 'a', 0),
      use('n2', 'a', 0.13),
      use('n3', 'a', 1),
      use('n4', 'b', 1.2),
      use('n5', 'b', 0.5, { unschedulable: true }),
      use('n6', '', 0.75),
    ];
    const shown = view(stateAfter([news([], nodes)]));
    expect(shown.mapTitle).toBe('cpu requested: 6 nodes, 3 zones');
    expect(shown.map).toEqual(['a       ·▂█ 38%', 'b       !x 85%', 'no zone ▆ 75%']);
  });

  it('paints by heat: below 70 %, below 90 %, above', () => {
    const nodes = [use('n1', 'a', 0.69), use('n2', 'a', 0.7), use('n3', 'a', 0.9), use('n4', 'a', 0.95)];
    const { map } = schedulerViewOf(stateAfter([news([], nodes)]), { now: 0, columns: 80, lines: 24 });
    expect(map[0]!.slice(1, -1)).toEqual([
      { text: '▆', tone: 'good' },
      { text: '▆', tone: 'waiting' },
      { text: '██', tone: 'bad' },
    ]);
  });

  it('maps another measure on demand', () => {
    const state = measureBy(stateAfter([news([], [use('n1', 'a', 1, { memory: 0.2 })])]), 'memory');
    expect(view(state)).toMatchObject({ mapTitle: 'memory requested: 1 node, 1 zone', map: ['a ▂ 20%'] });
    expect(view(measureBy(state, 'pods')).mapTitle).toBe('pods of those allowed: 1 node, 1 zone');
  });

  it('lets a cell stand for several nodes when they are too many, and never takes more than half of the screen', () => {
    const state = stateAfter([news([], [...numbered(2500, 'a'), ...numbered(2500, 'b')])]);
    const shown = view(state, { columns: 80, lines: 25 });
    expect(shown.map.length).toBeLessThanOrEqual(10);
    expect(shown.mapTitle).toBe('cpu requested: 5000 nodes, 2 zones, a cell is 8 nodes');
    const cells = shown.map.join('').match(/[·▁▂▃▄▅▆▇█]/g)!;
    expect(cells).toHaveLength(2 * Math.ceil(2500 / 8));
    expect(shown.map.every((line) => line.length <= 80)).toBe(true);
  });

  it('shows some lines and counts the rest when there are more zones than lines', () => {
    const nodes = Array.from({ length: 40 }, (_, i) => use(`n${i}`, `zone-${i}`, 0.5));
    const shown = view(stateAfter([news([], nodes)]), { lines: 15 });
    expect(shown.map).toHaveLength(5);
    expect(shown.mapTitle).toBe('cpu requested: 40 nodes, 40 zones, 35 lines more');
  });

  it('keeps the newest decision on top, and cuts lines to the width', () => {
    const state = stateAfter([news([decision(1, 'n1')]), news([decision(2)])]);
    expect(view(state).decisions).toEqual([
      '12:00:02 default/web-2 ✗ 0/2 nodes are available: 2 Insufficient cpu. (attempt …',
      '12:00:01 default/web-1 → n1 (attempt 1, 2 feasible)',
    ]);
  });

  it('counts the decisions of the last ten seconds, not those of before it began', () => {
    let state = stateAfter([news([decision(1, 'n1')])], 0);
    state = applyNews(state, news([decision(2, 'n1'), decision(3)]), 5000);
    expect(view(state, { now: 5000 }).decisionsTitle).toBe('2 decisions in 10 s: 1 scheduled, 1 not');
    expect(view(state, { now: 15_000 }).decisionsTitle).toBe('0 decisions in 10 s: 0 scheduled, 0 not');
  });

  it('stands still while held, says how many are newer, and goes on from the newest', () => {
    let state = hold(stateAfter([news([decision(1, 'n1')])]));
    state = applyNews(state, news([decision(2, 'n1'), decision(3, 'n1')]), 0);
    expect(view(state).decisions.map((line) => line.slice(9, 22))).toEqual(['default/web-1']);
    expect(view(state).decisionsTitle).toContain('held, 2 newer');
    expect(view(hold(state)).decisions[0]).toContain('default/web-3');
  });

  it('scrolls to the oldest decision and no further', () => {
    const state = stateAfter([news([1, 2, 3].map((serial) => decision(serial, 'n1')))]);
    expect(view(scrollDecisions(state, 99)).decisions).toHaveLength(1);
    expect(view(scrollDecisions(state, 99)).decisions[0]).toContain('web-1');
    expect(scrollDecisions(state, -1).offset).toBe(0);
  });

  it('says that the server is out of reach, and shows nothing twice when it is back', () => {
    const lost = loseConnection(stateAfter([news([decision(1, 'n1')])]), 'refused');
    expect(view(lost).footer).toBe('connection lost, trying again: refused');
    const back = applyNews(lost, news([decision(1, 'n1'), decision(2, 'n1')]), 0);
    expect(view(back).decisions).toHaveLength(2);
    expect(view(back).footer).toContain('q quits');
  });
});
