/** The live table: a component that draws a view, and the store it is drawn from. */
import { Box, Text, useApp, useInput, useWindowSize } from 'ink';
import { createElement as h, type ReactElement, useSyncExternalStore } from 'react';
import type { Clock } from '../base/index.ts';
import type { TableOptions, WatchChange } from '../cli/index.ts';
import type { Mark, Tone, ViewCell, ViewOptions, ViewRow, WatchState, WatchView } from './watch-model.ts';
import { applyChange, emptyState, expire, scroll, viewOf } from './watch-model.ts';

/** State for one screen: changes and ticks come in, the screen listens. */
export class WatchStore {
  readonly #clock: Clock;
  readonly #options: TableOptions;
  readonly #listeners = new Set<() => void>();
  #snapshot: { readonly state: WatchState; readonly now: number };

  constructor(clock: Clock, options: TableOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#snapshot = { state: emptyState, now: clock.now() };
  }

  get snapshot(): { readonly state: WatchState; readonly now: number } {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(change: WatchChange): void {
    const now = this.#clock.now();
    this.#set(applyChange(this.#snapshot.state, change, now, this.#options), now);
  }

  /** Ages grow, marks fade. */
  tick(): void {
    const now = this.#clock.now();
    this.#set(expire(this.#snapshot.state, now), now);
  }

  scroll(by: number, height: number): void {
    this.#set(scroll(this.#snapshot.state, by, height), this.#snapshot.now);
  }

  #set(state: WatchState, now: number): void {
    this.#snapshot = { state, now };
    for (const listener of this.#listeners) listener();
  }
}

export interface WatchScreenProps {
  readonly store: WatchStore;
  readonly what: string;
  readonly options: Omit<ViewOptions, 'what' | 'now' | 'height'>;
  readonly onQuit?: () => void;
}

/** Header, footer and the line of the cursor. */
const frameLines = 3;

export function WatchScreen({ store, what, options, onQuit }: WatchScreenProps): ReactElement {
  const { exit } = useApp();
  const { rows: lines, columns } = useWindowSize();
  const { state, now } = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.snapshot,
  );
  const height = Math.max(1, lines - frameLines);
  useInput((input, key) => {
    if (input === 'q' || (key.ctrl && input === 'c')) {
      onQuit?.();
      exit();
    } else if (key.downArrow || input === 'j') store.scroll(1, height);
    else if (key.upArrow || input === 'k') store.scroll(-1, height);
    else if (key.pageDown || input === ' ') store.scroll(height, height);
    else if (key.pageUp) store.scroll(-height, height);
  });
  const view = viewOf(state, { ...options, what, now, height });
  return h(WatchTable, { view, columns });
}

const tones: Readonly<Record<Tone, string | undefined>> = {
  good: 'green',
  waiting: 'yellow',
  bad: 'red',
  plain: undefined,
};

const marks: Readonly<Record<Mark, string>> = { added: '+', modified: '~', deleted: '-' };

/** A view as text. */
export function WatchTable({ view, columns }: { readonly view: WatchView; readonly columns: number }): ReactElement {
  const body =
    view.rows.length === 0 && view.headers.length === 0
      ? []
      : [
          h(Text, { key: 'headers', bold: true, wrap: 'truncate' }, `  ${lineOf(view.headers, view.widths)}`),
          ...view.rows.map((row) => h(RowLine, { key: row.key, row, widths: view.widths })),
        ];
  const more = [view.above > 0 ? `↑ ${view.above}` : '', view.below > 0 ? `↓ ${view.below}` : ''].filter(Boolean);
  const footer = more.length > 0 ? `${more.join(' ')} · ${view.footer}` : view.footer;
  return h(
    Box,
    { flexDirection: 'column', width: columns },
    ...body,
    h(
      Box,
      { key: 'footer' },
      h(Box, { flexShrink: 1 }, h(Text, { dimColor: true, wrap: 'truncate' }, footer)),
      h(Box, { flexShrink: 0 }, h(Text, { dimColor: true }, ' · q quits')),
    ),
  );
}

function RowLine({ row, widths }: { readonly row: ViewRow; readonly widths: readonly number[] }): ReactElement {
  const color = row.mark === 'added' ? 'green' : row.mark === 'modified' ? 'cyan' : undefined;
  const gone = row.mark === 'deleted';
  return h(
    Text,
    { wrap: 'truncate', dimColor: gone, strikethrough: gone },
    h(Text, { color }, row.mark ? `${marks[row.mark]} ` : '  '),
    ...row.cells.map((cell, i) => h(CellText, { key: i, cell, width: widths[i], last: i === row.cells.length - 1 })),
  );
}

interface CellProps {
  readonly cell: ViewCell;
  readonly width: number | undefined;
  readonly last: boolean;
}

function CellText({ cell, width = 0, last }: CellProps): ReactElement {
  const padding = last ? '' : ' '.repeat(Math.max(0, width - cell.text.length) + 3);
  const text = h(Text, { color: tones[cell.tone], bold: cell.changed, inverse: cell.changed }, cell.text);
  return h(Text, {}, text, padding);
}

function lineOf(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i]! + 3))).join('');
}
