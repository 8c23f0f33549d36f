/**
 * A copy of a cluster, in memory, with the real framework and no API: pods are tried, placed and taken away, nodes come and
 * go. What `what-if` and `simulate` try things on.
 */
import type { Node, Pod, ResourceClaim, ResourceSlice } from '../../api/index.ts';
import { classOfVolume } from '../../api/index.ts';
import { type KubeObject, selectorFromLabelSelector, selectorFromSet } from '../../apimachinery/index.ts';
import { Prng } from '../../base/index.ts';
import { SchedulerCache } from '../cache.ts';
import { type CycleOutcome, SchedulingCycle } from '../cycle.ts';
import type { Decision } from '../decision/record.ts';
import { DeviceCatalog } from '../devices/catalog.ts';
import { ClaimTracker } from '../devices/claims.ts';
import { type PodInfo, podInfoOf } from '../framework/node-info.ts';
import { defaultProfile, type PluginDeps, type Profile } from '../profile.ts';

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
] as const;

export type WorldResource = (typeof worldResources)[number];
export type WorldObjects = Readonly<Partial<Record<WorldResource, readonly Readonly<KubeObject>[]>>>;

export interface WorldOptions {
  /** Of the ties. Default `klab`. */
  readonly seed?: string;
  /** Default: the default profile. */
  readonly profile?: (deps: PluginDeps) => Profile;
}

export interface Trial {
  readonly decision: Decision;
  readonly outcome: CycleOutcome;
}

const finished = (pod: Readonly<KubeObject>): boolean => ['Succeeded', 'Failed'].includes(pod['status']?.phase);

const keyOf = ({ metadata }: Readonly<KubeObject>): string => `${metadata.namespace ?? ''}/${metadata.name}`;

export class World {
  readonly cache = new SchedulerCache();
  readonly profile: Profile;
  readonly #cycle: SchedulingCycle;
  readonly #objects = new Map<WorldResource, Map<string, Readonly<KubeObject>>>();
  readonly #volumesOfClass = new Map<string, any[]>();
  readonly #volumesOfClaim = new Map<string, any[]>();
  readonly #capacitiesOfClass = new Map<string, any[]>();
  readonly #attachmentsOn = new Map<string, any[]>();
  readonly #servicesOf = new Map<string, any[]>();
  readonly #claims = new ClaimTracker();
  readonly #catalog = new DeviceCatalog();
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
    this.profile = (options.profile ?? defaultProfile)(this.#deps());
    this.#cycle = new SchedulingCycle(this.profile, new Prng(options.seed ?? 'klab'));
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

  /** What the scheduler would decide now. Changes nothing; a pod that is on a node already must be taken off first. */
  try(pod: Readonly<Pod>): Trial {
    const info = podInfoOf(pod);
    const outcome = this.#cycle.run(info, this.cache);
    const decision = outcome.builder.finish({
      pod: { namespace: info.namespace, name: pod.metadata.name!, uid: info.uid },
      attempt: 1,
      scheduler: this.profile.schedulerName,
      queuedAt: 0,
      startedAt: 0,
      finishedAt: 0,
      result: outcome.node === undefined ? 'Unschedulable' : 'Scheduled',
      message: outcome.node === undefined ? outcome.message : `would be assigned to ${outcome.node}`,
      ...(outcome.node !== undefined && { node: outcome.node }),
      ...(outcome.tiedWith && { tiedWith: outcome.tiedWith }),
    });
    return { decision, outcome };
  }

  /** Decides and, when a node was found, counts the pod there and holds its volumes. */
  place(pod: Readonly<Pod>): Decision {
    const { decision, outcome } = this.try(pod);
    const { node } = outcome;
    if (node === undefined) return decision;
    const info = podInfoOf(pod);
    for (const plugin of this.profile.points.reserve) plugin.reserve?.(outcome.state, info, node);
    this.put(pod, node);
    return decision;
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
