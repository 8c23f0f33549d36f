/** An API server and nothing else, as tests of controllers and operators want it: in a shell and as a library. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Lab, root, run } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());

describe('klab up --nodes 0 --no-scheduler --controllers=-*', () => {
  beforeAll(async () => {
    const tokens = join(lab.home, 'tokens.csv');
    writeFileSync(tokens, 't0ken-of-jane,jane,7,"staff,qa"\n');
    const flags = [
      ...['--nodes', '0', '--no-scheduler', '--controllers=-*', '--disable-admission-plugins=ServiceAccount'],
      ...[
        `--token-auth-file=${tokens}`,
        '--service-cluster-ip-range=10.7.0.0/24',
        '--runtime-config=autoscaling/v1=false',
      ],
      '--authorization-mode=RBAC',
    ];
    await lab.klab('up', ...flags);
  });

  it('keeps what is written and does nothing about it', async () => {
    await lab.kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=3');
    await lab.kubectl('run', 'pod', '--image=nginx');
    await lab.kubectl('create', 'namespace', 'empty');
    const deployment = await lab.json('get', 'deployment', 'web');
    expect(deployment.status).toEqual({});
    expect(deployment.metadata.annotations).toBeUndefined();
    expect((await lab.json('get', 'rs,serviceaccounts,events,nodes', '-A')).items).toEqual([]);
    // The server says that it lives; nobody else does anything.
    const others = 'apiserver.kubernetes.io/identity!=kube-apiserver';
    expect((await lab.json('get', 'leases', '-A', '-l', others)).items).toEqual([]);
    const pod = await lab.json('get', 'pod', 'pod');
    expect(pod.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
    expect(pod.spec.nodeName).toBeUndefined();
    expect(pod.spec.serviceAccountName).toBeUndefined();
  });

  it('still is a whole API server: defaults, allocation, finalizers, status by hand', async () => {
    await lab.kubectl('create', 'service', 'clusterip', 'web', '--tcp=80');
    expect((await lab.json('get', 'service', 'web')).spec.clusterIP).toMatch(/^10\.7\.0\.\d+$/);
    expect((await lab.json('get', 'service', 'kubernetes')).spec.clusterIP).toBe('10.7.0.1');
    const ready = {
      status: { replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3, observedGeneration: 1 },
    };
    await lab.kubectl(
      'patch',
      'deployment',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(ready),
    );
    expect(await lab.kubectl('get', 'deployment', 'web')).toMatch(/web +3\/3 +3 +3 /);
    await lab.kubectl('patch', 'pod', 'pod', '--type=merge', '-p', '{"metadata":{"finalizers":["example.test/hold"]}}');
    await lab.kubectl('delete', 'pod', 'pod', '--wait=false');
    expect((await lab.json('get', 'pod', 'pod')).metadata.deletionTimestamp).toBeDefined();
    await lab.kubectl('patch', 'pod', 'pod', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await eventually(
      () => lab.tryKubectl(['get', 'pod', 'pod']),
      ({ stderr }) => stderr.includes('NotFound'),
    );
    // Nobody empties it.
    await lab.kubectl('delete', 'namespace', 'empty', '--wait=false');
    expect((await lab.json('get', 'namespace', 'empty')).status.phase).toBe('Terminating');
  });

  it('does what its flags say, and remembers them', async () => {
    const check = async () => {
      const { clusters } = await lab.json('config', 'view', '--minify', '--raw');
      const as = [
        '--server',
        clusters[0].cluster.server,
        '--insecure-skip-tls-verify',
        '--kubeconfig',
        '/dev/null',
        '--token',
        't0ken-of-jane',
      ];
      const who = JSON.parse((await lab.tryKubectl([...as, 'auth', 'whoami', '-o', 'json'])).stdout).status.userInfo;
      expect(who).toMatchObject({ username: 'jane', uid: '7', groups: ['staff', 'qa', 'system:authenticated'] });
      expect((await lab.tryKubectl([...as, 'get', 'pods'])).stderr).toContain(
        'User "jane" cannot list resource "pods"',
      );
      expect(await lab.kubectl('api-versions')).not.toContain('autoscaling/v1\n');
      expect((await lab.json('get', 'nodes')).items).toEqual([]);
    };
    await check();
    await lab.klab('down');
    await lab.klab('up');
    await check();
  });
});

describe('chosen controllers', () => {
  it('run without the others', async () => {
    await lab.klab(
      'up',
      '--name',
      'some',
      '--nodes',
      '0',
      '--no-scheduler',
      '--controllers=namespace-controller,serviceaccount-controller',
    );
    expect((await lab.json('get', 'serviceaccount', 'default')).metadata.name).toBe('default');
    await lab.kubectl('create', 'namespace', 'brief');
    await lab.kubectl('create', 'deployment', 'idle', '--image=nginx', '-n', 'brief');
    expect((await lab.json('get', 'rs', '-n', 'brief')).items).toEqual([]);
    await lab.kubectl('delete', 'namespace', 'brief', '--timeout=30s');
    await lab.klab('down', '--purge', '--name', 'some');
  });
});

describe('wrong flags', () => {
  it.each([
    ['--authorization-mode=Nope', 'authorization-mode "Nope" is not a valid mode'],
    ['--enable-admission-plugins=Nope', 'enable-admission-plugins plugin "Nope" is unknown'],
    ['--disable-admission-plugins=Nope', 'disable-admission-plugins plugin "Nope" is unknown'],
    ['--service-cluster-ip-range=10.0.0.0', 'service-cluster-ip-range[0] is not a valid cidr'],
    ['--runtime-config=foo/v9=true', 'unknown api groups foo/v9'],
    [
      '--feature-gates=Nope=true',
      'invalid argument "Nope=true" for "--feature-gates" flag: unrecognized feature gate: Nope',
    ],
    ['--controllers=nope', '"nope" is not in the list of known controllers'],
    ['--token-auth-file=/nowhere', 'open /nowhere: no such file or directory'],
    ['--client-ca-file=/nowhere', 'open /nowhere: no such file or directory'],
    ['--nosuch=1', 'unknown flag: --nosuch'],
    ['--secure-port=70000', '--secure-port'],
  ])('%s says what is wrong', async (flag, says) => {
    const { code, stderr } = await lab.try(['up', '--name', 'wrong', '--no-merge', flag]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(says);
  });

  it('are not remembered', async () => {
    const { code, stderr } = await lab.try(['up', '--name', 'wrong', '--no-merge', '--nodes', '0']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('cluster "wrong" is up: 0 nodes')]);
    await lab.klab('down', '--purge', '--name', 'wrong');
  });
});

describe('as a library', () => {
  it('createCluster without nodes, scheduler and controllers is up in a moment, with a kubeconfig’s worth of a server', async () => {
    const file = join(lab.home, 'program.mjs');
    writeFileSync(
      file,
      `import { createCluster } from ${JSON.stringify(join(root, 'dist', 'index.js'))};
       await using cluster = await createCluster({
         nodes: 0, scheduler: false, controllers: ['-*'], etcd: false,
         flags: { 'disable-admission-plugins': 'ServiceAccount' },
       });
       const pods = cluster.client.resource('pods').namespace('default');
       await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } });
       const refused = await pods.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'P' }, spec: { containers: [] } }).catch((error) => error.message);
       const nodes = await cluster.client.resource('nodes').list();
       console.log(JSON.stringify({ phase: (await pods.get('p')).status.phase, nodes: nodes.items.length, refused }));`,
    );
    const { code, stdout, stderr } = await run(process.execPath, [file], { env: lab.env });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      phase: 'Pending',
      nodes: 0,
      refused: expect.stringContaining('Pod "P" is invalid'),
    });
  });

  it('says what is wrong with a flag', async () => {
    const file = join(lab.home, 'wrong.mjs');
    writeFileSync(
      file,
      `import { createCluster } from ${JSON.stringify(join(root, 'dist', 'index.js'))};
       await createCluster({ nodes: 0, flags: { 'authorization-mode': 'Nope' } }).catch((error) => console.log(error.name + ': ' + error.message));`,
    );
    const { stdout } = await run(process.execPath, [file], { env: lab.env });
    expect(stdout).toContain('authorization-mode "Nope" is not a valid mode');
  });
});
