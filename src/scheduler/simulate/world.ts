/**
 * A copy of a cluster, in memory, with the real framework and no API: pods are tried, placed and taken away, nodes come and
 * go. What `what-if` and `simulate` try things on.
 */
import type { Node, Pod, PodDisruptionBudget, ResourceClaim, ResourceSlice } from '../../api/index.ts';
import { classOfVolume } from '../../api/index.ts';
import { type KubeObject, selectorFromLabelSelector, selectorFromSet } from '../../apimachinery/index.ts';
import { Prng } from '../../base/index.ts';
import { preemptionOf } from '../attempt.ts';
import { SchedulerCache } from '../cache.ts';
import { schedulerConfig } from '../config/load.ts';
import type { PluginArgs, SchedulerConfig } from '../config/types.ts';
import { type CycleOutcome, SchedulingCycle } from '../cycle.ts';
import type { Decision } from '../decision/record.ts';
import { DeviceCatalog } from '../devices/catalog.ts';
import { ClaimTracker } from '../devices/claims.ts';
import { ExtendedClasses } from '../devices/extended-classes.ts';
import { askPreemption, Extender, type ExtenderPost } from '../extender/extender.ts';
import { postToExtender } from '../extender/http.ts';
import { withManagedResources } from '../extender/managed.ts';
import { type PodInfo, podInfoOf } from '../framework/node-info.ts';
import { defaultPreemption } from '../plugins/default-preemption.ts';
import { VolumeBinder } from '../plugins/volume-binder.ts';
import type { Candidate } from '../preemption/victims.ts';
import { buildProfile, type PluginDeps, type Profile } from '../profile.ts';
import { Budgets } from './budgets.ts';

/** Resources a decision can depend on, by their plural names. */
export const worldResources = [
  'nodes',
  'pods',
  'namespaces',
  'services',
  'persistentvolumeclaims',
  'persistentvolumes',
  'storageclasses',
  'csinodes',
  'csidrivers',
  'csistoragecapacities',
  'volumeattachments',
  'deviceclasses',
  'resourceclaims',
  'resourceslices',
  'replicasets',
  'replicationcontrollers',
  'statefulsets',
  'poddisruptionbudgets',
  'priorityclasses',
] as const;

export type WorldResource = (typeof worldResources)[number];
export type WorldObjects = Readonly<Partial<Record<WorldResource, readonly Readonly<KubeObject>[]>>>;

export interface WorldOptions {
  /** Of the ties. Default `klab`. */
  readonly seed?: string;
  /** Default: upstream's defaults. */
  readonly config?: SchedulerConfig;
  /** How extenders are reached. Default: HTTP. `try` does not ask them. */
  readonly post?: ExtenderPost;
  /** DefaultPreemption looks for victims where no node fits. Default false: nobody is preempted. */
  readonly preemption?: boolean;
}

export interface Trial {
  readonly decision: Decision;
  readonly outcome: CycleOutcome;
  /** The evictions that would make room where no node fits. */
  readonly preempted?: Candidate;
}

const finished = (pod: Readonly<KubeObject>): boolean => ['Succeeded', 'Failed'].includes(pod['status']?.phase);

const keyOf = ({ metadata }: Readonly<KubeObject>): string => `${metadata.namespace ?? ''}/${metadata.name}`;

export class World {
  readonly cache = new SchedulerCache();
  /** By scheduler name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly #cycles: ReadonlyMap<string, SchedulingCycle>;
  readonly #budgets: Budgets;
  #preempted: Candidate | undefined;
  readonly #objects = new Map<WorldResource, Map<string, Readonly<KubeObject>>>();
  readonly #volumesOfClass = new Map<string, any[]>();
  readonly #volumesOfClaim = new Map<string, any[]>();
  readonly #capacitiesOfClass = new Map<string, any[]>();
  readonly #attachmentsOn = new Map<string, any[]>();
  readonly #servicesOf = new Map<string, any[]>();
  readonly #claims = new ClaimTracker();
  readonly #catalog = new DeviceCatalog();
  readonly #extended = new ExtendedClasses();
  /** Pods that are nowhere yet, in the order they were given. */
  readonly pending: readonly Readonly<Pod>[];

  constructor(objects: WorldObjects, options: WorldOptions = {}) {
    const push = (map: Map<string, any[]>, key: string, object: unknown) => {
      const list = map.get(key);
      if (list) list.push(object);
      else map.set(key, [object]);
    };
    for (const resource of worldResources) {
      if (resource === 'pods') continue;
      this.#objects.set(resource, new Map((objects[resource] ?? []).map((object) => [keyOf(object), object])));
    }
    for (const service of objects.services ?? []) push(this.#servicesOf, service.metadata.namespace ?? '', service);
    for (const volume of (objects.persistentvolumes ?? []) as any[]) {
      push(this.#volumesOfClass, classOfVolume(volume), volume);
      const { claimRef } = volume.spec ?? {};
      if (claimRef) push(this.#volumesOfClaim, `${claimRef.namespace}/${claimRef.name}`, volume);
    }
    for (const capacity of objects.csistoragecapacities ?? []) {
      push(this.#capacitiesOfClass, capacity['storageClassName'] ?? '', capacity);
    }
    for (const attachment of objects.volumeattachments ?? []) {
      push(this.#attachmentsOn, attachment['spec']?.nodeName ?? '', attachment);
    }
    for (const deviceClass of objects.deviceclasses ?? []) this.#extended.set(deviceClass);
    for (const claim of (objects.resourceclaims ?? []) as ResourceClaim[]) this.#claims.set(claim);
    for (const slice of (objects.resourceslices ?? []) as ResourceSlice[]) this.#catalog.set(slice);
    for (const node of objects.nodes ?? []) this.cache.setNode(node as Node);
    const pending: Readonly<Pod>[] = [];
    for (const pod of (objects.pods ?? []) as Readonly<Pod>[]) {
      if (finished(pod)) continue;
      if (pod.spec?.nodeName) this.cache.setPod(pod);
      else pending.push(pod);
    }
    this.pending = pending;
    this.#budgets = new Budgets((objects.poddisruptionbudgets ?? []) as Readonly<PodDisruptionBudget>[]);
    this.#cycles = this.#build(options);
    this.profiles = new Map([...this.#cycles].map(([name, { profile }]) => [name, profile]));
  }

  /** The first profile. */
  get profile(): Profile {
    return this.profiles.values().next().value!;
  }

  #build({ config = schedulerConfig(), seed = 'klab', post = postToExtender, preemption }: WorldOptions) {
    const cycles = new Map<string, SchedulingCycle>();
    const prng = new Prng(seed);
    const offsets = prng.fork('preemption');
    const start = { index: 0 };
    const extenders = config.extenders.map((extender) => new Extender(extender, post));
    const signal = new AbortController().signal;
    const deps: PluginDeps = {
      ...this.#deps(),
      ...(preemption && {
        preemption: (args: PluginArgs, schedulerName: string) =>
          defaultPreemption(
            {
              snapshot: () => this.cache,
              budgets: () => this.#budgets.list(),
              runner: () => cycles.get(schedulerName)!.filters,
              executor: {
                isPreempting: () => false,
                start: (_pod, candidate) => {
                  this.#preempted = candidate;
                },
              },
              prng: offsets,
              schedulerName,
              ...(extenders.some(({ preempts }) => preempts) && {
                extenders: (pod: PodInfo, candidates: readonly Candidate[]) =>
                  askPreemption(extenders, pod, candidates, this.cache, signal),
              }),
            },
            args,
          ),
      }),
    };
    const binder = new VolumeBinder({ sources: deps.volumes, client: deps.client, clock: deps.clock });
    for (const given of config.profiles) {
      const profile = buildProfile(withManagedResources(given, config), deps, binder);
      const percentageOfNodesToScore = profile.percentageOfNodesToScore ?? config.percentageOfNodesToScore;
      const cycle = new SchedulingCycle({ ...profile, percentageOfNodesToScore }, prng, { extenders, start });
      cycles.set(profile.schedulerName, cycle);
    }
    return cycles;
  }

  /** Of the pod's scheduler; of the first profile when that is not one of these. */
  #cycleOf({ spec }: Readonly<Pod>): SchedulingCycle {
    return this.#cycles.get(spec?.schedulerName ?? 'default-scheduler') ?? this.#cycles.values().next().value!;
  }

  #get(resource: WorldResource, namespace: string, name: string): any {
    return this.#objects.get(resource)!.get(`${namespace}/${name}`);
  }

  #deps(): PluginDeps {
    const owners = {
      ReplicaSet: 'replicasets',
      ReplicationController: 'replicationcontrollers',
      StatefulSet: 'statefulsets',
    } as const;
    return {
      // Nothing here is bound or waited for.
      client: undefined as never,
      clock: undefined as never,
      snapshot: () => this.cache,
      volumes: {
        claim: (namespace, name) => this.#get('persistentvolumeclaims', namespace, name),
        volume: (name) => this.#get('persistentvolumes', '', name),
        volumesOfClass: (name) => this.#volumesOfClass.get(name) ?? [],
        volumesOfClaim: (key) => this.#volumesOfClaim.get(key) ?? [],
        storageClass: (name) => this.#get('storageclasses', '', name),
        csiNode: (name) => this.#get('csinodes', '', name),
        csiDriver: (name) => this.#get('csidrivers', '', name),
        capacitiesOfClass: (name) => this.#capacitiesOfClass.get(name) ?? [],
        attachmentsOn: (node) => this.#attachmentsOn.get(node) ?? [],
        onChange: () => () => {},
      },
      devices: {
        claims: this.#claims,
        catalog: this.#catalog,
        deviceClass: (name) => this.#get('deviceclasses', '', name),
        extendedClass: (resource) => this.#extended.classOf(resource),
      },
      namespaces: { get: (name) => this.#get('namespaces', '', name), version: () => 0 },
      spread: {
        services: (namespace) => this.#servicesOf.get(namespace) ?? [],
        ownerSelector: (pod) => {
          const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
          const resource = owner && owners[owner.kind as keyof typeof owners];
          const selector = resource && this.#get(resource, pod.metadata.namespace!, owner.name)?.spec?.selector;
          if (!selector) return undefined;
          return owner!.kind === 'ReplicationController'
            ? selectorFromSet(selector)
            : selectorFromLabelSelector(selector);
        },
      },
    };
  }

  #trial(
    info: PodInfo,
    profile: Profile,
    outcome: CycleOutcome,
    message = outcome.message,
    preempted?: Candidate,
  ): Trial {
    const { node, tiedWith, failed } = outcome;
    const preemption = preemptionOf(outcome);
    const decision = outcome.builder.finish({
      pod: { namespace: info.namespace, name: info.pod.metadata.name!, uid: info.uid },
      attempt: 1,
      scheduler: profile.schedulerName,
      queuedAt: 0,
      startedAt: 0,
      finishedAt: 0,
      result: failed ? 'Error' : node === undefined ? 'Unschedulable' : 'Scheduled',
      message: node === undefined ? message : `would be assigned to ${node}`,
      ...(node !== undefined && { node }),
      ...(tiedWith && { tiedWith }),
      ...(preemption && { preemption }),
    });
    return { decision, outcome, ...(preempted && { preempted }) };
  }

  /** What the scheduler would decide now, extenders and preemption aside. Changes nothing; a pod that is on a node already must be taken off first. */
  try(pod: Readonly<Pod>): Trial {
    const info = podInfoOf(pod);
    const cycle = this.#cycleOf(pod);
    return this.#trial(info, cycle.profile, cycle.run(info, this.cache));
  }

  /** The same with extenders. @throws Error of an extender that may not be ignored. */
  async ask(pod: Readonly<Pod>, signal: AbortSignal): Promise<Trial> {
    const info = podInfoOf(pod);
    const cycle = this.#cycleOf(pod);
    return this.#trial(info, cycle.profile, await cycle.runWithExtenders(info, this.cache, signal));
  }

  /** The same with extenders and, when the world was made for it, preemption. @throws Error of an extender that may not be ignored. */
  async decide(pod: Readonly<Pod>, signal: AbortSignal): Promise<Trial> {
    const info = podInfoOf(pod);
    const cycle = this.#cycleOf(pod);
    const outcome = await cycle.runWithExtenders(info, this.cache, signal);
    if (outcome.node !== undefined || outcome.failed) return this.#trial(info, cycle.profile, outcome);
    this.#preempted = undefined;
    const { reasons, success } = await cycle.postFilter(info, outcome);
    const message = success || reasons.length === 0 ? outcome.message : `${outcome.message} ${reasons.join(', ')}`;
    return this.#trial(info, cycle.profile, outcome, message, this.#preempted);
  }

  /** Counts the pod where it was decided that it goes, and holds its volumes and devices. */
  settle(pod: Readonly<Pod>, { outcome }: Trial): void {
    const info = podInfoOf(pod);
    const { node } = outcome;
    if (node === undefined) return;
    for (const plugin of this.#cycleOf(pod).profile.points.reserve) plugin.reserve?.(outcome.state, info, node);
    this.put(pod, node);
    this.#budgets.count(info, 1);
  }

  /** Takes a pod off its node for good; the budgets it counts for have one disruption less to give. */
  evict(info: PodInfo): void {
    this.cache.removePod(info.uid);
    this.#budgets.count(info, -1);
  }

  /** Counts a pod on a node. */
  put(pod: Readonly<Pod>, node: string): void {
    this.cache.setPod({ ...pod, spec: { ...pod.spec!, nodeName: node } });
  }

  /** Takes a pod off its node; the returned function puts it back. */
  take(pod: PodInfo): () => void {
    const node = this.cache.nodeOf(pod.uid);
    this.cache.removePod(pod.uid);
    return () => {
      if (node !== undefined) this.put(pod.pod, node);
    };
  }

  /** Adds a node or puts another state in its place; the returned function makes it as it was. */
  setNode(node: Readonly<Node>): () => void {
    const name = node.metadata.name!;
    const before = this.cache.get(name)?.node;
    this.cache.setNode(node);
    return () => {
      if (before) this.cache.setNode(before);
      else this.cache.removeNode(name);
    };
  }
}
