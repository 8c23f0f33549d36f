/** A snapshot becomes a cluster's state. Upstream: etcdutl/snapshot/v3_snapshot.go. */
import { keyString, leaseIdOf, type Row } from '../mvcc/index.ts';
import { type AuthState, noAuth } from './auth/state.ts';
import type { SnapshotHead, SnapshotReader, SnapshotStatus } from './bolt/snapshot.ts';
import { withSnapshotFile } from './bolt/snapshot-file.ts';
import { EtcdError } from './kv.ts';
import type { ClusterStorage } from './storage.ts';
import { AuthRole, AuthUser } from './v3/messages.ts';

/** Rows in one transaction. */
const batch = 10_000;

export interface RestoreReport {
  readonly revision: number;
  readonly compactRevision: number;
  readonly revisions: number;
  readonly leases: number;
  readonly users: number;
}

/** What `etcdctl snapshot status` shows. Throws BoltError for files that are no snapshot. */
export function snapshotStatus(file: string): SnapshotStatus {
  return withSnapshotFile(file, (snapshot) => snapshot.status());
}

/**
 * Fills a new, empty storage with a snapshot's revisions, leases and accounts; its members and its Raft log belong to the
 * old cluster and stay behind, as with etcd's own restore. `now` (ms) becomes the time of all revisions.
 */
export function restoreSnapshot(
  file: string,
  storage: ClusterStorage,
  options: { readonly now: number; readonly skipHashCheck?: boolean },
): RestoreReport {
  return withSnapshotFile(file, (snapshot) => {
    if (!options.skipHashCheck) checkHash(snapshot);
    const head = snapshot.head();
    const { backend } = storage;
    for (const { id, ttl } of head.leases) backend.putLease({ id: leaseIdOf(id), ttl });
    const provenance = { actor: 'etcd:restore' };
    let revision = 1;
    let revisions = 0;
    for (const { main, sub, tombstone, kv } of snapshot.revisions()) {
      const { createRevision = 0, version = 0, lease = 0, value = new Uint8Array(0) } = kv;
      const dead = { createRevision: 0, version: 0, lease: 0, value: new Uint8Array(0) };
      const alive = { createRevision, version, lease: leaseIdOf(BigInt(lease)), value };
      const row: Row = {
        key: kv.key,
        main,
        sub,
        tombstone,
        time: options.now,
        provenance,
        ...(tombstone ? dead : alive),
      };
      backend.append(row);
      revision = main;
      if (++revisions % batch === 0) storage.commit();
    }
    if (head.compactRevision > 0) backend.setCompactRevision(head.compactRevision);
    const auth = authOf(head);
    if (auth !== noAuth) storage.setMeta('auth', JSON.stringify(auth));
    storage.commit();
    const { compactRevision, leases, users } = head;
    return { revision, compactRevision, revisions, leases: leases.length, users: users.length };
  });
}

function checkHash(snapshot: SnapshotReader): void {
  // etcdctl's words.
  if (!snapshot.hasTrailer) {
    throw new EtcdError('DataLoss', 'snapshot missing hash but --skip-hash-check=false');
  }
  if (!snapshot.verify()) throw new EtcdError('DataLoss', 'expected sha256 does not match that of the snapshot');
}

function authOf(head: SnapshotHead): AuthState {
  if (head.users.length === 0 && head.roles.length === 0) return noAuth;
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const setting = (name: string) => Buffer.from(head.auth.find(([key]) => key === name)?.[1] ?? []);
  const revision = setting('authRevision');
  const users = head.users.map(([, bytes]) => {
    const { name, password, roles, options } = AuthUser.decode(bytes);
    return { name: text(name), password: text(password), roles, noPassword: options?.noPassword ?? false };
  });
  const roles = head.roles.map(([, bytes]) => {
    const { name, keyPermission } = AuthRole.decode(bytes);
    const permissions = keyPermission.map(({ permType, key, rangeEnd }) => ({
      type: (['read', 'write', 'readwrite'] as const)[permType] ?? 'read',
      key: keyString(key),
      rangeEnd: keyString(rangeEnd),
    }));
    return { name: text(name), permissions };
  });
  return {
    enabled: setting('authEnabled')[0] === 1,
    revision: revision.length === 8 ? Number(revision.readBigUInt64BE()) : 1,
    users,
    roles,
  };
}
