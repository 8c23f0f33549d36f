import { keyBytes } from '../mvcc/index.ts';
import type { SnapshotHead } from './bolt/snapshot.ts';
import { memberId } from './membership.ts';
import type { MemberInfo } from './server-api.ts';
import type { StateMachine } from './state-machine.ts';
import { AlarmMember, AuthRole, AuthUser } from './v3/messages.ts';

/** Everything of a snapshot but the revisions, as the state machine has it now. */
export function snapshotHead(
  machine: StateMachine,
  at: Pick<SnapshotHead, 'consistentIndex' | 'term' | 'compactRevision'> & { readonly members: readonly MemberInfo[] },
): SnapshotHead {
  const { auth } = machine;
  return {
    ...at,
    leases: machine.store.lessor.list().map(({ id, ttl }) => ({ id: BigInt(id), ttl, remainingTtl: 0 })),
    auth: [
      ['authEnabled', Buffer.of(auth.enabled ? 1 : 0)],
      ['authRevision', u64(auth.revision)],
    ],
    users: auth.users.map(({ name, password, roles, noPassword }) => [
      name,
      AuthUser.encode({ name: Buffer.from(name), password: Buffer.from(password), roles, options: { noPassword } }),
    ]),
    roles: auth.roles.map(({ name, permissions }) => {
      const keyPermission = permissions.map(({ type, key, rangeEnd }) => ({
        permType: ['read', 'write', 'readwrite'].indexOf(type),
        key: keyBytes(key),
        rangeEnd: keyBytes(rangeEnd),
      }));
      return [name, AuthRole.encode({ name: Buffer.from(name), keyPermission })];
    }),
    alarms: machine.alarms.map(({ member, alarm }) =>
      AlarmMember.encode({ memberId: memberId(machine.membership, member), alarm: alarm === 'nospace' ? 1 : 2 }),
    ),
    clusterVersion: '3.5.0',
  };
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
