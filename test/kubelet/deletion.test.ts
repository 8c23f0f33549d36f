import { expect, test } from 'vitest';
import { isReady, Lab, main } from './lab.ts';

test('a process that handles SIGTERM ends at once and the object goes with it', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('web', { containers: [{ name: 'main', image: 'nginx' }] });
  await lab.untilPod('web', 'ready', isReady);
  const before = lab.seconds;
  await lab.remove('web');
  await lab.until('the pod is gone', async () => (await lab.find('web')) === undefined, 60_000);
  expect(lab.seconds - before).toBeLessThan(1);
  expect(await lab.events('web')).toContain('Normal Killing Stopping container main');
  expect(await lab.runtime.listPodUids()).toEqual([]);
});

test('a process that ignores SIGTERM is killed when its grace period is over', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('stubborn', { main: 'sleep infinity', terminationGracePeriodSeconds: 30 });
  await lab.untilPod('stubborn', 'ready', isReady);
  const before = lab.seconds;
  await lab.remove('stubborn');
  const dying = await lab.pod('stubborn');
  expect(dying.metadata.deletionGracePeriodSeconds).toBe(30);
  await lab.until('the pod is gone', async () => (await lab.find('stubborn')) === undefined, 60_000);
  expect(lab.seconds - before).toBe(30);
});

test('a trap gives the process its last word', async () => {
  await using lab = await new Lab().start();
  const script = 'trap "echo bye; exit 3" TERM; echo up; while true; do sleep 1; done';
  await lab.createPod(
    'polite',
    { main: script, terminationGracePeriodSeconds: 30 },
    { finalizers: ['example.com/keep'] },
  );
  await lab.untilPod('polite', 'ready', isReady);
  await lab.remove('polite');
  const pod = await lab.untilPod('polite', 'failed', (p) => p.status?.phase === 'Failed', 60_000);
  expect(main(pod)!.state.terminated).toMatchObject({ exitCode: 3 });
  expect(lab.seconds).toBeLessThan(3);
});

test('preStop runs first and its time counts', async () => {
  await using lab = await new Lab().start();
  const container = {
    name: 'main',
    image: 'busybox',
    command: ['sleep', 'infinity'],
    lifecycle: { preStop: { sleep: { seconds: 4 } } },
  };
  await lab.createPod('hooked', { terminationGracePeriodSeconds: 10, containers: [container] });
  await lab.untilPod('hooked', 'ready', isReady);
  const before = lab.seconds;
  await lab.remove('hooked');
  await lab.until('the pod is gone', async () => (await lab.find('hooked')) === undefined, 60_000);
  expect(lab.seconds - before).toBe(10);
});

test('a postStart hook that fails kills the container', async () => {
  await using lab = await new Lab().start();
  const container = {
    name: 'main',
    image: 'busybox',
    command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1; done'],
    lifecycle: { postStart: { exec: { command: ['sh', '-c', 'exit 9'] } } },
  };
  await lab.createPod('hooked', { containers: [container] });
  await lab.until('the event', async () =>
    (await lab.events('hooked')).includes('Warning FailedPostStartHook PostStartHook failed'),
  );
  expect(await lab.events('hooked')).toContain('Normal Killing FailedPostStartHook');
});

test('a shorter grace period given later is honoured', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('stubborn', { terminationGracePeriodSeconds: 300 });
  await lab.untilPod('stubborn', 'ready', isReady);
  const before = lab.seconds;
  await lab.remove('stubborn');
  await lab.clock.advance(5_000);
  await lab.remove('stubborn', 2);
  await lab.until('the pod is gone', async () => (await lab.find('stubborn')) === undefined, 60_000);
  expect(lab.seconds - before).toBeLessThanOrEqual(8);
});

test('a pod deleted by force is stopped all the same', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('forced');
  await lab.untilPod('forced', 'ready', isReady);
  await lab.remove('forced', 0);
  expect(await lab.find('forced')).toBeUndefined();
  await lab.until('its containers are gone', async () => (await lab.runtime.listPodUids()).length === 0, 60_000);
});

test('activeDeadlineSeconds ends the pod with DeadlineExceeded', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('late', { activeDeadlineSeconds: 20, restartPolicy: 'Never', terminationGracePeriodSeconds: 1 });
  const pod = await lab.untilPod('late', 'failed', (p) => p.status?.phase === 'Failed');
  expect(pod.status).toMatchObject({
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  });
  // A container always gets two seconds to end.
  expect(lab.seconds).toBe(22);
});

test('a finished pod is deleted without waiting', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('done', { restartPolicy: 'Never', main: 'true' });
  await lab.untilPod('done', 'succeeded', (p) => p.status?.phase === 'Succeeded');
  await lab.remove('done');
  await lab.until('the pod is gone', async () => (await lab.find('done')) === undefined, 5_000);
  await lab.until('its containers are gone', async () => (await lab.runtime.listPodUids()).length === 0, 5_000);
});
