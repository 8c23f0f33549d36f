/**
 * A whole cluster on a virtual clock, users who change their minds, and an etcd whose members fall over; all drawn from
 * one seed. The API server's own member stays up: what happens without it hangs on the wall clock.
 */
import { isAlreadyExists, isConflict, isNotFound, type KubeObject, StatusError } from '../../src/apimachinery/index.ts';
import { Prng, VirtualClock } from '../../src/base/index.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

const apps = ['cart', 'catalog', 'orders', 'storefront'];
const sets = ['ledger', 'redis'];
const jobs = ['invoices', 'newsletter'];
const images = ['bookshop/web:1', 'bookshop/web:2', 'nginx:1.29'];
const namespace = 'default';

export class World implements AsyncDisposable {
  readonly cluster: Cluster;
  /** What was done, with the time: printed when a check fails. */
  readonly trace: string[] = [];
  readonly #prng: Prng;
  readonly #crashed = new Set<number>();

  private constructor(cluster: Cluster, prng: Prng) {
    this.cluster = cluster;
    this.#prng = prng;
  }

  static async create(seed: string): Promise<World> {
    const prng = new Prng(`world/${seed}`);
    const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
    const etcdMembers = prng.pick([1, 3, 3, 5]);
    const instantContainers = prng.int(3) === 0;
    const nodes = 1 + prng.int(5);
    const cluster = await createCluster({
      seed,
      clock,
      nodes,
      etcdMembers,
      instantContainers,
      api: false,
      etcd: false,
    });
    const world = new World(cluster, prng);
    world.#say(`${nodes} nodes, ${etcdMembers} members${instantContainers ? ', instant containers' : ''}`);
    return world;
  }

  /** Faults and users, step by step. */
  async unsafe(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const act = this.#prng.pick([
        this.#create,
        this.#create,
        this.#scale,
        this.#scale,
        this.#update,
        this.#deleteApp,
        this.#deletePod,
        this.#deletePod,
        this.#touchService,
        this.#createSet,
        this.#changeSet,
        this.#job,
        this.#member,
        this.#cordon,
        this.#component,
      ]);
      try {
        await act();
      } catch (error) {
        // Users run into each other and into what is gone already; everything else is klab's fault.
        const expected = isNotFound(error) || isConflict(error) || isAlreadyExists(error);
        if (!expected && !(error instanceof StatusError && /etcdserver/.test(error.message))) throw error;
        this.#say(`refused: ${(error as Error).message}`);
      }
      // Mostly in the middle of things, sometimes after they have settled.
      const ms = this.#prng.int(4) === 0 ? this.#prng.int(30_000) : this.#prng.int(1500);
      await this.cluster.clock.advance(ms);
    }
  }

  /** Everything is repaired; whatever was asked for must come about. Throws with what does not. */
  async heal(check: () => string[], limitMs = 1_200_000): Promise<void> {
    for (const i of this.#crashed) this.cluster.etcd.restart(i);
    this.#crashed.clear();
    for (const { name, node, state } of this.cluster.components.list()) {
      if (state === 'stopped') await this.cluster.components.start(name, node);
    }
    for (const node of this.cluster.server.reader.list('nodes')) {
      if (node['spec']?.unschedulable)
        await this.#patch('nodes', node.metadata.name!, { spec: { unschedulable: null } });
    }
    this.#say('healed');
    const done = await this.cluster.clock.advanceUntil(() => check().length === 0, limitMs);
    if (!done) throw new Error(`not within ${limitMs / 1000} s:\n${check().join('\n')}`);
    this.#say('converged');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster.stop();
  }

  #say(text: string): void {
    this.trace.push(`${(this.cluster.clock.monotonic() / 1000).toFixed(3)} s: ${text}`);
  }

  #client(resource: string) {
    return this.cluster.client.resource(resource).namespace(namespace);
  }

  async #patch(resource: string, name: string, patch: object): Promise<void> {
    const client = this.cluster.client.resource(resource);
    await (resource === 'nodes' ? client : client.namespace(namespace)).patch(name, 'merge', patch);
  }

  /** Mostly something that is there, sometimes something that may not be. */
  #target(resource: string, names: readonly string[]): string {
    const there = this.cluster.server.reader.list(resource, namespace).map(({ metadata }) => metadata.name!);
    const known = there.filter((name) => names.includes(name));
    return known.length > 0 && this.#prng.int(8) > 0 ? this.#prng.pick(known) : this.#prng.pick(names);
  }

  readonly #create = async (): Promise<void> => {
    const name = this.#prng.pick(apps);
    const replicas = this.#prng.int(7);
    this.#say(`create ${name} with ${replicas} replicas`);
    const labels = { app: name };
    await this.#client('deployments').create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: this.#prng.pick([0, 1, 5, 30]),
            containers: [
              {
                name: 'web',
                image: this.#prng.pick(images),
                ports: [{ containerPort: 8080 }],
                resources: { requests: { cpu: '100m' } },
              },
            ],
          },
        },
      },
    } as KubeObject);
    await this.#client('services').create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    } as KubeObject);
  };

  readonly #scale = async (): Promise<void> => {
    const [name, replicas] = [this.#target('deployments.apps', apps), this.#prng.int(10)];
    this.#say(`scale ${name} to ${replicas}`);
    await this.#patch('deployments', name, { spec: { replicas } });
  };

  readonly #update = async (): Promise<void> => {
    const [name, image] = [this.#target('deployments.apps', apps), this.#prng.pick(images)];
    this.#say(`roll ${name} to ${image}`);
    const patch = { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } };
    await this.#client('deployments').patch(name, 'strategic', patch);
  };

  readonly #deleteApp = async (): Promise<void> => {
    const name = this.#target('deployments.apps', apps);
    const propagationPolicy = this.#prng.pick(['Background', 'Foreground', 'Orphan'] as const);
    this.#say(`delete ${name}, ${propagationPolicy}`);
    await this.#client('deployments').delete(name, { propagationPolicy });
    await this.#client('services').delete(name);
  };

  readonly #deletePod = async (): Promise<void> => {
    const pods = this.cluster.server.reader.list('pods');
    if (pods.length === 0) return;
    const { name = '' } = this.#prng.pick(pods).metadata;
    const gracePeriodSeconds = this.#prng.pick([undefined, 0, 2]);
    this.#say(`delete pod ${name}, grace ${gracePeriodSeconds ?? 'its own'}`);
    await this.#client('pods').delete(name, { gracePeriodSeconds });
  };

  readonly #createSet = async (): Promise<void> => {
    const [name, replicas] = [this.#prng.pick(sets), this.#prng.int(4)];
    const podManagementPolicy = this.#prng.pick(['OrderedReady', 'Parallel']);
    this.#say(`create set ${name} with ${replicas} replicas, ${podManagementPolicy}`);
    const labels = { app: name };
    await this.#client('statefulsets').create({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name, namespace },
      spec: {
        replicas,
        podManagementPolicy,
        serviceName: name,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { terminationGracePeriodSeconds: 2, containers: [{ name: 'web', image: this.#prng.pick(images) }] },
        },
      },
    } as KubeObject);
  };

  readonly #changeSet = async (): Promise<void> => {
    const name = this.#target('statefulsets.apps', sets);
    const [replicas, image] = [this.#prng.int(5), this.#prng.pick(images)];
    switch (this.#prng.int(4)) {
      case 0:
        this.#say(`delete set ${name}`);
        await this.#client('statefulsets').delete(name);
        return;
      case 1:
        this.#say(`roll set ${name} to ${image}`);
        await this.#client('statefulsets').patch(name, 'strategic', {
          spec: { template: { spec: { containers: [{ name: 'web', image }] } } },
        });
        return;
      default:
        this.#say(`scale set ${name} to ${replicas}`);
        await this.#patch('statefulsets', name, { spec: { replicas } });
    }
  };

  readonly #job = async (): Promise<void> => {
    const name = this.#prng.pick(jobs);
    if (this.#prng.int(3) === 0) {
      this.#say(`delete job ${name}`);
      await this.#client('jobs').delete(name, { propagationPolicy: 'Background' });
      return;
    }
    const [completions, parallelism] = [1 + this.#prng.int(4), 1 + this.#prng.int(3)];
    this.#say(`create job ${name}, ${completions} completions, ${parallelism} at a time`);
    const command = ['sh', '-c', `sleep ${this.#prng.int(5)}`];
    await this.#client('jobs').create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, namespace },
      spec: {
        completions,
        parallelism,
        // Users delete its pods too: that counts as a failure.
        backoffLimit: 100,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'busybox', command }] } },
      },
    } as KubeObject);
  };

  readonly #touchService = async (): Promise<void> => {
    const name = this.#target('services', apps);
    const app = this.#prng.pick([name, name, 'nobody']);
    this.#say(`service ${name} selects ${app}`);
    await this.#patch('services', name, { spec: { selector: { app } } });
  };

  readonly #cordon = async (): Promise<void> => {
    const { name = '' } = this.#prng.pick(this.cluster.server.reader.list('nodes')).metadata;
    const unschedulable = this.#prng.int(2) === 0;
    this.#say(`${unschedulable ? 'cordon' : 'uncordon'} ${name}`);
    await this.#patch('nodes', name, { spec: { unschedulable } });
  };

  /** A process ends in the middle of its work, or comes back and finds what has become of it. */
  readonly #component = async (): Promise<void> => {
    const parts = this.cluster.components.list().filter(({ name }) => name !== 'apiserver');
    const stopped = parts.filter(({ state }) => state === 'stopped');
    const { name, node, state } = this.#prng.pick(stopped.length > 0 && this.#prng.int(2) === 0 ? stopped : parts);
    const on = state === 'stopped';
    this.#say(`${on ? 'start' : 'stop'} ${name}${node ? ` of ${node}` : ''}`);
    const done = on ? this.cluster.components.start(name, node) : this.cluster.components.stop(name, node);
    let ended = false;
    const ending = done.finally(() => {
      ended = true;
    });
    // What is under way when it is told to end may wait for time.
    await this.cluster.clock.advanceUntil(() => ended, 60_000);
    await ending;
  };

  /** A follower dies, comes back, stands still or takes over; a majority always stays. */
  readonly #member = async (): Promise<void> => {
    const { etcd } = this.cluster;
    if (etcd.size === 1) return;
    const i = 1 + this.#prng.int(etcd.size - 1);
    if (this.#crashed.has(i)) {
      this.#say(`member ${i} comes back`);
      etcd.restart(i);
      this.#crashed.delete(i);
    } else if (this.#prng.int(2) === 0) {
      this.#say(`member ${i} stands for election`);
      etcd.campaign(i);
    } else if (this.#crashed.size < (etcd.size - 1) / 2) {
      this.#say(`member ${i} falls over`);
      etcd.crash(i);
      this.#crashed.add(i);
    }
  };
}
