/** `klab logs` prints what real kubectl prints, byte for byte, on the same server; and both wait for the first pod. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 3
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec:
      initContainers: [{name: i, image: busybox, command: [sh, -c, 'echo init']}]
      containers:
      - {name: a, image: busybox, command: [sh, -c, 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; sleep 1000']}
      - {name: b, image: busybox, command: [sh, -c, 'echo b; sleep 1000']}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [echo, job done]}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: once, labels: {run: once}}
spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [sh, -c, 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo l$i; done']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, annotations: {kubectl.kubernetes.io/default-container: second}}
spec: {containers: [{name: first, image: busybox, command: [sh, -c, 'echo 1; sleep 1000']}, {name: second, image: busybox, command: [sh, -c, 'echo 2; sleep 1000']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: waits}
spec: {containers: [{name: x, image: busybox, envFrom: [{configMapRef: {name: nosuch}}]}]}
`;

beforeAll(async () => {
  const file = join(lab.home, 'logs.yaml');
  writeFileSync(file, manifest);
  await lab.klab('up', '--nodes', '1');
  await lab.kubectl('apply', '-f', file);
  await lab.kubectl('rollout', 'status', 'deployment/d', '--timeout=30s');
  await lab.kubectl('wait', '--for=condition=Complete', 'job/j', '--timeout=30s');
  await lab.kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/once', '--timeout=30s');
  await lab.kubectl('wait', '--for=condition=Ready', 'pod/two', '--timeout=30s');
  await eventually(
    () => lab.kubectl('get', 'pod', 'waits'),
    (text) => text.includes('CreateContainerConfigError'),
  );
});
afterAll(() => lab.dispose());

const plain = (text: string) => text.replaceAll('kubectl', 'klab');

describe('on a terminal and in scripts', () => {
  it.each(
    `
      once
      once --tail=3
      once --tail=0
      once --tail=-2
      once --limit-bytes=7
      once --limit-bytes=-1
      once --since=1h --since-time=2020-01-01T00:00:00Z
      once --since-time=2020-01-01T00:00:00Z
      once --since-time=2100-01-01T00:00:00+01:00
      once --since-time=yesterday
      once --since-time=2020-01-01
      once --since-time=2020-02-31T00:00:00Z
      once --since=-5s
      once --timestamps
      once -p
      once --prefix
      once c
      once -c c
      once c -c c
      once -f
      once -f --pod-running-timeout=0s
      pod/once --prefix --tail=1
      nope
      pods
      pods once
      two
      two -c first
      two --all-containers
      two --all-containers --prefix
      --all-containers two -c first
      deploy/d
      deploy/d -c b
      deploy/d --all-containers
      deploy/d --all-pods -c b
      deploy d
      -l app=d -c b
      -l app=d
      -l app=d --max-log-requests=1
      -l app=d --max-log-requests=1 -f
      -l app=d --all-containers -f --max-log-requests=2
      -l app=nope
      -l run=once --tail=-1
      -l run=once --prefix
      job/j
      job/nope
      svc/kubernetes
      nodes/node-1
      waits
      waits --ignore-errors
    `
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  )('logs %s', async (line) => {
    const args = ['logs', ...line.split(' ')];
    const [theirs, ours] = await Promise.all([lab.tryKubectl(args), lab.try(args)]);
    // kubectl reads several containers in no order.
    const ordered = (text: string) => (line.includes('--all-') ? text.split('\n').sort().join('\n') : text);
    expect({ stdout: ordered(ours.stdout), stderr: ours.stderr, code: ours.code !== 0 }).toEqual({
      stdout: ordered(plain(theirs.stdout)),
      stderr: plain(theirs.stderr),
      code: theirs.code !== 0,
    });
  });

  it.each([
    ['once --tail=x', 'invalid argument "x" for "--tail" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    ['once --since=abc', 'invalid argument "abc" for "--since" flag: time: invalid duration "abc"'],
    ['', "See 'klab logs -h' for help and examples"],
    ['-l a=b once', 'only a selector (-l) or a POD name is allowed'],
  ])('logs %s is a wrong command line, in the same words', async (line, words) => {
    const args = ['logs', ...line.split(' ').filter(Boolean)];
    const [theirs, ours] = await Promise.all([lab.tryKubectl(args), lab.try(args)]);
    expect(plain(theirs.stderr)).toContain(words);
    expect(ours.stderr).toContain(words);
    expect(ours.code).toBe(2);
  });
});

it('a container that does not start is asked for again each second, as kubectl 1.36 does', async () => {
  const { code, stderr } = await lab.try(['logs', 'waits', '-f', '--pod-running-timeout=2s']);
  expect(stderr).toMatch(
    /^(container "x" in pod "waits" is waiting to start: CreateContainerConfigError\n){2,3}error: timed out waiting for the condition\n$/,
  );
  expect(code).toBe(3);
});

describe('a workload that has no pod yet', () => {
  it.each(['logs deploy/NAME --pod-running-timeout=30s', 'exec deploy/NAME -- echo in'])(
    '%s waits for it',
    async (line) => {
      const name = line.split(' ')[0]!;
      await lab.kubectl(
        'create',
        'deployment',
        name,
        '--image=busybox',
        '--replicas=0',
        '--',
        'sh',
        '-c',
        'echo here; sleep 900',
      );
      const waiting = lab.try(line.replace('NAME', name).split(' '));
      await lab.kubectl('scale', `deployment/${name}`, '--replicas=1');
      const { stdout, stderr } = await waiting;
      // The first pod seen is not running yet: kubectl, too, asks it at once.
      expect(stdout + stderr).toMatch(
        /^(here|in|.*(container not found|is waiting to start|does not have a host assigned).*)\n$/,
      );
    },
  );

  it('or gives up in time', async () => {
    await lab.kubectl('create', 'deployment', 'empty', '--image=busybox', '--replicas=0');
    const error = { code: 3, stdout: '', stderr: 'error: timed out waiting for the condition\n' };
    expect(await lab.try(['logs', 'deploy/empty', '--pod-running-timeout=1s'])).toEqual(error);
    expect(await lab.try(['exec', 'deploy/empty', '--pod-running-timeout=1s', '--', 'ls'])).toEqual(error);
    const { stderr } = await lab.tryKubectl(['logs', 'deploy/empty', '--pod-running-timeout=1s']);
    expect(stderr).toBe(error.stderr);
  });

  it.each(['exec cm/kube-root-ca.crt -- ls', 'port-forward cm/kube-root-ca.crt 80'])(
    '%s: no kind that has pods',
    async (line) => {
      const [theirs, ours] = await Promise.all([lab.tryKubectl(line.split(' ')), lab.try(line.split(' '))]);
      expect(theirs.stderr).toContain('cannot attach to *v1.ConfigMap');
      expect(ours).toEqual(theirs);
    },
  );
});
