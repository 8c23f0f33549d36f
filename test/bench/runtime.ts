/** The simulated runtime, in process: exec, logs, port-forward, requests through a Service, memory a container. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCluster } from '../../src/cluster/create-cluster.ts';
import { ByteQueue, type ByteStream } from '../../src/wire/index.ts';
import { SimNode } from '../kubelet/sim-helpers.ts';
import { median, type Row, row } from './row.ts';

const never = new AbortController().signal;

export async function runtime(): Promise<Row[]> {
  return [await execRoundTrip(), await logFollow(), await portForward(), await serviceRequests(), await memory()];
}

async function execRoundTrip(): Promise<Row> {
  const node = new SimNode();
  const id = await node.start({ command: ['sleep', 'infinity'] });
  const times: number[] = [];
  for (let i = 0; i < 2_000; i++) {
    const began = performance.now();
    await node.runtime.exec(id, ['echo', 'hi'], { stdout: () => undefined, stderr: () => undefined }, never);
    times.push((performance.now() - began) * 1000);
  }
  node.runtime.close();
  return row('exec of echo in a container, median', 'µs', median(times), false);
}

async function logFollow(): Promise<Row> {
  const node = new SimNode();
  const end = new AbortController();
  const lines = 200_000;
  const id = await node.start({ image: 'busybox', command: ['sh', '-c', `cat; sleep infinity`], stdin: true });
  const input = new ByteQueue();
  const attached = node.runtime.attach(
    id,
    { stdin: input, stdout: () => undefined, stderr: () => undefined },
    end.signal,
  );
  const block = Buffer.from('a line of a log as programs write them, some sixty bytes long\n'.repeat(200));
  const began = performance.now();
  let seen = 0;
  const reader = (async () => {
    const options = { follow: true, timestamps: false };
    for await (const chunk of node.runtime.containerLogs(id, options, end.signal)) {
      for (const byte of chunk) if (byte === 10) seen++;
      if (seen >= lines * 0.9) return;
    }
  })();
  for (let i = 0; i < lines / 200; i++) {
    input.push(block);
    // `cat` is slowed down on the cluster clock as any script that never rests.
    await node.clock.advance(1_000);
  }
  await reader;
  const seconds = (performance.now() - began) / 1000;
  end.abort();
  node.runtime.close();
  await attached;
  return row('log lines through a follower', 'lines/s', seen / seconds, true);
}

class Client implements ByteStream {
  readonly input = new ByteQueue();
  bytes = 0;
  async write(chunk: Uint8Array): Promise<void> {
    this.bytes += chunk.length;
  }
  end(): void {}
  destroy(): void {}
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.input[Symbol.asyncIterator]();
  }
}

async function portForward(): Promise<Row> {
  const node = new SimNode();
  const sandbox = await node.sandbox();
  const id = await node.start({ image: 'busybox', command: ['httpd', '-f', '-p', '80', '-h', '/www'] }, sandbox);
  await node.runtime.execSync(id, ['sh', '-c', 'mkdir -p /www; dd if=/dev/zero of=/www/big bs=1M count=4'], 0);
  let bytes = 0;
  const began = performance.now();
  for (let i = 0; i < 100; i++) {
    const client = new Client();
    client.input.push(Buffer.from('GET /big HTTP/1.1\r\nhost: x\r\n\r\n'));
    client.input.end();
    await node.runtime.portForward(sandbox, 80, client as ByteStream, never);
    bytes += client.bytes;
  }
  const seconds = (performance.now() - began) / 1000;
  node.runtime.close();
  return row('bytes out of a port-forward', 'MB/s', bytes / 1e6 / seconds, true);
}

async function serviceRequests(): Promise<Row> {
  await using cluster = await createCluster({ nodes: 2, api: false, etcd: false, clock: 'virtual' });
  const labels = { app: 'web' };
  const objects = {
    deployments: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 4,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
      },
    },
    services: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: labels, ports: [{ port: 80 }] },
    },
  };
  for (const [plural, object] of Object.entries(objects)) {
    await cluster.client.resource(plural).namespace('default').create(structuredClone(object));
  }
  const { clusterIP } = (cluster.server.reader.get('services', 'default', 'web') as any).spec;
  const peer = { ip: '172.18.0.2', node: 'node-1' };
  const request = { method: 'GET', path: '/', headers: {} };
  const answers = () =>
    cluster.nodes.fabric.http(clusterIP, 80, request, peer, 1_000).then(
      ({ status }) => status === 200,
      () => false,
    );
  let ready = false;
  for (let i = 0; i < 100 && !ready; i++) {
    await cluster.clock.advance(1_000);
    const deployment: any = cluster.server.reader.get('deployments.apps', 'default', 'web');
    ready = deployment?.status?.readyReplicas === 4 && (await answers());
  }
  if (!ready) throw new Error('the Service does not answer');
  const count = 20_000;
  const began = performance.now();
  for (let i = 0; i < count; i++) await answers();
  return row('HTTP requests through a Service', 'requests/s', count / ((performance.now() - began) / 1000), true);
}

async function memory(): Promise<Row> {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const node = new SimNode();
  const count = 10_000;
  const podCIDRs = ['10.0.0.0/16'];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) {
    const sandbox = await node.sandbox({ node: { name: 'n1', podCIDRs } });
    await node.start({ image: 'nginx:1.29', ports: [{ containerPort: 80 }] }, sandbox);
  }
  collect();
  const after = process.memoryUsage().heapUsed;
  node.runtime.close();
  return row(
    `memory a container, of ${count.toLocaleString('en-US')} nginx`,
    'KiB',
    (after - before) / count / 1024,
    false,
  );
}
