/**
 * How bad it is in each zone, and how fast nodes may be tainted there: when most of a zone is silent, the fault is more
 * likely in the network than in the nodes. Upstream: nodelifecycle handleDisruption and ComputeZoneState.
 */

import type { Node } from '../../api/index.ts';
import type { Clock } from '../../base/index.ts';
import { TaintQueue } from './taint-queue.ts';

export type ZoneState = 'Initial' | 'Normal' | 'FullDisruption' | 'PartialDisruption';

export interface ZoneSettings {
  readonly evictionRate: number;
  readonly secondaryEvictionRate: number;
  readonly largeClusterThreshold: number;
  readonly unhealthyZoneThreshold: number;
}

/** Region and zone of a node as one key. */
export function zoneOf(node: Readonly<Node>): string {
  const labels = node.metadata.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '';
  return region === '' && zone === '' ? '' : `${region}:\0:${zone}`;
}

/** `ready`: whether each node of the zone is ready. */
export function computeZoneState(ready: readonly boolean[], threshold: number): ZoneState {
  const up = ready.filter(Boolean).length;
  const down = ready.length - up;
  if (up === 0 && down > 0) return 'FullDisruption';
  if (down > 2 && down / ready.length >= threshold) return 'PartialDisruption';
  return 'Normal';
}

export class Zones {
  readonly #clock: Clock;
  readonly #settings: ZoneSettings;
  readonly #states = new Map<string, ZoneState>();
  readonly #queues = new Map<string, TaintQueue>();

  constructor(clock: Clock, settings: ZoneSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  queue(zone: string): TaintQueue {
    let queue = this.#queues.get(zone);
    if (!queue) {
      queue = new TaintQueue(this.#clock, this.#settings.evictionRate);
      this.#queues.set(zone, queue);
    }
    return queue;
  }

  queues(): IterableIterator<TaintQueue> {
    return this.#queues.values();
  }

  state(zone: string): ZoneState | undefined {
    return this.#states.get(zone);
  }

  ensure(zone: string): void {
    this.queue(zone);
    if (!this.#states.has(zone)) this.#states.set(zone, 'Initial');
  }

  /**
   * Takes over what the monitor found. `enter`: every zone is down now, so all taints are to be taken off and tainting
   * stops. `leave`: the first pass after that; all nodes get a fresh grace period.
   */
  update(found: ReadonlyMap<string, readonly boolean[]>): 'enter' | 'leave' | 'normal' {
    const next = new Map<string, ZoneState>();
    for (const [zone, ready] of found) {
      next.set(zone, computeZoneState(ready, this.#settings.unhealthyZoneThreshold));
      this.ensure(zone);
    }
    for (const zone of [...this.#states.keys()]) if (!found.has(zone)) this.#states.delete(zone);
    const allDown = [...next.values()].every((state) => state === 'FullDisruption');
    const allWereDown = [...this.#states.values()].every((state) => state === 'FullDisruption');
    if (allDown && allWereDown) return 'normal';
    if (allDown) {
      for (const zone of this.#states.keys()) {
        this.queue(zone).setRate(0);
        this.#states.set(zone, 'FullDisruption');
      }
      return 'enter';
    }
    for (const [zone, state] of next) {
      if (!allWereDown && this.#states.get(zone) === state) continue;
      this.queue(zone).setRate(this.#rate(state, found.get(zone)!.length));
      this.#states.set(zone, state);
    }
    return allWereDown ? 'leave' : 'normal';
  }

  #rate(state: ZoneState, size: number): number {
    const { evictionRate, secondaryEvictionRate, largeClusterThreshold } = this.#settings;
    if (state !== 'PartialDisruption') return evictionRate;
    return size > largeClusterThreshold ? secondaryEvictionRate : 0;
  }
}
