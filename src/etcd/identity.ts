import { createHash } from 'node:crypto';
import type { Prng } from '../base/index.ts';
import { EtcdError } from './kv.ts';
import type { Membership } from './membership.ts';
import type { ClusterStorage } from './storage.ts';

export interface ClusterIdentity {
  readonly clusterId: bigint;
  readonly membership: Membership;
  /** Made just now: every member begins with the same configuration. Who joins later gets it from the others. */
  readonly fresh: boolean;
}

interface Stored {
  readonly clusterId: string;
  readonly members: readonly { readonly index: number; readonly id: string; readonly name: string }[];
}

/**
 * IDs as etcd makes them: hashes of peer address and cluster token. Kept in the storage from the first start on; who
 * belongs to the cluster now stands beside it, kept by the state machine.
 */
export function clusterIdentity(storage: ClusterStorage, prng: Prng, wanted: number | undefined): ClusterIdentity {
  const text = storage.getMeta('cluster');
  if (text !== undefined) {
    const stored = JSON.parse(text) as Stored;
    const now = storage.getMeta(membershipMeta);
    const membership: Membership = now === undefined ? firstMembership(stored) : JSON.parse(now);
    const count = membership.members.length;
    // A number that was right once says no more than that members came and went since.
    if (wanted !== undefined && wanted !== count && wanted !== stored.members.length) {
      throw new EtcdError(
        'FailedPrecondition',
        `the cluster was made with ${count} etcd member${count === 1 ? '' : 's'}, not ${wanted}: ` +
          `start it with ${count}, or make another cluster`,
      );
    }
    return { clusterId: BigInt(stored.clusterId), membership, fresh: false };
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
  return { clusterId, membership: firstMembership(stored), fresh: true };
}

/** Where the state machine keeps the membership. */
export const membershipMeta = 'membership';

function firstMembership({ members }: Stored): Membership {
  return {
    members: members.map((m) => ({ ...m, peerUrls: [`inproc://${m.name}`], isLearner: false })),
    removed: [],
    refused: [],
  };
}

function hashId(...parts: string[]): bigint {
  return createHash('sha1').update(parts.join('\n')).digest().readBigUInt64BE(0);
}
