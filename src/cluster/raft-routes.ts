/** `/klab/v1/etcd/raft/…`: the members of the store as they are, and faults for them. */
import { newBadRequest, newConflict, newNotFound } from '../apimachinery/index.ts';
import type { KlabRoute, RequestContext, ServerResponse } from '../apiserver/index.ts';
import { type EtcdCluster, type EtcdServerApi, isHeartbeat, type LinkRule, type TracedMessage } from '../etcd/index.ts';
import { maxViewEntries, raftMessages, raftState, raftView, wire } from './raft-view.ts';

const ok = (object: object): ServerResponse => ({ code: 200, body: { kind: 'object', object } });

export interface RaftRequest {
  readonly action?: unknown;
  /** Names of members. */
  readonly members?: unknown;
  /** partition: sides; those named nowhere form one more. */
  readonly sides?: unknown;
  /** step: so many messages, default 1, or these. */
  readonly count?: unknown;
  readonly seqs?: unknown;
  /** link: the rule of messages from members[0] to members[1], or of every link. */
  readonly rule?: unknown;
}

export const raftActions = [
  'pause',
  'resume',
  'crash',
  'restart',
  'campaign',
  'transfer',
  'partition',
  'cut',
  'link',
  'heal',
  'hold',
  'release',
  'step',
] as const;

/** Reads a member's name or hexadecimal ID. @throws StatusError NotFound */
export function memberIndex(etcd: EtcdCluster, word: unknown): number {
  for (let i = 0; i < etcd.size; i++) {
    const { name, memberId } = etcd.member(i);
    if (name === word || memberId.toString(16) === word) return i;
  }
  throw newNotFound({ group: '', resource: 'etcd members' }, String(word));
}

function words(value: unknown, what: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.some((word) => typeof word !== 'string')) {
    throw newBadRequest(`${what} must be a list of names of members`);
  }
  return value as string[];
}

/** @throws StatusError BadRequest, NotFound, Conflict */
export async function actOnRaft(etcd: EtcdCluster, request: RaftRequest): Promise<object> {
  const { action } = request;
  const chosen = words(request.members, 'members').map((word) => memberIndex(etcd, word));
  const need = (n: number, text: string) => {
    if (chosen.length !== n) throw newBadRequest(`${String(action)} needs ${text}`);
  };
  const raftIndex = (i: number) => etcd.members[i]!.index;
  const state = (i: number) => etcd.status()[i]!;
  const noLoop = () => {
    if (chosen.length === 2 && chosen[0] === chosen[1]) throw newBadRequest('a member has no link to itself');
  };
  const conflict = (i: number, why: string) => newConflict({ group: '', resource: 'etcd members' }, state(i).name, why);
  let stepped: readonly TracedMessage[] | undefined;
  switch (action) {
    case 'pause':
    case 'resume':
    case 'crash':
    case 'restart':
      if (chosen.length === 0) throw newBadRequest(`${action} needs a member`);
      for (const i of chosen) {
        if (action === 'restart' && state(i).role !== 'crashed') throw conflict(i, 'it runs already');
        if (action === 'crash' && state(i).role === 'crashed') throw conflict(i, 'it has crashed already');
      }
      for (const i of chosen) etcd[action](i);
      break;
    case 'campaign':
      need(1, 'one member');
      if (state(chosen[0]!).role === 'crashed') throw conflict(chosen[0]!, 'it has crashed');
      etcd.campaign(chosen[0]!);
      break;
    case 'transfer': {
      need(1, 'the member that shall lead');
      const leader = etcd.leaderIndex();
      if (leader === undefined) throw conflict(chosen[0]!, 'there is no leader that could hand over');
      await etcd.member(leader).moveLeader(etcd.member(chosen[0]!).memberId);
      break;
    }
    case 'partition': {
      if (!Array.isArray(request.sides) || request.sides.length === 0) {
        throw newBadRequest('partition needs sides: lists of names of members');
      }
      const sides = request.sides.map((side) =>
        words(side, 'a side').map((word) => raftIndex(memberIndex(etcd, word))),
      );
      const all = sides.flat();
      if (new Set(all).size !== all.length) throw newBadRequest('a member cannot be on two sides');
      etcd.transport.partition(...sides);
      break;
    }
    case 'cut':
      need(2, 'two members: from and to');
      noLoop();
      etcd.transport.cut(raftIndex(chosen[0]!), raftIndex(chosen[1]!));
      break;
    case 'link': {
      const rule = linkRule(request.rule);
      if (chosen.length === 0) {
        // Every link: those with a rule of their own too.
        etcd.transport.clearRules();
        etcd.transport.setDefault(rule);
      } else {
        need(2, 'two members, from and to, or none for every link');
        noLoop();
        etcd.transport.setLink(raftIndex(chosen[0]!), raftIndex(chosen[1]!), rule);
      }
      break;
    }
    case 'heal':
      etcd.transport.heal();
      etcd.transport.clearRules();
      etcd.transport.hold([]);
      etcd.wake();
      break;
    case 'hold':
      etcd.transport.hold((chosen.length > 0 ? chosen : [...Array(etcd.size).keys()]).map(raftIndex));
      break;
    case 'release':
      etcd.transport.hold([]);
      etcd.wake();
      break;
    case 'step': {
      const { seqs, count = 1 } = request;
      if (etcd.transport.holding.length === 0) {
        throw newBadRequest('no messages are held back; see: klab etcd raft hold');
      }
      if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) {
        throw newBadRequest(`count must be a whole number from 1, not "${String(count)}"`);
      }
      if (seqs !== undefined && !(Array.isArray(seqs) && seqs.every((n) => Number.isSafeInteger(n)))) {
        throw newBadRequest('seqs must be a list of numbers of messages');
      }
      stepped = etcd.transport.step(count, seqs && new Set(seqs as number[]));
      break;
    }
    default:
      throw newBadRequest(`action must be one of ${raftActions.join(', ')}, not "${String(action)}"`);
  }
  return { ...raftState(etcd), ...(stepped && { stepped: raftMessages(etcd, stepped) }) };
}

/** @throws StatusError BadRequest */
function linkRule(value: unknown): LinkRule {
  const rule = (value ?? {}) as Record<string, unknown>;
  for (const [name, n] of Object.entries(rule)) {
    const known = name === 'delayMs' || name === 'jitterMs' || name === 'drop';
    if (!known || typeof n !== 'number' || !(n >= 0) || (name === 'drop' && n > 1)) {
      throw newBadRequest('rule has delayMs, jitterMs (numbers from 0) and drop (a number from 0 to 1)');
    }
  }
  return rule as LinkRule;
}

export function raftRoutes(deps: {
  readonly etcd: EtcdCluster;
  readonly memberOf: (context: RequestContext) => EtcdServerApi;
  readonly integer: (context: RequestContext, name: string) => number | undefined;
  readonly bodyOf: (context: RequestContext) => Record<string, unknown>;
}): KlabRoute[] {
  const { etcd, memberOf, integer, bodyOf } = deps;
  return [
    {
      path: '/klab/v1/etcd/raft',
      verb: 'post',
      description: 'pause, crash, cut off and step the etcd members, and hand over leadership',
      handler: async (context) => ok(await actOnRaft(etcd, bodyOf(context))),
    },
    {
      path: '/klab/v1/etcd/raft/status',
      verb: 'get',
      description: 'read the Raft state of every etcd member',
      handler: async () => ok(raftState(etcd)),
    },
    {
      path: '/klab/v1/etcd/raft/messages',
      verb: 'get',
      description: 'read the newest messages between the etcd members, and what became of them',
      handler: async (context) => {
        const heartbeats = context.request.query.get('heartbeats') === 'true';
        const limit = integer(context, 'limit') ?? 50;
        if (context.request.query.get('held') === 'true') {
          // The oldest: what a step delivers first.
          const waiting = etcd.transport.waiting();
          const some = heartbeats ? waiting : waiting.filter((message) => !isHeartbeat(message));
          const more = { heartbeats: waiting.length - some.length, later: Math.max(0, some.length - limit) };
          return ok({ kind: 'RaftMessages', items: raftMessages(etcd, some.slice(0, limit)), more });
        }
        const items = limit === 0 ? [] : etcd.transport.trace({ heartbeats }).slice(-limit);
        return ok({ kind: 'RaftMessages', items: raftMessages(etcd, items) });
      },
    },
    {
      path: '/klab/v1/etcd/raft/view',
      verb: 'get',
      description: 'read members, the ends of their logs and the newest messages, all of one moment',
      handler: async (context) => {
        const request = {
          entries: integer(context, 'entries') ?? maxViewEntries,
          to: integer(context, 'to'),
          after: integer(context, 'after') ?? 0,
          heartbeats: context.request.query.get('heartbeats') === 'true',
        };
        return ok(raftView(etcd, request));
      },
    },
    {
      path: '/klab/v1/etcd/raft/log',
      verb: 'get',
      description: 'read entries of the Raft log of a member',
      handler: async (context) => {
        const member = memberOf(context);
        const limit = integer(context, 'limit') ?? 100;
        const to = integer(context, 'to') ?? member.raftStatus().lastIndex;
        const from = integer(context, 'from') ?? Math.max(1, to - limit + 1);
        return ok({ kind: 'RaftLog', member: member.name, items: wire(member.raftLog({ from, to, limit })) });
      },
    },
  ];
}

/** The same routes on a cluster whose store is another etcd: each says why it does nothing. */
export function raftRoutesElsewhere(notHere: (what: string) => string): KlabRoute[] {
  const unreachable = () => {
    throw newBadRequest(notHere('the Raft of its members'));
  };
  // Handlers alone touch the members; none of them runs.
  const deps = { etcd: undefined as never, memberOf: unreachable, integer: unreachable, bodyOf: unreachable };
  return raftRoutes(deps).map((route) => ({ ...route, handler: async () => unreachable() }));
}
