import type { SnapshotHead } from './bolt/snapshot.ts';
import type { MemberInfo } from './server-api.ts';
import type { StateMachine } from './state-machine.ts';
import { AlarmMember } from './v3/messages.ts';

/** Everything of a snapshot but the revisions, as the state machine has it now. */
export function snapshotHead(
  machine: StateMachine,
  at: Pick<SnapshotHead, 'consistentIndex' | 'term' | 'compactRevision'> & { readonly members: readonly MemberInfo[] },
): SnapshotHead {
  return {
    ...at,
    leases: machine.store.lessor.list().map(({ id, ttl }) => ({ id: BigInt(id), ttl, remainingTtl: 0 })),
    auth: [],
    users: [],
    roles: [],
    alarms: machine.alarms.map(({ member, alarm }) =>
      AlarmMember.encode({ memberId: at.members[member - 1]?.id ?? 0n, alarm: alarm === 'nospace' ? 1 : 2 }),
    ),
    clusterVersion: '3.5.0',
  };
}
