/** One kubelet on a virtual clock against the fake API server. */
import { type KubeObject, newNotFound } from '../../src/apimachinery/index.ts';
import { Prng, rfc3339, silentLogger, TaskGroup, VirtualClock } from '../../src/base/index.ts';
import type { CoreEvent } from '../../src/client/index.ts';
import {
  type FabricHooks,
  type ImageCatalog,
  Kubelet,
  type KubeletOptions,
  MemoryFabric,
  type NodeConfig,
  SimRuntime,
  type SimRuntimeOptions,
} from '../../src/kubelet/index.ts';
import type { ContainerStatus, Pod, PodCondition, PodSpec } from '../../src/kubelet/pod-types.ts';
import { FakeApi } from '../helpers/fake-api.ts';

export const startMs = 1_795_341_600_000; // 2026-11-22T10:00:00Z

export interface LabOptions {
  readonly hooks?: FabricHooks;
  readonly runtime?: SimRuntimeOptions;
  readonly node?: Partial<NodeConfig>;
  readonly kubelet?: KubeletOptions;
  readonly images?: ImageCatalog;
}

export class Lab implements AsyncDisposable {
  readonly clock = new VirtualClock({ startMs });
  readonly api = new FakeApi(this.clock);
  readonly client = this.api.client();
  readonly fabric: MemoryFabric;
  readonly runtime: SimRuntime;
  readonly kubelet: Kubelet;
  readonly #group = new TaskGroup();

  constructor({ hooks = {}, runtime = {}, node = {}, kubelet = {}, images }: LabOptions = {}) {
    const { clock } = this;
    const prng = new Prng('lab');
    this.fabric = new MemoryFabric({ clock }, hooks);
    this.runtime = new SimRuntime(
      { clock, prng, log: silentLogger, fabric: this.fabric, ...(images && { images }) },
      { instant: true, node: 'n1', ...runtime },
    );
    const client = this.api.client('system:node:n1');
    this.kubelet = new Kubelet(
      { client, clock, prng, log: silentLogger, runtime: this.runtime },
      { name: 'n1', ip: '172.18.0.2', podCIDR: '10.244.0.0/24', ...node },
      { clusterDNS: ['10.96.0.10'], ...kubelet },
    );
  }

  /** Starts the kubelet and waits for its Node. */
  async start(): Promise<this> {
    this.#group.add(this.kubelet);
    await this.until('the kubelet is ready', () => this.kubelet.ready);
    return this;
  }

  async until(what: string, done: () => boolean | Promise<boolean>, limitMs = 3_600_000): Promise<void> {
    if (await this.clock.advanceUntil(done, limitMs)) return;
    throw new Error(`not within ${limitMs / 1000} s: ${what}`);
  }

  get seconds(): number {
    return Math.round((this.clock.now() - startMs) / 100) / 10;
  }

  /** A pod bound to the node. A string for `main` is its shell script. */
  async createPod(name: string, spec: Partial<PodSpec> & { main?: string } = {}, metadata: object = {}): Promise<Pod> {
    const { main = 'sleep infinity', ...rest } = spec;
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...metadata },
      spec: {
        nodeName: 'n1',
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        containers: [{ name: 'main', image: 'busybox:1.38', command: ['sh', '-c', main] }],
        ...rest,
      },
    };
    return (await this.client
      .resource('pods')
      .namespace('default')
      .create(object as KubeObject)) as unknown as Pod;
  }

  async find(name: string): Promise<Pod | undefined> {
    const { items } = await this.client.resource('pods').namespace('default').list();
    return items.find((item) => item.metadata.name === name) as unknown as Pod | undefined;
  }

  async pod(name: string): Promise<Pod> {
    const found = await this.find(name);
    if (!found) throw newNotFound({ group: '', resource: 'pods' }, name);
    return found;
  }

  async untilPod(name: string, what: string, holds: (pod: Pod) => boolean, limitMs?: number): Promise<Pod> {
    await this.until(
      `pod ${name}: ${what}`,
      async () => {
        const pod = await this.find(name);
        return pod !== undefined && holds(pod);
      },
      limitMs,
    ).catch(async (error) => {
      throw new Error(`${(error as Error).message}\n${JSON.stringify((await this.find(name))?.status, null, 1)}`);
    });
    return this.pod(name);
  }

  async remove(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.client.resource('pods').namespace('default').delete(name, { gracePeriodSeconds });
  }

  /** `Normal Pulling Pulling image "x"`, oldest first, about one pod. */
  async events(name: string): Promise<string[]> {
    const { items } = await this.client.resource<CoreEvent>('events').list();
    return items
      .filter((event) => event.involvedObject.name === name)
      .map((event) => `${event.type} ${event.reason} ${event.message}`);
  }

  async logs(name: string, options: { container?: string; previous?: boolean } = {}): Promise<string> {
    const pod = await this.pod(name);
    const target = { namespace: 'default', name, uid: pod.metadata.uid! };
    const all = { container: '', follow: false, previous: false, timestamps: false, ...options };
    let text = '';
    for await (const chunk of await this.kubelet.containerLogs(target, all, new AbortController().signal)) {
      text += Buffer.from(chunk).toString();
    }
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group.stop();
  }
}

export const main = (pod: Pod): ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find((c) => c.name === 'main');
export const condition = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find((c) => c.type === type);
export const isReady = (pod: Pod): boolean => condition(pod, 'Ready')?.status === 'True';
export const at = (seconds: number): string => rfc3339(startMs + seconds * 1000);
