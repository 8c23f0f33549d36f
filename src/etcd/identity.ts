import { createHash } from 'node:crypto';
import type { Prng } from '../base/index.ts';
import { EtcdError } from './kv.ts';
import type { ClusterStorage } from './storage.ts';

export interface MemberIdentity {
  /** Raft's ID: 1, 2, … */
  readonly index: number;
  /** etcd's ID. */
  readonly id: bigint;
  readonly name: string;
}

export interface ClusterIdentity {
  readonly clusterId: bigint;
  readonly members: readonly MemberIdentity[];
}

interface Stored {
  readonly clusterId: string;
  readonly members: readonly { readonly index: number; readonly id: string; readonly name: string }[];
}

/** IDs as etcd makes them: hashes of peer address and cluster token. Kept in the storage from the first start on. */
export function clusterIdentity(storage: ClusterStorage, prng: Prng, wanted: number | undefined): ClusterIdentity {
  const text = storage.getMeta('cluster');
  if (text !== undefined) {
    const stored = JSON.parse(text) as Stored;
    const count = stored.members.length;
    if (wanted !== undefined && wanted !== count) {
      throw new EtcdError(
        'FailedPrecondition',
        `the cluster was made with ${count} etcd member${count === 1 ? '' : 's'}, not ${wanted}: ` +
          `start it with ${count}, or make another cluster`,
      );
    }
    const members = stored.members.map(({ index, id, name }) => ({ index, id: BigInt(id), name }));
    return { clusterId: BigInt(stored.clusterId), members };
  }
  const token = prng.uuid();
  const members = Array.from({ length: wanted ?? 1 }, (_, i) => {
    const name = `m${i + 1}`;
    return { index: i + 1, id: hashId(`inproc://${name}`, token), name };
  });
  const clusterId = hashId(...members.map(({ id }) => id.toString(16)), token);
  const stored: Stored = {
    clusterId: clusterId.toString(),
    members: members.map(({ index, id, name }) => ({ index, id: id.toString(), name })),
  };
  storage.setMeta('cluster', JSON.stringify(stored));
  return { clusterId, members };
}

function hashId(...parts: string[]): bigint {
  return createHash('sha1').update(parts.join('\n')).digest().readBigUInt64BE(0);
}
