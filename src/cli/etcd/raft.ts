/** `klab etcd raft status|log`: the members' state machines and logs. */
import { printData, renderTable } from '../output.ts';
import type { Session } from '../session.ts';

export interface RaftMember {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly term: number;
  readonly vote: string;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly leader: string;
  readonly paused: boolean;
  readonly progress: readonly {
    readonly id: string;
    readonly match: number;
    readonly next: number;
    readonly state: string;
    readonly recentActive: boolean;
    readonly paused: boolean;
  }[];
}

interface RaftEntry {
  readonly index: number;
  readonly term: number;
  readonly type: string;
  readonly size: number;
  readonly revisions?: readonly [number, number];
  readonly committed: boolean;
  readonly applied: boolean;
  readonly summary: string;
  readonly actor?: string;
}

export async function raftStatus(session: Session, output: string | undefined): Promise<string> {
  const answer = await session.client.raw('/klab/v1/etcd/raft/status', { signal: session.signal });
  if (output === 'json' || output === 'yaml') return printData(answer, output);
  return renderRaftStatus(answer);
}

/** The answer of /klab/v1/etcd/raft/status. */
export interface RaftState {
  readonly members: readonly RaftMember[];
  /** The member that the API server uses. */
  readonly serving: string;
  readonly network: {
    /** [from, to] of directions in which nothing gets through. */
    readonly cuts: readonly (readonly [string, string])[];
    /** Members whose messages wait for `step`. */
    readonly holding: readonly string[];
    /** Of every link without a rule of its own, and of those that have one. */
    readonly everyLink: RaftLinkRule;
    readonly links: readonly (RaftLinkRule & { readonly from: string; readonly to: string })[];
  };
}

/** What `klab etcd raft link` sets; absent: no delay, nothing lost. */
export interface RaftLinkRule {
  readonly delayMs?: number;
  readonly jitterMs?: number;
  readonly drop?: number;
}

export function renderRaftStatus({ members, serving, network }: RaftState): string {
  const nameOf = new Map(members.map(({ id, name }) => [id, name]));
  const named = (id: string) => (id === '0' ? '-' : (nameOf.get(id) ?? id));
  const table = renderTable(
    ['MEMBER', 'ROLE', 'TERM', 'VOTE', 'LEADER', 'COMMIT', 'APPLIED', 'FIRST', 'LAST'],
    members.map((member) => [
      member.name,
      member.paused ? `${member.role} (paused)` : member.role,
      String(member.term),
      named(member.vote),
      named(member.leader),
      String(member.commit),
      String(member.applied),
      String(member.firstIndex),
      String(member.lastIndex),
    ]),
  );
  const leader = members.find(({ role }) => role === 'leader');
  const followers = leader?.progress.filter(({ id }) => id !== leader.id) ?? [];
  const parts = [table, ...networkLines(members, serving, network)];
  if (!leader || followers.length === 0) return parts.join('\n\n');
  const progress = renderTable(
    ['FOLLOWER', 'STATE', 'MATCH', 'NEXT', 'ACTIVE', 'PAUSED'],
    followers.map(({ id, state, match, next, recentActive, paused }) => [
      named(id),
      state,
      String(match),
      String(next),
      String(recentActive),
      String(paused),
    ]),
  );
  return [...parts, `How far ${leader.name}, the leader, knows the others:\n${progress}`].join('\n\n');
}

/** Nothing of a network without faults. */
function networkLines(members: readonly RaftMember[], serving: string, network: RaftState['network']): string[] {
  const lines: string[] = [];
  if (members.every(({ role }) => role === 'crashed')) lines.push('No member runs: nothing can be read or written.');
  else if (members.length > 1) lines.push(`The API server uses ${serving}.`);
  const both = network.cuts.filter(([a, b]) => network.cuts.some(([c, d]) => c === b && d === a));
  const pairs = both.filter(([a, b]) => a < b).map(([a, b]) => `${a} and ${b}`);
  if (pairs.length > 0) lines.push(`Cut off from each other: ${pairs.join('; ')}.`);
  for (const cut of network.cuts) if (!both.includes(cut)) lines.push(`Nothing gets from ${cut[0]} to ${cut[1]}.`);
  lines.push(...linkLines(network));
  if (network.holding.length > 0) lines.push(`Messages to and from ${network.holding.join(', ')} wait for a step.`);
  return lines.length > 0 ? [lines.join('\n')] : [];
}

/** Links that are slow or lose messages, in words. */
export function linkLines({ everyLink, links }: Pick<RaftState['network'], 'everyLink' | 'links'>): string[] {
  const lines = links.map((rule): [string, string] => [`Messages from ${rule.from} to ${rule.to}`, linkText(rule)]);
  const every = linkText(everyLink);
  const rest = links.length > 0 ? 'Messages on other links' : 'Messages between the members';
  if (every !== '') lines.push([rest, every]);
  return lines.map(([which, what]) => `${which} ${what || 'arrive at once'}.`);
}

/** Empty for a link without faults. */
function linkText({ delayMs = 0, jitterMs = 0, drop = 0 }: RaftLinkRule): string {
  const words: string[] = [];
  if (delayMs > 0 || jitterMs > 0) words.push(`take ${delayMs}${jitterMs > 0 ? ` to ${delayMs + jitterMs}` : ''} ms`);
  if (drop > 0) words.push(`are lost ${+(drop * 100).toFixed(1)} times in 100`);
  return words.join(' and ');
}

export interface RaftLogRequest {
  readonly member?: string;
  readonly limit: number;
  readonly from?: number;
  readonly to?: number;
  readonly output?: string;
}

export async function raftLog(session: Session, request: RaftLogRequest): Promise<string> {
  const { member, limit, from, to, output } = request;
  const number = (value: number | undefined) => (value === undefined ? undefined : String(value));
  const query = { member, limit: String(limit), from: number(from), to: number(to) };
  const answer = await session.client.raw('/klab/v1/etcd/raft/log', { query, signal: session.signal });
  if (output === 'json' || output === 'yaml') return printData(answer, output);
  const entries = answer.items as RaftEntry[];
  if (entries.length === 0) return `the log of ${answer.member} has no entries there`;
  return renderTable(
    ['INDEX', 'TERM', 'STATE', 'REVISION', 'SIZE', 'WHO', 'ENTRY'],
    entries.map((entry) => [
      String(entry.index),
      String(entry.term),
      entry.applied ? 'applied' : entry.committed ? 'committed' : 'appended',
      revisionText(entry.revisions),
      String(entry.size),
      entry.actor ?? '-',
      entry.summary,
    ]),
  );
}

function revisionText(revisions: RaftEntry['revisions']): string {
  if (!revisions) return '-';
  return revisions[0] === revisions[1] ? String(revisions[0]) : `${revisions[0]}-${revisions[1]}`;
}
