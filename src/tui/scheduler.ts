/** `klab scheduler watch` on a terminal. */
import { render } from 'ink';
import { createElement } from 'react';
import { isAbort, wallClock } from '../base/index.ts';
import { type Session, schedulerNews } from '../cli/index.ts';
import { SchedulerScreen, SchedulerStore } from './scheduler-screen.ts';

const retryMs = 1000;

/** Shows the screen until q, Ctrl-C or the signal; the last picture stays on the terminal. */
export async function showSchedulerWatch(session: Session, request: { readonly signal: AbortSignal }): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const store = new SchedulerStore(wallClock);
  const app = render(createElement(SchedulerScreen, { store, onQuit: () => stop.abort() }), {
    exitOnCtrlC: false,
    patchConsole: false,
    incrementalRendering: true,
  });
  const ticks = (async () => {
    for await (const _ of wallClock.every(1000, signal)) store.change();
  })();
  try {
    let answered = false;
    while (!signal.aborted) {
      try {
        for await (const news of schedulerNews(session, signal, { nodes: true })) {
          answered = true;
          store.apply(news);
        }
      } catch (error) {
        if (isAbort(error) && signal.aborted) break;
        // What never worked is no lost connection: the cluster knows no scheduler of klab's, or the user may not ask.
        if (!answered) throw error;
        store.lost(error instanceof Error ? error.message : String(error));
        await wallClock.sleep(retryMs, signal).catch(() => {});
      }
    }
    request.signal.throwIfAborted();
  } finally {
    stop.abort();
    app.unmount();
    await Promise.all([app.waitUntilExit(), ticks]);
  }
}
