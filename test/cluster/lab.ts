/** Whole clusters in process on a virtual clock, the bookshop to run in them, and their histories as data. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeYaml, type KubeObject } from '../../src/apimachinery/index.ts';
import { packageRoot, VirtualClock } from '../../src/base/index.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import type { ClusterOptions } from '../../src/cluster/options.ts';
import type { HistoryEntry } from '../../src/etcd/index.ts';

export const startMs = Date.UTC(2026, 0, 1);

/** In process, without doors, on a clock that stands still. */
export function quietCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return createCluster({ clock: new VirtualClock({ startMs }), seed: 'one', api: false, etcd: false, ...options });
}

const folder = join(packageRoot(), 'fixtures', 'manifests', 'bookshop');

export function bookshop(): KubeObject[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => decodeYaml(readFileSync(join(folder, file), 'utf8'), { file }))
    .map(({ value }) => value as unknown as KubeObject);
}

/** Ready pods of the bookshop when all of it runs. */
export const bookshopPods = 10;

export async function createAll(cluster: Cluster, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    const { plural } = cluster.client.mapper.forKind(object.apiVersion, object.kind);
    await cluster.client.resource(plural).namespace('default').create(object);
  }
}

export interface PodSeen {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly phase: string;
  readonly ready: boolean;
}

/** Pods of namespace default as the server's cache has them. */
export function pods(cluster: Cluster): PodSeen[] {
  return cluster.server.reader
    .list('pods')
    .filter((pod) => pod.metadata.namespace === 'default')
    .map((pod) => ({
      name: pod.metadata.name ?? '',
      uid: pod.metadata.uid ?? '',
      node: pod['spec']?.nodeName ?? '',
      phase: pod['status']?.phase ?? '',
      ready: (pod['status']?.conditions ?? []).some((c: any) => c.type === 'Ready' && c.status === 'True'),
    }));
}

export function readyPods(cluster: Cluster): number {
  return pods(cluster).filter(({ ready }) => ready).length;
}

/** Moves the clock until `done` holds; throws with `what` when it does not within ten virtual minutes. */
export async function until(cluster: Cluster, what: string, done: () => boolean, limitMs = 600_000): Promise<void> {
  if (!(await cluster.clock.advanceUntil(done, limitMs))) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
}

export function changes(cluster: Cluster, from = 0): readonly HistoryEntry[] {
  const member = cluster.etcd.member();
  return member.changes({ from, to: member.header().revision });
}

/** What no seed decides: keys, certificates and tokens are made by the machine's own randomness. */
const keyMaterial =
  /-----BEGIN [A-Z ]+-----[^"]*-----END [A-Z ]+-----(\\n)?|"(tls\.key|tls\.crt|token|ca\.crt)":"[^"]*"/g;

/** Every revision as a line: revision, time, key, actor, agent, cause, value. */
export function historyLines(cluster: Cluster): string[] {
  return changes(cluster).map(({ revision, time, key, value, provenance }) => {
    const text = value === undefined ? '(deleted)' : Buffer.from(value).toString('utf8');
    return `${revision} ${time} ${Buffer.from(key)} ${JSON.stringify(provenance)} ${text.replace(keyMaterial, '(key material)')}`;
  });
}
