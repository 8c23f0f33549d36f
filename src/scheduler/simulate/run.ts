/** Pods of a workload placed one by one on a world: the important first, evicting where they must. */
import type { Pod } from '../../api/index.ts';
import { KeyedHeap } from '../heap.ts';
import { whyDecision } from '../why.ts';
import type { SimulationEviction, SimulationFailure, SimulationPlacement } from './result.ts';
import type { Trial, World } from './world.ts';

const keyOf = (pod: Readonly<Pod>): string => `${pod.metadata.namespace}/${pod.metadata.name}`;

const controllerOf = (pod: Readonly<Pod>) => pod.metadata.ownerReferences?.find(({ controller }) => controller);

export const isDaemon = (pod: Readonly<Pod>): boolean =>
  pod.metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet' || kind === 'Node') ?? false;

/** What a controller makes instead: the same pod, on no node. */
function madeAnew(pod: Readonly<Pod>): Pod {
  const { nodeName: _, ...spec } = pod.spec!;
  const { nominatedNodeName: __, ...status } = pod.status ?? {};
  return { ...pod, spec, status: { ...status, phase: 'Pending' } } as Pod;
}

interface Waiting {
  readonly pod: Readonly<Pod>;
  readonly priority: number;
  readonly serial: number;
}

export class Run {
  readonly #world: World;
  readonly #signal: AbortSignal;
  /** Of the workload, by pod. Those that are evicted go, and come back when they are placed again. */
  readonly #placements = new Map<string, SimulationPlacement>();
  readonly #unscheduled: SimulationFailure[] = [];
  readonly #evicted: { readonly pod: string; readonly uid: string; readonly node: string; readonly by: string }[] = [];
  /** Where pods of the cluster went after they were evicted, by uid. */
  readonly #again = new Map<string, string>();
  #serial = 0;
  readonly #queue = new KeyedHeap<Waiting>(
    ({ serial }) => String(serial),
    (a, b) => a.priority > b.priority || (a.priority === b.priority && a.serial < b.serial),
  );

  constructor(world: World, signal: AbortSignal) {
    this.#world = world;
    this.#signal = signal;
  }

  /** Pods by priority, in the order given; evicted ones that have a controller join them. */
  async all(pods: readonly Readonly<Pod>[]): Promise<void> {
    for (const pod of pods) this.#push(pod);
    for (let next = this.#queue.pop(); next; next = this.#queue.pop()) {
      this.#signal.throwIfAborted();
      await this.attempt(next.pod);
    }
  }

  #push(pod: Readonly<Pod>): void {
    this.#queue.push({ pod, priority: pod.spec?.priority ?? 0, serial: this.#serial++ });
  }

  #failed(pod: Readonly<Pod>, why: string, message = ''): void {
    this.#unscheduled.push({ pod: keyOf(pod), why, message });
  }

  async attempt(pod: Readonly<Pod>): Promise<void> {
    const gates = (pod.spec?.schedulingGates ?? []).map((gate) => gate.name);
    if (gates.length > 0) return this.#failed(pod, `it waits behind its scheduling gates (${gates.join(', ')})`);
    const scheduler = pod.spec?.schedulerName ?? 'default-scheduler';
    if (!this.#world.profiles.has(scheduler)) return this.#failed(pod, `it asks for another scheduler, "${scheduler}"`);
    let trial: Trial;
    try {
      trial = await this.#world.decide(pod, this.#signal);
      if (trial.preempted) {
        this.#makeRoom(pod, trial.preempted);
        // The node that room was made on is tried first.
        const nominatedNodeName = trial.preempted.node;
        const nominated = { ...pod, status: { ...pod.status, nominatedNodeName } } as Pod;
        trial = await this.#world.decide(nominated, this.#signal);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      return this.#failed(pod, message, message);
    }
    const { decision } = trial;
    const { node } = decision;
    if (node === undefined) return this.#failed(pod, whyDecision(decision).sentence, decision.message);
    this.#world.settle(pod, trial);
    const { uid } = pod.metadata;
    if (this.#evicted.some((eviction) => eviction.uid === uid)) this.#again.set(uid!, node);
    if (uid!.startsWith('simulated-')) this.#placements.set(uid!, { pod: keyOf(pod), node });
  }

  #makeRoom(pod: Readonly<Pod>, { node, victims }: NonNullable<Trial['preempted']>): void {
    for (const victim of victims) {
      const { uid } = victim;
      this.#world.evict(victim);
      this.#placements.delete(uid);
      this.#again.delete(uid);
      this.#evicted.push({ pod: victim.key, uid, node, by: keyOf(pod) });
      // A daemon's place is this node, where there is none for it now; pods of one's own are gone.
      if (controllerOf(victim.pod) && !isDaemon(victim.pod)) this.#push(madeAnew(victim.pod));
      else if (uid.startsWith('simulated-')) this.#failed(victim.pod, `it was evicted from ${node} by ${keyOf(pod)}`);
    }
  }

  result() {
    const evicted = this.#evicted.map(({ pod, uid, node, by }, i): SimulationEviction => {
      // Of a pod that went more than once, only the last eviction tells where it is now.
      const last = this.#evicted.findLastIndex((eviction) => eviction.uid === uid) === i;
      const again = last ? this.#again.get(uid) : undefined;
      return { pod, node, by, ...(again !== undefined && { again }) };
    });
    return { placements: [...this.#placements.values()], unscheduled: this.#unscheduled, evicted };
  }
}
