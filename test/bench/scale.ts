/** Clusters of a size that people only have elsewhere: many pods, many nodes, a long rollout, much garbage. */
import { execFileSync } from 'node:child_process';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import type { KubeClient } from '../../src/client/index.ts';
import { Lab } from '../helpers/lab.ts';
import { type Row, row } from './row.ts';
import { cpuSeconds } from './server.ts';
import { adminClient } from './workload.ts';

/** Room for 16,384 nodes of 256 addresses. */
const wide = ['--cluster-cidr', '10.128.0.0/10'];
const idleForMs = 20_000;
const limitMs = 600_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const rssMiB = (pid: number) =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;

interface Server {
  readonly client: KubeClient;
  readonly pid: number;
}

async function onServer(flags: readonly string[], work: (server: Server) => Promise<Row[]>): Promise<Row[]> {
  const lab = new Lab();
  try {
    const up = await lab.try(['up', '--timeout', `${limitMs / 1000}s`, ...flags], { timeoutMs: limitMs });
    if (up.code !== 0) throw new Error(up.stderr);
    const { pid } = JSON.parse(await lab.klab('status', '-o', 'json'));
    const { client, close } = await adminClient(lab);
    try {
      return await work({ client, pid });
    } finally {
      await close();
    }
  } finally {
    await lab.dispose();
  }
}

/** Seconds until `enough` says so of every object of `resource`, asked of a watch. */
async function secondsUntil(
  client: KubeClient,
  resource: string,
  start: () => Promise<unknown>,
  enough: (objects: ReadonlyMap<string, Readonly<KubeObject>>) => boolean,
): Promise<number> {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(new Error(`${resource}: not within ${limitMs / 1000} s`)), limitMs);
  const seen = new Map<string, Readonly<KubeObject>>();
  const watch = await client.resource(resource).watch({ resourceVersion: '0', signal: end.signal });
  const started = performance.now();
  const asked = start();
  for await (const { type, object } of watch) {
    const { metadata } = object as KubeObject;
    if (type === 'DELETED') seen.delete(metadata.uid!);
    else seen.set(metadata.uid!, object as KubeObject);
    if (enough(seen)) break;
  }
  await asked;
  clearTimeout(timer);
  const seconds = (performance.now() - started) / 1000;
  end.abort();
  return seconds;
}

function deployment(name: string, replicas: number): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'web', image: 'nginx', resources: { requests: { cpu: '10m' } } }],
        },
      },
    },
  };
}

const sum = (objects: ReadonlyMap<string, any>, of: (object: any) => number | undefined): number => {
  let total = 0;
  for (const object of objects.values()) total += of(object) ?? 0;
  return total;
};

/** `count` pods in Deployments of a thousand, until all are Ready. */
function runPods(client: KubeClient, count: number): Promise<number> {
  const deployments = client.resource('deployments').namespace('default');
  return secondsUntil(
    client,
    'deployments',
    async () => {
      for (let i = 0; i < count / 1000; i++) await deployments.create(deployment(`web-${i}`, 1000));
    },
    (objects) =>
      sum(objects, ({ metadata, status }) => (metadata.namespace === 'default' ? status?.readyReplicas : 0)) === count,
  );
}

async function idleShare(pid: number): Promise<number> {
  await sleep(10_000);
  const before = cpuSeconds(pid);
  await sleep(idleForMs);
  return ((cpuSeconds(pid) - before) / idleForMs) * 1000 * 100;
}

const pods = (nodes: number) =>
  onServer(['--nodes', String(nodes), ...wide], async ({ client, pid }) => {
    const seconds = await runPods(client, 10_000);
    const what = `10,000 pods on ${nodes.toLocaleString('en-US')} nodes`;
    const share = await idleShare(pid);
    return [
      row(`${what}: created to all Ready`, 's', seconds, false),
      row(`${what}: resident memory`, 'MiB', rssMiB(pid), false),
      row(`${what}: idle, one core`, '%', share, false),
    ];
  });

async function register(): Promise<Row[]> {
  const started = performance.now();
  return onServer(['--nodes', '5000', ...wide], async ({ pid }) => [
    row('5,000 nodes: klab up to all Ready', 's', (performance.now() - started) / 1000, false),
    row('5,000 nodes: resident memory', 'MiB', rssMiB(pid), false),
  ]);
}

const roll = () =>
  onServer(['--nodes', '20'], async ({ client }) => {
    await runPods(client, 1000);
    const template = { spec: { containers: [{ name: 'web', image: 'nginx:1.29' }] } };
    const seconds = await secondsUntil(
      client,
      'deployments',
      () => client.resource('deployments').namespace('default').patch('web-0', 'strategic', { spec: { template } }),
      (objects) =>
        [...objects.values()].some(
          ({ metadata, status }: any) =>
            metadata.name === 'web-0' &&
            status?.observedGeneration === 2 &&
            status.updatedReplicas === 1000 &&
            status.availableReplicas === 1000 &&
            status.replicas === 1000,
        ),
    );
    return [row('a Deployment of 1,000 rolled, 25 % at a time', 's', seconds, false)];
  });

const garbage = () =>
  onServer(['--nodes', '1'], async ({ client }) => {
    const configMaps = client.resource('configmaps').namespace('default');
    const configMap = (name: string, owners: object[] = []) =>
      ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default', ownerReferences: owners },
      }) as KubeObject;
    const owner = await configMaps.create(configMap('owner'));
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid! };
    for (let i = 0; i < 10_000; i += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, j) => configMaps.create(configMap(`owned-${i + j}`, [reference]))),
      );
    }
    const seconds = await secondsUntil(
      client,
      'configmaps',
      () => configMaps.delete('owner', { propagationPolicy: 'Background' }),
      (() => {
        let full = false;
        return (objects: ReadonlyMap<string, Readonly<KubeObject>>) => {
          full ||= objects.size > 10_000;
          return (
            full &&
            objects.size < 1000 &&
            sum(objects, ({ metadata }) =>
              metadata.namespace === 'default' && /owned/.test(metadata.name) ? 1 : 0,
            ) === 0
          );
        };
      })(),
    );
    return [row('10,000 dependents of a deleted owner: collected', 's', seconds, false)];
  });

/** `scale-pods`, `scale-nodes` and so on run one of them. */
export const scaleParts: Readonly<Record<string, () => Promise<Row[]>>> = {
  'scale-pods': () => pods(100),
  'scale-nodes': () => pods(1000),
  'scale-register': register,
  'scale-roll': roll,
  'scale-garbage': garbage,
};

export async function scale(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const part of Object.values(scaleParts)) rows.push(...(await part()));
  return rows;
}
