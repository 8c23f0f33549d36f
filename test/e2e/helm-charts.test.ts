/** helm 4 with what published charts lean on: hooks, waiting, failures undone, changes made by others, tests, lookups. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { helmPath } from '../helpers/clients.ts';
import { eventually, Lab, root, run } from '../helpers/lab.ts';

const lab = new Lab();
const chart = join(root, 'fixtures', 'charts', 'pantry');
beforeAll(async () => {
  await lab.klab('up', '--nodes', '2');
});
afterAll(() => lab.dispose());

const tryHelm = (...args: string[]) => run(helmPath(), args, { env: lab.env });
const jobs = async () =>
  (
    await lab.kubectl(
      'get',
      'jobs',
      '--sort-by=.metadata.creationTimestamp',
      '-o',
      'jsonpath={.items[*].metadata.name}',
    )
  ).split(' ');
const deployment = (name = 'p') => lab.json('get', 'deployment', name, '--show-managed-fields');
const status = async (revision?: string) =>
  JSON.parse(await lab.helm('status', 'p', '-o', 'json', ...(revision ? ['--revision', revision] : [])));

describe('a release from install to uninstall', () => {
  it('--dry-run=server renders with the cluster in view and makes nothing', async () => {
    const text = await lab.helm('install', 'p', chart, '--dry-run=server');
    expect(text).toContain('kubernetes: v1.36.0+klab.');
    expect(text).toContain('policies: "true"');
    expect(
      (await lab.tryKubectl(['get', 'deploy,secret,cm', '-l', 'app.kubernetes.io/managed-by=Helm', '-o', 'name']))
        .stdout,
    ).toBe('');
    expect(await lab.helm('list', '-q')).toBe('');
  });

  it('install --wait: hooks in the order of their weights, those that succeeded gone', async () => {
    const text = await lab.helm('install', 'p', chart, '--wait', '--timeout', '60s', '--description', 'the first');
    expect(text).toContain('p is revision 1 of pantry 0.1.0.');
    const pod = (await lab.json('get', 'pods', '-l', 'app=p')).items[0];
    expect(pod.status.phase).toBe('Running');
    expect((await lab.json('get', 'pvc', 'p-jars')).status.phase).toBe('Bound');
    const found = await jobs();
    expect(found.sort()).toEqual(['p-first', 'p-second']);
    const [first, second] = await Promise.all(['p-first', 'p-second'].map((name) => lab.json('get', 'job', name)));
    expect(second.metadata.creationTimestamp >= first.status.completionTime).toBe(true);
    expect(await lab.kubectl('logs', 'job/p-first')).toBe('first of revision 1\n');
    expect(
      (await deployment()).metadata.managedFields.some(
        (field: any) => field.manager === 'helm' && field.operation === 'Apply',
      ),
    ).toBe(true);
  });

  it('test runs the chart’s tests, and fails when they do', async () => {
    expect(await lab.helm('test', 'p', '--timeout', '30s', '--logs')).toMatch(
      /TEST SUITE: +p-reachable[\s\S]*Phase: +Succeeded/,
    );
    await lab.helm('upgrade', 'p', chart, '--set', 'test=echo it is not; exit 1', '--wait', '--timeout', '60s');
    const failed = await tryHelm('test', 'p', '--timeout', '30s');
    expect(failed.code).not.toBe(0);
    expect(failed.stdout + failed.stderr).toMatch(/p-reachable/);
  });

  it('a lookup keeps what an earlier revision made', async () => {
    const key = async () => (await lab.json('get', 'secret', 'p-key')).data.key;
    const before = await key();
    await lab.helm('upgrade', 'p', chart, '--set', 'shelves.jam=3', '--wait=legacy', '--timeout', '60s');
    expect(await key()).toBe(before);
    expect((await lab.json('get', 'configmap', 'p-shelves')).data).toEqual({ tea: '12', jam: '3' });
    expect(await jobs()).toContain('p-before');
  });

  it('server side, another’s change is a conflict that can be forced, and what charts do not mention stays', async () => {
    await lab.kubectl('label', 'deployment', 'p', 'team=kitchen');
    await lab.kubectl('scale', 'deployment', 'p', '--replicas=2');
    const refused = await tryHelm('upgrade', 'p', chart, '--set', 'replicas=3');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/conflict with "kubectl" .*: \.spec\.replicas/);
    await lab.helm('upgrade', 'p', chart, '--set', 'replicas=3', '--force-conflicts', '--wait', '--timeout', '60s');
    const { metadata, spec, status } = await deployment();
    expect([metadata.labels.team, spec.replicas, status.readyReplicas]).toEqual(['kitchen', 3, 3]);
  });

  it('a failed upgrade says so and is rolled back when asked', async () => {
    const bad = ['--set', 'afterUpgrade=1', '--set', 'replicas=2'];
    const failed = await tryHelm('upgrade', 'p', chart, ...bad, '--timeout', '30s', '--force-conflicts');
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/post-upgrade hooks failed/);
    expect((await status()).info.status).toBe('failed');
    const undone = await tryHelm(
      'upgrade',
      'p',
      chart,
      ...bad,
      '--rollback-on-failure',
      '--timeout',
      '30s',
      '--force-conflicts',
    );
    expect(undone.code).not.toBe(0);
    expect(undone.stderr).toMatch(/has been rolled back due to rollback-on-failure being set/);
    expect((await status()).info).toMatchObject({
      status: 'deployed',
      description: expect.stringContaining('Rollback to'),
    });
    expect((await deployment()).spec.replicas).toBe(3);
  });

  it('--wait notices a rollout that cannot succeed', async () => {
    const stuck = await tryHelm(
      'upgrade',
      'p',
      chart,
      '--set',
      'image=registry.invalid/none:1,replicas=3',
      '--wait',
      '--timeout',
      '8s',
      '--force-conflicts',
    );
    expect(stuck.code).not.toBe(0);
    expect(stuck.stderr).toMatch(
      /resource .*p.* not ready|Deployment\/default\/p|context deadline exceeded|Progress deadline/i,
    );
    await lab.helm('rollback', 'p', '--wait', '--timeout', '60s', '--force-conflicts');
    await eventually(deployment, ({ status }) => status.readyReplicas === 3 && status.updatedReplicas === 3);
  });

  it('history, status and get tell all of it', async () => {
    const history = JSON.parse(await lab.helm('history', 'p', '-o', 'json'));
    expect(history[0]).toMatchObject({ revision: 1, status: 'superseded', description: 'the first' });
    expect(history.at(-1)).toMatchObject({ status: 'deployed' });
    expect(history.filter((each: any) => each.status === 'deployed')).toHaveLength(1);
    expect((await status('1')).version).toBe(1);
    const all = await lab.helm('get', 'all', 'p');
    for (const part of ['USER-SUPPLIED VALUES:', 'COMPUTED VALUES:', 'HOOKS:', 'MANIFEST:', 'NOTES:'])
      expect(all).toContain(part);
    expect(await lab.helm('list', '-o', 'json')).toContain('"status":"deployed"');
  });

  it('uninstall --keep-history --wait: hooks run, what is to be kept stays, and a rollback brings all back', async () => {
    const text = await lab.helm('uninstall', 'p', '--keep-history', '--wait', '--timeout', '60s');
    expect(text).toContain('release "p" uninstalled');
    expect((await status()).info.status).toBe('uninstalled');
    expect((await lab.tryKubectl(['get', 'deploy', 'p'])).stderr).toContain('NotFound');
    expect((await lab.json('get', 'pvc', 'p-jars')).metadata.name).toBe('p-jars');
    expect(await jobs()).toContain('p-remains');
    await lab.helm('rollback', 'p', '1', '--wait', '--timeout', '60s', '--force-conflicts');
    expect((await deployment()).spec.replicas).toBe(1);
    await lab.helm('uninstall', 'p', '--wait', '--timeout', '60s');
    expect(await lab.helm('list', '-q')).toBe('');
  });
});

describe('client side', () => {
  it('the three-way merge keeps what others added and mends what they changed', async () => {
    const legacy = ['--server-side=false', '--wait', '--timeout', '60s'];
    await lab.helm('install', 'c', chart, ...legacy);
    await lab.kubectl(
      'patch',
      'deployment',
      'c',
      '-p',
      JSON.stringify({
        metadata: { annotations: { 'example.test/note': 'kept' } },
        spec: {
          replicas: 2,
          template: { spec: { containers: [{ name: 'sidecar', image: 'busybox', command: ['sleep', '100000'] }] } },
        },
      }),
    );
    await lab.helm('upgrade', 'c', chart, '--set', 'image=nginx:1.28', '--set', 'replicas=3', ...legacy);
    const { metadata, spec } = await deployment('c');
    expect(metadata.annotations['example.test/note']).toBe('kept');
    expect(spec.replicas).toBe(3);
    const images = spec.template.spec.containers.map(({ name, image }: any) => `${name}=${image}`).sort();
    expect(images).toEqual(['pantry=nginx:1.28', 'sidecar=busybox']);
    expect(metadata.managedFields.some((field: any) => field.operation === 'Apply')).toBe(false);
  });

  it('an install that fails is taken away with --rollback-on-failure; --take-ownership adopts', async () => {
    const failed = await tryHelm(
      'install',
      'bad',
      chart,
      '--set',
      'image=registry.invalid/none:1',
      '--rollback-on-failure',
      '--timeout',
      '8s',
    );
    expect(failed.code).not.toBe(0);
    expect(failed.stderr).toMatch(/has been uninstalled due to rollback-on-failure being set/);
    expect((await lab.tryKubectl(['get', 'deploy', 'bad'])).stderr).toContain('NotFound');
    await lab.kubectl('create', 'configmap', 'mine-shelves', '--from-literal=tea=1');
    const taken = await tryHelm('install', 'mine', chart);
    expect(taken.stderr).toMatch(/invalid ownership metadata/);
    await lab.helm('install', 'mine', chart, '--take-ownership', '--force-conflicts');
    expect((await lab.json('get', 'configmap', 'mine-shelves')).data).toEqual({ tea: '12' });
  });
});
