/**
 * The API server alone, over HTTPS/2 on a durable store: `klab up --nodes 0 --no-scheduler`. Requests a second, latencies,
 * the server's CPU a request, watch fan-out, memory a watcher, how long a big list holds up others, what reads cost the store.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Lab } from '../helpers/lab.ts';
import { median, medianAndBest, type Row, row } from './row.ts';

const inFlight = 8;
const json = 'application/json';
const protobuf = 'application/vnd.kubernetes.protobuf';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

interface Answer {
  readonly code: number;
  readonly size: number;
  readonly text: () => string;
}

class Client {
  readonly session: ClientHttp2Session;
  readonly pid: number;

  constructor(session: ClientHttp2Session, pid: number) {
    this.session = session;
    this.pid = pid;
  }

  static async of(lab: Lab): Promise<Client> {
    const { api, certificates, pid } = JSON.parse(await lab.klab('status', '-o', 'json'));
    const file = (path: string) => readFileSync(path);
    const session = connect(api.endpoint, {
      ca: file(certificates.ca),
      cert: file(certificates.clientCert),
      key: file(certificates.clientKey),
      // A client-go session takes 4 MB a stream; the default of 64 KB would measure round trips.
      settings: { initialWindowSize: 4 << 20 },
    });
    session.setMaxListeners(0);
    await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject));
    session.setLocalWindowSize(64 << 20);
    return new Client(session, pid);
  }

  call(method: string, path: string, options: { accept?: string; body?: object; type?: string } = {}): Promise<Answer> {
    const { accept = json, body, type = json } = options;
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        ':method': method,
        ':path': path,
        accept,
        ...(body ? { 'content-type': type } : {}),
      });
      let code = 0;
      let size = 0;
      const chunks: Buffer[] = [];
      stream.on('response', (headers) => {
        code = Number(headers[':status']);
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
      });
      stream.on('end', () => resolve({ code, size, text: () => Buffer.concat(chunks).toString() }));
      stream.on('error', reject);
      stream.end(body ? JSON.stringify(body) : undefined);
    });
  }

  async must(...args: Parameters<Client['call']>): Promise<Answer> {
    const answer = await this.call(...args);
    if (answer.code >= 300) throw new Error(`${args[0]} ${args[1]}: ${answer.code} ${answer.text().slice(0, 300)}`);
    return answer;
  }
}

/** CPU seconds a process has used; Linux only. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function rssMiB(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

/** Calls for some seconds, `lanes` at a time; rate, p50, p99 and CPU a call. */
async function load(
  name: string,
  pid: number,
  call: (i: number) => Promise<unknown>,
  { lanes = inFlight, seconds = 3 } = {},
): Promise<Row[]> {
  let next = 0;
  const times: number[] = [];
  const run = async (until: number, keep: boolean) => {
    while (performance.now() < until) {
      const start = performance.now();
      await call(next++);
      if (keep) times.push(performance.now() - start);
    }
  };
  const all = (ms: number, keep: boolean) => {
    const until = performance.now() + ms;
    return Promise.all(Array.from({ length: lanes }, () => run(until, keep)));
  };
  await all(500, false);
  const cpuBefore = cpuOf(pid);
  const start = performance.now();
  await all(seconds * 1000, true);
  const took = (performance.now() - start) / 1000;
  const cpu = cpuOf(pid) - cpuBefore;
  times.sort((a, b) => a - b);
  return [
    row(`API, ${lanes} in flight: ${name}`, '1/s', times.length / took, true),
    row('— p50', 'ms', quantile(times, 0.5), false),
    row('— p99', 'ms', quantile(times, 0.99), false),
    row("— server's CPU a request", 'ms', (cpu * 1000) / times.length, false),
  ];
}

const pod = (name: string, namespace: string, labels: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'nginx:1.29',
        ports: [{ containerPort: 80 }],
        resources: { requests: { cpu: '100m', memory: '64Mi' } },
        readinessProbe: { httpGet: { path: '/', port: 80 } },
      },
    ],
  },
});

const configMap = (name: string, namespace: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  data: { key: 'x'.repeat(200) },
});

async function inLanes(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < count; i = next++) await work(i);
  };
  await Promise.all(Array.from({ length: 32 }, lane));
}

/** Requests at the store so far, of all kinds that read. */
async function storeReads(client: Client): Promise<{ ranges: number; revisions: number }> {
  const text = (await client.must('GET', '/metrics')).text();
  const sum = (operation: string) =>
    [...text.matchAll(/^etcd_requests_total\{([^}]*)\} ([0-9.e+]+)$/gm)]
      .filter(([, labels]) => labels!.includes(`operation="${operation}"`))
      .reduce((total, [, , value]) => total + Number(value), 0);
  return { ranges: sum('get') + sum('list'), revisions: sum('getCurrentResourceVersion') };
}

async function readCosts(client: Client): Promise<Row[]> {
  const rows: Row[] = [];
  const calls: [string, string][] = [
    ['get', '/api/v1/namespaces/five/pods/pod-1'],
    ['list', '/api/v1/namespaces/five/pods?limit=500'],
    ['list at resourceVersion=0', '/api/v1/namespaces/five/pods?resourceVersion=0'],
    ['watch', '/api/v1/namespaces/five/configmaps?watch=true&timeoutSeconds=1'],
  ];
  for (const [name, path] of calls) {
    const before = await storeReads(client);
    const count = name === 'watch' ? 20 : 100;
    await inLanes(count, () => client.must('GET', path));
    const after = await storeReads(client);
    rows.push(row(`objects read from the store a ${name}`, 'reads', (after.ranges - before.ranges) / count, false));
  }
  return rows;
}

async function holdsUpOthers(client: Client, other: Client, count: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, accept] of [
    ['JSON', json],
    ['protobuf', protobuf],
    ['Table', table],
  ] as const) {
    const worst: number[] = [];
    for (let round = 0; round < 5; round++) {
      let listing = true;
      const list = client.must('GET', '/api/v1/pods', { accept }).then(() => {
        listing = false;
      });
      let slowest = 0;
      while (listing) {
        const start = performance.now();
        await other.must('GET', '/api/v1/namespaces/default');
        slowest = Math.max(slowest, performance.now() - start);
      }
      await list;
      worst.push(slowest);
    }
    rows.push(row(`slowest get while ${count} pods are listed as ${name}, median of 5`, 'ms', median(worst), false));
  }
  return rows;
}

/** Watchers on one resource, each reading everything; how long from the write to the last watcher. */
async function fanOut(lab: Lab, client: Client, watchers: number): Promise<Row[]> {
  const namespace = `fan-${watchers}`;
  await client.must('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
  const reader = await Client.of(lab);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 1000));
  await settle();
  const before = rssMiB(client.pid);
  const writes = watchers === 1 ? 1000 : 100;
  let arrived = 0;
  let wake = () => {};
  const open: Promise<void>[] = [];
  for (let i = 0; i < watchers; i++) {
    const stream = reader.session.request({
      ':path': `/api/v1/namespaces/${namespace}/configmaps?watch=true`,
      accept: json,
    });
    open.push(new Promise((resolve, reject) => stream.once('response', () => resolve()).once('error', reject)));
    stream.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) arrived++;
      wake();
    });
  }
  await Promise.all(open);
  await settle();
  const after = rssMiB(client.pid);
  const times: number[] = [];
  const cpuBefore = cpuOf(client.pid);
  const start = performance.now();
  for (let i = 0; i < writes; i++) {
    const wanted = (i + 1) * watchers;
    const sent = performance.now();
    await client.must('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: configMap(`c-${i}`, namespace) });
    while (arrived < wanted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    times.push(performance.now() - sent);
  }
  const took = (performance.now() - start) / 1000;
  const cpu = cpuOf(client.pid) - cpuBefore;
  reader.session.destroy();
  times.sort((a, b) => a - b);
  const name = `watch, ${watchers} watcher${watchers === 1 ? '' : 's'}`;
  return [
    row(`${name}: events delivered, one write at a time`, '1/s', (writes * watchers) / took, true),
    row('— write to last watcher, p50', 'ms', quantile(times, 0.5), false),
    row('— p99', 'ms', quantile(times, 0.99), false),
    row("— server's CPU an event", 'µs', (cpu * 1e6) / (writes * watchers), false),
    ...(watchers > 1 ? [row('— memory a watcher', 'KiB', ((after - before) * 1024) / watchers, false)] : []),
  ];
}

async function labelled(client: Client, count: number): Promise<Row[]> {
  await client.must('POST', '/api/v1/namespaces', { body: { metadata: { name: 'many' } } });
  await inLanes(count, (i) =>
    client.must('POST', '/api/v1/namespaces/many/configmaps', {
      body: configMap(`c-${i}`, 'many', { app: `app-${i % (count / 10)}`, tier: i % 2 ? 'web' : 'db' }),
    }),
  );
  const listOf = (i: number) =>
    client.must('GET', `/api/v1/configmaps?labelSelector=app%3Dapp-${i % (count / 10)},tier%3Dweb`);
  await listOf(1);
  return load(`list of 10 by label among ${count} config maps`, client.pid, listOf);
}

/** From the command to `/readyz` with everything that 1.36 serves: a new cluster, and one that is there already. */
async function startUp(): Promise<Row[]> {
  const lab = new Lab();
  const up = async () => {
    const start = performance.now();
    await lab.klab('up', '--nodes', '0', '--no-scheduler');
    return performance.now() - start;
  };
  try {
    await up();
    const cold: number[] = [];
    const warm: number[] = [];
    for (let i = 0; i < 5; i++) {
      await lab.klab('down', '--purge');
      cold.push(await up());
    }
    for (let i = 0; i < 5; i++) {
      await lab.klab('down');
      warm.push(await up());
    }
    return [
      ...medianAndBest('API server alone, cold: klab up to /readyz', 'ms', cold),
      ...medianAndBest('API server alone, warm', 'ms', warm),
    ];
  } finally {
    await lab.dispose();
  }
}

export async function apiServer(): Promise<Row[]> {
  const started = await startUp();
  const lab = new Lab();
  try {
    await lab.klab('up', '--nodes', '0', '--no-scheduler');
    const client = await Client.of(lab);
    const other = await Client.of(lab);
    const { pid } = client;
    // First, while the server's memory is what it needs.
    const rows = [...(await fanOut(lab, client, 1000)), ...(await fanOut(lab, client, 1))];
    for (const [namespace, count] of [
      ['one', 1000],
      ['five', 5000],
      ['rest', 4000],
    ] as const) {
      await client.must('POST', '/api/v1/namespaces', { body: { metadata: { name: namespace } } });
      const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
      while ((await client.call('GET', account)).code !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
      await inLanes(count, (i) =>
        client.must('POST', `/api/v1/namespaces/${namespace}/pods`, {
          body: pod(`pod-${i}`, namespace, { app: `app-${i % 50}` }),
        }),
      );
    }
    rows.push(
      ...(await load('get a pod', pid, (i) => client.must('GET', `/api/v1/namespaces/one/pods/pod-${i % 1000}`))),
    );
    for (const [namespace, count] of [
      ['one', 1000],
      ['five', 5000],
    ] as const) {
      for (const [name, accept] of [
        ['JSON', json],
        ['protobuf', protobuf],
        ['Table', table],
      ] as const) {
        const path = `/api/v1/namespaces/${namespace}/pods`;
        rows.push(
          ...(await load(`list of ${count} pods as ${name}`, pid, () => client.must('GET', path, { accept }), {
            lanes: 2,
          })),
        );
      }
    }
    const configMaps = '/api/v1/namespaces/default/configmaps';
    rows.push(
      ...(await load('create', pid, (i) =>
        client.must('POST', configMaps, { body: configMap(`made-${i}`, 'default') }),
      )),
    );
    rows.push(
      ...(await load('update that conflicts', pid, async () => {
        const body = configMap('made-1', 'default');
        const stale = { ...body, metadata: { ...body.metadata, resourceVersion: '1' } };
        const { code } = await client.call('PUT', `${configMaps}/made-1`, { body: stale });
        if (code !== 409) throw new Error(`expected a conflict, got ${code}`);
      })),
    );
    rows.push(
      ...(await load('server-side apply that changes', pid, (i) =>
        client.must('PATCH', `${configMaps}/applied-${i % 100}?fieldManager=bench&force=true`, {
          type: 'application/apply-patch+yaml',
          body: { ...configMap(`applied-${i % 100}`, 'default'), data: { key: String(i) } },
        }),
      )),
    );
    rows.push(...(await readCosts(client)));
    rows.push(...(await holdsUpOthers(client, other, 10_000)));
    rows.push(...(await labelled(client, 50_000)));
    client.session.destroy();
    other.session.destroy();
    return [...started, ...rows];
  } finally {
    await lab.dispose();
  }
}
