/**
 * What `klab etcd raft watch` shows, as data: members as columns, their logs side by side, the messages between them.
 * Pure; time comes in as an argument.
 */
import { type RaftMember, type RaftMessage, type RaftNews, type RaftView, says } from '../cli/index.ts';
import type { Tone } from './watch-model.ts';

/** How long a changed role, term, vote or mark stays marked. */
const markMs = 1500;
/** Messages remembered for showing. */
const maxSaid = 100;

export interface RaftScreenState {
  readonly view: RaftView | undefined;
  /** When a cell of the head last changed, by `member/row`. */
  readonly changedAt: ReadonlyMap<string, number>;
  /** Oldest first. */
  readonly said: readonly RaftMessage[];
  /** The last index of the logs shown; undefined = follows the newest. */
  readonly to: number | undefined;
  readonly heartbeats: boolean;
  readonly lost: string | undefined;
}

export const emptyRaftState: RaftScreenState = {
  view: undefined,
  changedAt: new Map(),
  said: [],
  to: undefined,
  heartbeats: false,
  lost: undefined,
};

export function applyRaftNews(state: RaftScreenState, news: RaftNews, now: number): RaftScreenState {
  if (news.type === 'LOST') return { ...state, lost: news.message };
  const { view } = news;
  const changedAt = new Map([...state.changedAt].filter(([, at]) => now - at < markMs));
  for (const member of view.members) {
    const was = state.view?.members.find(({ id }) => id === member.id);
    if (!was) continue;
    const [old, fresh] = [headOf(was, state.view!), headOf(member, view)];
    for (const [i, { text }] of fresh.entries()) {
      if (text !== old[i]!.text) changedAt.set(`${member.id}/${headRows[i]}`, now);
    }
  }
  const said = [...state.said, ...view.messages].slice(-maxSaid);
  return { ...state, view, changedAt, said, lost: undefined };
}

/** Moves the window over the logs: up is to older entries. At the newest it follows again. */
export function scrollLogs(state: RaftScreenState, by: number): RaftScreenState {
  if (!state.view) return state;
  const { lastIndex, members } = state.view;
  const first = Math.min(lastIndex, ...members.map(({ firstIndex }) => firstIndex));
  const to = Math.max(first, (state.to ?? lastIndex) + by);
  return { ...state, to: to >= lastIndex ? undefined : to };
}

export interface RaftCell {
  readonly text: string;
  readonly tone: Tone;
  readonly changed: boolean;
}

export interface RaftRow {
  readonly label: string;
  readonly cells: readonly RaftCell[];
}

export interface RaftLine {
  readonly key: string;
  readonly text: string;
  readonly tone: Tone;
}

export interface RaftPicture {
  readonly labelWidth: number;
  /** Width of a member's column, with the gap after it. */
  readonly columnWidth: number;
  readonly names: readonly string[];
  readonly head: readonly RaftRow[];
  readonly legend: string;
  /** Newest index first; the cell of a member without the entry is empty. */
  readonly log: readonly RaftRow[];
  readonly heading: string;
  /** What is in flight, then what was said, newest first. */
  readonly messages: readonly RaftLine[];
  readonly footer: string;
}

export interface RaftPictureOptions {
  readonly now: number;
  /** Columns and lines of the terminal. */
  readonly width: number;
  readonly height: number;
}

const headRows = ['ROLE', 'TERM', 'VOTE', 'COMMIT', 'APPLIED'] as const;
const columnGap = 2;
const narrowest = 8;
/** Names, the head, two headings, the footer. */
const frame = 1 + headRows.length + 2 + 1;

/** Entries of each log that a screen of so many lines has room for. */
export const logLines = (height: number): number => Math.max(1, height - frame - messageLines(height));

const messageLines = (height: number): number => Math.max(1, Math.floor((height - frame) / 3));

export function pictureOf(state: RaftScreenState, options: RaftPictureOptions): RaftPicture {
  const { view } = state;
  if (!view) return { ...nothing, footer: state.lost ? lostText(state.lost) : 'loading…' };
  const { now, width, height } = options;
  const labelWidth = Math.max(...headRows.map((row) => row.length), String(view.lastIndex).length) + columnGap;
  const share = Math.floor((width - labelWidth) / Math.max(1, view.members.length));
  const columnWidth = Math.max(narrowest, share);
  const heads = view.members.map((member) => headOf(member, view));
  const inFlight = view.inFlight.length;
  return {
    labelWidth,
    columnWidth,
    names: view.members.map(({ name }) => (name === view.serving ? `${name} (serves the API)` : name)),
    head: headRows.map((label, row) => ({
      label,
      cells: view.members.map(({ id }, i) => {
        const at = state.changedAt.get(`${id}/${label}`);
        return { ...heads[i]![row]!, changed: at !== undefined && now - at < markMs };
      }),
    })),
    legend: `LOG  ● applied  ◐ committed  ○ appended${state.to === undefined ? '' : `  (up to ${view.to} of ${view.lastIndex})`}`,
    log: logRows(view, logLines(height)),
    heading: inFlight === 0 ? 'MESSAGES' : `MESSAGES  ${inFlight} in flight`,
    messages: messageRows(state, view, messageLines(height)),
    footer: footerOf(state, view),
  };
}

const nothing: Omit<RaftPicture, 'footer'> = {
  labelWidth: 0,
  columnWidth: narrowest,
  names: [],
  head: [],
  legend: '',
  log: [],
  heading: '',
  messages: [],
};

function headOf(member: RaftMember, view: RaftView): Omit<RaftCell, 'changed'>[] {
  const { role, paused, term, vote, commit, applied } = member;
  const voted = vote === '0' ? '-' : (view.members.find(({ id }) => id === vote)?.name ?? vote);
  const alone = !view.members.some(({ name }) => name !== member.name && hears(view, member.name, name));
  const cut = view.members.length > 1 && alone ? ' (cut off)' : '';
  return [
    { text: `${role}${paused ? ' (paused)' : cut}`, tone: roleTone(member, cut !== '') },
    { text: String(term), tone: 'plain' },
    { text: voted, tone: 'plain' },
    { text: String(commit), tone: 'plain' },
    { text: String(applied), tone: applied < commit ? 'waiting' : 'plain' },
  ];
}

const hears = (view: RaftView, a: string, b: string): boolean =>
  !view.network.cuts.some(([from, to]) => (from === a && to === b) || (from === b && to === a));

function roleTone({ role, paused }: RaftMember, cut: boolean): Tone {
  if (role === 'crashed' || paused || cut) return 'bad';
  if (role === 'leader') return 'good';
  return role === 'follower' || role === 'learner' ? 'plain' : 'waiting';
}

function logRows(view: RaftView, lines: number): RaftRow[] {
  const rows: RaftRow[] = [];
  const logs = view.members.map(({ name }) => {
    const entries = view.logs.find(({ member }) => member === name)?.entries ?? [];
    return new Map(entries.map((entry) => [entry.index, entry]));
  });
  const leader = view.members.findIndex(({ role }) => role === 'leader');
  for (let index = view.to; index > 0 && rows.length < lines; index--) {
    const entries = logs.map((log) => log.get(index));
    // What is committed is what counts; without it, what the leader has.
    const right = entries.find((entry) => entry?.committed) ?? entries[leader];
    const cells = view.members.map(({ firstIndex, role }, i): RaftCell => {
      const entry = entries[i];
      if (!entry) {
        const gone = role !== 'crashed' && index < firstIndex;
        return { text: gone ? '· compacted' : '', tone: 'plain', changed: false };
      }
      const mark = entry.applied ? '●' : entry.committed ? '◐' : '○';
      const tone: Tone =
        right && right.term !== entry.term ? 'bad' : entry.applied ? 'plain' : entry.committed ? 'good' : 'waiting';
      return { text: `${mark} t${entry.term} ${entry.summary}`, tone, changed: false };
    });
    rows.push({ label: String(index), cells });
  }
  return rows;
}

function messageRows(state: RaftScreenState, view: RaftView, lines: number): RaftLine[] {
  const flying = new Set(view.inFlight.map(({ seq }) => seq));
  const rest = state.said.filter(({ seq }) => !flying.has(seq));
  return [...view.inFlight.slice(0, lines), ...rest.reverse()].slice(0, lines).map((message) => {
    const { seq, from, to, type, term } = message;
    const aloft = flying.has(seq);
    // What was under way when it was told of and is no more has arrived or got lost: only the trace knows.
    const fate = aloft ? (message.fate === 'held' ? 'held' : 'under way') : message.fate === 'lost' ? 'lost' : '';
    const arrow = aloft ? '··▸' : fate === 'lost' ? '─✗ ' : '──▸';
    return {
      key: String(seq),
      text: `#${seq} ${from} ${arrow} ${to} ${type} t${term}${fate && ` ${fate}`}: ${says(message)}`,
      tone: aloft ? 'waiting' : fate === 'lost' ? 'bad' : 'plain',
    };
  });
}

const lostText = (message: string): string => `connection lost, trying again: ${message}`;

function footerOf(state: RaftScreenState, view: RaftView): string {
  const parts: string[] = [];
  const leader = view.members.filter(({ role }) => role === 'leader').map(({ name }) => name);
  parts.push(leader.length === 0 ? 'no leader' : `${leader.join(' and ')} lead${leader.length === 1 ? 's' : ''}`);
  if (view.network.cuts.length > 0) parts.push(`cut: ${view.network.cuts.map(([a, b]) => `${a}→${b}`).join(' ')}`);
  if (view.network.holding.length > 0) parts.push(`messages of ${view.network.holding.join(', ')} wait for a step`);
  if (state.lost) parts.push(lostText(state.lost));
  return parts.join(' · ');
}
