/**
 * One informer per resource for all who ask. Upstream: client-go/informers/factory.go.
 */

import type { KubeObject } from '../../apimachinery/index.ts';
import { type Runnable, TaskGroup } from '../../base/index.ts';
import type { KubeClient } from '../kube-client.ts';
import { type ResourceRef, resourceName } from '../resource.ts';
import type { ReflectorDeps } from './reflector.ts';
import { type InformerOptions, SharedInformer } from './shared-informer.ts';

export interface SharedInformerFactoryOptions {
  /** Only objects of this namespace. Default all. */
  readonly namespace?: string;
  /** Default resync of its informers. Default 0 = never. */
  readonly resyncMs?: number;
}

export class SharedInformerFactory implements Runnable {
  readonly name = 'informers';
  readonly #client: KubeClient;
  readonly #deps: ReflectorDeps;
  readonly #options: SharedInformerFactoryOptions;
  readonly #informers = new Map<string, SharedInformer<any>>();
  #group: TaskGroup | undefined;

  constructor(deps: ReflectorDeps & { readonly client: KubeClient }, options: SharedInformerFactoryOptions = {}) {
    this.#client = deps.client;
    this.#deps = { clock: deps.clock, prng: deps.prng, log: deps.log };
    this.#options = options;
  }

  /**
   * The shared informer of a resource, started at once when the factory runs. `options.indexers` are added to a known
   * informer; selectors and transforms make an informer of its own, by the selectors' text.
   */
  informer<T extends KubeObject = KubeObject>(ref: ResourceRef, options: InformerOptions<T> = {}): SharedInformer<T> {
    const client = this.#client.resource<T>(ref).namespace(this.#options.namespace);
    const { group, version } = client.description;
    const { labelSelector = '', fieldSelector = '' } = options;
    const key = `${resourceName(client.description)}@${group}/${version}?${labelSelector}&${fieldSelector}`;
    const known = this.#informers.get(key) as SharedInformer<T> | undefined;
    if (known) {
      if (options.indexers) known.addIndexers(options.indexers);
      return known;
    }
    const deps = { ...this.#deps, prng: this.#deps.prng.fork(key) };
    const informer = new SharedInformer<T>(client, deps, { resyncMs: this.#options.resyncMs, ...options });
    this.#informers.set(key, informer);
    this.#group?.add(informer);
    return informer;
  }

  /** Runs all informers, also those asked for later, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    this.#group = group;
    for (const informer of this.#informers.values()) group.add(informer);
    // Keeps the group open for informers that come later.
    group.spawn('informers', (inner) => aborted(inner));
    await group.wait();
  }

  /** Waits for all informers asked for so far. */
  async waitForSync(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.waitForSync(signal)));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
