import { expect, test } from 'vitest';
import { condition, isReady, Lab, main } from './lab.ts';

test('a pod goes from bound to running and ready, with the events of every step', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('web', { containers: [{ name: 'main', image: 'nginx:1.29' }] });
  const pod = await lab.untilPod('web', 'ready', isReady);

  expect(pod.status).toMatchObject({
    phase: 'Running',
    podIP: '10.244.0.2',
    podIPs: [{ ip: '10.244.0.2' }],
    hostIP: '172.18.0.2',
    hostIPs: [{ ip: '172.18.0.2' }],
    qosClass: 'BestEffort',
    startTime: '2026-11-22T10:00:00Z',
  });
  expect(main(pod)).toMatchObject({
    ready: true,
    started: true,
    restartCount: 0,
    image: 'docker.io/library/nginx:1.29',
    lastState: {},
    state: { running: { startedAt: '2026-11-22T10:00:00Z' } },
  });
  expect(main(pod)!.containerID).toMatch(/^sim:\/\/[0-9a-f]{64}$/);
  expect(main(pod)!.imageID).toMatch(/^docker\.io\/library\/nginx@sha256:[0-9a-f]{64}$/);
  expect(pod.status!.conditions!.map((c) => `${c.type}=${c.status}`)).toEqual([
    'PodReadyToStartContainers=True',
    'Initialized=True',
    'Ready=True',
    'ContainersReady=True',
    'PodScheduled=True',
  ]);
  await lab.clock.advance(1_000);
  expect(await lab.events('web')).toEqual([
    'Normal Pulling Pulling image "nginx:1.29"',
    expect.stringMatching(
      /^Normal Pulled Successfully pulled image "nginx:1\.29" in 0s \(0s including waiting\)\. Image size: \d+ bytes\.$/,
    ),
    'Normal Created Container created',
    'Normal Started Container started',
  ]);
});

test('a pod that starts costs few writes of its status', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('web', { containers: [{ name: 'main', image: 'nginx' }] });
  await lab.untilPod('web', 'ready', isReady);
  const writes = lab.api.requests.filter(
    (request) => request.method === 'PATCH' && request.path.endsWith('/pods/web/status'),
  );
  expect(writes.length).toBeLessThanOrEqual(2);
  await lab.clock.advance(600_000);
  const later = lab.api.requests.filter(
    (request) => request.method === 'PATCH' && request.path.endsWith('/pods/web/status'),
  );
  expect(later.length).toBe(writes.length);
});

test('before its containers run a pod is Pending and says what it waits for', async () => {
  await using lab = await new Lab({ runtime: { pullMs: () => 5_000, instant: false } }).start();
  await lab.createPod('slow');
  const pod = await lab.untilPod('slow', 'has a status', (p) => main(p) !== undefined);
  expect(pod.status!.phase).toBe('Pending');
  expect(main(pod)!.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
  expect(condition(pod, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [main]',
  });
});

test('a finished container makes the pod Succeeded or Failed, as its restart policy says', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('ok', { restartPolicy: 'Never', main: 'echo fine' });
  await lab.createPod('bad', { restartPolicy: 'Never', main: 'echo oops; exit 3' });
  const ok = await lab.untilPod('ok', 'succeeded', (p) => p.status?.phase === 'Succeeded');
  const bad = await lab.untilPod('bad', 'failed', (p) => p.status?.phase === 'Failed');
  expect(main(ok)!.state.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  expect(main(bad)!.state.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(condition(ok, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' });
  expect(condition(bad, 'Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' });
  expect(await lab.logs('bad')).toBe('oops\n');
  expect(await lab.find('ok')).toBeDefined();
});

test('restartPolicy OnFailure restarts after an error and not after success', async () => {
  await using lab = await new Lab().start();
  const main1 = '[ -f /data/once ] && exit 0; touch /data/once; exit 1';
  await lab.createPod('retry', {
    restartPolicy: 'OnFailure',
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [
      {
        name: 'main',
        image: 'busybox',
        command: ['sh', '-c', main1],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
  });
  const pod = await lab.untilPod('retry', 'succeeded', (p) => p.status?.phase === 'Succeeded');
  expect(main(pod)).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 1 } } });
});

test('a failing container backs off 10 s, 20 s, 40 s … up to 5 min', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('crash', { main: 'exit 1' });
  const waits: string[] = [];
  const starts: number[] = [];
  for (let restarts = 0; restarts < 8; restarts++) {
    await lab.untilPod('crash', `restarted ${restarts} times`, (p) => (main(p)?.restartCount ?? -1) >= restarts);
    starts.push(lab.seconds);
    if (restarts === 0) continue;
    const pod = await lab.untilPod('crash', 'backs off', (p) => main(p)?.state.waiting?.reason === 'CrashLoopBackOff');
    waits.push(/back-off (\S+) restarting/.exec(main(pod)!.state.waiting!.message!)![1]!);
    expect(pod.status!.phase).toBe('Running');
  }
  expect(waits).toEqual(['10s', '20s', '40s', '1m20s', '2m40s', '5m0s', '5m0s']);
  const gaps = starts.slice(1).map((start, i) => start - starts[i]!);
  for (const [i, least] of [0, 10, 20, 40, 80, 160, 300].entries()) {
    expect(gaps[i]).toBeGreaterThanOrEqual(least);
    expect(gaps[i]).toBeLessThanOrEqual(least * 1.5 + 1);
  }
  const pod = await lab.pod('crash');
  expect(main(pod)!.state.waiting!.message).toBe(
    `back-off 5m0s restarting failed container=main pod=crash_default(${pod.metadata.uid})`,
  );
  expect((await lab.events('crash')).at(-1)).toBe(
    `Warning BackOff Back-off restarting failed container main in pod crash_default(${pod.metadata.uid})`,
  );
});

test('an image that cannot be pulled shows ErrImagePull, then ImagePullBackOff', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('lost', { containers: [{ name: 'main', image: 'registry.invalid/app:1' }] });
  const first = await lab.untilPod('lost', 'failed to pull', (p) => main(p)?.state.waiting?.reason === 'ErrImagePull');
  expect(main(first)!.state.waiting!.message).toContain('dial tcp: lookup registry.invalid: no such host');
  const second = await lab.untilPod('lost', 'backs off', (p) => main(p)?.state.waiting?.reason === 'ImagePullBackOff');
  expect(main(second)!.state.waiting!.message).toMatch(
    /^Back-off pulling image "registry\.invalid\/app:1": ErrImagePull: failed to pull and unpack image/,
  );
  expect(second.status!.phase).toBe('Pending');
  expect(await lab.logs('lost').catch((error) => error.message)).toBe(
    'container "main" in pod "lost" is waiting to start: trying and failing to pull image',
  );
  const pulls = () => lab.events('lost').then((all) => all.filter((event) => event.includes('Failed to pull')).length);
  await lab.clock.advance(60_000);
  expect(await pulls()).toBeGreaterThanOrEqual(1);
  const events = await lab.events('lost');
  expect(events).toContain('Warning Failed Error: ErrImagePull');
  expect(events).toContain('Warning Failed Error: ImagePullBackOff');
  expect(events).toContain('Normal BackOff Back-off pulling image "registry.invalid/app:1"');
});

test('imagePullPolicy Never needs the image on the node', async () => {
  await using lab = await new Lab().start();
  const container = { name: 'main', image: 'nginx', imagePullPolicy: 'Never' as const };
  await lab.createPod('never', { containers: [container] });
  const pod = await lab.untilPod('never', 'refused', (p) => main(p)?.state.waiting?.reason === 'ErrImageNeverPull');
  expect(main(pod)!.state.waiting!.message).toBe('Container image "nginx" is not present with pull policy of Never');
});
