/**
 * What Endpoints and EndpointSlices have in common: which pods back a Service, on which ports, and since when.
 * Upstream: pkg/controller/util/endpoint, staging/src/k8s.io/endpointslice/util (1.36).
 */

import type { Pod, Service, ServicePort } from '../../api/index.ts';
import { deepEqual, objectKey, type Selector } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import type { Lister, RequestCause, SharedInformer, Workqueue } from '../../client/index.ts';
import { causeOf } from '../../client/index.ts';
import { isPodReady, isPodTerminal, type ReadPod } from './pods.ts';
import { setSelectorOf } from './selectors.ts';

type ReadService = Readonly<Service>;

export const lastChangeTriggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';
export const headlessLabel = 'service.kubernetes.io/headless';

/** Has an address, has not ended, and (unless wanted) is not being deleted. */
export function shouldPodBeInEndpoints(pod: ReadPod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod)) return false;
  if (!pod.status?.podIP && !pod.status?.podIPs?.length) return false;
  return includeTerminating || pod.metadata.deletionTimestamp === undefined;
}

/** DNS names a pod by its hostname when its subdomain is the Service. */
export function shouldSetHostname(pod: ReadPod, service: ReadService): boolean {
  return (
    !!pod.spec?.hostname &&
    pod.spec.subdomain === service.metadata.name &&
    pod.metadata.namespace === service.metadata.namespace
  );
}

export function isHeadless(service: ReadService): boolean {
  const ip = service.spec?.clusterIP;
  return ip === undefined || ip === '' || ip === 'None';
}

/** The pod's port for a Service port: a number, or a container's named port; undefined when there is none. */
export function findPort(pod: ReadPod, port: Readonly<ServicePort>): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const { name, protocol = 'TCP', containerPort } of container.ports ?? []) {
      if (name === target && protocol === (port.protocol ?? 'TCP')) return containerPort;
    }
  }
  return undefined;
}

/** The pods a Service selects. */
export function selectedPods(pods: Lister<Pod>, service: ReadService): ReadPod[] {
  return pods.list(service.metadata.namespace, setSelectorOf(service));
}

/** Keys of the Services whose selector matches the labels. */
function servicesFor(services: Lister<Service>, pod: ReadPod, out: Set<string>): void {
  for (const service of services.list(pod.metadata.namespace)) {
    if (service.spec?.selector === undefined) continue;
    const selector: Selector = setSelectorOf(service);
    if (selector.matches(pod.metadata.labels)) out.add(objectKey(service));
  }
}

/** Whether what endpoints show of a pod changed. */
function endpointChanged(old: ReadPod, pod: ReadPod): boolean {
  return (
    (old.metadata.deletionTimestamp === undefined) !== (pod.metadata.deletionTimestamp === undefined) ||
    isPodReady(old) !== isPodReady(pod) ||
    isPodTerminal(old) !== isPodTerminal(pod) ||
    old.spec?.nodeName !== pod.spec?.nodeName ||
    old.metadata.uid !== pod.metadata.uid ||
    old.status?.podIP !== pod.status?.podIP ||
    !deepEqual(old.status?.podIPs, pod.status?.podIPs)
  );
}

/**
 * How long pod changes of a Service are gathered before its endpoints are written. Without it, starting n pods behind
 * one Service writes n growing objects: quadratic. Upstream has a fixed period (0 by default) and a network that slows
 * it down; here a Service of up to 50 pods is written at once, a larger one every pods/2 ms, at most 500 ms.
 */
export class UpdateBatcher {
  readonly #fixedMs: number;
  readonly #sizes = new Map<string, number>();

  /** `fixedMs` > 0 is used for every Service. */
  constructor(fixedMs: number) {
    this.#fixedMs = fixedMs;
  }

  /** `pods`: how many the Service selects now. */
  note(key: string, pods: number): void {
    if (pods > 50) this.#sizes.set(key, pods);
    else this.#sizes.delete(key);
  }

  delayMs(key: string): number {
    return this.#fixedMs > 0 ? this.#fixedMs : Math.min(500, (this.#sizes.get(key) ?? 0) / 2);
  }
}

/** Puts the Services that a pod's event may change into the queue. */
export function watchPodsForServices(
  pods: SharedInformer<Pod>,
  services: Lister<Service>,
  queue: Workqueue,
  batcher: UpdateBatcher,
): void {
  const enqueue = (keys: Set<string>, cause: RequestCause) => {
    for (const key of keys) queue.addAfter(key, batcher.delayMs(key), cause);
  };
  const all = (pod: ReadPod) => {
    const keys = new Set<string>();
    servicesFor(services, pod, keys);
    enqueue(keys, causeOf(pods.resource, pod));
  };
  pods.addHandler({
    onAdd: all,
    onDelete: all,
    onUpdate: (old, pod) => {
      if (old === pod) return;
      const labelsChanged =
        old.metadata.labels !== pod.metadata.labels && !deepEqual(old.metadata.labels, pod.metadata.labels);
      const hostnameChanged = old.spec?.hostname !== pod.spec?.hostname || old.spec?.subdomain !== pod.spec?.subdomain;
      const changed = hostnameChanged || endpointChanged(old, pod);
      if (!labelsChanged && !changed) return;
      const now = new Set<string>();
      servicesFor(services, pod, now);
      if (labelsChanged) {
        const before = new Set<string>();
        servicesFor(services, old, before);
        // With only labels changed, a Service that selects it before and after sees no difference.
        const wanted = new Set<string>();
        for (const key of now) if (changed || !before.has(key)) wanted.add(key);
        for (const key of before) if (changed || !now.has(key)) wanted.add(key);
        enqueue(wanted, causeOf(pods.resource, pod));
      } else enqueue(now, causeOf(pods.resource, pod));
    },
  });
}

interface TriggerState {
  service: number;
  readonly pods: Map<string, number>;
}

/**
 * When the change that led to an update happened: the earliest new time among the Service's creation and the pods'
 * readiness transitions; lets the delay until the rules are in place be measured. Upstream: TriggerTimeTracker.
 */
export class TriggerTimeTracker {
  readonly #states = new Map<string, TriggerState>();

  /** RFC 3339, or undefined when no trigger is newer than what was seen before. */
  compute(service: ReadService, pods: readonly ReadPod[]): string | undefined {
    const key = objectKey(service);
    const old = this.#states.get(key);
    const next: TriggerState = { service: old?.service ?? 0, pods: new Map() };
    let earliest = Number.POSITIVE_INFINITY;
    let text: string | undefined;
    const consider = (time: string | undefined, seen: number): number => {
      const at = time ? parseTime(time) : Number.NaN;
      if (Number.isNaN(at)) return seen;
      if (at > seen && at < earliest) {
        earliest = at;
        text = time;
      }
      return at;
    };
    for (const pod of pods) {
      const name = pod.metadata.name!;
      const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
      const at = consider(ready?.lastTransitionTime ?? undefined, old?.pods.get(name) ?? 0);
      if (at > 0) next.pods.set(name, at);
    }
    next.service = consider(service.metadata.creationTimestamp, old?.service ?? 0);
    this.#states.set(key, next);
    return text;
  }

  forget(key: string): void {
    this.#states.delete(key);
  }
}
