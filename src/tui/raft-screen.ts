/** Draws the live view of `klab etcd raft watch`. */
import { Box, Text, useApp, useInput, useWindowSize } from 'ink';
import { createElement as h, type ReactElement, useSyncExternalStore } from 'react';
import type { Clock } from '../base/index.ts';
import type { RaftNews, RaftViewWish } from '../cli/index.ts';
import {
  applyRaftNews,
  emptyRaftState,
  logLines,
  pictureOf,
  type RaftCell,
  type RaftPicture,
  type RaftRow,
  type RaftScreenState,
  scrollLogs,
} from './raft-model.ts';
import type { Tone } from './watch-model.ts';

/** State for one screen: news, ticks and keys come in, the screen listens. */
export class RaftStore {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #snapshot: { readonly state: RaftScreenState; readonly now: number };
  /** Lines of the terminal, as the screen last knew them. */
  height = 24;

  constructor(clock: Clock, options: { readonly heartbeats?: boolean } = {}) {
    this.#clock = clock;
    this.#snapshot = { state: { ...emptyRaftState, ...options }, now: clock.now() };
  }

  get snapshot(): { readonly state: RaftScreenState; readonly now: number } {
    return this.#snapshot;
  }

  /** What the screen has room and use for. */
  get wish(): RaftViewWish {
    const { to, heartbeats } = this.#snapshot.state;
    return { entries: logLines(this.height), heartbeats, ...(to !== undefined && { to }) };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(news: RaftNews): void {
    this.#set(applyRaftNews(this.#snapshot.state, news, this.#clock.now()));
  }

  /** Negative = to older entries. */
  scroll(by: number): void {
    this.#set(scrollLogs(this.#snapshot.state, by));
  }

  toggleHeartbeats(): void {
    const { state } = this.#snapshot;
    this.#set({ ...state, heartbeats: !state.heartbeats });
  }

  #set(state: RaftScreenState): void {
    this.#snapshot = { state, now: this.#clock.now() };
    for (const listener of this.#listeners) listener();
  }
}

export interface RaftScreenProps {
  readonly store: RaftStore;
  readonly onQuit?: () => void;
}

/** The line of the cursor. */
const spareLines = 1;

export function RaftScreen({ store, onQuit }: RaftScreenProps): ReactElement {
  const { exit } = useApp();
  const { rows: lines, columns: width } = useWindowSize();
  const { state, now } = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.snapshot,
  );
  const height = Math.max(1, lines - spareLines);
  store.height = height;
  useInput((input, key) => {
    if (input === 'q' || (key.ctrl && input === 'c')) {
      onQuit?.();
      exit();
    } else if (key.upArrow || input === 'k') store.scroll(-1);
    else if (key.downArrow || input === 'j') store.scroll(1);
    else if (key.pageUp) store.scroll(-logLines(height));
    else if (key.pageDown || input === ' ') store.scroll(logLines(height));
    else if (input === 'h') store.toggleHeartbeats();
  });
  return h(RaftView, { picture: pictureOf(state, { now, width, height }), width });
}

const colours: Readonly<Record<Tone, string | undefined>> = {
  good: 'green',
  waiting: 'yellow',
  bad: 'red',
  plain: undefined,
};

/** A picture as text. */
function RaftView({ picture, width }: { readonly picture: RaftPicture; readonly width: number }): ReactElement {
  const { labelWidth, columnWidth, names, head, legend, log, heading, messages, footer } = picture;
  const size = { labelWidth, columnWidth };
  const title = { label: 'MEMBER', cells: names.map((text) => ({ text, tone: 'plain' as const, changed: false })) };
  const body =
    names.length === 0
      ? []
      : [
          h(RowLine, { key: 'names', row: title, ...size, bold: true }),
          ...head.map((row) => h(RowLine, { key: row.label, row, ...size })),
          h(Text, { key: 'legend', bold: true, wrap: 'truncate' }, legend),
          ...log.map((row) => h(RowLine, { key: row.label, row, ...size })),
          h(Text, { key: 'heading', bold: true, wrap: 'truncate' }, heading),
          ...messages.map(({ key, text, tone }) =>
            h(Text, { key: `#${key}`, wrap: 'truncate', color: colours[tone] }, text),
          ),
        ];
  return h(
    Box,
    { flexDirection: 'column', width },
    ...body,
    h(
      Box,
      { key: 'footer' },
      h(Box, { flexShrink: 1 }, h(Text, { dimColor: true, wrap: 'truncate' }, footer)),
      h(Box, { flexShrink: 0 }, h(Text, { dimColor: true }, ' · ↑↓ logs · h heartbeats · q quits')),
    ),
  );
}

interface RowLineProps {
  readonly row: RaftRow;
  readonly labelWidth: number;
  readonly columnWidth: number;
  readonly bold?: boolean;
}

function RowLine({ row, labelWidth, columnWidth, bold = false }: RowLineProps): ReactElement {
  return h(
    Text,
    { wrap: 'truncate', bold },
    h(Text, { dimColor: !bold }, row.label.padEnd(labelWidth)),
    ...row.cells.map((cell, i) => h(CellText, { key: i, cell, width: columnWidth })),
  );
}

function CellText({ cell, width }: { readonly cell: RaftCell; readonly width: number }): ReactElement {
  const room = width - 2;
  const text = cell.text.length > room ? `${cell.text.slice(0, room - 1)}…` : cell.text;
  const shown = h(Text, { color: colours[cell.tone], bold: cell.changed, inverse: cell.changed }, text);
  return h(Text, {}, shown, ' '.repeat(width - text.length));
}
