/**
 * Finds devices for claims on one node: the first way through all combinations in which every request has its devices.
 * Upstream: dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go (1.36).
 */
import { toleratesTaint } from '../../api/index.ts';
import { CelFailure, selectsDevice } from '../../apimachinery/cel/index.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { hasRoom, takenBy } from './capacity.ts';
import { type Device, type DeviceCatalog, type DeviceTaint, nodeChosen, type Pool } from './catalog.ts';
import type { Claim, ClaimTracker } from './claims.ts';
import type { Constraint } from './constraints.ts';
import { type Amounts, addAmounts } from './quantities.ts';
import {
  AllocationError,
  type ClaimPlan,
  type ClassSource,
  constraintsOf,
  maxResults,
  planOf,
  type Wish,
} from './requests.ts';

/** A device chosen for a wish. */
export interface Choice {
  readonly wish: Wish;
  readonly device: Device;
  /** What it takes of a device that is shared. */
  readonly taken?: Amounts;
}

export interface ClaimChoices {
  readonly plan: ClaimPlan;
  readonly choices: readonly Choice[];
}

/** Some pool for the node contradicts itself: on other nodes the claims may be met. */
export const invalidPools = 'invalid resource pools were encountered';

/** Upstream gives up after ten seconds; here after so many tries, which is the same on every machine. */
const maxSteps = 200_000;

export type AllocateResult =
  | { readonly claims: readonly ClaimChoices[] }
  | { readonly claims?: undefined; readonly reason?: string; readonly timedOut?: boolean };

/** For one scheduling cycle, during which no claim and no slice changes. */
export class Allocator {
  readonly catalog: DeviceCatalog;
  readonly tracker: ClaimTracker;
  readonly #classOf: ClassSource;
  readonly #plans = new WeakMap<Claim, ClaimPlan>();
  /** What is left of each pool's counters. */
  readonly #counters = new Map<string, Map<string, Map<string, bigint>>>();

  constructor(catalog: DeviceCatalog, tracker: ClaimTracker, classOf: ClassSource) {
    this.catalog = catalog;
    this.tracker = tracker;
    this.#classOf = classOf;
  }

  /** @throws AllocationError when something is wrong with the claims whatever the node */
  allocate(node: NodeInfo, claims: readonly Claim[]): AllocateResult {
    const plans = claims.map((claim) => this.#plan(claim));
    const pools = this.catalog.poolsFor(node);
    const search = new Search(this, node, pools, plans);
    const found = search.run();
    if (found) return { claims: found };
    if (search.exhausted) return { timedOut: true };
    return pools.some(({ state }) => state === 'invalid') ? { reason: invalidPools } : {};
  }

  #plan(claim: Claim): ClaimPlan {
    let plan = this.#plans.get(claim);
    if (!plan) {
      plan = planOf(claim, this.#classOf);
      this.#plans.set(claim, plan);
    }
    return plan;
  }

  countersLeft(pool: Pool): Map<string, Map<string, bigint>> {
    let left = this.#counters.get(pool.id);
    if (left) return left;
    left = new Map([...pool.counterSets].map(([name, amounts]) => [name, new Map(amounts)]));
    for (const { id, counters } of [...pool.devices, ...pool.elsewhere]) {
      if (!this.tracker.isTaken(id) && !this.tracker.sharedOf(id)) continue;
      for (const { set, amounts } of counters) addAmounts(left.get(set)!, amounts, -1n);
    }
    this.#counters.set(pool.id, left);
    return left;
  }
}

/** Full: the claim would get more devices than a result can hold, whatever device is tried. */
type Outcome = 'found' | 'none' | 'full';

interface Sharing {
  count: number;
  readonly amounts: Map<string, bigint>;
}

class Search {
  exhausted = false;
  readonly #allocator: Allocator;
  readonly #node: NodeInfo;
  readonly #pools: readonly Pool[];
  readonly #plans: readonly ClaimPlan[];
  readonly #constraints: readonly (readonly Constraint[])[];
  readonly #choices: Choice[][];
  /** Devices taken in this search, with the claims that did. */
  readonly #taken = new Map<string, number[]>();
  readonly #shared = new Map<string, Sharing>();
  /** By pool, then counter set. */
  readonly #used = new Map<string, Map<string, Map<string, bigint>>>();
  readonly #selected = new Map<Wish, Map<Device, boolean>>();
  readonly #all = new Map<Wish, readonly (readonly [Pool, Device])[]>();
  #steps = 0;

  constructor(allocator: Allocator, node: NodeInfo, pools: readonly Pool[], plans: readonly ClaimPlan[]) {
    this.#allocator = allocator;
    this.#node = node;
    this.#pools = pools;
    this.#plans = plans;
    this.#constraints = plans.map(({ claim }) => constraintsOf(claim));
    this.#choices = plans.map(() => []);
  }

  run(): ClaimChoices[] | undefined {
    for (const { key, requests } of this.#plans) {
      let least = 0;
      for (const wishes of requests) least += Math.min(...wishes.map((wish) => this.#wanted(wish, key)));
      if (least > maxResults) {
        const limit = `exceeds the claim limit of ${maxResults}`;
        throw new AllocationError(`claim ${key}: number of requested devices ${least} ${limit}`);
      }
    }
    if (this.#request(0, 0) !== 'found') return undefined;
    return this.#plans.map((plan, i) => ({ plan, choices: this.#choices[i]! }));
  }

  /** How many devices it wants. */
  #wanted(wish: Wish, key: string): number {
    if (!wish.all) return wish.count;
    let devices = this.#all.get(wish);
    if (!devices) {
      devices = this.#allOf(wish, key);
      this.#all.set(wish, devices);
    }
    return devices.length;
  }

  #allOf(wish: Wish, key: string): (readonly [Pool, Device])[] {
    const out: (readonly [Pool, Device])[] = [];
    for (const pool of this.#pools) {
      if (pool.state !== 'usable') {
        const state = pool.state === 'invalid' ? 'invalid' : 'being updated';
        const where = `resource pool ${pool.id} is currently ${state}`;
        throw new AllocationError(`claim ${key}, request ${wish.own}: asks for all devices, but ${where}`);
      }
      for (const device of pool.devices) {
        if (this.#selects(wish, device) && this.#fits(wish, device)) out.push([pool, device]);
      }
    }
    return out;
  }

  #selects(wish: Wish, device: Device): boolean {
    let known = this.#selected.get(wish);
    if (!known) {
      known = new Map();
      this.#selected.set(wish, known);
    }
    let selected = known.get(device);
    if (selected === undefined) {
      selected =
        wish.selectors.every(({ where, compiled: { program, error } }) => {
          if (!program) throw new AllocationError(`${where}: CEL compile error: ${error}`);
          const result = selectsDevice(program, device.value);
          if (result instanceof CelFailure) throw new AllocationError(`${where}: CEL runtime error: ${result.message}`);
          return result;
        }) &&
        (!device.slice.perDeviceNodeSelection || nodeChosen(device.spec, this.#node));
      known.set(device, selected);
    }
    return selected;
  }

  #fits(wish: Wish, { id, capacities }: Device): boolean {
    return hasRoom(wish.capacity, capacities, this.#allocator.tracker.sharedOf(id), this.#shared.get(id)?.amounts);
  }

  /** From this request on. */
  #request(claim: number, request: number): Outcome {
    if (claim >= this.#plans.length) return 'found';
    const wishes = this.#plans[claim]!.requests[request];
    if (!wishes) {
      const outcome = this.#request(claim + 1, 0);
      // An earlier claim that takes another alternative may leave room.
      return outcome === 'full' ? 'none' : outcome;
    }
    if (wishes.length === 1 && wishes[0]!.name === wishes[0]!.request) {
      return this.#devices(claim, request, wishes[0]!, 0, 0, 0);
    }
    let full = true;
    for (const wish of wishes) {
      const outcome = this.#devices(claim, request, wish, 0, 0, 0);
      if (outcome === 'found') return outcome;
      if (outcome === 'none') full = false;
      if (this.exhausted) return 'none';
    }
    return full ? 'full' : 'none';
  }

  /**
   * The device numbered `index` of a wish and all that follows. Devices of one wish are taken in the order they stand:
   * the search for the next starts behind the last one, so that no set of devices is tried twice.
   */
  #devices(claim: number, request: number, wish: Wish, index: number, fromPool: number, fromDevice: number): Outcome {
    if (++this.#steps > maxSteps) {
      this.exhausted = true;
      return 'none';
    }
    const wanted = this.#wanted(wish, this.#plans[claim]!.key);
    if (wish.all && wanted === 0) return 'none';
    if (index >= wanted) return this.#request(claim, request + 1);
    if (this.#choices[claim]!.length + wanted - index > maxResults) return 'full';
    if (wish.all) {
      const [pool, device] = this.#all.get(wish)![index]!;
      const release = this.#take(claim, wish, pool, device, true);
      if (!release) return 'none';
      const outcome = this.#devices(claim, request, wish, index + 1, 0, 0);
      if (outcome !== 'found') release();
      return outcome;
    }
    for (let p = fromPool; p < this.#pools.length; p++) {
      const pool = this.#pools[p]!;
      if (pool.state !== 'usable') continue;
      for (let d = p === fromPool ? fromDevice : 0; d < pool.devices.length; d++) {
        const device = pool.devices[d]!;
        if (!this.#isFree(claim, wish, device) || !this.#selects(wish, device)) continue;
        const release = this.#take(claim, wish, pool, device, false);
        if (!release) continue;
        const outcome = this.#devices(claim, request, wish, index + 1, p, d + 1);
        if (outcome === 'found') return outcome;
        release();
        if (outcome === 'full' || this.exhausted) return outcome;
      }
    }
    return 'none';
  }

  #isFree(claim: number, { adminAccess }: Wish, { id }: Device): boolean {
    const takers = this.#taken.get(id);
    if (adminAccess) return !takers?.includes(claim);
    return !takers?.length && !this.#allocator.tracker.isTaken(id);
  }

  /** Counts the device as taken. The way to take that back, or undefined when it cannot be had. */
  #take(claim: number, wish: Wish, pool: Pool, device: Device, must: boolean): (() => void) | undefined {
    const { id, spec, capacities } = device;
    const shared = spec.allowMultipleAllocations === true;
    const isFree = shared && wish.adminAccess ? true : this.#isFree(claim, wish, device);
    if (!isFree || isTainted(spec.taints, wish) || !this.#fits(wish, device)) return undefined;
    const tracker = this.#allocator.tracker;
    // Who shares a device takes nothing more of the counters than the first who did.
    const counts = device.counters.length > 0 && !(shared && (tracker.sharedOf(id) || this.#shared.has(id)));
    if (counts && !this.#reserveCounters(pool, device)) return undefined;
    const undo: (() => void)[] = [];
    const release = () => {
      for (const step of undo.reverse()) step();
    };
    if (counts) undo.push(() => this.#changeCounters(pool, device, -1n));
    const { key } = this.#plans[claim]!;
    for (const constraint of this.#constraints[claim]!) {
      if (!constraint.add(wish.request, wish.name, device)) {
        release();
        if (!must) return undefined;
        const problem = `cannot add device ${id} because a claim constraint would not be satisfied`;
        throw new AllocationError(`claim ${key}, request ${wish.own}: ${problem}`);
      }
      undo.push(() => constraint.remove(wish.request, wish.name, device));
    }
    let taken: Amounts | undefined;
    if (shared) {
      taken = takenBy(wish.capacity, capacities);
      undo.push(this.#share(id, taken));
    } else {
      const takers = this.#taken.get(id) ?? [];
      this.#taken.set(id, takers);
      takers.push(claim);
      undo.push(() => takers.splice(takers.indexOf(claim), 1));
    }
    this.#choices[claim]!.push({ wish, device, ...(taken && { taken }) });
    undo.push(() => this.#choices[claim]!.pop());
    return release;
  }

  #share(id: string, taken: Amounts): () => void {
    let sharing = this.#shared.get(id);
    if (!sharing) {
      sharing = { count: 0, amounts: new Map() };
      this.#shared.set(id, sharing);
    }
    sharing.count++;
    addAmounts(sharing.amounts, taken);
    const current = sharing;
    return () => {
      current.count--;
      addAmounts(current.amounts, taken, -1n);
      if (current.count === 0) this.#shared.delete(id);
    };
  }

  #reserveCounters(pool: Pool, device: Device): boolean {
    this.#changeCounters(pool, device, 1n);
    const used = this.#used.get(pool.id)!;
    for (const [set, left] of this.#allocator.countersLeft(pool)) {
      const ours = used.get(set);
      for (const [name, amount] of left) {
        if (amount >= (ours?.get(name) ?? 0n)) continue;
        this.#changeCounters(pool, device, -1n);
        return false;
      }
    }
    return true;
  }

  #changeCounters(pool: Pool, device: Device, sign: 1n | -1n): void {
    let sets = this.#used.get(pool.id);
    if (!sets) {
      sets = new Map();
      this.#used.set(pool.id, sets);
    }
    for (const { set, amounts } of device.counters) {
      let used = sets.get(set);
      if (!used) {
        used = new Map();
        sets.set(set, used);
      }
      addAmounts(used, amounts, sign);
    }
  }
}

function isTainted(taints: readonly DeviceTaint[] | undefined, { tolerations = [] }: Wish): boolean {
  return (taints ?? []).some(
    (taint) =>
      (taint.effect === 'NoExecute' || taint.effect === 'NoSchedule') &&
      !tolerations.some((toleration) => toleratesTaint(toleration as never, taint as never)),
  );
}
