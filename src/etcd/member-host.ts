import type { Entry, Message } from '../raft/index.ts';
import type { Member } from './member.ts';
import type { ProposedRequest } from './proposal.ts';

/** What a member needs of the cluster it is part of. */
export interface MemberHost {
  readonly members: readonly Member[];
  /** The member with Raft's ID, while it is one of the cluster. */
  memberAt(index: number): Member | undefined;
  /** All members apply to one store. */
  readonly sharedStore: boolean;
  readonly single: boolean;
  readonly clusterId: bigint;
  readonly electionTicks: number;
  readonly requestTimeoutMs: number;
  wake(): void;
  send(message: Message): void;
  monotonic(): number;
  now(): number;
  random(n: number): number;
  markApplied(entry: Entry): void;
  nextProposalId(member: number): number;
  /** Throws NoSpace when the quota does not allow the request. */
  checkQuota(member: Member, request: ProposedRequest): void;
  connected(a: number, b: number): boolean;
  /** Whether two members run, move and hear each other. */
  reachable(a: Member, b: Member): boolean;
}
