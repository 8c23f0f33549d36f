/** `klab clock`: the time that the cluster lives in. */
import { printData } from './output.ts';
import type { Session } from './session.ts';

export type ClockAction =
  | { readonly action: 'pause' | 'resume' | 'step' }
  | { readonly action: 'advance'; readonly duration: string }
  | { readonly action: 'speed'; readonly factor: number };

interface ClockState {
  readonly now: string;
  readonly epochMs: number;
  readonly speed: number;
  readonly paused: boolean;
}

const path = '/klab/v1/clock';

/** Does the action, if any, and tells what the clock says then. */
export async function clock(
  session: Session,
  action: ClockAction | undefined,
  output: string | undefined,
): Promise<string> {
  const { client, signal } = session;
  const state: ClockState = action
    ? (await client.request({ method: 'POST', path, body: action, signal })).body
    : await client.raw(path, { signal });
  if (output === 'json' || output === 'yaml') return printData(state, output);
  const pace = state.paused ? 'paused' : state.speed === 1 ? 'real time' : `${state.speed} times real time`;
  return `${state.now} (${pace})`;
}
