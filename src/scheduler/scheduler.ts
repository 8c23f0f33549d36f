/**
 * The scheduler's loop: takes a pod, decides, assumes it on the node, binds it meanwhile, records the decision.
 * Upstream: scheduler/{scheduler,schedule_one,eventhandlers}.go (1.36).
 */
import type { Node, Pod } from '../api/index.ts';
import { isNotFound } from '../apimachinery/index.ts';
import { isAbort, type Runnable, TaskGroup, yieldToEventLoop } from '../base/index.ts';
import { type SharedInformer, withCause } from '../client/index.ts';
import { Attempt, eventText, preemptionOf, schedulerNameOf } from './attempt.ts';
import { SchedulerCache } from './cache.ts';
import { schedulerConfig } from './config/load.ts';
import type { SchedulerConfig } from './config/types.ts';
import { type CycleOutcome, SchedulingCycle } from './cycle.ts';
import { StateScratch } from './decision/record.ts';
import { followCluster, placedOn } from './event-handlers.ts';
import { askPreemption, Extender } from './extender/extender.ts';
import { postToExtender } from './extender/http.ts';
import { withManagedResources } from './extender/managed.ts';
import { type PodInfo, podInfoOf } from './framework/node-info.ts';
import { Nominator } from './framework/nominator.ts';
import type { Plugin, PostFilterResult, QueuedPod, Refusal } from './framework/types.ts';
import { defaultPreemption } from './plugins/default-preemption.ts';
import { VolumeBinder } from './plugins/volume-binder.ts';
import { nominate, setPodCondition } from './pod-condition.ts';
import { PreemptionExecutor } from './preemption/executor.ts';
import { buildProfile, type Profile } from './profile.ts';
import { SchedulingQueue, unschedulableFlushMs } from './queue.ts';
import type { SchedulerDeps, SchedulerOptions } from './scheduler-options.ts';
import { type Sources, sourcesOf } from './sources.ts';
import { WaitingPods } from './waiting-pods.ts';

/** Cycles run back to back before other work gets a turn. */
const cyclesPerTurn = 8;
const noPlugins: readonly Plugin[] = [];

export class Scheduler implements Runnable {
  readonly name = 'scheduler';
  readonly cache = new SchedulerCache();
  readonly queue: SchedulingQueue;
  readonly config: SchedulerConfig;
  /** By scheduler name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly waiting: WaitingPods;
  readonly #deps: SchedulerDeps;
  readonly #cycles: ReadonlyMap<string, SchedulingCycle>;
  readonly #extenders: readonly Extender[];
  readonly #nominator = new Nominator();
  readonly #bindingsMax: number;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #sources: Sources;
  /** What ends the work of PreBind for a pod, while it is under way. */
  readonly #inPreBind = new Map<string, AbortController>();
  #group: TaskGroup | undefined;
  #signal: AbortSignal = new AbortController().signal;
  #bindings = 0;
  #bindingDone: (() => void) | undefined;

  /** @throws SchedulerConfigError when the configuration names what does not exist. */
  constructor(deps: SchedulerDeps, options: SchedulerOptions = {}) {
    this.#deps = deps;
    this.#bindingsMax = options.bindingsMax ?? 64;
    this.config = options.config ?? schedulerConfig();
    this.waiting = new WaitingPods(deps.clock);
    this.#pods = deps.informers.informer<Pod>('pods');
    this.#nodes = deps.informers.informer<Node>('nodes');
    this.#sources = sourcesOf(deps.informers, options.extendedResources);
    const post = options.post ?? postToExtender;
    this.#extenders = this.config.extenders.map((extender) => new Extender(extender, post));
    const executor = this.#executor();
    const cycles = new Map<string, SchedulingCycle>();
    const { volumes, spread, namespaces, devices } = this.#sources;
    const binder = new VolumeBinder({ sources: volumes, client: deps.client, clock: deps.clock });
    const ties = deps.prng.fork('ties');
    const offsets = deps.prng.fork('preemption');
    const shares = deps.prng.fork('device shares');
    const start = { index: 0 };
    const scratch = new StateScratch();
    for (const given of this.config.profiles) {
      const config = withManagedResources(given, this.config);
      const profile = buildProfile(
        config,
        {
          client: deps.client,
          clock: deps.clock,
          snapshot: () => this.cache,
          volumes,
          namespaces,
          spread,
          devices,
          prng: shares,
          events: deps.events,
          onError: (message, error) => deps.log.warn(message, { error: String(error) }),
          preemption: (args, schedulerName) =>
            defaultPreemption(
              {
                snapshot: () => this.cache,
                budgets: () => this.#sources.budgets(),
                runner: () => cycles.get(schedulerName)!.filters,
                executor,
                prng: offsets,
                schedulerName,
                ...(this.#extenders.some(({ preempts }) => preempts) && {
                  extenders: (pod, candidates) =>
                    askPreemption(this.#extenders, pod, candidates, this.cache, this.#signal),
                }),
              },
              args,
            ),
        },
        binder,
        options.plugins,
      );
      const percentageOfNodesToScore = profile.percentageOfNodesToScore ?? this.config.percentageOfNodesToScore;
      cycles.set(
        profile.schedulerName,
        new SchedulingCycle({ ...profile, percentageOfNodesToScore }, ties, {
          nominator: this.#nominator,
          extenders: this.#extenders,
          start,
          scratch,
        }),
      );
    }
    this.#cycles = cycles;
    this.profiles = new Map([...cycles].map(([name, { profile }]) => [name, profile]));
    const gates = new Map([...this.profiles].map(([name, { points }]) => [name, points.preEnqueue]));
    const hints = new Map(
      [...this.profiles].map(([name, { plugins }]) => [name, plugins.map(({ plugin }) => plugin)] as const),
    );
    this.queue = new SchedulingQueue(deps.clock, this.#allPlugins(), {
      initialBackoffMs: this.config.podInitialBackoffSeconds * 1000,
      maxBackoffMs: this.config.podMaxBackoffSeconds * 1000,
      pluginsOf: (pod) => gates.get(schedulerNameOf(pod)) ?? [],
      hintsOf: (pod) => hints.get(schedulerNameOf(pod)) ?? noPlugins,
    });
    followCluster({
      cache: this.cache,
      queue: this.queue,
      nominator: this.#nominator,
      waiting: this.waiting,
      pods: this.#pods,
      nodes: this.#nodes,
      watched: this.#sources.watched,
      isMine: (pod) => this.#cycles.has(schedulerNameOf(pod)),
      gated: (pod) =>
        void this.#setCondition(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates'),
    });
  }

  /** The first profile. */
  get profile(): Profile {
    return this.profiles.values().next().value!;
  }

  #allPlugins(): Plugin[] {
    return [...this.profiles.values()].flatMap(({ plugins }) => plugins.map(({ plugin }) => plugin));
  }

  #executor(): PreemptionExecutor {
    const { client, events, clock, log } = this.#deps;
    return new PreemptionExecutor({
      client,
      events,
      clock,
      log,
      nominator: this.#nominator,
      pod: (namespace, name) => this.#pods.lister.get(namespace, name),
      spawn: (name, task) => this.#group?.spawn(name, task),
      activate: (uid) => this.queue.activate(uid),
      rejectWaiting: (uid, message) => {
        const pod = this.waiting.get(uid);
        pod?.reject('DefaultPreemption', message);
        const binding = this.#inPreBind.get(uid);
        binding?.abort(new Error(message));
        return pod !== undefined || binding !== undefined;
      },
    });
  }

  #setCondition(
    pod: Readonly<Pod>,
    reason: string,
    message: string,
    nominatedNode?: string,
    lately?: string,
  ): Promise<void> {
    return setPodCondition({ ...this.#deps, pods: this.#pods }, pod, reason, message, nominatedNode, lately);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(
      [this.#pods, this.#nodes, ...this.#sources.informers].map((informer) => informer.waitForSync(signal)),
    );
    const group = new TaskGroup(signal);
    this.#group = group;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.queue.close(), { once: true });
    group.spawn('flush', async (inner) => {
      for await (const _ of this.#deps.clock.every(unschedulableFlushMs, inner)) this.queue.flushUnschedulable();
    });
    group.spawn('schedule', async (inner) => {
      let cycles = 0;
      for (let queued = await this.queue.pop(); queued; queued = await this.queue.pop()) {
        if (inner.aborted) return;
        if (++cycles % cyclesPerTurn === 0) await yieldToEventLoop();
        while (this.#bindings >= this.#bindingsMax && !inner.aborted) {
          await new Promise<void>((resolve) => {
            this.#bindingDone = resolve;
          });
        }
        const pending = this.#scheduleOne(queued, group);
        if (pending) await pending;
      }
    });
    await group.wait();
  }

  /** Decides synchronously unless there are extenders; the binding goes on by itself. */
  #scheduleOne(queued: QueuedPod, group: TaskGroup): void | Promise<void> {
    const current = this.#current(queued.info);
    if (!current || current.metadata.deletionTimestamp !== undefined || this.cache.isAssumed(queued.info.uid)) {
      this.queue.done(queued.info.uid);
      return;
    }
    // Its status may have changed since it was queued: the node nominated for it.
    if (current !== queued.info.pod) queued.info = podInfoOf(current);
    const attempt = new Attempt(queued, this.#deps, schedulerNameOf(current));
    const cycle = this.#cycles.get(attempt.schedulerName)!;
    if (this.#extenders.length > 0) return this.#guarded(attempt, this.#withExtenders(attempt, cycle, group));
    const pending = this.#decided(attempt, cycle.run(queued.info, this.cache), group);
    return pending && this.#guarded(attempt, pending);
  }

  async #withExtenders(attempt: Attempt, cycle: SchedulingCycle, group: TaskGroup): Promise<void> {
    const outcome = await cycle.runWithExtenders(attempt.info, this.cache, this.#signal);
    if (this.#current(attempt.info)) await this.#decided(attempt, outcome, group);
    else this.queue.done(attempt.info.uid);
  }

  /** What fails fails for the pod alone. */
  async #guarded(attempt: Attempt, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (isAbort(error) && this.#signal.aborted) throw error;
      this.#failed(attempt, error instanceof Error ? error.message : String(error));
    }
  }

  /** The pod as the cache has it, while it still waits for a node. */
  #current({ namespace, pod, uid }: PodInfo): Readonly<Pod> | undefined {
    const current = this.#pods.lister.get(namespace, pod.metadata.name!);
    return current && current.metadata.uid === uid && !current.spec?.nodeName ? current : undefined;
  }

  /** Something other than the cluster's state is in the way: the pod backs off and is tried again. */
  #failed(attempt: Attempt, message: string): void {
    attempt.record('Error', message);
    this.#nominator.delete(attempt.info.uid);
    this.#tryAgain(attempt.queued, []);
    attempt.say(() => {
      this.#deps.events.event(attempt.info.pod, 'Warning', 'FailedScheduling', eventText(message));
      void this.#setCondition(attempt.info.pod, 'SchedulerError', message, '');
    });
  }

  #decided(attempt: Attempt, outcome: CycleOutcome, group: TaskGroup): void | Promise<void> {
    const { info } = attempt;
    attempt.outcome = outcome;
    const { node } = outcome;
    if (outcome.failed) {
      this.#failed(attempt, outcome.message);
      return;
    }
    if (node === undefined) {
      const result = this.#cycles.get(attempt.schedulerName)!.postFilter(info, outcome);
      if (result instanceof Promise) return result.then((given) => this.#nothingFits(attempt, outcome, given));
      this.#nothingFits(attempt, outcome, result);
      return;
    }
    if (!this.cache.get(node)) {
      // Only while extenders were asked can it go.
      this.#failed(attempt, `nodeinfo not found for node name "${node}"`);
      return;
    }
    this.#nominator.delete(info.uid);
    this.cache.assume(info, node);
    const refusal = this.#reserve(attempt, outcome) ?? this.#permit(attempt, outcome);
    if (refusal) {
      this.#release(attempt, outcome);
      if (refusal.code === 'Error') {
        this.#failed(attempt, `running Reserve plugin "${refusal.plugin}": ${refusal.reasons.join(', ')}`);
        return;
      }
      this.#refused(attempt, refusal.plugin, refusal.reasons.join(', '), refusal.code);
      return;
    }
    this.#bindings++;
    group.spawn(`bind ${info.key}`, async (signal) => {
      try {
        await withCause(attempt.cause, () => this.#bind(attempt, outcome, signal));
      } finally {
        this.#bindings--;
        this.#bindingDone?.();
      }
    });
  }

  #nothingFits(attempt: Attempt, outcome: CycleOutcome, { success, reasons, nominatedNode }: PostFilterResult): void {
    const { info, queued } = attempt;
    const message = success || reasons.length === 0 ? outcome.message : `${outcome.message} ${reasons.join(', ')}`;
    const preemption = preemptionOf(outcome);
    attempt.record('Unschedulable', message, {
      ...(preemption && { preemption }),
      ...(nominatedNode && { nominatedNode }),
    });
    if (nominatedNode) this.#nominator.set(info, nominatedNode);
    else if (nominatedNode === '') this.#nominator.delete(info.uid);
    this.#tryAgain(queued, outcome.refusedBy);
    attempt.say(() => {
      this.#deps.events.event(info.pod, 'Warning', 'FailedScheduling', eventText(message));
      void this.#setCondition(info.pod, 'Unschedulable', message, nominatedNode);
    });
  }

  /** The pod may have changed while it was tried. */
  #tryAgain(queued: QueuedPod, refusedBy: Iterable<string>, pending?: Iterable<string>): void {
    const current = this.#current(queued.info);
    if (!current) {
      this.queue.done(queued.info.uid);
      return;
    }
    if (current !== queued.info.pod) queued.info = podInfoOf(current);
    this.queue.addUnschedulable(queued, refusedBy, pending);
  }

  /** What was assumed on the node is not: others may have its place. */
  #placeIsFree({ pod, uid }: PodInfo, node: string): void {
    const event = { resource: 'pods', action: 'delete', old: placedOn(pod, node) } as const;
    this.queue.onEvent(event, (other) => other.uid !== uid);
  }

  #refused(attempt: Attempt, plugin: string, message: string, code?: string): void {
    attempt.record('Unschedulable', message);
    this.#tryAgain(attempt.queued, [plugin], code === 'Pending' ? [plugin] : []);
    attempt.say(() => {
      this.#deps.events.event(attempt.info.pod, 'Warning', 'FailedScheduling', eventText(message));
      void this.#setCondition(attempt.info.pod, 'Unschedulable', message, '', attempt.nominatedTo);
    });
  }

  /** All that was taken for the pod is free again. */
  #release({ info, schedulerName }: Attempt, { state, node }: CycleOutcome): void {
    const { reserve } = this.profiles.get(schedulerName)!.points;
    for (const plugin of reserve.toReversed()) plugin.unreserve?.(state, info, node!);
    this.cache.forget(info.uid);
  }

  /** What plugins hold for the pod until it is bound. */
  #reserve(attempt: Attempt, { state, node }: CycleOutcome): (Refusal & { readonly plugin: string }) | undefined {
    for (const plugin of this.profiles.get(attempt.schedulerName)!.points.reserve) {
      const refusal = plugin.reserve?.(state, attempt.info, node!);
      if (refusal) return { ...refusal, plugin: plugin.name };
    }
    return undefined;
  }

  #permit({ info, schedulerName }: Attempt, { state, node }: CycleOutcome) {
    const waits = new Map<string, number>();
    for (const plugin of this.profiles.get(schedulerName)!.points.permit) {
      const answer = plugin.permit!(state, info, node!);
      if (!answer) continue;
      if ('code' in answer) return { ...answer, plugin: plugin.name };
      waits.set(plugin.name, answer.waitMs);
    }
    if (waits.size > 0) this.waiting.add(info.uid, waits);
    return undefined;
  }

  async #bind(attempt: Attempt, outcome: CycleOutcome, signal: AbortSignal): Promise<void> {
    const { info, queued } = attempt;
    const node = outcome.node!;
    const { points } = this.profiles.get(attempt.schedulerName)!;
    const waiting = this.waiting.get(info.uid);
    const work = points.preBind.filter((plugin) => plugin.preBindPreFlight?.(outcome.state, info, node) ?? true);
    if ((waiting || work.length > 0) && info.pod.status?.nominatedNodeName !== node) {
      attempt.nominatedTo = node;
      await nominate({ ...this.#deps, pods: this.#pods }, info.pod, node);
    }
    if (waiting) {
      const leave = () => waiting.reject('', 'the scheduler ends');
      signal.addEventListener('abort', leave, { once: true });
      const refusal = await waiting.outcome;
      signal.removeEventListener('abort', leave);
      this.waiting.remove(info.uid);
      signal.throwIfAborted();
      if (refusal) {
        this.#release(attempt, outcome);
        this.#refused(attempt, refusal.plugin, refusal.message);
        this.#placeIsFree(info, node);
        return;
      }
    }
    // What fails from here on is no refusal: events need not be kept for it.
    this.queue.done(info.uid);
    let stage = 'binding rejected: ';
    try {
      if (work.length > 0) {
        const cancel = new AbortController();
        const both = AbortSignal.any([signal, cancel.signal]);
        this.#inPreBind.set(info.uid, cancel);
        try {
          for (const plugin of work) {
            stage = `running PreBind plugin "${plugin.name}": `;
            await plugin.preBind!(outcome.state, info, node, both);
          }
        } catch (error) {
          signal.throwIfAborted();
          // Preempted: that is what is told, not how the plugin put it.
          cancel.signal.throwIfAborted();
          throw error;
        } finally {
          this.#inPreBind.delete(info.uid);
        }
        stage = '';
        cancel.signal.throwIfAborted();
      }
      stage = 'binding rejected: ';
      const extender = this.#extenders.find((other) => other.binds && other.isInterested(info.pod));
      if (extender) await extender.bind(info.pod, node, signal);
      else await points.bind[0]!.bind!(outcome.state, info, node, signal);
    } catch (error) {
      if (isAbort(error) && signal.aborted) throw error;
      this.#release(attempt, outcome);
      const text = error instanceof Error ? error.message : String(error);
      const message = `${stage}${text}`;
      attempt.record('Error', message, { bindError: text });
      if (isNotFound(error) && !this.#current(info)) {
        return;
      }
      this.#deps.log.warn('binding failed', { pod: info.key, node, error: text });
      this.#tryAgain(queued, []);
      this.#placeIsFree(info, node);
      this.#deps.events.event(info.pod, 'Warning', 'FailedScheduling', eventText(message));
      await this.#setCondition(info.pod, 'SchedulerError', message, '', attempt.nominatedTo);
      return;
    }
    for (const plugin of points.postBind) plugin.postBind!(outcome.state, info, node);
    const message = `Successfully assigned ${info.key} to ${node}`;
    attempt.record('Scheduled', message);
    this.#deps.events.event(info.pod, 'Normal', 'Scheduled', message);
  }
}
