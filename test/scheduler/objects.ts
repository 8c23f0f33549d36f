import type { Node, Pod } from '../../src/api/index.ts';
import { Prng } from '../../src/base/index.ts';
import { StateScratch } from '../../src/scheduler/decision/record.ts';
import { DeviceCatalog } from '../../src/scheduler/devices/catalog.ts';
import { ClaimTracker } from '../../src/scheduler/devices/claims.ts';
import { ExtendedClasses } from '../../src/scheduler/devices/extended-classes.ts';
import {
  buildProfile,
  defaultProfile,
  type PluginDeps,
  podInfoOf,
  SchedulerCache,
  type SchedulerConfig,
  SchedulingCycle,
} from '../../src/scheduler/index.ts';

export interface NodeSpec {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly labels?: Record<string, string>;
  readonly taints?: { key: string; value?: string; effect: string }[];
  readonly unschedulable?: boolean;
  readonly images?: { names: string[]; sizeBytes: number }[];
}

export function makeNode(name: string, spec: NodeSpec = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `node-${name}`, labels: { 'kubernetes.io/hostname': name, ...spec.labels } },
    spec: { taints: spec.taints as never, unschedulable: spec.unschedulable },
    status: {
      allocatable: { cpu: spec.cpu ?? '4', memory: spec.memory ?? '8Gi', pods: spec.pods ?? '110' },
      images: spec.images,
    },
  } as Node;
}

let serial = 0;

export function makePod(name: string, spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): Pod {
  const { requests, ports, image, ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}-${serial++}`, ...metadata },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [
        {
          name: 'c',
          image: (image as string) ?? 'app:1',
          resources: { requests: requests as never },
          ports: ports as never,
        },
      ],
      ...rest,
    },
  } as Pod;
}

const named = (objects: any[] = [], name: string) => objects.find((object) => object.metadata.name === name);

/** A cycle over fixed nodes and pods, without any API. */
export function cycleOver(
  nodes: Node[],
  placed: [Pod, string][] = [],
  options: {
    services?: any[];
    claims?: any;
    volumes?: any[];
    classes?: any[];
    csiNodes?: any[];
    csiDrivers?: any[];
    capacities?: any[];
    attachments?: any[];
    namespaces?: any[];
    devices?: { classes?: any[]; claims?: any[]; slices?: any[] };
    seed?: string;
    /** As in a running scheduler: what a cycle found is bytes when it ends. */
    sealed?: boolean;
    config?: SchedulerConfig;
  } = {},
) {
  const cache = new SchedulerCache();
  for (const node of nodes) cache.setNode(node);
  for (const [pod, node] of placed) cache.setPod({ ...pod, spec: { ...pod.spec!, nodeName: node } } as Pod);
  const tracker = new ClaimTracker();
  const catalog = new DeviceCatalog();
  const extended = new ExtendedClasses();
  for (const deviceClass of options.devices?.classes ?? []) extended.set(deviceClass);
  for (const claim of options.devices?.claims ?? []) tracker.set(claim);
  for (const slice of options.devices?.slices ?? []) catalog.set(slice);
  const deps: PluginDeps = {
    client: undefined as never,
    clock: undefined as never,
    snapshot: () => cache,
    volumes: {
      claim: (ns, name) => options.claims?.[`${ns}/${name}`],
      volume: (name) => named(options.volumes, name),
      volumesOfClass: (name) => (options.volumes ?? []).filter((pv) => (pv.spec.storageClassName ?? '') === name),
      volumesOfClaim: (key) =>
        (options.volumes ?? []).filter(({ spec: { claimRef } }) => `${claimRef?.namespace}/${claimRef?.name}` === key),
      storageClass: (name) => named(options.classes, name),
      csiNode: (name) => named(options.csiNodes, name),
      csiDriver: (name) => named(options.csiDrivers, name),
      capacitiesOfClass: (name) => (options.capacities ?? []).filter((c) => c.storageClassName === name),
      attachmentsOn: (node) => (options.attachments ?? []).filter(({ spec }) => spec.nodeName === node),
      onChange: () => () => {},
    },
    devices: {
      claims: tracker,
      catalog,
      deviceClass: (name) => named(options.devices?.classes, name),
      extendedClass: (resource) => extended.classOf(resource),
    },
    namespaces: { get: (name) => named(options.namespaces, name), version: () => 0 },
    spread: { services: () => options.services ?? [], ownerSelector: () => undefined },
  };
  const profile = options.config ? buildProfile(options.config.profiles[0]!, deps) : defaultProfile(deps);
  const scratch = options.sealed && new StateScratch();
  const cycle = new SchedulingCycle(profile, new Prng(options.seed ?? 'test'), { ...(scratch && { scratch }) });
  return {
    cache,
    tracker,
    profile,
    run(pod: Pod) {
      const outcome = cycle.run(podInfoOf(pod), cache);
      const decision = outcome.builder.finish({
        pod: { namespace: 'default', name: pod.metadata.name!, uid: pod.metadata.uid! },
        attempt: 1,
        scheduler: 'default-scheduler',
        queuedAt: 0,
        startedAt: 5,
        finishedAt: 6,
        result: outcome.node ? 'Scheduled' : 'Unschedulable',
        message: outcome.message,
        ...(outcome.node && { node: outcome.node }),
        ...(outcome.tiedWith && { tiedWith: outcome.tiedWith }),
      });
      return { ...outcome, decision };
    },
  };
}
