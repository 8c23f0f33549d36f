/** The live screen of the scheduler: a component that draws a view, and the store it is drawn from. */
import { Box, Text, useApp, useInput, useWindowSize } from 'ink';
import { createElement as h, type ReactElement, useSyncExternalStore } from 'react';
import type { Clock } from '../base/index.ts';
import type { SchedulerNews } from '../cli/index.ts';
import {
  applyNews,
  emptySchedulerState,
  hold,
  type Line,
  loseConnection,
  type Measure,
  measureBy,
  type SchedulerState,
  type SchedulerView,
  schedulerViewOf,
  scrollDecisions,
} from './scheduler-model.ts';
import type { Tone } from './watch-model.ts';

/** State for one screen: news, ticks and keys come in, the screen listens. */
export class SchedulerStore {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #snapshot: { readonly state: SchedulerState; readonly now: number };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#snapshot = { state: emptySchedulerState, now: clock.monotonic() };
  }

  get snapshot(): { readonly state: SchedulerState; readonly now: number } {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(news: SchedulerNews): void {
    this.change((state, now) => applyNews(state, news, now));
  }

  lost(message: string): void {
    this.change((state) => loseConnection(state, message));
  }

  /** Without a change: the counts of the last seconds go on. */
  change(next: (state: SchedulerState, now: number) => SchedulerState = (state) => state): void {
    const now = this.#clock.monotonic();
    this.#snapshot = { state: next(this.#snapshot.state, now), now };
    for (const listener of this.#listeners) listener();
  }
}

const measures: Readonly<Record<string, Measure>> = { c: 'cpu', m: 'memory', p: 'pods' };
const pageLines = 10;

export function SchedulerScreen({ store, onQuit }: { store: SchedulerStore; onQuit?: () => void }): ReactElement {
  const { exit } = useApp();
  const { rows: lines, columns } = useWindowSize();
  const { state, now } = useSyncExternalStore(
    (listener) => store.subscribe(listener),
    () => store.snapshot,
  );
  useInput((input, key) => {
    const scroll = (by: number) => store.change((before) => scrollDecisions(before, by));
    if (input === 'q' || (key.ctrl && input === 'c')) {
      onQuit?.();
      exit();
    } else if (measures[input]) store.change((before) => measureBy(before, measures[input]!));
    else if (input === ' ') store.change(hold);
    else if (key.downArrow || input === 'j') scroll(1);
    else if (key.upArrow || input === 'k') scroll(-1);
    else if (key.pageDown) scroll(pageLines);
    else if (key.pageUp) scroll(-pageLines);
  });
  return h(SchedulerPicture, { view: schedulerViewOf(state, { now, columns, lines }), columns });
}

const colors: Readonly<Record<Tone, string | undefined>> = {
  good: 'green',
  waiting: 'yellow',
  bad: 'red',
  plain: undefined,
};

function drawn(key: string, line: Line): ReactElement {
  return h(
    Text,
    { key, wrap: 'truncate' },
    ...line.map(({ text, tone }, i) => h(Text, { key: i, color: colors[tone] }, text)),
  );
}

/** A view as text. */
export function SchedulerPicture({ view, columns }: { view: SchedulerView; columns: number }): ReactElement {
  const { queues, mapTitle, map, decisionsTitle, decisions, footer } = view;
  const title = (key: string, text: string) => h(Text, { key, bold: true, wrap: 'truncate' }, text);
  return h(
    Box,
    { flexDirection: 'column', width: columns },
    drawn('queues', queues),
    title('map', mapTitle),
    ...map.map((line, i) => drawn(`map ${i}`, line)),
    title('decisions', decisionsTitle),
    ...decisions.map((line, i) => drawn(`decision ${i}`, line)),
    h(Text, { key: 'footer', dimColor: true, wrap: 'truncate' }, footer),
  );
}
