/**
 * What the live table of `klab watch` shows, as data: rows, which of them changed lately, counts. Pure; time comes in
 * as an argument.
 */

import { parseTime } from '../base/index.ts';
import {
  type ColumnDefinition,
  humanDuration,
  showTable,
  type TableOptions,
  type TableRow,
  type WatchChange,
} from '../cli/index.ts';

/** How long a change stays marked. */
export const markMs = 3000;

export type Mark = 'added' | 'modified' | 'deleted';

interface Entry {
  readonly key: string;
  readonly order: string;
  readonly row: TableRow;
  readonly mark: Mark | undefined;
  readonly markedAt: number;
  /** Columns whose text is new, by index among the shown ones. */
  readonly changedCells: readonly number[];
}

export interface WatchState {
  readonly columns: readonly ColumnDefinition[];
  readonly entries: ReadonlyMap<string, Entry>;
  readonly changes: number;
  readonly lastChangeAt: number | undefined;
  readonly synced: boolean;
  /** Set while the server cannot be reached. */
  readonly lost: string | undefined;
  /** First row shown. */
  readonly offset: number;
}

export const emptyState: WatchState = {
  columns: [],
  entries: new Map(),
  changes: 0,
  lastChangeAt: undefined,
  synced: false,
  lost: undefined,
  offset: 0,
};

/** The state after a change. */
export function applyChange(
  state: WatchState,
  change: WatchChange,
  now: number,
  options: TableOptions = {},
): WatchState {
  switch (change.type) {
    case 'SYNCED':
      return { ...state, synced: true, lost: undefined };
    case 'LOST':
      return { ...state, lost: change.message };
    case 'BOOKMARK':
    case 'ERROR':
      return state;
  }
  if (!('row' in change)) return state;
  const { row, columns } = change;
  const metadata = row.object?.metadata ?? {};
  const order = `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
  const key: string = metadata.uid ?? order;
  const before = state.entries.get(key);
  const entries = new Map(state.entries);
  // What is there when the view begins is no change.
  const mark: Mark | undefined =
    change.type === 'DELETED' ? 'deleted' : !state.synced ? undefined : before ? 'modified' : 'added';
  const changedCells = before && mark === 'modified' ? changedOf(columns, before.row, row, options) : [];
  if (change.type !== 'DELETED' || before) entries.set(key, { key, order, row, mark, markedAt: now, changedCells });
  if (mark === undefined) return { ...state, columns, entries };
  return { ...state, columns, entries, changes: state.changes + 1, lastChangeAt: now, lost: undefined };
}

/** Takes away what has been gone long enough. The same state when nothing is due. */
export function expire(state: WatchState, now: number): WatchState {
  const due = [...state.entries.values()].filter((e) => e.mark === 'deleted' && now - e.markedAt >= markMs);
  if (due.length === 0) return state;
  const entries = new Map(state.entries);
  for (const { key } of due) entries.delete(key);
  return { ...state, entries };
}

export type Tone = 'good' | 'waiting' | 'bad' | 'plain';

export interface ViewCell {
  readonly text: string;
  readonly tone: Tone;
  readonly changed: boolean;
}

export interface ViewRow {
  readonly key: string;
  readonly mark: Mark | undefined;
  readonly cells: readonly ViewCell[];
}

export interface WatchView {
  readonly headers: readonly string[];
  /** Width of each column, without the gap. */
  readonly widths: readonly number[];
  readonly rows: readonly ViewRow[];
  readonly total: number;
  /** Rows above and below those shown. */
  readonly above: number;
  readonly below: number;
  readonly footer: string;
}

export interface ViewOptions extends TableOptions {
  /** `pods`. */
  readonly what: string;
  readonly now: number;
  /** Rows that fit, without header and footer. */
  readonly height: number;
  /** Ages go on counting by `now`; false where the cluster's clock is not the wall's. */
  readonly liveAges?: boolean;
}

export function viewOf(state: WatchState, options: ViewOptions): WatchView {
  const { now, height, liveAges = true } = options;
  const entries = [...state.entries.values()].sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
  const aged = liveAges
    ? entries.map(({ row }) => withLiveAge(state.columns, row, now))
    : entries.map(({ row }) => row);
  const table = showTable(state.columns, aged, options);
  const statusColumn = table.headers.findIndex((header) => header === 'STATUS' || header === 'PHASE');
  const readyColumn = table.headers.indexOf('READY');
  const offset = Math.max(0, Math.min(state.offset, entries.length - height));
  const rows = entries.slice(offset, offset + height).map((entry, i): ViewRow => {
    const marked = entry.mark !== undefined && now - entry.markedAt < markMs ? entry.mark : undefined;
    const texts = table.rows[offset + i]!;
    const cells = texts.map((text, column) => ({
      text,
      tone: column === statusColumn ? toneOf(text) : column === readyColumn ? readyTone(text) : ('plain' as Tone),
      changed: marked === 'modified' && entry.changedCells.includes(column),
    }));
    return { key: entry.key, mark: marked, cells };
  });
  const widths = table.headers.map((header, column) =>
    Math.max(header.length, ...rows.map((row) => row.cells[column]?.text.length ?? 0)),
  );
  const statuses = statusColumn < 0 ? [] : table.rows.map((cells) => cells[statusColumn] ?? '');
  return {
    headers: table.headers,
    widths,
    rows,
    total: entries.length,
    above: offset,
    below: Math.max(0, entries.length - offset - height),
    footer: footerOf(state, options, statuses, entries.length),
  };
}

/** Moves the window over the rows. */
export function scroll(state: WatchState, by: number, height: number): WatchState {
  const offset = Math.max(0, Math.min(state.offset + by, state.entries.size - height));
  return offset === state.offset ? state : { ...state, offset };
}

function footerOf(state: WatchState, options: ViewOptions, statuses: readonly string[], total: number): string {
  const parts = [`${total} ${options.what}`];
  const counts = new Map<string, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const [status, count] of [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))) {
    parts.push(`${count} ${status}`);
  }
  if (state.changes > 0) {
    const ago = state.lastChangeAt === undefined ? '' : `, last ${humanDuration(options.now - state.lastChangeAt)} ago`;
    parts.push(`${state.changes} change${state.changes === 1 ? '' : 's'}${ago}`);
  }
  if (state.lost) parts.push(`connection lost, trying again: ${state.lost}`);
  else if (!state.synced) parts.push('loading…');
  return parts.join(' · ');
}

/** Texts that are new, the age aside: it changes by itself. */
function changedOf(
  columns: readonly ColumnDefinition[],
  before: TableRow,
  after: TableRow,
  options: TableOptions,
): number[] {
  const shown = showTable(columns, [before, after], options);
  const [old = [], fresh = []] = shown.rows;
  return fresh.flatMap((text, i) => (text !== old[i] && shown.headers[i] !== 'AGE' ? [i] : []));
}

function withLiveAge(columns: readonly ColumnDefinition[], row: TableRow, now: number): TableRow {
  const at = columns.findIndex((column) => column.name === 'Age');
  const created: string | undefined = row.object?.metadata?.creationTimestamp;
  if (at < 0 || !created) return row;
  const cells = [...row.cells];
  cells[at] = humanDuration(now - parseTime(created));
  return { ...row, cells };
}

const good = /^(Running|Completed|Succeeded|Ready|Active|Bound|Available|True|Complete|Established|Normal)$/;
const bad =
  /(Error|BackOff|Failed|Evicted|OOMKilled|NotReady|Unknown|Lost|Invalid|Never|ExitCode|Signal|DeadlineExceeded|OutOf)/;

export function toneOf(status: string): Tone {
  if (bad.test(status)) return 'bad';
  if (good.test(status.split(',')[0]!)) return 'good';
  return status === '' ? 'plain' : 'waiting';
}

/** `1/2` is not all there yet. */
function readyTone(text: string): Tone {
  const [ready, total] = text.split('/');
  return total !== undefined && ready !== total ? 'waiting' : 'plain';
}
