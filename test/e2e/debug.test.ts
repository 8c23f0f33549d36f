/** `klab debug` makes the containers and pods that real kubectl's makes, and says the same. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../helpers/lab.ts';

const lab = new Lab();
const custom = join(lab.home, 'custom.yaml');
const podFile = join(lab.home, 'pod.yaml');

const pod = (namespace: string) => `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: ${namespace}
  labels: {app: web}
  annotations: {note: kept}
spec:
  initContainers: [{name: first, image: busybox, command: ['true']}]
  containers:
  - name: web
    image: nginx
    livenessProbe: {httpGet: {path: /, port: 80}}
    readinessProbe: {httpGet: {path: /, port: 80}}
    startupProbe: {httpGet: {path: /, port: 80}}
  - {name: side, image: busybox, command: [sleep, '10000'], securityContext: {runAsUser: 7}}
`;

beforeAll(async () => {
  writeFileSync(custom, 'env: [{name: FROM, value: file}]\nimagePullPolicy: Never\n');
  writeFileSync(join(lab.home, 'bad.yaml'), 'image: x\n');
  await lab.klab('up', '--nodes', '2');
  for (const namespace of ['theirs', 'ours']) {
    await lab.kubectl('create', 'ns', namespace);
    writeFileSync(podFile, pod(namespace));
    await lab.kubectl('create', '-f', podFile);
  }
  for (const namespace of ['theirs', 'ours']) {
    await lab.kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/web', '--timeout=30s');
  }
});
afterAll(() => lab.dispose());

/** Generated names as one word. */
const plain = (text: string) =>
  text
    .replace(/(debugger|node-debugger-node-1)-[a-z0-9]{5}/g, '$1-RANDOM')
    .replace(/ephemeralContainers\[\d+\]/g, 'ephemeralContainers[N]')
    .replaceAll('kubectl', 'klab')
    .replace(/^(theirs|ours)$/gm, 'NAMESPACE');

/** Both run the same line, each in its own namespace; usage errors exit with 2 in klab. */
async function both(line: string) {
  const words = line.replaceAll('HOME', lab.home).split(' ');
  const dash = words.indexOf('--');
  const within = (namespace: string) => words.toSpliced(dash < 0 ? words.length : dash, 0, '-n', namespace);
  const [theirs, ours] = await Promise.all([lab.tryKubectl(within('theirs')), lab.try(within('ours'))]);
  const seen = ({ stdout, stderr, code }: typeof ours) => ({
    stdout: plain(stdout),
    stderr: plain(stderr),
    failed: code !== 0,
  });
  return { theirs: seen(theirs), ours: seen(ours) };
}

/** What a pod says of itself, without what differs from pod to pod. */
function specOf({ metadata, spec }: any) {
  const text = JSON.stringify({ labels: metadata.labels, annotations: metadata.annotations, spec });
  return JSON.parse(plain(text).replace(/kube-api-access-\w{5}/g, 'token'));
}

describe('an ephemeral container', () => {
  it.each(
    [
      '-c a --image=busybox --profile=legacy',
      '-c b --image=busybox --profile=general --target=web -- sleep 5',
      '-c c --image=busybox --profile=baseline --arguments-only -- sleep 5',
      '-c d --image=busybox --profile=restricted --image-pull-policy=IfNotPresent',
      '-c e --image=busybox:1.36 --profile=netadmin --env=A=b -i --attach=false',
      '-c f --image=busybox --profile=sysadmin -q --target=side',
      '-c g --image=busybox --profile=general --custom=HOME/custom.yaml',
    ].map((flags) => [flags]),
  )('%s', async (flags) => {
    const { theirs, ours } = await both(`debug web ${flags}`);
    // Only the text about the old profile changed in 1.36.
    if (!flags.includes('legacy')) expect(ours).toEqual(theirs);
    const name = /-c (\w)/.exec(flags)![1];
    const [inTheirs, inOurs] = await Promise.all(
      ['theirs', 'ours'].map(async (namespace) => {
        const { spec } = await lab.json('get', 'pod', 'web', '-n', namespace);
        return spec.ephemeralContainers.find((one: { name: string }) => one.name === name);
      }),
    );
    expect(inOurs).toBeDefined();
    expect(inOurs).toEqual(inTheirs);
  });

  it('runs beside the others, its output is shown and it ends as it likes', async () => {
    const run = await lab.try(['debug', 'web', '-n', 'ours', '--image=busybox', '-iq', '-c', 'talk'], {
      input: 'wget -qO- localhost; exit 3\n',
    });
    expect(run.stdout).toContain('Welcome to nginx!');
    const { status } = await lab.json('get', 'pod', 'web', '-n', 'ours');
    const talk = status.ephemeralContainerStatuses.find((one: { name: string }) => one.name === 'talk');
    expect(talk.state.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(await lab.klab('logs', 'web', '-n', 'ours', '-c', 'talk')).toContain('Welcome to nginx!');
  });

  it('is named when none was given', async () => {
    const { theirs, ours } = await both('debug web --image=busybox --profile=general -- true');
    expect(ours).toEqual(theirs);
    expect(ours.stdout).toBe('Defaulting debug container name to debugger-RANDOM.\n');
  });
});

describe('a copy of the pod', () => {
  it.each(
    [
      '--image=busybox --profile=general -c debugger',
      '--image=busybox --profile=general -c debugger --same-node --share-processes=false',
      '--set-image=*=busybox,web=nginx:1.27 --profile=general',
      '--profile=general -c web -- sleep 9',
      '--profile=sysadmin -c side --image=alpine --env=A=b --arguments-only -- sleep 9',
      '--image=busybox --profile=restricted -c debugger --keep-labels --keep-annotations --keep-liveness',
      '--image=busybox --profile=baseline -c debugger --keep-readiness --keep-startup --keep-init-containers=false',
      '--image=busybox --profile=netadmin -c debugger --custom=HOME/custom.yaml',
    ].map((flags, i) => [flags, i] as const),
  )('%s', async (flags, i) => {
    const { theirs, ours } = await both(`debug web --copy-to=copy-${i} ${flags.replace(/( -- .*|$)/, (rest) => rest)}`);
    expect(ours).toEqual(theirs);
    const [inTheirs, inOurs] = await Promise.all(
      ['theirs', 'ours'].map(async (namespace) => {
        const copy = specOf(await lab.json('get', 'pod', `copy-${i}`, '-n', namespace));
        if (flags.includes('--same-node'))
          expect(copy.spec.nodeName).toBe((await lab.json('get', 'pod', 'web', '-n', namespace)).spec.nodeName);
        delete copy.spec.nodeName;
        return copy;
      }),
    );
    expect(inOurs).toEqual(inTheirs);
  });

  it('takes the place of the pod with --replace', async () => {
    await lab.kubectl('run', 'old', '-n', 'ours', '--image=nginx');
    await lab.klab('debug', 'old', '-n', 'ours', '--copy-to=new', '--replace', '--image=busybox', '--', 'sleep', '9');
    const gone = await lab.tryKubectl(['get', 'pod', 'old', '-n', 'ours']);
    expect(gone.stderr).toContain('pods "old" not found');
    const { spec } = await lab.json('get', 'pod', 'new', '-n', 'ours');
    expect(spec.containers).toHaveLength(2);
  });
});

describe('a node', () => {
  it.each(['legacy', 'general', 'baseline', 'restricted', 'netadmin', 'sysadmin'])('--profile=%s', async (profile) => {
    const made = async (namespace: string, run: (args: string[]) => Promise<{ stdout: string }>) => {
      const { stdout } = await run([
        ...['debug', 'node/node-1', '-n', namespace, '--image=busybox'],
        ...[`--profile=${profile}`, '--', 'hostname'],
      ]);
      const name = /debugging pod (\S+)/.exec(stdout)![1]!;
      return { stdout: plain(stdout), ...specOf(await lab.json('get', 'pod', name, '-n', namespace)) };
    };
    const theirs = await made('theirs', (args) => lab.tryKubectl(args));
    expect(await made('ours', (args) => lab.try(args))).toEqual(theirs);
    expect(theirs.spec.nodeName).toBe('node-1');
  });
});

describe('a wrong command line', () => {
  it.each([
    'debug',
    'debug web',
    'debug nope --image=busybox --profile=general',
    'debug node/nope --image=busybox --profile=general',
    'debug ns/ours --image=busybox --profile=general',
    'debug web --image=busybox --profile=nope',
    'debug web --image=Busy!box --profile=general',
    'debug web --image=busybox --profile=general -t',
    'debug web --image=busybox --profile=general --replace',
    'debug web --image=busybox --profile=general --same-node',
    'debug web --image=busybox --profile=general --set-image=a=b',
    'debug web --image=busybox --profile=general --image-pull-policy=Sometimes',
    'debug web --copy-to=x --profile=general',
    'debug web --copy-to=x --profile=general -- sh',
    'debug web --copy-to=x --profile=general --set-image=web=A:B:C',
    'debug web --copy-to=x --profile=general --image=busybox --target=web',
    'debug web --copy-to=x --profile=general -c nope -- sh',
    'debug web --image=busybox --profile=general --custom=HOME/bad.yaml',
    'debug web --image=busybox --profile=general --custom=HOME/nope.yaml',
    'debug web -c web --image=busybox --profile=general',
    'debug --attach web',
  ])('%s', async (line) => {
    const { theirs, ours } = await both(line);
    expect(theirs.failed).toBe(true);
    expect(ours).toEqual(theirs);
  });
});
