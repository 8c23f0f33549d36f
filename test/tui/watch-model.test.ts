import { describe, expect, it } from 'vitest';
import type { WatchChange } from '../../src/cli/index.ts';
import {
  applyChange,
  emptyState,
  expire,
  markMs,
  scroll,
  toneOf,
  viewOf,
  type WatchState,
} from '../../src/tui/watch-model.ts';
import { born, change } from './changes.ts';

function stateAfter(changes: readonly WatchChange[], now = born): WatchState {
  return changes.reduce((state, one) => applyChange(state, one, now), emptyState);
}
const view = (state: WatchState, now = born, height = 20) => viewOf(state, { what: 'pods', now, height });
const lines = (state: WatchState, now = born) =>
  view(state, now).rows.map((row) => `${row.mark ?? ''}|${row.cells.map((cell) => cell.text).join(' ')}`);

describe('the table of klab watch', () => {
  it('shows what is there, by name, unmarked', () => {
    const state = stateAfter([change('ADDED', 'web-1'), change('ADDED', 'web-0'), { type: 'SYNCED' }]);
    expect(lines(state)).toEqual(['|web-0 1/1 Running 0s', '|web-1 1/1 Running 0s']);
    expect(view(state).footer).toBe('2 pods · 2 Running');
  });

  it('marks new, changed and deleted rows for a while, and the cells that changed', () => {
    const start = stateAfter([change('ADDED', 'a', '0/1', 'Pending'), change('ADDED', 'b'), { type: 'SYNCED' }]);
    let state = applyChange(start, change('MODIFIED', 'a', '1/1', 'Running'), born);
    state = applyChange(state, change('ADDED', 'c'), born);
    state = applyChange(state, change('DELETED', 'b'), born);
    expect(lines(state)).toEqual(['modified|a 1/1 Running 0s', 'deleted|b 1/1 Running 0s', 'added|c 1/1 Running 0s']);
    expect(view(state).rows[0]!.cells.map((cell) => cell.changed)).toEqual([false, true, true, false]);
    const later = born + markMs;
    expect(lines(expire(state, later), later)).toEqual(['|a 1/1 Running 3s', '|c 1/1 Running 3s']);
    expect(expire(start, later)).toBe(start);
  });

  it('lets ages grow by itself, unless the cluster keeps its own time', () => {
    const state = stateAfter([change('ADDED', 'a')]);
    const age = (liveAges: boolean) =>
      viewOf(state, { what: 'pods', now: born + 90_000, height: 5, liveAges }).rows[0]!.cells[3]!.text;
    expect([age(true), age(false)]).toEqual(['90s', '0s']);
  });

  it('counts words of STATUS and changes', () => {
    let state = stateAfter([change('ADDED', 'a'), change('ADDED', 'b', '0/1', 'Pending'), { type: 'SYNCED' }]);
    state = applyChange(state, change('MODIFIED', 'b', '1/1', 'Running'), born);
    expect(view(state, born + 2000).footer).toBe('2 pods · 2 Running · 1 change, last 2s ago');
  });

  it('says that it is loading, and when the server is out of reach', () => {
    expect(view(emptyState).footer).toBe('0 pods · loading…');
    const lost = applyChange(stateAfter([{ type: 'SYNCED' }]), { type: 'LOST', message: 'refused' }, born);
    expect(view(lost).footer).toBe('0 pods · connection lost, trying again: refused');
    expect(view(applyChange(lost, change('ADDED', 'a'), born)).footer).not.toContain('lost');
  });

  it('shows a window of the rows that fit', () => {
    const state = stateAfter(['a', 'b', 'c', 'd', 'e'].map((name) => change('ADDED', name)));
    const moved = scroll(scroll(state, 2, 2), 9, 2);
    expect(view(state, born, 2)).toMatchObject({ above: 0, below: 3 });
    expect(view(moved, born, 2)).toMatchObject({ above: 3, below: 0 });
    expect(view(moved, born, 2).rows.map(({ cells }) => cells[0]!.text)).toEqual(['d', 'e']);
    expect(scroll(state, -1, 2)).toBe(state);
  });

  it('tells good words from those to wait for and bad ones', () => {
    expect(['Running', 'Completed', 'Ready', 'Ready,SchedulingDisabled'].map(toneOf)).toEqual([
      'good',
      'good',
      'good',
      'good',
    ]);
    expect(['Pending', 'ContainerCreating', 'Init:0/1', 'Terminating'].map(toneOf)).toEqual(Array(4).fill('waiting'));
    expect(['CrashLoopBackOff', 'Error', 'NotReady', 'Init:Error', 'OOMKilled', 'Unknown'].map(toneOf)).toEqual(
      Array(6).fill('bad'),
    );
  });
});
