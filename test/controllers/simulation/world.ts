/**
 * The workload controllers against the fake API server, with a network that fails, watches that are cut, histories that
 * are compacted and a controller manager that dies in the middle of its writes; all drawn from one seed.
 */
import type { Pod } from '../../../src/api/index.ts';
import { builtinResources } from '../../../src/api/index.ts';
import {
  deepCopy,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeObject,
  newConflict,
  newInternalError,
  newServiceUnavailable,
  newTooManyRequests,
} from '../../../src/apimachinery/index.ts';
import { Prng, rfc3339, silentLogger, TaskGroup, VirtualClock } from '../../../src/base/index.ts';
import { ConnectionError, KubeClient, SharedInformerFactory, type Transport } from '../../../src/client/index.ts';
import { startControllers } from '../../../src/controllers/index.ts';
import { FakeApi } from '../../helpers/fake-api.ts';
import { Checks } from './checks.ts';

const controllers = [
  'deployment',
  'replicaset',
  'statefulset',
  'daemonset',
  'job',
  'cronjob',
  'garbagecollector',
  'ttl-after-finished',
];
const namespace = 'default';
export const nodes = ['n1', 'n2', 'n3'];
const images = ['app:1', 'app:2', 'app:3'];
const startMs = Date.UTC(2026, 0, 1);

/** One life of the controller manager. */
interface Life {
  readonly group: TaskGroup;
  dead: boolean;
}

export class World implements AsyncDisposable {
  readonly clock = new VirtualClock({ startMs });
  readonly api = new FakeApi(this.clock);
  readonly checks = new Checks();
  readonly trace: string[] = [];
  readonly #users = this.api.client();
  readonly #prng: Prng;
  readonly #faults: Prng;
  readonly #kubelet: Prng;
  readonly #kubelets = new TaskGroup();
  #life: Life | undefined;
  #lives = 0;
  #faulty = true;

  constructor(seed: string) {
    const prng = new Prng(`controllers/${seed}`);
    this.#prng = prng.fork('users');
    this.#faults = prng.fork('faults');
    this.#kubelet = prng.fork('kubelet');
    this.api.observe((event, old) => this.checks.changed(event, old));
  }

  async run(steps: number): Promise<void> {
    for (const name of nodes) await this.#users.resource('nodes').create(node(name));
    this.#startKubelets();
    this.#start();
    for (let i = 0; i < steps; i++) {
      await this.#attempt(
        this.#prng.pick([
          this.#deployment,
          this.#deployment,
          this.#set,
          this.#daemonSet,
          this.#job,
          this.#cronJob,
          this.#deletePod,
          this.#deleteOwner,
          this.#cutWatches,
        ]),
      );
      await this.clock.advance(this.#prng.int(4) === 0 ? this.#prng.int(60_000) : this.#prng.int(2000));
      await this.#revive();
      this.checks.throwIfBroken();
    }
  }

  /** Faults end: what was asked for must come about. */
  async heal(limitMs = 3_600_000): Promise<void> {
    this.#faulty = false;
    await this.#revive();
    for (const resource of ['cronjobs']) {
      for (const { metadata } of await this.list(resource)) {
        await this.#users
          .resource(resource)
          .namespace(namespace)
          .patch(metadata.name!, 'merge', { spec: { suspend: true } });
      }
    }
    this.#say('healed');
    let missing: string[] = [];
    const settled = async () => {
      missing = await this.checks.unsettled((resource) => this.list(resource));
      return missing.length === 0;
    };
    const done = await this.clock.advanceUntil(settled, limitMs);
    this.checks.throwIfBroken();
    if (!done) throw new Error(`not within ${limitMs / 1000} s of healing:\n${missing.join('\n')}`);
    await this.clock.advance(60_000);
    if (!(await settled())) throw new Error(`did not stay settled:\n${missing.join('\n')}`);
    this.checks.throwIfBroken();
  }

  async list(resource: string): Promise<readonly Readonly<KubeObject>[]> {
    return (await this.#users.resource(resource).list()).items;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#life?.group.stop().catch(() => undefined);
    await this.#kubelets.stop();
  }

  #say(text: string): void {
    this.trace.push(`${(this.clock.monotonic() / 1000).toFixed(3)} s: ${text}`);
  }

  #start(): void {
    const life: Life = { group: new TaskGroup(), dead: false };
    this.#life = life;
    const prng = new Prng(`life-${++this.#lives}`);
    const clientFor = (account: string) =>
      new KubeClient(this.#transport(life, account), { definitions: builtinResources });
    const deps = { clock: this.clock, prng, log: silentLogger };
    const rootClient = clientFor('manager');
    const informers = new SharedInformerFactory({ ...deps, client: rootClient });
    const manager = startControllers(
      { ...deps, informers, clientFor, rootClient, settings: { rootCA: '' } },
      { controllers },
    );
    life.group.add(informers);
    life.group.add(manager);
  }

  /** A process that died is gone with all it knew; another one starts. */
  async #revive(): Promise<void> {
    if (!this.#life?.dead) return;
    await this.#life.group.stop().catch(() => undefined);
    this.#start();
  }

  /** What stands between a controller and its server. */
  #transport(life: Life, account: string): Transport {
    const inner = this.api.transport(`system:serviceaccount:kube-system:${account}`);
    return {
      ...inner,
      watch: async (request) => {
        if (life.dead) throw new ConnectionError('the process is dead');
        if (this.#faulty && this.#faults.int(20) === 0) throw new ConnectionError('connection refused');
        return inner.watch(request);
      },
      request: async (request) => {
        if (life.dead) throw new ConnectionError('the process is dead');
        const isWrite = request.method !== 'GET';
        if (!this.#faulty) return inner.request(request);
        switch (this.#faults.int(isWrite ? 40 : 60)) {
          case 0:
            throw newInternalError('injected');
          case 1:
            throw newServiceUnavailable('injected');
          case 2:
            // A delete that waits for its Retry-After acts on a decision of the past; upstream's clients do so too.
            if (request.method !== 'DELETE') throw newTooManyRequests('injected', 1);
            break;
          case 3:
            throw new ConnectionError('connection reset before the request was read');
          case 4:
            if (request.method === 'PUT') throw newConflict({ group: '', resource: 'injected' }, 'x', 'injected');
            break;
          case 5: {
            if (!isWrite) break;
            await inner.request(request);
            throw new ConnectionError('connection reset before the answer came');
          }
          case 6: {
            if (!isWrite) break;
            // It dies with its write done, or not.
            const done = this.#faults.int(2) === 0;
            this.#say(`the manager dies at ${request.method} ${request.path}, ${done ? '' : 'not '}done`);
            life.dead = true;
            if (done) await inner.request(request);
            throw new ConnectionError('the process is dead');
          }
        }
        return inner.request(request);
      },
    };
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error) && !isAlreadyExists(error)) throw error;
    }
  }

  #startKubelets(): void {
    const deps = { clock: this.clock, prng: this.#kubelet, log: silentLogger };
    const informers = new SharedInformerFactory({ ...deps, client: this.api.client('kubelet') });
    const pods = informers.informer<Pod>('pods');
    const seen = new Set<string>();
    const act = (pod: Readonly<Pod>) => {
      const { uid = '', deletionTimestamp } = pod.metadata;
      if (deletionTimestamp && !seen.has(`${uid} end`)) {
        seen.add(`${uid} end`);
        this.#kubelets.spawn('end', (signal) => this.#endPod(pod, signal));
      } else if (!deletionTimestamp && !seen.has(uid)) {
        seen.add(uid);
        this.#kubelets.spawn('pod', (signal) => this.#runPod(pod, signal));
      }
    };
    pods.addHandler({ onAdd: act, onUpdate: (_, pod) => act(pod) });
    this.#kubelets.add(informers);
  }

  /** Placed, started, ready; a job's pod ends after a while, one in five with a failure. */
  async #runPod(pod: Readonly<Pod>, signal: AbortSignal): Promise<void> {
    await this.clock.sleep(this.#kubelet.int(1500), signal);
    const pinned =
      pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0];
    const nodeName = pinned?.matchFields?.[0]?.values?.[0] ?? this.#kubelet.pick(nodes);
    await this.#change(pod, (current) => ({ ...current, spec: { ...current.spec!, nodeName } }));
    await this.clock.sleep(this.#kubelet.int(1500), signal);
    await this.#status(pod, 'Running', true);
    if (pod.spec?.restartPolicy === 'Always' || pod.spec?.restartPolicy === undefined) return;
    await this.clock.sleep(500 + this.#kubelet.int(8000), signal);
    await this.#status(pod, this.#kubelet.int(5) === 0 ? 'Failed' : 'Succeeded', false);
  }

  async #endPod(pod: Readonly<Pod>, signal: AbortSignal): Promise<void> {
    await this.clock.sleep(this.#kubelet.int(1500), signal);
    const name = pod.metadata.name!;
    const preconditions = { uid: pod.metadata.uid! };
    await this.#attempt(async () => {
      await this.#users.resource('pods').namespace(namespace).delete(name, { gracePeriodSeconds: 0, preconditions });
    });
  }

  #status(pod: Readonly<Pod>, phase: 'Running' | 'Succeeded' | 'Failed', ready: boolean): Promise<void> {
    const status = ready ? ('True' as const) : ('False' as const);
    const lastTransitionTime = rfc3339(this.clock.now());
    const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: type === 'PodScheduled' || type === 'Initialized' ? ('True' as const) : status,
      lastTransitionTime,
    }));
    return this.#change(
      pod,
      (current) =>
        ['Succeeded', 'Failed'].includes(current.status?.phase ?? '') || current.metadata.deletionTimestamp
          ? undefined
          : { ...current, status: { ...current.status, phase, conditions } },
      true,
    );
  }

  /** Tries again when somebody else was faster. */
  async #change(pod: Readonly<Pod>, change: (current: Pod) => Pod | undefined, status = false): Promise<void> {
    const client = this.#users.resource<Pod>('pods').namespace(namespace);
    for (;;) {
      try {
        const current = await client.get(pod.metadata.name!);
        const next = current.metadata.uid === pod.metadata.uid ? change(deepCopy(current) as Pod) : undefined;
        if (next) await (status ? client.updateStatus(next) : client.update(next));
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error)) throw error;
      }
    }
  }

  #client(resource: string) {
    return this.#users.resource(resource).namespace(namespace);
  }

  async #exists(resource: string, name: string): Promise<boolean> {
    return (await this.list(resource)).some(({ metadata }) => metadata.name === name);
  }

  /** Creates it, or changes replicas and image of what is there. */
  async #put(resource: string, kind: string, name: string, spec: object, replicas?: number): Promise<void> {
    const image = this.#prng.pick(images);
    if (await this.#exists(resource, name)) {
      this.#say(`${kind} ${name}: ${image}${replicas === undefined ? '' : `, ${replicas} replicas`}`);
      const template = { spec: { containers: [{ name: 'c', image }] } };
      await this.#client(resource).patch(name, 'strategic', {
        spec: { template, ...(replicas === undefined ? {} : { replicas }) },
      });
      return;
    }
    this.#say(`create ${kind} ${name} ${JSON.stringify(spec)}`);
    await this.#client(resource).create({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, namespace },
      spec: { ...spec, ...(replicas === undefined ? {} : { replicas }), ...selection(name, image) },
    } as KubeObject);
  }

  readonly #deployment = (): Promise<void> => {
    const name = this.#prng.pick(['web', 'api']);
    const [maxSurge, maxUnavailable] = this.#prng.pick([
      [1, 0],
      [0, 1],
      [2, 1],
    ]);
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
    return this.#put('deployments', 'Deployment', name, { strategy }, this.#prng.int(6));
  };

  readonly #set = (): Promise<void> => {
    const podManagementPolicy = this.#prng.pick(['OrderedReady', 'Parallel']);
    const spec = { serviceName: 'db', podManagementPolicy };
    return this.#put('statefulsets', 'StatefulSet', this.#prng.pick(['db', 'kv']), spec, this.#prng.int(4));
  };

  readonly #daemonSet = (): Promise<void> => {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } };
    return this.#put('daemonsets', 'DaemonSet', 'agent', { updateStrategy });
  };

  readonly #job = async (): Promise<void> => {
    const completionMode = this.#prng.pick(['Indexed', 'NonIndexed']);
    const [completions, parallelism] = [1 + this.#prng.int(5), 1 + this.#prng.int(3)];
    const name = `job-${this.#prng.int(3)}`;
    this.#say(`job ${name}: ${completions} ${completionMode}, ${parallelism} at a time`);
    await this.#client('jobs').create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, namespace },
      spec: { completions, parallelism, completionMode, backoffLimit: 1000, template: jobTemplate },
    } as KubeObject);
  };

  readonly #cronJob = async (): Promise<void> => {
    const concurrencyPolicy = this.#prng.pick(['Allow', 'Forbid', 'Replace']);
    const name = concurrencyPolicy.toLowerCase();
    this.#say(`cron job ${name}`);
    await this.#client('cronjobs').create({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name, namespace },
      spec: {
        schedule: '* * * * *',
        concurrencyPolicy,
        jobTemplate: { spec: { backoffLimit: 1000, completions: 20, parallelism: 1, template: jobTemplate } },
      },
    } as KubeObject);
  };

  readonly #deletePod = async (): Promise<void> => {
    const pods = await this.list('pods');
    if (pods.length === 0) return;
    const { name = '' } = this.#prng.pick(pods).metadata;
    this.#say(`delete pod ${name}`);
    await this.checks.disturb(() => this.#client('pods').delete(name));
  };

  readonly #deleteOwner = async (): Promise<void> => {
    const resource = this.#prng.pick(['deployments', 'statefulsets', 'daemonsets', 'jobs', 'cronjobs', 'replicasets']);
    const all = await this.list(resource);
    if (all.length === 0) return;
    const { name = '' } = this.#prng.pick(all).metadata;
    const propagationPolicy = this.#prng.pick(['Background', 'Foreground'] as const);
    this.#say(`delete ${resource}/${name}, ${propagationPolicy}`);
    await this.checks.disturb(() => this.#client(resource).delete(name, { propagationPolicy }));
  };

  readonly #cutWatches = async (): Promise<void> => {
    const compacted = this.#prng.int(2) === 0;
    this.#say(`watches are cut${compacted ? ', and what happened before is forgotten' : ''}`);
    if (compacted) this.api.compact();
    this.api.dropWatches(compacted ? undefined : new ConnectionError('cut'));
  };
}

const jobTemplate = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'work:1' }] } };

function selection(name: string, image: string): object {
  const labels = { app: name };
  return {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 2, containers: [{ name: 'c', image }] },
    },
  };
}

function node(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  } as KubeObject;
}
