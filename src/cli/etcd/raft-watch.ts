/** `klab etcd raft watch`: the members from moment to moment, as pictures or as lines of what is new. */
import { rfc3339, wallClock } from '../../base/index.ts';
import { ConnectionError } from '../../client/index.ts';
import type { Output } from '../get/plan.ts';
import type { Session } from '../session.ts';
import { linkLines, type RaftMember, type RaftState } from './raft.ts';
import { type RaftMessage, says } from './raft-control.ts';

export interface RaftViewEntry {
  readonly index: number;
  readonly term: number;
  readonly committed: boolean;
  readonly applied: boolean;
  readonly summary: string;
}

/** The answer of /klab/v1/etcd/raft/view. */
export interface RaftView extends RaftState {
  /** The last index that the logs show, and the last of all. */
  readonly to: number;
  readonly lastIndex: number;
  readonly logs: readonly { readonly member: string; readonly entries: readonly RaftViewEntry[] }[];
  /** Newer than the `after` of the request. */
  readonly messages: readonly RaftMessage[];
  /** Held back or delayed, whenever they were sent. */
  readonly inFlight: readonly RaftMessage[];
}

export type RaftNews =
  | { readonly type: 'VIEW'; readonly view: RaftView }
  /** The server cannot be reached; it is tried again. */
  | { readonly type: 'LOST'; readonly message: string };

/** What the next picture shall show; read anew for each. */
export interface RaftViewWish {
  readonly entries: number;
  /** The last index of the logs; absent = the newest. */
  readonly to?: number;
  readonly heartbeats: boolean;
}

const pollMs = 250;

/** A picture at once and then every quarter of a second, each with the messages since the one before. */
export async function* raftViews(
  session: Session,
  wish: () => RaftViewWish,
  signal: AbortSignal,
): AsyncGenerator<RaftNews, void, void> {
  let after = 0;
  const ask = async (): Promise<RaftNews> => {
    const { entries, to, heartbeats } = wish();
    const query = {
      entries: String(entries),
      after: String(after),
      heartbeats: String(heartbeats),
      ...(to !== undefined && { to: String(to) }),
    };
    const view: RaftView = await session.client.raw('/klab/v1/etcd/raft/view', { query, signal });
    after = view.messages.at(-1)?.seq ?? after;
    return { type: 'VIEW', view };
  };
  yield await ask();
  for await (const _ of wallClock.every(pollMs, signal)) {
    try {
      yield await ask();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ConnectionError)) throw error;
      // Another server may answer next: its messages are numbered from 1.
      after = 0;
      yield { type: 'LOST', message: error.message };
    }
  }
}

const roleText = ({ role, term, paused }: RaftMember): string => `${role}${paused ? ' (paused)' : ''} in term ${term}`;

/** What is new since the picture before, a line each: roles, faults, entries, marks, messages. */
export function raftNewsLines(before: RaftView | undefined, view: RaftView): string[] {
  const lines: string[] = [];
  const old = new Map(before?.members.map((member) => [member.name, member]));
  for (const member of view.members) {
    const was = old.get(member.name);
    old.delete(member.name);
    if (!was) {
      lines.push(`${member.name} is ${roleText(member)}, commit ${member.commit}, applied ${member.applied}`);
      continue;
    }
    if (roleText(was) !== roleText(member))
      lines.push(`${member.name} is ${roleText(member)}; it was ${roleText(was)}`);
    if (member.vote !== was.vote && member.vote !== '0') {
      const voted = view.members.find(({ id }) => id === member.vote)?.name ?? member.vote;
      lines.push(`${member.name} votes for ${voted} in term ${member.term}`);
    }
  }
  for (const name of old.keys()) lines.push(`${name} is a member no more`);
  lines.push(...networkNews(before, view));
  for (const message of view.messages) lines.push(messageLine(message));
  lines.push(...logNews(before, view));
  for (const member of view.members) {
    const was = before?.members.find(({ name }) => name === member.name);
    if (!was || (was.commit === member.commit && was.applied === member.applied)) continue;
    lines.push(`${member.name} has committed up to ${member.commit} and applied up to ${member.applied}`);
  }
  return lines;
}

function messageLine(message: RaftMessage): string {
  const { seq, from, to, type, term, fate } = message;
  return `#${seq} ${from} → ${to} ${type} term ${term} ${fate}: ${says(message)}`;
}

function networkNews(before: RaftView | undefined, view: RaftView): string[] {
  const cutsOf = (one: RaftView | undefined) => new Set(one?.network.cuts.map(([from, to]) => `${from} to ${to}`));
  const [old, now] = [cutsOf(before), cutsOf(view)];
  const lines = [...now].filter((cut) => !old.has(cut)).map((cut) => `nothing gets from ${cut}`);
  lines.push(...[...old].filter((cut) => !now.has(cut)).map((cut) => `messages get from ${cut} again`));
  const holding = view.network.holding.join(', ');
  if (holding !== (before?.network.holding.join(', ') ?? '')) {
    lines.push(holding === '' ? 'no messages wait for a step' : `messages to and from ${holding} wait for a step`);
  }
  const links = linkLines(view.network);
  const known = new Set(before && linkLines(before.network));
  lines.push(...links.filter((line) => !known.has(line)));
  if (links.length === 0 && known.size > 0) lines.push('no link is slow or loses messages any more');
  return lines;
}

/** Entries that a member has and had not, told once for all that got them; tails that were cut off. */
function logNews(before: RaftView | undefined, view: RaftView): string[] {
  if (!before) return [];
  const lines: string[] = [];
  const gained = new Map<string, { readonly entry: RaftViewEntry; readonly members: string[] }>();
  for (const { member, entries } of view.logs) {
    const was = before.logs.find((log) => log.member === member)?.entries;
    if (!was || was.length === 0) continue;
    const last = was.at(-1)!.index;
    const terms = new Map(was.map(({ index, term }) => [index, term]));
    const overwritten = entries.find(({ index, term }) => index <= last && (terms.get(index) ?? term) !== term);
    if (overwritten) lines.push(`${member} gives up its entries from ${overwritten.index} for those of the leader`);
    for (const entry of entries) {
      if (entry.index <= last && !(overwritten && entry.index >= overwritten.index)) continue;
      const key = `${entry.index}/${entry.term}`;
      const known = gained.get(key);
      if (known) known.members.push(member);
      else gained.set(key, { entry, members: [member] });
    }
  }
  const inOrder = [...gained.values()].sort((a, b) => a.entry.index - b.entry.index || a.entry.term - b.entry.term);
  for (const { entry, members } of inOrder) {
    lines.push(`entry ${entry.index} of term ${entry.term} is with ${members.join(', ')}: ${entry.summary}`);
  }
  return lines;
}

/** A line for everything new, with the time; `json`: one picture a line. */
export async function printRaftNews(
  session: Session,
  options: { readonly output?: string; readonly entries: number; readonly heartbeats: boolean },
  io: Output,
  signal: AbortSignal,
): Promise<void> {
  let before: RaftView | undefined;
  let lastJson = '';
  for await (const news of raftViews(session, () => options, signal)) {
    if (news.type === 'LOST') {
      io.err(news.message);
      continue;
    }
    const { view } = news;
    if (options.output === 'json') {
      const json = JSON.stringify(view);
      if (json !== lastJson) io.out(`${json}\n`);
      lastJson = json;
    } else {
      const time = rfc3339(wallClock.now()).slice(11, 19);
      for (const line of raftNewsLines(before, view)) io.out(`${time} ${line}\n`);
    }
    before = view;
  }
}
