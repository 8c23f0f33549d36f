import type { Clock } from '../base/index.ts';
import { MemoryBackend } from '../mvcc/index.ts';
import { noAuth } from './auth/state.ts';
import { membershipMeta } from './identity.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { Member } from './member.ts';
import type { Membership } from './membership.ts';
import { type SideState, StateMachine } from './state-machine.ts';
import type { ClusterStorage } from './storage.ts';

export interface MachinesDeps {
  readonly storage: ClusterStorage;
  readonly clock: Clock;
  readonly electionMs: number;
  /** One for all members, on the storage; or one each, in memory. */
  readonly shared: boolean;
  readonly valueCacheBytes: number | undefined;
}

/** The state machines of a cluster, each with the keeper of its leases. */
export class Machines {
  /** The same array for good. */
  readonly all: StateMachine[] = [];
  readonly #keepers: LeaseKeeper[] = [];
  readonly #deps: MachinesDeps;

  constructor(deps: MachinesDeps) {
    this.#deps = deps;
  }

  /** That of a member that starts; `membership` as the storage had it is where it begins. */
  forMember(membership: Membership): StateMachine {
    const { shared, storage } = this.#deps;
    if (!shared) return this.#make(new MemoryBackend(), membership);
    return this.all[0] ?? this.#make(storage.backend, membership);
  }

  #make(backend: MemoryBackend | ClusterStorage['backend'], membership: Membership): StateMachine {
    const { storage, clock, electionMs, valueCacheBytes } = this.#deps;
    const kept = (name: string) => JSON.parse(storage.getMeta(name) ?? 'null');
    const side: SideState = { alarms: kept('alarms') ?? [], auth: kept('auth') ?? noAuth, membership };
    const save = (now: SideState, before: SideState) => {
      if (now.alarms !== before.alarms) storage.setMeta('alarms', JSON.stringify(now.alarms));
      if (now.auth !== before.auth) storage.setMeta('auth', JSON.stringify(now.auth));
      if (now.membership !== before.membership) storage.setMeta(membershipMeta, JSON.stringify(now.membership));
    };
    const machine = new StateMachine(backend, side, save, {
      valueCacheBytes,
      // etcd: at least one and a half election timeouts.
      minLeaseTtl: Math.ceil((1.5 * electionMs) / 1000),
    });
    this.all.push(machine);
    this.#keepers.push(new LeaseKeeper(machine, clock, electionMs));
    return machine;
  }

  /** Who leads may have changed, and with it who lets leases expire. */
  updateKeepers(members: readonly Member[]): void {
    for (const [i, machine] of this.all.entries()) {
      this.#keepers[i]!.update(members.filter((m) => m.machine === machine));
    }
  }

  stopKeepers(): void {
    for (const keeper of this.#keepers) keeper.stop();
  }
}
