import { expect, test } from 'vitest';
import type { Container, Pod } from '../../src/kubelet/pod-types.ts';
import { condition, isReady, Lab, main } from './lab.ts';

const sh = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'busybox',
  command: ['sh', '-c', script],
  volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
  ...more,
});
const volumes = [{ name: 'shared', emptyDir: {} }];
const init = (pod: Pod, name: string) => pod.status?.initContainerStatuses?.find((c) => c.name === name);

test('init containers run one after the other, before the app container', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('web', {
    volumes,
    initContainers: [sh('one', 'echo one >> /shared/order; sleep 2'), sh('two', 'echo two >> /shared/order')],
    containers: [sh('main', 'cat /shared/order; sleep infinity')],
  });
  const during = await lab.untilPod('web', 'the first runs', (p) => init(p, 'one')?.state.running !== undefined);
  expect(during.status!.phase).toBe('Pending');
  expect(main(during)!.state.waiting!.reason).toBe('PodInitializing');
  expect(init(during, 'two')!.state.waiting!.reason).toBe('PodInitializing');
  expect(condition(during, 'Initialized')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: [one two]',
  });
  const pod = await lab.untilPod('web', 'ready', isReady);
  expect(init(pod, 'one')).toMatchObject({ ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } });
  expect(condition(pod, 'Initialized')).toMatchObject({ status: 'True' });
  expect(await lab.logs('web')).toBe('one\ntwo\n');
});

test('a failing init container is tried again with back-off, the app container waits', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('web', { volumes, initContainers: [sh('setup', 'exit 1')], containers: [sh('main', 'true')] });
  const pod = await lab.untilPod(
    'web',
    'backs off',
    (p) => init(p, 'setup')?.state.waiting?.reason === 'CrashLoopBackOff',
  );
  expect(pod.status!.phase).toBe('Pending');
  expect(main(pod)!.state.waiting!.reason).toBe('PodInitializing');
});

test('with restartPolicy Never a failing init container fails the pod', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('job', {
    restartPolicy: 'Never',
    volumes,
    initContainers: [sh('setup', 'exit 4')],
    containers: [sh('main', 'true')],
  });
  const pod = await lab.untilPod('job', 'failed', (p) => p.status?.phase === 'Failed');
  expect(init(pod, 'setup')!.state.terminated).toMatchObject({ exitCode: 4 });
  expect(main(pod)!.state.waiting).toBeDefined();
});

test('a word the simulation does not know fails an init container and says which word it was', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('job', {
    restartPolicy: 'Never',
    volumes,
    initContainers: [sh('setup', 'frobnicate --now; echo after')],
    containers: [sh('main', 'true')],
  });
  const pod = await lab.untilPod('job', 'failed', (p) => p.status?.phase === 'Failed');
  expect(init(pod, 'setup')!.state.terminated).toMatchObject({ exitCode: 127 });
  expect(await lab.logs('job', { container: 'setup' })).toBe(
    'sh: frobnicate: not found\nklab: the command "frobnicate" is not part of the simulation; the init container fails\n',
  );
});

test('a sidecar starts before the app, runs beside it and is stopped after it', async () => {
  await using lab = await new Lab().start();
  const sidecar = sh('proxy', 'trap "echo proxy stops; exit 0" TERM; while true; do sleep 1; done', {
    restartPolicy: 'Always',
  });
  const app = sh('main', 'trap "echo app stops; exit 0" TERM; while true; do sleep 1; done');
  await lab.createPod('mesh', { volumes, initContainers: [sidecar], containers: [app] });
  const pod = await lab.untilPod('mesh', 'ready', isReady);
  expect(init(pod, 'proxy')).toMatchObject({ ready: true, started: true, restartCount: 0 });
  await lab.remove('mesh');
  await lab.until('both are stopped', async () => (await lab.find('mesh')) === undefined, 60_000);
  const killings = (await lab.events('mesh')).filter((event) => event.includes('Killing'));
  expect(killings).toEqual(['Normal Killing Stopping container main', 'Normal Killing Stopping container proxy']);
});

test('a sidecar that ends is started again while the app goes on', async () => {
  await using lab = await new Lab().start();
  const sidecar = sh('proxy', 'sleep 5; exit 1', { restartPolicy: 'Always' });
  await lab.createPod('mesh', { volumes, initContainers: [sidecar], containers: [sh('main', 'sleep infinity')] });
  const pod = await lab.untilPod('mesh', 'the sidecar restarted', (p) => (init(p, 'proxy')?.restartCount ?? 0) >= 1);
  expect(main(pod)).toMatchObject({ restartCount: 0, state: { running: {} } });
  expect(pod.status!.phase).toBe('Running');
});

test('a job with a sidecar succeeds when its app container does', async () => {
  await using lab = await new Lab().start();
  const sidecar = sh('proxy', 'sleep infinity', { restartPolicy: 'Always' });
  await lab.createPod('job', {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 5,
    volumes,
    initContainers: [sidecar],
    containers: [sh('main', 'sleep 3')],
  });
  const pod = await lab.untilPod('job', 'succeeded', (p) => p.status?.phase === 'Succeeded');
  expect(init(pod, 'proxy')!.state.terminated).toMatchObject({ exitCode: 137 });
});
