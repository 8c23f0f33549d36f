/**
 * A whole cluster whose components work through a faulty network and die at their writes, and users who deploy, roll,
 * scale, evict and delete meanwhile; all drawn from one seed.
 */
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  isTooManyRequests,
  type KubeObject,
} from '../../../src/apimachinery/index.ts';
import { Prng, VirtualClock } from '../../../src/base/index.ts';
import { ConnectionError } from '../../../src/client/index.ts';
import { type Cluster, createCluster } from '../../../src/cluster/create-cluster.ts';
import { HistoryChecks } from './history-checks.ts';
import { FaultyNetwork, type Process } from './network.ts';

const images = ['nginx:1.27', 'nginx:1.28', 'nginx:1.29'];
const namespace = 'default';

export class FaultyWorld implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly network: FaultyNetwork;
  readonly checks: HistoryChecks;
  readonly trace: string[] = [];
  readonly #prng: Prng;
  readonly #dead = new Map<string, Process>();
  readonly #dying = new Set<Promise<void>>();

  private constructor(cluster: Cluster, network: FaultyNetwork, prng: Prng) {
    this.cluster = cluster;
    this.network = network;
    this.#prng = prng;
    this.checks = new HistoryChecks(cluster);
    network.onDeath = (process, at) => this.#dies(process, at);
  }

  static async create(seed: string): Promise<FaultyWorld> {
    const prng = new Prng(`faults/${seed}`);
    const network = new FaultyNetwork(prng.fork('network'));
    // A cluster is born in peace.
    network.faulty = false;
    const cluster = await createCluster({
      seed,
      clock: new VirtualClock({ startMs: Date.UTC(2026, 0, 1) }),
      nodes: 2,
      instantContainers: prng.int(2) === 0,
      api: false,
      etcd: false,
      interpose: network.interpose,
    });
    const world = new FaultyWorld(cluster, network, prng.fork('users'));
    await world.#deployAll();
    network.faulty = true;
    return world;
  }

  /** Throws with the promise that was broken. */
  async run(steps: number): Promise<void> {
    const acts = [
      this.#roll,
      this.#roll,
      this.#scale,
      this.#evict,
      this.#evict,
      this.#rollSet,
      this.#rollDaemons,
      this.#job,
      this.#deletePod,
      this.#bounds,
      this.#bounds,
      this.#redeploy,
      this.#cut,
      this.#restartServer,
    ];
    for (let i = 0; i < steps; i++) {
      try {
        await this.#prng.pick(acts)();
      } catch (error) {
        const expected = isNotFound(error) || isConflict(error) || isAlreadyExists(error) || isTooManyRequests(error);
        if (!expected) throw error;
        this.#say(`refused: ${(error as Error).message}`);
      }
      await this.cluster.clock.advance(this.#prng.int(4) === 0 ? this.#prng.int(30_000) : this.#prng.int(2500));
      await this.#revive();
      this.checks.readOn();
    }
  }

  /** Faults end: what was asked for must come about, and stay. */
  async heal(limitMs = 3_600_000): Promise<void> {
    this.network.faulty = false;
    await this.#revive();
    this.#say('healed');
    let missing: string[] = [];
    const settled = async () => {
      this.checks.readOn();
      missing = await this.checks.unsettled();
      for (const { metadata, spec } of this.cluster.server.reader.list(
        'horizontalpodautoscalers.autoscaling',
      ) as any[]) {
        const target: any = this.cluster.server.reader.get('deployments.apps', namespace, spec.scaleTargetRef.name);
        const replicas = target?.spec.replicas;
        if (target && (replicas < spec.minReplicas || replicas > spec.maxReplicas)) {
          missing.push(`${metadata.name}: ${replicas} replicas, not ${spec.minReplicas} to ${spec.maxReplicas}`);
        }
      }
      return missing.length === 0;
    };
    // Asked every second: the answer costs more than most of what happens in between.
    const end = this.cluster.clock.monotonic() + limitMs;
    let done = await settled();
    while (!done && this.cluster.clock.monotonic() < end) {
      await this.cluster.clock.advance(1000);
      done = await settled();
    }
    if (!done) throw new Error(`not within ${limitMs / 1000} s of healing:\n${missing.join('\n')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.network.faulty = false;
    await this.cluster.stop();
  }

  #say(text: string): void {
    this.trace.push(`${(this.cluster.clock.monotonic() / 1000).toFixed(3)} s: ${text}`);
  }

  #dies(process: Process, at: string): void {
    const key = `${process.name} ${process.node ?? ''}`;
    if (this.#dead.has(key)) return;
    this.#dead.set(key, process);
    this.#say(`${key} dies at ${at}`);
    const ending = this.cluster.components.stop(process.name, process.node).then(
      () => undefined,
      () => undefined,
    );
    this.#dying.add(ending);
    void ending.then(() => this.#dying.delete(ending));
  }

  /** The dead come back, now and then later. */
  async #revive(): Promise<void> {
    // What is under way when it is told to end may wait for time.
    await this.cluster.clock.advanceUntil(() => this.#dying.size === 0, 120_000);
    for (const [key, { name, node }] of [...this.#dead]) {
      if (this.network.faulty && this.#prng.int(3) === 0) continue;
      this.#dead.delete(key);
      await this.cluster.components.start(name, node);
      this.#say(`${key} is back`);
    }
  }

  #client(resource: string) {
    return this.cluster.client.resource(resource).namespace(namespace);
  }

  #list(resource: string): readonly (Readonly<KubeObject> & Record<string, any>)[] {
    return this.cluster.server.reader.list(resource).filter(({ metadata }) => metadata.namespace === namespace);
  }

  async #deployAll(): Promise<void> {
    for (const name of ['web', 'shop']) await this.#deployment(name);
    await this.#create('StatefulSet', 'apps/v1', 'quorum', {
      replicas: 3,
      serviceName: 'quorum',
      ...workload('quorum'),
    });
    await this.#create('DaemonSet', 'apps/v1', 'agent', {
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      ...workload('agent'),
    });
    for (const [name, minAvailable] of [
      ['quorum', 2],
      ['web', 2],
    ] as const) {
      const selector = { matchLabels: { app: name } };
      await this.#create('PodDisruptionBudget', 'policy/v1', name, { minAvailable, selector });
    }
    await this.#create('HorizontalPodAutoscaler', 'autoscaling/v2', 'shop', {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'shop' },
      minReplicas: 2,
      maxReplicas: 6,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      ],
    });
    await this.cluster.clock.advance(30_000);
  }

  async #create(kind: string, apiVersion: string, name: string, spec: object): Promise<void> {
    const { plural } = this.cluster.client.mapper.forKind(apiVersion, kind);
    await this.#client(plural).create({ apiVersion, kind, metadata: { name, namespace }, spec } as KubeObject);
  }

  #deployment(name: string): Promise<void> {
    const [maxSurge, maxUnavailable] = this.#prng.pick([
      [1, 0],
      [0, 1],
      [2, 1],
    ]);
    this.#say(`deploy ${name}, maxSurge ${maxSurge}, maxUnavailable ${maxUnavailable}`);
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
    return this.#create('Deployment', 'apps/v1', name, { replicas: 4, strategy, ...workload(name) });
  }

  async #image(resource: string, name: string): Promise<void> {
    const image = this.#prng.pick(images);
    this.#say(`roll ${name} to ${image}`);
    await this.#client(resource).patch(name, 'strategic', {
      spec: { template: { spec: { containers: [{ name: 'c', image }] } } },
    });
  }

  readonly #roll = (): Promise<void> => this.#image('deployments', this.#prng.pick(['web', 'shop']));
  readonly #rollSet = (): Promise<void> => this.#image('statefulsets', 'quorum');
  readonly #rollDaemons = (): Promise<void> => this.#image('daemonsets', 'agent');

  readonly #scale = async (): Promise<void> => {
    const replicas = 2 + this.#prng.int(5);
    this.#say(`scale web to ${replicas}`);
    await this.#client('deployments').patch('web', 'merge', { spec: { replicas } });
  };

  /** As drains do: the budget decides. */
  readonly #evict = async (): Promise<void> => {
    const app = this.#prng.pick(['quorum', 'quorum', 'web']);
    const pods = this.#list('pods').filter(({ metadata }) => metadata.labels?.['app'] === app);
    if (pods.length === 0) return;
    for (let i = 0; i < 2; i++) {
      const { name = '' } = this.#prng.pick(pods).metadata;
      this.#say(`evict ${name}`);
      await this.cluster.transport.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
      });
    }
  };

  readonly #deletePod = async (): Promise<void> => {
    // Evictions have the quorum's; a job's pod that is told to go may still end well, beside its replacement.
    const pods = this.#list('pods').filter(({ metadata }) =>
      ['web', 'shop', 'agent'].includes(metadata.labels?.['app'] ?? ''),
    );
    if (pods.length === 0) return;
    const { name = '' } = this.#prng.pick(pods).metadata;
    this.#say(`delete pod ${name}`);
    await this.#client('pods').delete(name);
  };

  readonly #job = async (): Promise<void> => {
    const [completions, parallelism] = [1 + this.#prng.int(4), 1 + this.#prng.int(3)];
    const completionMode = this.#prng.pick(['Indexed', 'NonIndexed']);
    const name = `job-${this.#prng.int(4)}`;
    this.#say(`${name}: ${completions} ${completionMode}, ${parallelism} at a time`);
    const command = ['sh', '-c', `sleep ${this.#prng.int(5)}`];
    await this.#create('Job', 'batch/v1', name, {
      completions,
      parallelism,
      completionMode,
      backoffLimit: 1000,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', command }] } },
    });
  };

  /** What the autoscaler may do changes; so does what it aims at. */
  readonly #bounds = async (): Promise<void> => {
    const minReplicas = 1 + this.#prng.int(5);
    const maxReplicas = minReplicas + this.#prng.int(4);
    const averageUtilization = this.#prng.pick([5, 20, 500]);
    this.#say(`shop: ${minReplicas} to ${maxReplicas} replicas at ${averageUtilization} %`);
    const target = { type: 'Utilization', averageUtilization };
    await this.#client('horizontalpodautoscalers').patch('shop', 'merge', {
      spec: { minReplicas, maxReplicas, metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }] },
    });
  };

  readonly #redeploy = async (): Promise<void> => {
    const propagationPolicy = this.#prng.pick(['Background', 'Foreground'] as const);
    if (this.#list('deployments.apps').some(({ metadata }) => metadata.name === 'web')) {
      this.#say(`delete web, ${propagationPolicy}`);
      await this.#client('deployments').delete('web', { propagationPolicy });
    } else await this.#deployment('web');
  };

  readonly #cut = async (): Promise<void> => {
    const error = this.#prng.int(2) === 0 ? new ConnectionError('connection reset by peer') : undefined;
    this.#say(`watches are cut${error ? '' : ' in order'}`);
    this.network.cut(error);
  };

  readonly #restartServer = async (): Promise<void> => {
    const ms = this.#prng.int(20_000);
    this.#say(`the API server is away for ${ms} ms`);
    let stopped = false;
    const stopping = this.cluster.components.stop('apiserver').then(() => {
      stopped = true;
    });
    await this.cluster.clock.advanceUntil(() => stopped, 60_000);
    await stopping;
    await this.cluster.clock.advance(ms);
    await this.cluster.components.start('apiserver');
  };
}

function workload(app: string): object {
  const labels = { app };
  return {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [{ name: 'c', image: images[0], resources: { requests: { cpu: '10m' } } }],
      },
    },
  };
}
