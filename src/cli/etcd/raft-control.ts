/** `klab etcd raft pause|crash|partition|step|messages …`: faults for the members, and what they say to each other. */
import { exitCodes, UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import type { Session } from '../session.ts';
import { renderRaftStatus } from './raft.ts';

export interface RaftMessage {
  readonly seq: number;
  readonly fate: 'delivered' | 'lost' | 'held' | 'underway';
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly term: number;
  readonly index: number;
  readonly logTerm: number;
  readonly entries: number;
  readonly commit: number;
  readonly reject: boolean;
  readonly context?: string;
}

export interface RaftAction {
  readonly action: string;
  readonly members?: readonly string[];
  readonly sides?: readonly (readonly string[])[];
  readonly count?: number;
  readonly seqs?: readonly number[];
  readonly rule?: Readonly<Record<string, number>>;
}

/** Does it, and shows how the members stand then. @throws StatusError */
export async function raftAct(session: Session, action: RaftAction, output: string | undefined): Promise<string> {
  const { client, signal } = session;
  const { body } = await client.request({ method: 'POST', path: '/klab/v1/etcd/raft', body: action, signal });
  if (output === 'json' || output === 'yaml') return printData(body, output);
  const status = renderRaftStatus(body);
  if (!body.stepped) return status;
  const stepped = body.stepped as RaftMessage[];
  return `${stepped.length === 0 ? 'no messages are waiting' : renderMessages(stepped)}\n\n${status}`;
}

export interface RaftMessagesRequest {
  readonly limit: number;
  readonly heartbeats: boolean;
  readonly held: boolean;
  readonly output?: string;
}

export async function raftMessages(session: Session, request: RaftMessagesRequest): Promise<string> {
  const query = {
    limit: String(request.limit),
    heartbeats: String(request.heartbeats),
    held: String(request.held),
  };
  const answer = await session.client.raw('/klab/v1/etcd/raft/messages', { query, signal: session.signal });
  if (request.output === 'json' || request.output === 'yaml') return printData(answer, request.output);
  const messages = answer.items as RaftMessage[];
  const { heartbeats = 0, later = 0 } = answer.more ?? {};
  if (messages.length === 0 && heartbeats === 0)
    return request.held ? 'no messages are waiting' : 'the members have said nothing yet';
  const lines = messages.length === 0 ? [] : [renderMessages(messages)];
  if (later > 0) lines.push(`and ${later} later ${later === 1 ? 'one' : 'ones'}; see --limit`);
  if (heartbeats > 0)
    lines.push(
      `${lines.length > 0 ? 'and ' : ''}${many(heartbeats, 'heartbeat', 'heartbeats')}, which a step delivers like any other; see --heartbeats`,
    );
  return lines.join('\n');
}

export function renderMessages(messages: readonly RaftMessage[]): string {
  return renderTable(
    ['SEQ', 'FROM', 'TO', 'MESSAGE', 'TERM', 'FATE', 'SAYS'],
    messages.map((m) => [String(m.seq), m.from, m.to, m.type, String(m.term), m.fate, says(m)]),
  );
}

const many = (n: number, one: string, more: string) => `${n} ${n === 1 ? one : more}`;

/** What a message means, in words. */
export function says(m: RaftMessage): string {
  switch (m.type) {
    case 'MsgApp':
      return m.entries === 0
        ? `commit up to ${m.commit}; do you have entry ${m.index}?`
        : `${many(m.entries, 'entry', 'entries')} after ${m.index} of term ${m.logTerm}, commit up to ${m.commit}`;
    case 'MsgAppResp':
      return m.reject ? `I do not have entry ${m.index}` : `I have all up to ${m.index}`;
    case 'MsgVote':
      return `vote for me; my log ends at ${m.index} of term ${m.logTerm}`;
    case 'MsgPreVote':
      return `would you vote for me? my log ends at ${m.index} of term ${m.logTerm}`;
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return m.reject ? 'no' : 'yes';
    case 'MsgHeartbeat':
      return `I lead; commit up to ${m.commit}`;
    case 'MsgHeartbeatResp':
      return 'I hear you';
    case 'MsgProp':
      return `${many(m.entries, 'proposal', 'proposals')} for the leader`;
    case 'MsgSnap':
      return 'a snapshot: you are too far behind for the log';
    case 'MsgTimeoutNow':
      return 'stand for election now';
    case 'MsgTransferLeader':
      return 'let this one lead';
    case 'MsgReadIndex':
      return 'up to where must I have applied to read?';
    case 'MsgReadIndexResp':
      return `read once you have applied ${m.index}`;
    default:
      return '';
  }
}

/** `m1,m2 m3` → sides. @throws UserError */
export function readSides(words: readonly string[]): string[][] {
  const sides = words.map((word) => word.split(',').filter(Boolean));
  if (sides.length === 0 || sides.some((side) => side.length === 0)) {
    throw new UserError('name the sides: klab etcd raft partition m1 m2,m3', exitCodes.usage);
  }
  return sides;
}
