/** `klab watch` on a terminal. */
import { render } from 'ink';
import { createElement } from 'react';
import { wallClock } from '../base/index.ts';
import { type Session, type TableOptions, type WatchSubject, watchChanges } from '../cli/index.ts';
import { WatchScreen, WatchStore } from './watch-screen.ts';

export interface WatchViewRequest {
  readonly table: TableOptions;
  readonly signal: AbortSignal;
}

/** Shows the table until q, Ctrl-C or the signal; the last picture stays on the terminal. */
export async function showWatch(session: Session, subject: WatchSubject, request: WatchViewRequest): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const store = new WatchStore(wallClock, request.table);
  const app = render(
    createElement(WatchScreen, {
      store,
      what: subject.resource.plural,
      options: { ...request.table, liveAges: session.server?.clock !== 'virtual' },
      onQuit: () => stop.abort(),
    }),
    { exitOnCtrlC: false, patchConsole: false, incrementalRendering: true },
  );
  const ticks = (async () => {
    for await (const _ of wallClock.every(1000, signal)) store.tick();
  })();
  try {
    for await (const change of watchChanges(session, subject, { tables: true, signal })) store.apply(change);
    request.signal.throwIfAborted();
  } finally {
    stop.abort();
    app.unmount();
    await Promise.all([app.waitUntilExit(), ticks]);
  }
}
