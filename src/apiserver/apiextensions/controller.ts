/**
 * Custom resource definitions act: names, conditions, serving, cleaning up. Upstream runs a controller for each of these
 * inside the API server; here one loop takes the definitions in turn, so that two can never claim a name at once.
 */
import { type CrdNames, customRows, type SchemaProps } from '../../api/index.ts';
import type { CelSchemaValidator } from '../../apimachinery/cel/index.ts';
import { deepEqual, isConflict, isNotFound } from '../../apimachinery/index.ts';
import { Deferred, isAbort, rfc3339, TaskGroup } from '../../base/index.ts';
import { apiserverUser } from '../bootstrap/ensure-bootstrap.ts';
import { type InProcessTransport, inProcessHandler } from '../in-process.ts';
import type { ServerCore } from '../types.ts';
import { type Crd, isTrue } from './conditions.ts';
import { finalize, needsFinalizing } from './finalizer.ts';
import { named } from './naming.ts';
import { approved, establish, structural } from './policies.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const definitionsKey = 'customresourcedefinitions.apiextensions.k8s.io';
const actor = 'apiserver:apiextensions';
/** Upstream: workqueue.DefaultTypedControllerRateLimiter. */
const retryMs = 5;
const maxRetryMs = 1_000_000;

/** What a definition is served by: rows are made anew when one of these changes. */
interface Serving {
  readonly uid: string;
  readonly spec: Crd['spec'];
  readonly names: CrdNames;
  readonly terminating: boolean;
}

const resourceOf = (crd: Crd): string => `${crd.spec.names.plural}.${crd.spec.group}`;

const revisionOf = (crd: Crd): number => Number(crd.metadata.resourceVersion ?? 0);

export class CustomResourceController {
  readonly #core: ServerCore;
  readonly #client: InProcessTransport;
  /** As the watch or an own write showed them last. */
  readonly #known = new Map<string, Crd>();
  readonly #serving = new Map<string, Serving>();
  readonly #finalizing = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #queue = new Set<string>();
  #wake = new Deferred();

  constructor(core: ServerCore) {
    this.#core = core;
    this.#client = inProcessHandler(core, { user: apiserverUser, actor, agent: 'klab-apiserver' });
  }

  /** Serves what was served before the server stopped. To be called when the caches are synced, before it is ready. */
  async restore(): Promise<void> {
    const stored = this.#core.reader.list(definitionsKey) as unknown as readonly Crd[];
    await Promise.all(stored.map((crd) => this.#serve(crd)));
  }

  async run(signal: AbortSignal): Promise<void> {
    const tasks = new TaskGroup(signal);
    tasks.spawn('watch', (stopped) => this.#watch(stopped));
    tasks.spawn('sync', (stopped) => this.#work(tasks, stopped));
    await tasks.wait();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { body } = await this.#client.request({ method: 'GET', path: definitions, signal });
        const items = body.items as readonly Crd[];
        const names = new Set(items.map(({ metadata }) => metadata.name ?? ''));
        for (const name of [...this.#known.keys(), ...this.#serving.keys()]) if (!names.has(name)) this.#forget(name);
        for (const crd of items) this.#learn(crd);
        const query = { watch: 'true', resourceVersion: body.metadata.resourceVersion };
        for await (const event of await this.#client.watch({ method: 'GET', path: definitions, query, signal })) {
          if (event.type === 'ERROR') break;
          const crd = event.object as unknown as Crd;
          if (event.type === 'DELETED') this.#forget(crd.metadata.name ?? '');
          else if (event.type !== 'BOOKMARK') this.#learn(crd);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#core.log.warn('the watch of custom resource definitions starts over', { error: String(error) });
        await this.#core.clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  #learn(crd: Crd): void {
    const name = crd.metadata.name ?? '';
    const known = this.#known.get(name);
    if (known && revisionOf(known) >= revisionOf(crd)) return;
    this.#known.set(name, crd);
    this.#enqueue(name);
  }

  #forget(name: string): void {
    this.#known.delete(name);
    this.#enqueue(name);
  }

  #enqueue(name: string): void {
    this.#queue.add(name);
    this.#wake.resolve();
  }

  async #work(tasks: TaskGroup, signal: AbortSignal): Promise<void> {
    const stop = () => this.#wake.resolve();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const [name] = this.#queue;
      if (name === undefined) {
        this.#wake = new Deferred();
        if (!signal.aborted) await this.#wake.promise;
        continue;
      }
      this.#queue.delete(name);
      try {
        await this.#sync(name, tasks);
        this.#failures.delete(name);
      } catch (error) {
        if (signal.aborted) break;
        this.#retry(name, error);
      }
    }
    signal.removeEventListener('abort', stop);
  }

  #retry(name: string, error: unknown): void {
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    this.#core.log.warn('custom resource definition failed', { name, error: String(error) });
    this.#core.clock.schedule(Math.min(maxRetryMs, retryMs * 2 ** failures), () => this.#enqueue(name));
  }

  /** Brings one definition as far as it goes now. */
  async #sync(name: string, tasks: TaskGroup): Promise<void> {
    for (;;) {
      const crd = this.#known.get(name);
      if (!crd) return this.#end(name);
      await this.#serve(crd);
      const now = rfc3339(this.#core.clock.now());
      const renamed = named(crd, () => this.#groupOf(crd), now);
      const next = renamed ?? establish(crd, now) ?? structural(crd, now) ?? approved(crd, now);
      if (!next) break;
      // Somebody else was faster: their change comes by the watch.
      const written = await this.#write(next);
      if (!written || revisionOf(written) <= revisionOf(crd)) return;
      if (renamed) this.#requeueOthers(crd);
    }
    const crd = this.#known.get(name);
    if (!crd || !needsFinalizing(crd) || this.#finalizing.has(name)) return;
    // It may take long, and others shall not wait.
    this.#finalizing.add(name);
    tasks.spawn(`finalize ${name}`, (signal) => this.#finalize(crd, name, signal));
  }

  #groupOf({ spec: { group } }: Crd): Crd[] {
    return [...this.#known.values()].filter(({ spec }) => spec.group === group);
  }

  #requeueOthers({ metadata: { name }, spec: { group } }: Pick<Crd, 'metadata' | 'spec'>): void {
    for (const other of this.#known.values()) {
      if (other.spec.group === group && other.metadata.name !== name) this.#enqueue(other.metadata.name ?? '');
    }
  }

  /** A definition is gone: so is what it served, and its names are free. */
  #end(name: string): void {
    const serving = this.#serving.get(name);
    this.#failures.delete(name);
    if (serving) {
      this.#serving.delete(name);
      this.#core.dynamic.withdraw(name);
    }
    const group = name.slice(name.indexOf('.') + 1);
    for (const other of this.#known.values()) {
      if (other.spec.group === group) this.#enqueue(other.metadata.name ?? '');
    }
  }

  /** Names that are accepted are served, before the definition says so: whoever sees it Established finds its resource. */
  async #serve(crd: Crd): Promise<void> {
    const names = crd.status?.acceptedNames;
    if (!names?.plural || !names.kind || !(isTrue(crd, 'NamesAccepted') || isTrue(crd, 'Established'))) return;
    const name = crd.metadata.name ?? '';
    const before = this.#serving.get(name);
    const now: Serving = {
      uid: crd.metadata.uid ?? '',
      spec: crd.spec,
      names,
      terminating: isTrue(crd, 'Terminating'),
    };
    const same = before?.uid === now.uid && deepEqual(before.spec, now.spec) && deepEqual(before.names, now.names);
    if (same && before.terminating === now.terminating) return;
    const rows = customRows(crd, {
      schemas: this.#core.schemas,
      terminating: now.terminating,
      compileRules: await rulesCompiler(crd),
    });
    await this.#core.dynamic.serve(rows, { endWatches: !same });
    this.#serving.set(name, now);
  }

  async #write(crd: Crd): Promise<Crd | undefined> {
    const name = crd.metadata.name ?? '';
    try {
      const { body } = await this.#client.request({
        method: 'PUT',
        path: `${definitions}/${name}/status`,
        body: structuredClone(crd),
        cause: { object: `customresourcedefinitions/${name}`, revision: revisionOf(crd) },
      });
      const known = this.#known.get(name);
      if (known && revisionOf(known) < revisionOf(body)) this.#known.set(name, body);
      return body;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return undefined;
      throw error;
    }
  }

  async #finalize(crd: Crd, name: string, signal: AbortSignal): Promise<void> {
    const { clock, dynamic } = this.#core;
    const deps = {
      clock,
      write: (next: Crd) => this.#write(next),
      deleteAll: (of: Crd) => {
        const cause = { object: `customresourcedefinitions/${name}`, revision: revisionOf(of) };
        return dynamic.deleteAll(resourceOf(of), { user: apiserverUser, provenance: { actor, cause } });
      },
      count: (of: Crd) => dynamic.count(resourceOf(of)),
    };
    try {
      await finalize(crd, deps, signal);
      this.#finalizing.delete(name);
      // A change that came meanwhile has been passed over.
      this.#enqueue(name);
    } catch (error) {
      this.#finalizing.delete(name);
      if (isAbort(error) || signal.aborted) return;
      this.#retry(name, error);
    }
  }
}

/** CEL is loaded when the first definition brings rules. */
async function rulesCompiler(crd: Crd): Promise<((schema: SchemaProps) => CelSchemaValidator | undefined) | undefined> {
  if (!crd.spec.versions.some(({ schema }) => hasRules(schema?.openAPIV3Schema))) return undefined;
  const { compileSchemaRules } = await import('../../apimachinery/cel/index.ts');
  return (schema) => compileSchemaRules(schema);
}

function hasRules(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasRules);
  for (const [key, below] of Object.entries(value)) {
    if (key === 'x-kubernetes-validations' || hasRules(below)) return true;
  }
  return false;
}
