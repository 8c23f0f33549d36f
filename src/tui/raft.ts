/** `klab etcd raft watch` on a terminal. */
import { render } from 'ink';
import { createElement } from 'react';
import { wallClock } from '../base/index.ts';
import { raftViews, type Session } from '../cli/index.ts';
import { RaftScreen, RaftStore } from './raft-screen.ts';

export interface RaftScreenRequest {
  readonly heartbeats: boolean;
  readonly signal: AbortSignal;
}

/** Shows the members until q, Ctrl-C or the signal; the last picture stays on the terminal. */
export async function showRaft(session: Session, request: RaftScreenRequest): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const store = new RaftStore(wallClock, { heartbeats: request.heartbeats });
  const screen = createElement(RaftScreen, { store, onQuit: () => stop.abort() });
  const app = render(screen, { exitOnCtrlC: false, patchConsole: false, incrementalRendering: true });
  try {
    for await (const news of raftViews(session, () => store.wish, signal)) store.apply(news);
    request.signal.throwIfAborted();
  } catch (error) {
    // The request that q interrupted.
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.abort();
    app.unmount();
    await app.waitUntilExit();
  }
}
