/** Deletes what nobody owns any more. Upstream: pkg/controller/garbagecollector (1.36). */

import { builtinResources, type CustomResourceDefinition } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { TaskGroup } from '../../base/index.ts';
import {
  discover,
  groupVersionText,
  type HandlerRegistration,
  RESTMapper,
  type ResourceDescription,
  resourceName,
  runWorkers,
  SharedInformer,
  Workqueue,
} from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
} from '../common/controller.ts';
import { Collector } from './collector.ts';
import { OwnershipGraph } from './graph.ts';
import { identityText } from './node.ts';

const concurrentSyncs = 20;
/** How often discovery is asked for new and gone resources. */
const discoveryPeriodMs = 30_000;
/** A definition's resource may be served a moment after its condition says so; asked again once. */
const discoveryAgainMs = 1_000;
const definitions = 'customresourcedefinitions.apiextensions.k8s.io';
/** Workers start after this even when some resource cannot be watched. */
const initialSyncTimeoutMs = 30_000;

/** The one key of the queue of discoveries. */
const everything = 'everything';

/** Never owners nor owned, and too many. */
const ignored = new Set(['events', 'events.events.k8s.io']);
const builtin = new Set(builtinResources.map((resource) => `${resourceName(resource)}/${resource.version}`));

const names = {
  name: 'garbage-collector-controller',
  serviceAccount: 'generic-garbage-collector',
  component: 'garbage-collector-controller',
} as const;

interface Monitor {
  readonly informer: SharedInformer;
  readonly registration: HandlerRegistration;
  /** Ends the informer of a resource that is not built in. */
  readonly stop?: () => void;
}

export class GarbageCollector implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #toDelete: Workqueue;
  readonly #toOrphan: Workqueue;
  readonly #toDiscover: Workqueue;
  readonly #monitors = new Map<string, Monitor>();
  #definitions: HandlerRegistration | undefined;
  /** Who owns whom, as seen; for `klab why` and tests. */
  readonly graph: OwnershipGraph;
  readonly #collector: Collector;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#toDelete = new Workqueue(context, { name: 'garbage_collector_attempt_to_delete' });
    this.#toOrphan = new Workqueue(context, { name: 'garbage_collector_attempt_to_orphan' });
    this.#toDiscover = new Workqueue(context, { name: 'garbage_collector_discovery' });
    const { client, recorder, prng } = this.#base;
    this.graph = new OwnershipGraph({
      attemptToDelete: (uid, cause) => this.#toDelete.add(uid, cause),
      attemptToDeleteRateLimited: (uid) => this.#toDelete.addRateLimited(uid),
      attemptToOrphan: (uid, cause) => this.#toOrphan.add(uid, cause),
      invalidNamespace: (dependent, owner) => {
        const message = `ownerRef ${identityText(owner)} does not exist in namespace "${dependent.namespace}"`;
        recorder.event({ ...dependent }, 'Warning', 'OwnerRefInvalidNamespace', message);
      },
    });
    this.#collector = new Collector({
      client,
      prng,
      clock: context.clock,
      graph: this.graph,
      attemptToDelete: (uid) => this.#toDelete.add(uid, { timer: 'waiting-dependents' }),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    const { log, broadcaster } = this.#base;
    group.add(broadcaster);
    group.spawn('discovery', async (inner) => {
      await this.#discover(group, inner);
      await this.#initialSync(inner);
      const options = { workers: concurrentSyncs, signal: inner, log };
      group.spawn('delete', () => runWorkers(this.#toDelete, options, (uid) => this.#attemptToDelete(uid)));
      group.spawn('orphan', () => runWorkers(this.#toOrphan, options, (uid) => this.#collector.attemptToOrphan(uid)));
      this.#watchDefinitions();
      group.spawn('rediscovery', () =>
        runWorkers(this.#toDiscover, { workers: 1, signal: inner, log }, () => this.#discover(group, inner)),
      );
      for await (const _ of this.#context.clock.every(discoveryPeriodMs, inner)) this.#toDiscover.add(everything);
    });
    try {
      await group.wait();
    } finally {
      this.#definitions?.remove();
      for (const { registration } of this.#monitors.values()) registration.remove();
      this.#monitors.clear();
    }
  }

  /** What a definition brings or takes is known when it is served, not at the next turn of discovery. */
  #watchDefinitions(): void {
    const again = () => {
      this.#toDiscover.add(everything);
      this.#toDiscover.addAfter(everything, discoveryAgainMs);
    };
    this.#definitions = this.#context.informers.informer<CustomResourceDefinition>(definitions).addHandler({
      onAdd: (definition) => {
        if (!this.#isWatched(definition)) again();
      },
      onUpdate: (old, definition) => {
        if (servedAs(old) !== servedAs(definition)) again();
      },
      onDelete: again,
    });
  }

  #isWatched({ spec }: Readonly<CustomResourceDefinition>): boolean {
    const name = `${spec.names.plural}.${spec.group}`;
    return spec.versions.some(({ name: version }) => this.#monitors.has(`${name}/${version}`));
  }

  async #attemptToDelete(uid: string): Promise<void> {
    if (await this.#collector.attemptToDelete(uid)) return;
    // Known to the server but not to the graph: its event is on the way, or its kind is not watched. Backs off.
    throw new Error("item hasn't been observed via informer yet");
  }

  /** Watches what the server serves now. A server that cannot be asked is asked again next time. */
  async #discover(group: TaskGroup, signal: AbortSignal): Promise<void> {
    let resources: readonly ResourceDescription[];
    let failed: ReadonlySet<string>;
    try {
      const result = await discover(this.#base.client.transport, signal);
      resources = result.resources;
      failed = new Set(result.failed.map(({ groupVersion }) => groupVersion));
    } catch (error) {
      if (signal.aborted || (error as Error).name === 'AssertionError') throw error;
      this.#base.log.warn('discovery failed', { error });
      return;
    }
    this.#collector.mapper = new RESTMapper(resources);
    const seen = new Set<string>();
    const wanted = new Map<string, ResourceDescription>();
    for (const resource of resources) {
      const name = resourceName(resource);
      if (seen.has(name)) continue;
      seen.add(name);
      const verbs = resource.verbs ?? [];
      const watchable = ['delete', 'list', 'watch'].every((verb) => (verbs as readonly string[]).includes(verb));
      if (watchable && !ignored.has(name)) wanted.set(`${name}/${resource.version}`, resource);
    }
    for (const [key, monitor] of this.#monitors) {
      const { group: apiGroup, version } = monitor.informer.resource;
      if (wanted.has(key) || failed.has(groupVersionText({ group: apiGroup, version }))) continue;
      monitor.registration.remove();
      monitor.stop?.();
      this.#monitors.delete(key);
    }
    for (const [key, resource] of wanted) if (!this.#monitors.has(key)) this.#monitor(key, resource, group);
  }

  #monitor(key: string, resource: ResourceDescription, group: TaskGroup): void {
    let informer: SharedInformer;
    let stop: (() => void) | undefined;
    if (builtin.has(key)) informer = this.#context.informers.informer(resource);
    else {
      const { clock } = this.#context;
      const { client, log, prng } = this.#base;
      const transform = ({ apiVersion, kind, metadata }: Readonly<KubeObject>) => ({ apiVersion, kind, metadata });
      informer = new SharedInformer(client.resource(resource), { clock, log, prng: prng.fork(key) }, { transform });
      const ended = new AbortController();
      stop = () => ended.abort();
      group.spawn(informer.name, (signal) => informer.run(AbortSignal.any([signal, ended.signal])));
    }
    const registration = informer.addHandler({
      onAdd: (object) => this.graph.put(resource, object),
      onUpdate: (old, object) => {
        if (old !== object) this.graph.put(resource, object, old);
      },
      onDelete: (object) => this.graph.delete(resource, object),
    });
    this.#monitors.set(key, { informer, registration, stop });
  }

  async #initialSync(signal: AbortSignal): Promise<void> {
    const all = Promise.all([...this.#monitors.values()].map(({ informer }) => informer.waitForSync(signal)));
    const limit = new AbortController();
    try {
      await Promise.race([
        all,
        this.#context.clock.sleep(initialSyncTimeoutMs, AbortSignal.any([signal, limit.signal])),
      ]);
    } finally {
      limit.abort();
      all.catch(() => {});
    }
  }
}

/** Equal for two states of a definition that are served alike. */
function servedAs({ spec, status }: Readonly<CustomResourceDefinition>): string {
  const established = status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  if (!established) return '';
  return spec.versions.flatMap(({ name, served }) => (served ? [name] : [])).join(',');
}
