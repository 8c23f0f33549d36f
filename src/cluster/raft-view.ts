/** What `/klab/v1/etcd/raft/…` shows: the members, what they say to each other, and the ends of their logs. */
import type { EtcdCluster, TracedMessage } from '../etcd/index.ts';

/** BigInt IDs as hex. */
export const wire = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? item.toString(16) : item)));

export function raftState(etcd: EtcdCluster): object {
  const nameOf = (index: number) => etcd.memberAt(index)?.name ?? String(index);
  const { transport } = etcd;
  const indices = etcd.members.map(({ index }) => index);
  const cuts = indices.flatMap((from) =>
    indices.filter((to) => to !== from && !transport.connected(from, to)).map((to) => [nameOf(from), nameOf(to)]),
  );
  const { all, links } = transport.rules;
  const slow = links.map(({ from, to, rule }) => ({ from: nameOf(from), to: nameOf(to), ...rule }));
  return {
    kind: 'RaftStatus',
    members: etcd.status().map((status, i) => ({ ...wire(status), paused: etcd.members[i]!.paused })),
    serving: etcd.live.current.name,
    network: { cuts, holding: transport.holding.map(nameOf), everyLink: all, links: slow },
  };
}

export function raftMessages(etcd: EtcdCluster, traced: readonly TracedMessage[]): object[] {
  const nameOf = (index: number) => etcd.memberAt(index)?.name ?? String(index);
  return traced.map(({ seq, fate, message: { from, to, ...rest } }) => ({
    seq,
    fate,
    from: nameOf(from),
    to: nameOf(to),
    ...rest,
  }));
}

/** Entries of each log, and messages, in one answer at most. */
export const maxViewEntries = 200;
const maxViewMessages = 200;

export interface RaftViewRequest {
  /** Entries of each member's log. */
  readonly entries: number;
  /** The last index shown; by default the greatest of all logs. */
  readonly to?: number;
  /** Only messages with greater numbers, the newest of them. */
  readonly after: number;
  readonly heartbeats: boolean;
}

/** Everything of one moment: what one member has, another may lack. */
export function raftView(etcd: EtcdCluster, request: RaftViewRequest): object {
  const lastIndex = Math.max(0, ...etcd.status().map((status) => status.lastIndex));
  const to = Math.min(request.to ?? lastIndex, lastIndex);
  const limit = Math.min(request.entries, maxViewEntries);
  const logs = etcd.members.map((member, i) => ({
    member: member.name,
    // A member that has crashed shows nobody its log.
    entries:
      member.node && limit > 0
        ? etcd
            .member(i)
            .raftLog({ from: Math.max(1, to - limit + 1), to, limit })
            .map(entryView)
        : [],
  }));
  const traced = etcd.transport.trace({ heartbeats: request.heartbeats });
  const fresh = traced.filter(({ seq }) => seq > request.after).slice(-maxViewMessages);
  // What is under way was sent long ago, maybe: it counts whatever its number is.
  const flying = etcd.transport.waiting().slice(-maxViewMessages);
  return {
    ...raftState(etcd),
    kind: 'RaftView',
    to,
    lastIndex,
    logs,
    messages: raftMessages(etcd, fresh),
    inFlight: raftMessages(etcd, flying),
  };
}

type LogEntry = ReturnType<ReturnType<EtcdCluster['member']>['raftLog']>[number];

const entryView = ({ index, term, committed, applied, summary }: LogEntry) => ({
  index,
  term,
  committed,
  applied,
  summary,
});
