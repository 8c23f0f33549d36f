/**
 * kill -9 of the real `klab up` while its scheduler binds hundreds of pods to nodes with room for just so many. The store's
 * own history is the judge: no pod is ever on two nodes or bound twice, no node ever has more than it can hold, no
 * acknowledged pod is lost, and in the end every place is taken.
 *
 *   node test/soak/kill9-binding.ts [rounds=10] [members=1] [seed]
 */
import { type KubeObject, milliValueOf } from '../../src/apimachinery/index.ts';
import { Prng } from '../../src/base/index.ts';
import { type Doors, ServerLab } from './lab.ts';

const namespace = 'soak';
const prefix = '/registry/pods/';
const [key, rangeEnd] = [Buffer.from(prefix), Buffer.from('/registry/pods0')];
const request = 250;
/** More than there is room for: these must wait, whatever happened to the others. */
const tooMany = 12;
const lanes = 16;
const killsARound = 3;
const convergeWithinMs = 120_000;

interface Place {
  readonly key: string;
  readonly node: string;
  readonly milli: number;
}

const isOurs = (key: string): boolean => key.startsWith(`${prefix}${namespace}/`);

const milliOf = ({ spec }: Readonly<KubeObject>): number =>
  spec.containers.reduce((sum: number, { resources }: any) => sum + milliValueOf(resources?.requests?.cpu ?? '0'), 0);

/** What the store's watch tells of pods, in order, over all lives of the server. */
class History {
  /** By uid: where it is, over all its revisions. */
  readonly places = new Map<string, Place>();
  readonly used = new Map<string, number>();
  readonly problems: string[] = [];
  readonly room = new Map<string, number>();
  bindings = 0;
  #uids = new Map<string, string>();
  #revision = 0;
  #waiting: { bindings: number; done: () => void }[] = [];

  /** What there is before anything is watched. */
  async begin({ kv }: Doors): Promise<void> {
    const { kvs, header } = await kv.range({ key, rangeEnd });
    this.#revision = header.revision;
    for (const item of kvs) this.#put(Buffer.from(item.key).toString(), item.value);
  }

  /** Watches from where it stopped until the connection ends. */
  async run({ kv }: Doors): Promise<void> {
    const stream = kv.watch({ key, rangeEnd, startRevision: this.#revision + 1 });
    try {
      for await (const { events, canceled, cancelReason } of stream) {
        if (canceled) this.problems.push(`the store's watch was cancelled: ${cancelReason}`);
        for (const { type, kv: item } of events) {
          this.#revision = item.modRevision;
          const name = Buffer.from(item.key).toString();
          if (type === 'put') this.#put(name, item.value);
          else this.#gone(name);
        }
      }
    } catch {
      // The server was killed: the next run goes on from here.
    } finally {
      stream.cancel();
    }
  }

  /** How many of our pods all nodes can hold beside the cluster's own. */
  get capacity(): number {
    const own = new Map<string, number>();
    for (const { key, node, milli } of this.places.values()) {
      if (!isOurs(key)) own.set(node, (own.get(node) ?? 0) + milli);
    }
    return [...this.room].reduce((sum, [node, room]) => sum + Math.floor((room - (own.get(node) ?? 0)) / request), 0);
  }

  reached(bindings: number): Promise<void> {
    if (this.bindings >= bindings) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ bindings, done }));
  }

  #put(key: string, value: Uint8Array): void {
    const pod = JSON.parse(Buffer.from(value).toString()) as KubeObject;
    const uid = pod.metadata.uid!;
    if (this.#uids.get(key) !== uid) this.#gone(key);
    this.#uids.set(key, uid);
    const node: string | undefined = pod['spec'].nodeName;
    const { phase, reason, message } = pod['status'] ?? {};
    // What has ended needs no room: pods that are being deleted, that is. A kubelet refuses what it has no room for.
    if (phase === 'Failed' || phase === 'Succeeded') {
      if (!pod.metadata.deletionTimestamp) this.problems.push(`${key} failed on ${node}: ${reason} ${message}`);
      this.#ended(uid);
    }
    const before = this.places.get(uid);
    if (before) {
      if (node !== before.node) this.problems.push(`${key} was on ${before.node} and then on ${node ?? 'none'}`);
      return;
    }
    if (!node) return;
    const milli = milliOf(pod);
    this.places.set(uid, { key, node, milli });
    const used = (this.used.get(node) ?? 0) + milli;
    this.used.set(node, used);
    const room = this.room.get(node);
    if (room !== undefined && used > room) {
      this.problems.push(`${node} has pods of ${used}m and room for ${room}m, since ${key} at ${this.#revision}`);
    }
    if (!isOurs(key)) return;
    this.bindings++;
    this.#waiting = this.#waiting.filter(({ bindings, done }) => {
      if (this.bindings < bindings) return true;
      done();
      return false;
    });
  }

  #gone(key: string): void {
    const uid = this.#uids.get(key);
    const place = uid === undefined ? undefined : this.places.get(uid);
    this.#uids.delete(key);
    if (!place) return;
    this.#ended(uid!);
    this.places.delete(uid!);
  }

  #ended(uid: string): void {
    const place = this.places.get(uid);
    if (!place || place.milli === 0) return;
    this.used.set(place.node, this.used.get(place.node)! - place.milli);
    this.places.set(uid, { ...place, milli: 0 });
  }
}

const podOf = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'c', image: 'app:1', resources: { requests: { cpu: `${request}m` } } }],
  },
});

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + convergeWithinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what} did not come within ${convergeWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const isRefused = ({ status }: Readonly<KubeObject>): boolean =>
  status?.conditions?.some((c: any) => c.type === 'PodScheduled' && c.reason === 'Unschedulable');

class Soak {
  readonly history = new History();
  readonly acknowledged = new Map<string, string>();
  kills = 0;
  #watching: Promise<void> = Promise.resolve();
  readonly #prng: Prng;
  readonly #lab: ServerLab;

  constructor(seed: string, lab: ServerLab) {
    this.#prng = new Prng(seed);
    this.#lab = lab;
  }

  async prepare(doors: Doors): Promise<void> {
    const { client } = doors;
    await client.resource('namespaces').create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const dns = client.resource('deployments').namespace('kube-system');
    await until('cluster DNS', async () => {
      const { items } = await dns.list();
      return items.length > 0 && items.every(({ status }) => status?.readyReplicas > 0) ? true : undefined;
    });
    for (const node of (await client.resource('nodes').list()).items) {
      this.history.room.set(node.metadata.name!, milliValueOf(node['status'].allocatable.cpu));
    }
    await this.history.begin(doors);
  }

  watch(doors: Doors): void {
    this.#watching = this.history.run(doors);
  }

  /** Creates the pods of a round, and kills the server at random numbers of bindings. */
  async round(round: number, doors: Doors): Promise<Doors> {
    const { capacity } = this.history;
    const names = Array.from({ length: capacity + tooMany }, (_, i) => `r${round}-${i}`);
    const from = this.history.bindings;
    const at = Array.from({ length: killsARound }, () => 1 + this.#prng.int(capacity - 1)).sort((a, b) => a - b);
    let now = doors;
    for (const bindings of at) {
      const { pid } = now;
      const creating = this.#create(names, now);
      await Promise.race([
        this.history.reached(from + bindings),
        creating.then(() => this.history.reached(from + bindings)),
      ]);
      await this.#lab.kill(pid);
      this.kills++;
      await now.close();
      await creating;
      await this.#watching;
      now = await this.#lab.up();
      this.watch(now);
    }
    await this.#create(names, now);
    await this.#converged(names, capacity, now);
    if (this.history.bindings - from !== capacity) {
      this.history.problems.push(`${this.history.bindings - from} bindings for ${capacity} places`);
    }
    await eachOf(names, (name) => now.client.resource('pods').namespace(namespace).delete(name));
    await until('the end of all pods', async () => {
      const { items } = await now.client.resource('pods').namespace(namespace).list();
      return items.length === 0 ? true : undefined;
    });
    this.acknowledged.clear();
    return now;
  }

  /** Those that are not there yet. Ends early when the server does. */
  async #create(names: readonly string[], { client }: Doors): Promise<void> {
    const pods = client.resource('pods').namespace(namespace);
    let there: Set<string>;
    try {
      there = new Set((await pods.list()).items.map(({ metadata }) => metadata.name!));
    } catch {
      return;
    }
    let dead = false;
    await eachOf(
      names.filter((name) => !there.has(name)),
      async (name) => {
        if (dead) return;
        try {
          const { metadata } = await pods.create(podOf(name));
          this.acknowledged.set(name, metadata.uid!);
        } catch {
          dead = true;
        }
      },
    );
  }

  /** All places taken, the rest refused, and nothing lost that was acknowledged. */
  async #converged(names: readonly string[], places: number, { client }: Doors): Promise<void> {
    const items = await until(`${places} bound and ${tooMany} refused pods`, async () => {
      const { items: found } = await client.resource('pods').namespace(namespace).list();
      const bound = found.filter((pod) => pod['spec'].nodeName).length;
      const refused = found.filter(isRefused).length;
      return found.length === names.length && bound >= places && bound + refused === found.length ? found : undefined;
    });
    const uids = new Map(items.map(({ metadata }) => [metadata.name, metadata.uid]));
    for (const [name, uid] of this.acknowledged) {
      if (uids.get(name) !== uid) this.history.problems.push(`pod ${name} (${uid}) was acknowledged and is lost`);
    }
    for (const pod of items) {
      const { uid, name } = pod.metadata;
      const told = this.history.places.get(uid!)?.node;
      if (told !== pod['spec'].nodeName) {
        this.history.problems.push(`pod ${name}: the store told ${told}, the API says ${pod['spec'].nodeName}`);
      }
    }
  }
}

const rounds = Number(process.argv[2] ?? 10);
const members = process.argv[3] ?? '1';
const seed = process.argv[4] ?? Prng.random().seed;
const lab = new ServerLab();
const soak = new Soak(seed, lab);
const { problems } = soak.history;
const began = performance.now();
const onSignal = () => {
  void lab.dispose().finally(() => process.exit(130));
};
process.once('SIGINT', onSignal);
process.once('SIGTERM', onSignal);
try {
  process.stderr.write(`seed ${seed}\n`);
  let doors = await lab.up('--nodes', '20', '--etcd-members', members, '--seed', seed);
  await soak.prepare(doors);
  soak.watch(doors);
  for (let round = 1; round <= rounds && problems.length === 0; round++) {
    const [before, start] = [soak.history.bindings, performance.now()];
    doors = await soak.round(round, doors);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stderr.write(
      `round ${round}: ${soak.history.bindings - before} bindings, ${killsARound} kills, ${seconds} s\n`,
    );
  }
  await doors.close();
} catch (error) {
  problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await lab.dispose();
}
for (const problem of problems.slice(0, 40)) process.stderr.write(`${problem}\n`);
process.stdout.write(`${soak.kills} kills, ${soak.history.bindings} bindings, ${problems.length} problems\n`);
process.stderr.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
if (problems.length > 0 || soak.history.bindings === 0) {
  process.stderr.write(`to try it again: node test/soak/kill9-binding.ts ${rounds} ${members} ${seed}\n`);
  process.exit(1);
}
