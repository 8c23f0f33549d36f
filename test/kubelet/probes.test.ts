import { expect, test } from 'vitest';
import { isReady, Lab, main } from './lab.ts';

const flag = 'touch /tmp/ok; sleep infinity';

test('a readiness probe decides over Ready, and its failure is an event', async () => {
  await using lab = await new Lab().start();
  const readinessProbe = { exec: { command: ['cat', '/tmp/ok'] }, periodSeconds: 5, failureThreshold: 2 };
  const script = 'sleep 12; touch /tmp/ok; sleep 20; rm /tmp/ok; sleep infinity';
  await lab.createPod('web', {
    containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', script], readinessProbe }],
  });
  const before = await lab.untilPod('web', 'running', (p) => main(p)?.state.running !== undefined);
  expect(main(before)).toMatchObject({ started: true, ready: false });
  await lab.untilPod('web', 'ready', isReady);
  expect(lab.seconds).toBeGreaterThanOrEqual(12);
  expect(lab.seconds).toBeLessThanOrEqual(17);
  await lab.untilPod('web', 'not ready again', (p) => !isReady(p));
  expect(lab.seconds).toBeGreaterThanOrEqual(37);
  expect(await lab.events('web')).toContain(
    "Warning Unhealthy Readiness probe failed: cat: can't open '/tmp/ok': No such file or directory\n",
  );
});

test('a failed liveness probe restarts the container', async () => {
  await using lab = await new Lab().start();
  const livenessProbe = {
    httpGet: { path: '/healthz', port: 8080 },
    initialDelaySeconds: 3,
    periodSeconds: 10,
    failureThreshold: 3,
  };
  await lab.createPod('web', {
    terminationGracePeriodSeconds: 5,
    containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'sleep infinity'], livenessProbe }],
  });
  const pod = await lab.untilPod(
    'web',
    'restarted',
    (p) => (main(p)?.restartCount ?? 0) === 1 && main(p)!.state.running !== undefined,
  );
  const events = await lab.events('web');
  expect(events).toContain(
    `Warning Unhealthy Liveness probe failed: Get "http://10.244.0.2:8080/healthz": dial tcp 10.244.0.2:8080: connect: connection refused`,
  );
  expect(events).toContain('Normal Killing Container main failed liveness probe, will be restarted');
  // Probes at 10, 20 and 30 s, then five seconds of grace for a sleep that ignores SIGTERM.
  expect(lab.seconds).toBe(35);
  expect(main(pod)!.lastState.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
});

test('until the startup probe succeeds the other probes wait', async () => {
  await using lab = await new Lab().start();
  const probe = { exec: { command: ['test', '-f', '/tmp/ok'] } };
  const container = {
    name: 'main',
    image: 'busybox',
    command: ['sh', '-c', 'sleep 25; touch /tmp/ok; sleep infinity'],
    startupProbe: { ...probe, periodSeconds: 10, failureThreshold: 10 },
    livenessProbe: { ...probe, periodSeconds: 1, failureThreshold: 1 },
  };
  await lab.createPod('slow', { containers: [container] });
  const early = await lab.untilPod('slow', 'running', (p) => main(p)?.state.running !== undefined);
  expect(main(early)).toMatchObject({ started: false, ready: false });
  const pod = await lab.untilPod('slow', 'ready', isReady);
  expect(lab.seconds).toBe(30);
  expect(main(pod)).toMatchObject({ started: true, restartCount: 0 });
});

test('a failed startup probe restarts the container', async () => {
  await using lab = await new Lab().start();
  const startupProbe = { exec: { command: ['false'] }, periodSeconds: 2, failureThreshold: 2 };
  await lab.createPod('never', {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: 'busybox', command: ['sleep', '3600'], startupProbe }],
  });
  await lab.untilPod('never', 'restarted', (p) => (main(p)?.restartCount ?? 0) === 1);
  expect(await lab.events('never')).toContain('Normal Killing Container main failed startup probe, will be restarted');
});

test('http, tcp and grpc probes are answered by a server nobody has written', async () => {
  await using lab = await new Lab().start();
  const container = {
    name: 'main',
    image: 'example.com/shop/cart:v1',
    ports: [{ name: 'http', containerPort: 8080 }],
    startupProbe: { tcpSocket: { port: 8080 } },
    readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
    livenessProbe: { grpc: { port: 9090 } },
  };
  await lab.createPod('cart', { containers: [container] });
  await lab.untilPod('cart', 'ready', isReady);
  await lab.clock.advance(120_000);
  expect((await lab.events('cart')).filter((event) => event.includes('Unhealthy'))).toEqual([]);
});

test('a probe that takes longer than its timeout has failed', async () => {
  await using lab = await new Lab().start();
  const readinessProbe = { exec: { command: ['sleep', '5'] }, timeoutSeconds: 2, failureThreshold: 1 };
  await lab.createPod('slow', {
    containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', flag], readinessProbe }],
  });
  await lab.until(
    'the event',
    async () => (await lab.events('slow')).some((event) => event.includes('timed out')),
    60_000,
  );
  expect(await lab.events('slow')).toContain(
    'Warning Unhealthy Readiness probe failed: command timed out: "sleep 5" timed out after 2s',
  );
});
