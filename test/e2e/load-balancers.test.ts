/** Services of type LoadBalancer on this machine: curl and dig reach the addresses that kubectl shows. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const run = promisify(execFile);
const lab = new Lab();

const manifests = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: registry.k8s.io/e2e-test-images/agnhost:2.53, args: [netexec, --http-port=8080]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 8080}, {name: udp, port: 8081, protocol: UDP}]
`;

const curl = async (...words: string[]): Promise<string> =>
  (await run('curl', ['-sS', '--max-time', '10', ...words])).stdout;
const addressOf = async (name: string) =>
  eventually(
    () => lab.kubectl('get', 'service', name, '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'),
    (ip) => ip !== '',
  );
const reachable = (url: string) => curl(url).catch(() => undefined);

/** One datagram and its answer. */
function ask(address: string, port: number, text: string): Promise<string> {
  const socket = createSocket('udp4');
  return new Promise<string>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('message', (bytes) => resolve(bytes.toString()));
    socket.send(text, port, address);
  }).finally(() => socket.close());
}

beforeAll(async () => {
  await lab.klab('up');
  expect((await lab.tryKubectl(['apply', '-f', '-'], { input: manifests })).stderr).toBe('');
  await lab.kubectl('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s');
}, 120_000);
afterAll(() => lab.dispose());

it('a Service is at its EXTERNAL-IP and port, TCP and UDP, and its requests reach all pods', async () => {
  const address = await addressOf('web');
  expect(address).toMatch(/^127\.\d+\.\d+\.\d+$/);
  expect(await lab.kubectl('get', 'service', 'web')).toContain(address);
  await eventually(
    () => reachable(`http://${address}:8080/hostname`),
    (body) => body !== undefined,
  );
  const names = new Set<string>();
  for (let i = 0; i < 40 && names.size < 3; i++) names.add(await curl(`http://${address}:8080/hostname`));
  expect(names.size).toBe(3);
  expect(await ask(address, 8081, 'echo over UDP')).toBe('over UDP');
  expect(await ask(address, 8081, 'hostname')).toMatch(/^web-/);
  expect(await lab.klab('status')).toContain(`default/web ${address}:8080/TCP`);
  // Within the cluster the address is short-circuited, as by kube-proxy.
  const inside = ['run', 'client', '--image=busybox', '--restart=Never', '-i', '--rm', '--quiet', '--', 'wget', '-qO-'];
  expect(await lab.kubectl(...inside, `http://${address}:8080/hostname`)).toMatch(/^web-/);
});

it('cluster DNS can be put in front of the machine', async () => {
  await lab.kubectl(
    'expose',
    'deployment',
    'coredns',
    '-n',
    'kube-system',
    '--name=dns',
    '--type=LoadBalancer',
    '--port=5353',
    '--target-port=53',
    '--protocol=UDP',
  );
  const address = await eventually(
    () =>
      lab.kubectl('get', 'service', 'dns', '-n', 'kube-system', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'),
    (ip) => ip !== '',
  );
  const found = await eventually(
    () =>
      run('dig', [
        '+short',
        '+time=2',
        '+tries=1',
        `@${address}`,
        '-p',
        '5353',
        'kubernetes.default.svc.cluster.local',
      ]).catch(() => ({ stdout: '' })),
    ({ stdout }) => stdout !== '',
  );
  expect(found.stdout.trim()).toBe('10.96.0.1');
});

it('affinity keeps a client, and source ranges keep others out', async () => {
  const address = await addressOf('web');
  const url = `http://${address}:8080/hostname`;
  await lab.kubectl('patch', 'service', 'web', '-p', '{"spec":{"sessionAffinity":"ClientIP"}}');
  const several = async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 12; i++) seen.add(await curl(url));
    return seen.size;
  };
  await eventually(several, (count) => count === 1);
  await lab.kubectl('patch', 'service', 'web', '-p', '{"spec":{"loadBalancerSourceRanges":["198.51.100.0/24"]}}');
  await eventually(
    () => reachable(url),
    (body) => body === undefined,
  );
  await lab.kubectl('patch', 'service', 'web', '-p', '{"spec":{"loadBalancerSourceRanges":["127.0.0.0/8"]}}');
  expect(
    await eventually(
      () => reachable(url),
      (body) => body !== undefined,
    ),
  ).toMatch(/^web-/);
});

it('without endpoints a connection is refused; with the Service its port ends', async () => {
  const address = await addressOf('web');
  await lab.kubectl('patch', 'service', 'web', '-p', '{"spec":{"selector":{"app":"nobody"}}}');
  await eventually(
    () => reachable(`http://${address}:8080/hostname`),
    (body) => body === undefined,
  );
  await lab.kubectl('delete', 'service', 'web');
  const closed = () =>
    new Promise<boolean>((resolve) => {
      const socket = createConnection(8080, address);
      socket.once('connect', () => resolve(false));
      socket.once('error', (error) => resolve((error as NodeJS.ErrnoException).code === 'ECONNREFUSED'));
      socket.once('close', () => socket.destroy());
    });
  await eventually(closed, (done) => done);
});

it('addresses stay over a restart; a port that is taken is found elsewhere, and said', async () => {
  await lab.kubectl('expose', 'deployment', 'web', '--type=LoadBalancer', '--port=8090', '--target-port=8080');
  const address = await addressOf('web');
  await eventually(
    () => reachable(`http://${address}:8090/hostname`),
    (body) => body !== undefined,
  );
  await lab.klab('down');
  const { createServer } = await import('node:net');
  const other = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => other.listen(8090, address, resolve));
  try {
    await lab.klab('up');
    const moved = await eventually(
      async () =>
        JSON.parse(await lab.klab('status', '-o', 'json')).loadBalancers?.find(
          (each: any) => each.service === 'default/web',
        ),
      (each) => each !== undefined,
    );
    expect(moved).toMatchObject({ address, port: 8090, host: address });
    expect(moved.hostPort).not.toBe(8090);
    expect(
      await eventually(
        () => reachable(`http://${address}:${moved.hostPort}/hostname`),
        (body) => body !== undefined,
      ),
    ).toMatch(/^web-/);
    const events = await eventually(
      () =>
        lab.kubectl(
          'get',
          'events',
          '--field-selector=reason=LoadBalancerPortMoved',
          '-o',
          'jsonpath={.items[*].message}',
        ),
      (text) => text !== '',
    );
    expect(events).toContain(
      `port 8090/TCP of ${address} cannot be opened on this machine (the port is taken by another program): it is at ${address}:${moved.hostPort}`,
    );
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});
