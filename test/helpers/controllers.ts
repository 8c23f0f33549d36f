/** Controllers on a virtual clock against the fake API server, with a hand that plays the kubelet. */
import type { Pod, PodCondition } from '../../src/api/index.ts';
import { deepCopy, type KubeObject } from '../../src/apimachinery/index.ts';
import { Prng, type Runnable, rfc3339, silentLogger, TaskGroup, VirtualClock } from '../../src/base/index.ts';
import { type CoreEvent, type KubeClient, SharedInformerFactory } from '../../src/client/index.ts';
import type { ControllerContext, ControllerSettings } from '../../src/controllers/index.ts';
import { FakeApi } from './fake-api.ts';

export const startMs = Date.UTC(2026, 0, 1);

export class Lab implements AsyncDisposable {
  readonly clock = new VirtualClock({ startMs });
  readonly api = new FakeApi(this.clock);
  readonly client: KubeClient = this.api.client();
  readonly context: ControllerContext;
  readonly #group = new TaskGroup();

  constructor(settings: Partial<ControllerSettings> = {}) {
    const deps = { clock: this.clock, prng: new Prng('lab'), log: silentLogger };
    const client = this.api.client('system:kube-controller-manager');
    this.context = {
      ...deps,
      informers: new SharedInformerFactory({ ...deps, client }),
      rootClient: client,
      clientFor: (account) => this.api.client(`system:serviceaccount:kube-system:${account}`),
      settings: { rootCA: 'PEM', ...settings },
    };
  }

  start(...controllers: Runnable[]): this {
    this.#group.add(this.context.informers);
    for (const controller of controllers) this.#group.add(controller);
    return this;
  }

  /** Moves time until `done` holds; throws with `what` when it does not within a virtual hour (or `limitMs`). */
  async until(what: string, done: () => boolean | Promise<boolean>, limitMs = 3_600_000): Promise<void> {
    if (await this.clock.advanceUntil(done, limitMs)) return;
    throw new Error(`not within ${limitMs / 1000} s: ${what}`);
  }

  async get<T extends KubeObject>(resource: string, namespace: string, name: string): Promise<Readonly<T> | undefined> {
    const items = await this.list<T>(resource, namespace);
    return items.find((item) => item.metadata.name === name);
  }

  async list<T extends KubeObject>(resource: string, namespace = ''): Promise<Readonly<T>[]> {
    return (await this.client.resource<T>(resource).namespace(namespace).list()).items;
  }

  create<T extends KubeObject>(resource: string, object: T): Promise<Readonly<T>> {
    return this.client.resource<T>(resource).create(object);
  }

  /** `Normal ScalingReplicaSet Scaled up …`, oldest first. */
  async events(reason?: string): Promise<string[]> {
    const events = await this.list<CoreEvent>('events');
    return events
      .filter((event) => reason === undefined || event.reason === reason)
      .map((event) => `${event.type} ${event.reason} ${event.message}`);
  }

  /**
   * Plays scheduler and kubelet: pods get a node, run, and are ready; pods being deleted go. `exit`: pods end with its
   * exit code after `seconds` (default 1), or go on when it says undefined. Until the lab ends.
   */
  autoRun(
    options: {
      readonly ready?: (pod: Readonly<Pod>) => boolean;
      readonly exit?: (pod: Readonly<Pod>) => number | undefined;
      readonly seconds?: number;
    } = {},
  ): this {
    const pods = this.context.informers.informer<Pod>('pods');
    const started = new Set<string>();
    const act = (pod: Readonly<Pod>) => {
      this.#group.spawn('kubelet', async () => {
        if (pod.metadata.deletionTimestamp) await this.finish(pod);
        else if ((pod.status?.phase ?? 'Pending') === 'Pending' && !started.has(pod.metadata.uid!)) {
          started.add(pod.metadata.uid!);
          await this.run(pod, options.ready?.(pod) ?? true);
          const code = options.exit?.(pod);
          if (code === undefined) return;
          await this.clock.sleep((options.seconds ?? 1) * 1000);
          await this.end(pod, code);
        }
      });
    };
    pods.addHandler({ onAdd: act, onUpdate: (_, pod) => act(pod) });
    return this;
  }

  /** `node`: default the one that the pod's affinity names, else `node-1`. */
  async run(pod: Readonly<Pod>, ready = true, node = pinnedNode(pod) ?? 'node-1'): Promise<void> {
    const client = this.client.resource<Pod>('pods').namespace(pod.metadata.namespace);
    const current = await client.get(pod.metadata.name!).catch(() => undefined);
    if (!current || current.metadata.uid !== pod.metadata.uid) return;
    const at = rfc3339(this.clock.now());
    const condition = (type: string, status: boolean): PodCondition => ({
      type,
      status: status ? 'True' : 'False',
      lastTransitionTime: at,
    });
    const next = deepCopy(current) as Pod;
    const placed = next.spec?.nodeName
      ? next
      : await client.update({ ...next, spec: { ...next.spec!, nodeName: node } });
    const number = placed.metadata.resourceVersion;
    const podIP = placed.status?.podIP ?? `10.244.${Number(number) >> 8}.${Number(number) & 255}`;
    const conditions = [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ];
    await client.updateStatus({
      ...placed,
      status: { ...placed.status, phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions },
    });
  }

  /** The pod's container ends: Succeeded with code 0, else Failed. */
  async end(pod: Readonly<Pod>, exitCode: number): Promise<void> {
    const client = this.client.resource<Pod>('pods').namespace(pod.metadata.namespace);
    const current = await client.get(pod.metadata.name!).catch(() => undefined);
    if (!current || current.metadata.uid !== pod.metadata.uid || current.metadata.deletionTimestamp) return;
    const finishedAt = rfc3339(this.clock.now());
    const conditions = current.status!.conditions!.map((condition) =>
      ['Ready', 'ContainersReady'].includes(condition.type)
        ? { ...condition, status: 'False' as const, lastTransitionTime: finishedAt }
        : condition,
    );
    const container = current.spec!.containers[0]!;
    const state = { terminated: { exitCode, finishedAt, reason: exitCode === 0 ? 'Completed' : 'Error' } };
    const containerStatuses = [
      { name: container.name, image: container.image!, imageID: '', ready: false, restartCount: 0, state },
    ];
    const phase = exitCode === 0 ? ('Succeeded' as const) : ('Failed' as const);
    await client.updateStatus({ ...current, status: { ...current.status, phase, conditions, containerStatuses } });
  }

  async finish(pod: Readonly<Pod>): Promise<void> {
    const client = this.client.resource<Pod>('pods').namespace(pod.metadata.namespace);
    await client.delete(pod.metadata.name!, { gracePeriodSeconds: 0 }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group.stop();
  }
}

function pinnedNode(pod: Readonly<Pod>): string | undefined {
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
}
