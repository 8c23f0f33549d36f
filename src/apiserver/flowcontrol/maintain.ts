/**
 * Keeps the configuration of flow control as it should be while the server runs: bootstrap objects every minute, the
 * Dangling condition of FlowSchemas whenever one of them or of the levels changes.
 * Upstream: pkg/registry/flowcontrol/rest/storage_flowcontrol.go, apiserver/pkg/util/flowcontrol/apf_controller.go.
 */
import type { KubeObject } from '../../apimachinery/index.ts';
import { type Clock, type Logger, yieldToEventLoop } from '../../base/index.ts';
import { apiserverUser } from '../bootstrap/ensure-bootstrap.ts';
import type { ObjectReader, ServerRequest, ServerResponse } from '../types.ts';
import { bootstrapConfigurations, configProducer, flowSchemas, priorityLevels } from './objects.ts';
import { danglingCondition, isLeftOver, revise } from './revise.ts';

export interface FlowConfigDeps {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly log: Logger;
  handle(request: ServerRequest): Promise<ServerResponse>;
}

const everyMs = 60_000;
/** Between attempts to watch. */
const retryMs = 1000;
const group = '/apis/flowcontrol.apiserver.k8s.io/v1';
const consumer = 'api-priority-and-fairness-config-consumer-v1';

export class FlowConfigMaintainer {
  readonly #deps: FlowConfigDeps;
  /** Writing statuses is under way; another round is wanted after it. */
  #syncing = false;
  #again = false;

  constructor(deps: FlowConfigDeps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#keepBootstrap(signal),
      ...[flowSchemas, priorityLevels].map((resource) => this.#watch(resource, signal)),
    ]);
  }

  /** Puts right, recreates and removes what upstream would. */
  async ensure(signal: AbortSignal): Promise<void> {
    for (const configuration of bootstrapConfigurations) {
      const { resource, object } = configuration;
      const current = this.#deps.reader.get(resource, '', object.metadata.name!);
      if (!current) await this.#send('POST', pathOf(resource), object, configProducer, signal);
      else {
        const revised = revise(current, configuration);
        if (revised) await this.#send('PUT', pathOf(resource, current), revised, configProducer, signal);
      }
    }
    for (const resource of [flowSchemas, priorityLevels]) {
      for (const object of this.#deps.reader.list(resource)) {
        if (isLeftOver(resource, object)) {
          await this.#send('DELETE', pathOf(resource, object), undefined, configProducer, signal);
        }
      }
    }
  }

  async #keepBootstrap(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#deps.clock.every(everyMs, signal)) {
      try {
        await this.ensure(signal);
      } catch (error) {
        if (!signal.aborted) this.#deps.log.warn('flow control configuration, will retry', { error: String(error) });
      }
    }
  }

  async #watch(resource: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { body } = await this.#request('GET', pathOf(resource), undefined, { watch: 'true' }, signal);
        if (body.kind === 'watch') for await (const _ of body.events) await this.#sync(signal);
      } catch (error) {
        if (!signal.aborted) this.#deps.log.warn('watching flow control failed', { error: String(error) });
      }
      await this.#deps.clock.sleep(retryMs, signal).catch(() => {});
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    this.#again = true;
    if (this.#syncing) return;
    this.#syncing = true;
    try {
      // Events that come together are one round.
      await yieldToEventLoop();
      while (this.#again && !signal.aborted) {
        this.#again = false;
        await this.#writeConditions(signal);
      }
    } finally {
      this.#syncing = false;
    }
  }

  async #writeConditions(signal: AbortSignal): Promise<void> {
    const { reader, clock, log } = this.#deps;
    const exists = (name: string) => reader.get(priorityLevels, '', name) !== undefined;
    for (const object of reader.list(flowSchemas)) {
      const condition = danglingCondition(object, exists, clock.now());
      if (!condition) continue;
      const { apiVersion, kind, metadata } = object;
      const applied = { apiVersion, kind, metadata: { name: metadata.name! }, status: { conditions: [condition] } };
      const path = `${pathOf(flowSchemas, object)}/status`;
      try {
        await this.#send('PATCH', path, applied, consumer, signal);
      } catch (error) {
        // It is gone, or about to be looked at again.
        if (!signal.aborted) log.debug('no status for a FlowSchema', { name: metadata.name, error: String(error) });
      }
    }
  }

  async #send(
    method: string,
    path: string,
    object: KubeObject | undefined,
    fieldManager: string,
    signal: AbortSignal,
  ): Promise<void> {
    const query = method === 'DELETE' ? {} : { fieldManager, ...(method === 'PATCH' ? { force: 'true' } : {}) };
    await this.#request(method, path, object, query, signal);
  }

  #request(
    method: string,
    path: string,
    object: KubeObject | undefined,
    query: Record<string, string>,
    signal: AbortSignal,
  ): Promise<ServerResponse> {
    return this.#deps.handle({
      method,
      path,
      query: new URLSearchParams(query),
      headers: {
        'user-agent': 'klab-apiserver',
        ...(method === 'PATCH' ? { 'content-type': 'application/apply-patch+yaml' } : {}),
      },
      ...(object ? { body: { object: structuredClone(object) } } : {}),
      signal,
      user: apiserverUser,
      provenance: { actor: 'apiserver', cause: { timer: 'flow-control' } },
    });
  }
}

function pathOf(resource: string, object?: Readonly<KubeObject>): string {
  const plural = resource.slice(0, resource.indexOf('.'));
  return `${group}/${plural}${object ? `/${object.metadata.name}` : ''}`;
}
