/** Real kubectl and the kinds of apps and batch: rollouts to their end, jobs to completion. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpus, eventually, Lab, root } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
});
afterAll(() => lab.dispose());

const observatory = join(root, 'fixtures', 'manifests', 'observatory');

describe('an application with every kind of workload', () => {
  const inIt = (...args: string[]) => lab.kubectl('-n', 'observatory', ...args);
  const json = (...args: string[]) => lab.json('-n', 'observatory', ...args);

  beforeAll(async () => {
    await lab.kubectl('create', 'namespace', 'observatory');
    await inIt('apply', '-f', observatory);
  });

  it('its stateful set rolls out in order, with a disk for each member, and again with another image', async () => {
    expect(await inIt('rollout', 'status', 'statefulset/archive', '--timeout=60s')).toContain(
      'partitioned roll out complete: 3 new pods have been updated',
    );
    const pods = (await json('get', 'pods', '-l', 'app=archive')).items;
    expect(pods.map((pod: any) => pod.metadata.name)).toEqual(['archive-0', 'archive-1', 'archive-2']);
    const claims = (await json('get', 'pvc')).items;
    expect(claims.map((claim: any) => claim.metadata.name)).toEqual(
      pods.map((pod: any) => `plates-${pod.metadata.name}`),
    );
    await inIt('set', 'image', 'statefulset/archive', 'archive=redis:7.2');
    await inIt('rollout', 'status', 'statefulset/archive', '--timeout=60s');
    const images = (await json('get', 'pods', '-l', 'app=archive')).items.map(
      (pod: any) => pod.spec.containers[0].image,
    );
    expect(images).toEqual(['redis:7.2', 'redis:7.2', 'redis:7.2']);
    expect(await inIt('rollout', 'history', 'statefulset/archive')).toMatch(/1 +<none>\n2 +<none>/);
    await inIt('scale', 'statefulset/archive', '--replicas=1');
    await inIt('wait', 'pod/archive-1', '--for=delete', '--timeout=30s');
  });

  it('its daemon set runs on every node, is updated with surge and undone', async () => {
    await inIt('rollout', 'status', 'daemonset/telescope', '--timeout=60s');
    const nodes = async () =>
      (await json('get', 'pods', '-l', 'app=telescope')).items
        .filter((pod: any) => !pod.metadata.deletionTimestamp)
        .map((pod: any) => pod.spec.nodeName)
        .sort();
    const all = (await lab.json('get', 'nodes')).items.map((node: any) => node.metadata.name).sort();
    expect(await nodes()).toEqual(all);
    await inIt('set', 'image', 'daemonset/telescope', 'telescope=nginx:1.28');
    expect(await inIt('rollout', 'status', 'daemonset/telescope', '--timeout=60s')).toContain(
      'successfully rolled out',
    );
    await inIt('rollout', 'undo', 'daemonset/telescope');
    await inIt('rollout', 'status', 'daemonset/telescope', '--timeout=60s');
    expect((await json('get', 'daemonset', 'telescope')).spec.template.spec.containers[0].image).toBe('nginx:1.27');
    expect(await nodes()).toEqual(all);
  });

  it('its job completes every index and says what each did', async () => {
    await inIt('wait', 'job/catalogue', '--for=condition=Complete', '--timeout=60s');
    const { status } = await json('get', 'job', 'catalogue');
    expect(status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
    expect(await inIt('get', 'job', 'catalogue')).toMatch(/catalogue +Complete +4\/4/);
    const logs = await inIt('logs', '-l', 'batch.kubernetes.io/job-name=catalogue', '--tail=-1');
    expect(logs.trim().split('\n').sort()).toEqual([0, 1, 2, 3].map((index) => `field ${index} catalogued`));
    const pods = (await json('get', 'pods', '-l', 'batch.kubernetes.io/job-name=catalogue')).items;
    expect(pods.every((pod: any) => !pod.metadata.finalizers)).toBe(true);
  });

  it('its cron job can be run by hand, and is deleted with its jobs', async () => {
    expect(await inIt('get', 'cronjob', 'calibration')).toContain('America/Phoenix');
    await inIt('create', 'job', 'now', '--from=cronjob/calibration');
    await inIt('wait', 'job/now', '--for=condition=Complete', '--timeout=60s');
    expect(await inIt('logs', 'job/now')).toBe('calibrated\n');
    await inIt('delete', 'cronjob', 'calibration');
    await eventually(
      async () => (await lab.tryKubectl(['-n', 'observatory', 'get', 'job', 'now'])).stderr,
      (text) => text.includes('NotFound'),
    );
  });
});

describe('kubectl create job and cronjob', () => {
  it('π as the documentation computes it', async () => {
    await lab.kubectl(
      'create',
      'job',
      'pi',
      '--image=perl:5.34.0',
      '--',
      'perl',
      '-Mbignum=bpi',
      '-wle',
      'print bpi(2000)',
    );
    await lab.kubectl('wait', 'job/pi', '--for=condition=Complete', '--timeout=60s');
    const digits = await lab.kubectl('logs', 'job/pi');
    expect(digits.startsWith('3.14159265358979323846')).toBe(true);
    expect(digits.trim()).toHaveLength(2001);
  });

  it('a job that fails says so after its back-off limit', async () => {
    const manifest = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'broken' },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            restartPolicy: 'Never',
            containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'exit 3'] }],
          },
        },
      },
    };
    await lab.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
    await lab.kubectl('wait', 'job/broken', '--for=condition=Failed', '--timeout=60s');
    const described = await lab.kubectl('describe', 'job', 'broken');
    expect(described).toContain('BackoffLimitExceeded');
    expect(described).toContain('Job has reached the specified backoff limit');
  });

  it('a schedule that never comes is taken, and its event says what is wrong', async () => {
    await lab.kubectl('create', 'cronjob', 'never', '--image=busybox', '--schedule=0 0 31 2 *', '--', 'true');
    await eventually(
      () => lab.kubectl('get', 'events', '--field-selector=involvedObject.name=never'),
      (text) => text.includes('InvalidSchedule'),
    );
  });

  it('a replication controller keeps its pods', async () => {
    const template = { metadata: { labels: { rc: 'old' } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } };
    const manifest = {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'old' },
      spec: { replicas: 2, selector: { rc: 'old' }, template },
    };
    await lab.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
    await lab.kubectl('wait', 'rc/old', '--for=jsonpath={.status.readyReplicas}=2', '--timeout=60s');
    await lab.kubectl('delete', 'rc', 'old');
  });
});

const ingress = join(corpus, 'ingress-nginx');
describe.skipIf(!existsSync(ingress))('ingress-nginx (skipped when the published manifests are not at hand)', () => {
  it('its jobs make the certificate, put it into the webhook, and go; its controller becomes available', async () => {
    await lab.kubectl('apply', '-f', ingress);
    const inIt = (...args: string[]) => lab.kubectl('-n', 'ingress-nginx', ...args);
    await inIt('rollout', 'status', 'deployment/ingress-nginx-controller', '--timeout=90s');
    const secret = await lab.json('-n', 'ingress-nginx', 'get', 'secret', 'ingress-nginx-admission');
    expect(Object.keys(secret.data).sort()).toEqual(['ca', 'cert', 'key']);
    const hook = await eventually(
      () => lab.json('get', 'validatingwebhookconfiguration', 'ingress-nginx-admission'),
      (found) => found.webhooks[0].clientConfig.caBundle !== undefined,
    );
    expect(hook.webhooks[0].clientConfig.caBundle).toBe(secret.data.ca);
    // Their time to live after the end is 0 s.
    await eventually(
      () => lab.json('-n', 'ingress-nginx', 'get', 'jobs'),
      (jobs) => jobs.items.length === 0,
    );
    const events = await inIt('get', 'events', '--field-selector=reason=Completed');
    expect(events).toContain('job/ingress-nginx-admission-create');
    expect(events).toContain('job/ingress-nginx-admission-patch');
  });
});
