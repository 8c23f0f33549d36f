/**
 * kill -9 of the real `klab up` at random moments, under writers of both doors: the Kubernetes API over HTTPS and etcd's
 * over gRPC. After each start everything acknowledged must be there once, watches must go on without a gap or a
 * repetition, and a Deployment must come to have what was asked of it.
 *
 *   node test/soak/kill9-server.ts [rounds=20] [members=1] [seed]
 */
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { Prng } from '../../src/base/index.ts';
import type { KubeClient } from '../../src/client/index.ts';
import { type Doors, ServerLab } from './lab.ts';
import { Ledger, type Slot } from './ledger.ts';
import { ApiWatcher, StoreWatcher } from './watchers.ts';

const namespace = 'soak';
const configMapPrefix = `/registry/configmaps/${namespace}/`;
const keyPrefix = '/soak/';
const apiLanes = 5;
const storeLanes = 3;
const slotsPerLane = 4;
const convergeWithinMs = 30_000;

const configMap = (name: string, n: number, size: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data: { n: String(n), padding: 'x'.repeat(size) },
});

const deployment = (replicas: number): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'web', image: 'nginx:1.29' }] },
    },
  },
});

function numberOf(key: string, value: Uint8Array): number | undefined {
  if (key.startsWith(keyPrefix)) return Number(Buffer.from(value).toString().split('/')[0]);
  if (!key.startsWith(configMapPrefix)) return undefined;
  const n = JSON.parse(Buffer.from(value).toString()).data?.n;
  return n === undefined ? undefined : Number(n);
}

class Soak {
  readonly ledger = new Ledger();
  readonly #prng: Prng;
  readonly #store = new StoreWatcher(this.ledger, numberOf);
  readonly api = new ApiWatcher(this.ledger, namespace, (object) => `${configMapPrefix}${object.metadata.name}`);
  /** What the Deployment was told last, and what it may have been told. */
  #replicas = 3;
  #mayBe: number | undefined;

  constructor(seed: string) {
    this.#prng = new Prng(seed);
  }

  async prepare({ client }: Doors): Promise<void> {
    await client.resource('namespaces').create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await client.resource('deployments').namespace(namespace).create(deployment(this.#replicas));
  }

  /** One life of the server: what it has is checked, then it is written to until it dies. */
  async life(doors: Doors, kill: (() => Promise<void>) | undefined): Promise<void> {
    const end = new AbortController();
    const watching = [this.#store.run(doors), this.api.run(doors, end.signal)];
    await this.#compare(doors);
    await this.#converged(doors.client);
    await this.#marker(doors);
    if (kill) {
      const writing = this.#write(doors, end.signal);
      await new Promise((resolve) => setTimeout(resolve, this.#prng.int(700)));
      end.abort(new Error('killed'));
      await kill();
      await doors.close();
      await writing;
    }
    end.abort();
    await doors.close();
    await Promise.all(watching);
  }

  async #compare({ client, kv }: Doors): Promise<void> {
    const found = new Map<string, { n: number; revision: number }>();
    for (const object of (await client.resource('configmaps').namespace(namespace).list()).items) {
      const n = object['data']?.n;
      const revision = Number(object.metadata.resourceVersion);
      if (n !== undefined) found.set(`${configMapPrefix}${object.metadata.name}`, { n: Number(n), revision });
    }
    const { kvs } = await kv.range({ key: Buffer.from(keyPrefix), rangeEnd: Buffer.from('/soak0') });
    for (const { key, value, modRevision } of kvs) {
      const text = Buffer.from(key).toString();
      found.set(text, { n: numberOf(text, value)!, revision: modRevision });
    }
    this.ledger.compare(found);
    const { replicas } = (await client.resource('deployments').namespace(namespace).get('web'))['spec'];
    if (replicas !== this.#replicas && replicas !== this.#mayBe) {
      this.ledger.lostEvent(`deployment web asks for ${replicas} replicas, told were ${this.#replicas}`);
    }
    this.#replicas = replicas;
    this.#mayBe = undefined;
  }

  /** The Deployment has exactly the pods it asks for, all ready, no two with one name or address. */
  async #converged(client: KubeClient): Promise<void> {
    const end = performance.now() + convergeWithinMs;
    const pods = client.resource('pods').namespace(namespace);
    for (;;) {
      const { status = {} } = await client.resource('deployments').namespace(namespace).get('web');
      const items = (await pods.list({ labelSelector: 'app=web' })).items;
      const live = items.filter((pod) => !pod.metadata.deletionTimestamp);
      const ready = live.filter((pod) =>
        pod['status']?.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True'),
      );
      if (
        live.length === this.#replicas &&
        ready.length === this.#replicas &&
        (status.readyReplicas ?? 0) === this.#replicas
      ) {
        this.#unique(
          'pod name',
          items.map((pod) => pod.metadata.name),
        );
        this.#unique(
          'pod uid',
          items.map((pod) => pod.metadata.uid),
        );
        this.#unique(
          'pod address',
          ready.map((pod) => pod['status'].podIP),
        );
        return;
      }
      if (performance.now() > end) {
        const seen = items.map((pod) => `${pod.metadata.name} ${pod['status']?.phase} on ${pod['spec'].nodeName}`);
        this.ledger.problem(
          `deployment web of ${this.#replicas} replicas does not converge: ${JSON.stringify(status)}; ${seen.join('; ')}`,
        );
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #unique(what: string, values: readonly unknown[]): void {
    if (new Set(values).size !== values.length) this.ledger.doubledEvent(`${what}: ${values.join(', ')}`);
  }

  /** A write that both watches must reach; then what they told is held against what was answered. */
  async #marker(doors: Doors): Promise<void> {
    const slot = this.ledger.slot(`${configMapPrefix}marker`);
    await this.#writeObject(doors.client, slot, false);
    const revision = slot.known.revision!;
    await within(10_000, "the store's watch", this.#store.reached(revision));
    await within(10_000, "the API's watch", this.api.reached(revision));
    const changes = this.#store.take();
    this.ledger.check(changes);
    this.api.check(changes, configMapPrefix, revision);
  }

  async #write(doors: Doors, end: AbortSignal): Promise<void> {
    const lane = async (work: () => Promise<void>) => {
      try {
        while (!end.aborted) await work();
      } catch (error) {
        if (!end.aborted) this.ledger.problem(`a write was refused: ${String(error)}`);
      }
    };
    const slots = (prefix: string, i: number) =>
      Array.from({ length: slotsPerLane }, (_, k) => this.ledger.slot(`${prefix}lane-${i}-${k}`));
    const lanes: Promise<void>[] = [];
    for (let i = 0; i < apiLanes; i++) {
      const own = slots(configMapPrefix, i);
      lanes.push(lane(() => this.#writeObject(doors.client, this.#prng.pick(own), true)));
    }
    for (let i = 0; i < storeLanes; i++) {
      const own = slots(keyPrefix, i);
      lanes.push(lane(() => this.#writeKey(doors, this.#prng.pick(own))));
    }
    lanes.push(lane(() => this.#scale(doors.client)));
    await Promise.all(lanes);
  }

  async #writeObject(client: KubeClient, slot: Slot, mayDelete: boolean): Promise<void> {
    const configMaps = client.resource('configmaps').namespace(namespace);
    const name = slot.key.slice(configMapPrefix.length);
    if (mayDelete && slot.known.n !== undefined && this.#prng.int(4) === 0) {
      return this.ledger.attempt(slot, undefined, async () => {
        await configMaps.delete(name);
        return undefined;
      });
    }
    const n = this.ledger.nextNumber();
    const object = configMap(name, n, this.#prng.int(3000));
    const { known } = slot;
    await this.ledger.attempt(slot, n, async () => {
      if (known.n === undefined) return Number((await configMaps.create(object)).metadata.resourceVersion);
      object.metadata.resourceVersion = String(known.revision);
      return Number((await configMaps.update(object)).metadata.resourceVersion);
    });
  }

  async #writeKey({ kv }: Doors, slot: Slot): Promise<void> {
    const key = Buffer.from(slot.key);
    const { known } = slot;
    if (known.n !== undefined && this.#prng.int(4) === 0) {
      return this.ledger.attempt(slot, undefined, async () => (await kv.deleteRange({ key })).header.revision);
    }
    const n = this.ledger.nextNumber();
    const value = Buffer.from(`${n}/${'x'.repeat(this.#prng.int(3000))}`);
    await this.ledger.attempt(slot, n, async () => {
      if (known.n === undefined || this.#prng.int(2) === 0) return (await kv.put({ key, value })).header.revision;
      const { header, succeeded } = await kv.txn({
        compare: [{ key, target: 'mod', modRevision: known.revision!, result: 'equal' }],
        success: [{ op: 'put', put: { key, value } }],
        failure: [],
      });
      if (!succeeded) this.ledger.lostEvent(`${slot.key} is not at revision ${known.revision}, where it was put`);
      return header.revision;
    });
  }

  async #scale(client: KubeClient): Promise<void> {
    const replicas = 1 + this.#prng.int(6);
    this.#mayBe = replicas;
    await client.resource('deployments').namespace(namespace).patch('web', 'merge', { spec: { replicas } });
    this.#replicas = replicas;
    this.#mayBe = undefined;
    this.ledger.acknowledged++;
    await new Promise((resolve) => setTimeout(resolve, this.#prng.int(300)));
  }
}

async function within(ms: number, what: string, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const rounds = Number(process.argv[2] ?? 20);
const members = process.argv[3] ?? '1';
const seed = process.argv[4] ?? Prng.random().seed;
const prng = new Prng(`${seed}/rounds`);
const lab = new ServerLab();
const soak = new Soak(seed);
const { ledger } = soak;
const began = performance.now();
let done = 0;
const onSignal = () => {
  void lab.dispose().finally(() => process.exit(130));
};
process.once('SIGINT', onSignal);
process.once('SIGTERM', onSignal);
try {
  process.stderr.write(`seed ${seed}\n`);
  let doors = await lab.up('--nodes', '3', '--etcd-members', members, '--seed', seed);
  await soak.prepare(doors);
  for (let round = 1; round <= rounds && ledger.problems.length === 0; round++) {
    const before = ledger.acknowledged;
    const { pid } = doors;
    await soak.life(doors, () => lab.kill(pid));
    // Sometimes it dies again before it is up.
    if (prng.int(6) === 0) await lab.killedBoot(prng.int(900));
    const restarting = performance.now();
    doors = await lab.up();
    const ms = Math.round(performance.now() - restarting);
    done = round;
    process.stderr.write(`round ${round}: ${ledger.acknowledged - before} acknowledged, up again in ${ms} ms\n`);
  }
  await soak.life(doors, undefined);
} catch (error) {
  ledger.problem(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await lab.dispose();
}
for (const problem of ledger.problems.slice(0, 40)) process.stderr.write(`${problem}\n`);
const { acknowledged, lost, doubled } = ledger;
process.stdout.write(`${done} rounds, ${acknowledged} acknowledged writes, ${lost} lost, ${doubled} doubled\n`);
process.stderr.write(
  `${Math.round((performance.now() - began) / 1000)} s; the API's watch listed again ${soak.api.relists} times\n`,
);
if (ledger.problems.length > 0 || acknowledged === 0) {
  process.stderr.write(`to try it again: node test/soak/kill9-server.ts ${rounds} ${members} ${seed}\n`);
  process.exit(1);
}
