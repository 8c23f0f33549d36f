/** Owners that vanish while their controllers work: what they leave is kept, adopted or collected, never doubled. */
import { describe, expect, it } from 'vitest';
import type { CronJob, Deployment, Job, Pod, ReplicaSet, StatefulSet } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import {
  CronJobController,
  DeploymentController,
  GarbageCollector,
  JobController,
  ReplicaSetController,
  StatefulSetController,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const hour = 3_600_000;
const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } };

function workload<T extends KubeObject>(kind: string, spec: object): T {
  const metadata = { name: 'web', namespace: 'default' };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata,
    spec: { selector: { matchLabels: labels }, template, ...spec },
  } as KubeObject as T;
}

const remove = (l: Lab, resource: string, name: string, propagationPolicy: 'Orphan' | 'Background') =>
  l.client.resource(resource).namespace('default').delete(name, { propagationPolicy });
const ownersOf = ({ metadata }: Readonly<KubeObject>) =>
  (metadata.ownerReferences ?? []).map(({ kind, name, uid }) => `${kind}/${name} ${uid}`);
const uids = (objects: readonly Readonly<KubeObject>[]) => objects.map(({ metadata }) => metadata.uid!).sort();
const podPosts = (l: Lab) => l.api.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/pods')).length;

describe('an owner that vanishes', () => {
  it('a replica set deleted with its pods orphaned: the deployment makes it again and the same pods are adopted', async () => {
    const l = new Lab();
    await using _ = l
      .start(new DeploymentController(l.context), new ReplicaSetController(l.context), new GarbageCollector(l.context))
      .autoRun();
    await l.create('deployments', workload<Deployment>('Deployment', { replicas: 5 }));
    const available = async () =>
      (await l.get<Deployment>('deployments', 'default', 'web'))!.status?.availableReplicas === 5;
    await l.until('available', available);
    const [first] = await l.list<ReplicaSet>('replicasets');
    const before = uids(await l.list<Pod>('pods'));
    await remove(l, 'replicasets', first!.metadata.name!, 'Orphan');
    await l.until('made again', async () => {
      const sets = await l.list<ReplicaSet>('replicasets');
      return sets.length === 1 && sets[0]!.metadata.uid !== first!.metadata.uid && sets[0]!.status?.readyReplicas === 5;
    });
    await l.clock.advance(60_000);
    const [again] = await l.list<ReplicaSet>('replicasets');
    // The name is made of the template, so it is the same one.
    expect(again!.metadata.name).toBe(first!.metadata.name);
    const pods = await l.list<Pod>('pods');
    expect(uids(pods)).toEqual(before);
    for (const pod of pods)
      expect(ownersOf(pod)).toEqual([`ReplicaSet/${again!.metadata.name} ${again!.metadata.uid}`]);
    expect(podPosts(l)).toBe(5);
    expect(await available()).toBe(true);
  });

  it('a cron job: its running job and the pods of it go with it, and no further job comes', async () => {
    const l = new Lab();
    await using _ = l
      .start(new CronJobController(l.context), new JobController(l.context), new GarbageCollector(l.context))
      .autoRun();
    const jobSpec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work' }] } } };
    const cronJob = () =>
      ({
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'report', namespace: 'default' },
        spec: { schedule: '*/10 * * * *', jobTemplate: { spec: jobSpec } },
      }) as CronJob;
    await l.create('cronjobs', cronJob());
    await l.until('running', async () => (await l.list<Job>('jobs'))[0]?.status?.active === 1);
    await remove(l, 'cronjobs', 'report', 'Background');
    await l.until('gone', async () => (await l.list('jobs')).length + (await l.list('pods')).length === 0);
    await l.clock.advance(hour);
    expect(await l.list('jobs')).toEqual([]);
    expect(podPosts(l)).toBe(1);
  });

  it('a cron job that leaves its job: the job ends its work, and another cron job of the name does not take it', async () => {
    const l = new Lab();
    await using _ = l
      .start(new CronJobController(l.context), new JobController(l.context), new GarbageCollector(l.context))
      .autoRun({ exit: () => 0, seconds: 120 });
    const jobSpec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work' }] } } };
    const spec = { schedule: '0 * * * *', jobTemplate: { spec: jobSpec } };
    const cronJob = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'report', namespace: 'default' },
      spec,
    };
    await l.create('cronjobs', cronJob as CronJob);
    await l.until('running', async () => (await l.list<Job>('jobs'))[0]?.status?.active === 1, 2 * hour);
    await remove(l, 'cronjobs', 'report', 'Orphan');
    await l.until('orphaned', async () => (await l.list('cronjobs')).length === 0);
    await l.create('cronjobs', cronJob as CronJob);
    await l.until('complete', async () => (await l.list<Job>('jobs'))[0]?.status?.succeeded === 1);
    await l.clock.advance(600_000);
    const jobs = await l.list<Job>('jobs');
    expect(jobs.map(ownersOf)).toEqual([[]]);
    expect((await l.get<CronJob>('cronjobs', 'default', 'report'))!.status?.active ?? []).toEqual([]);
    expect(podPosts(l)).toBe(1);
  });

  it('a stateful set deleted with its pods orphaned: they live on, and the next set of the name adopts them', async () => {
    const l = new Lab();
    await using _ = l.start(new StatefulSetController(l.context), new GarbageCollector(l.context)).autoRun();
    const set = () => workload<StatefulSet>('StatefulSet', { replicas: 3, serviceName: 'web' });
    await l.create('statefulsets', set());
    const get = () => l.get<StatefulSet>('statefulsets', 'default', 'web');
    await l.until('ready', async () => (await get())?.status?.readyReplicas === 3);
    const before = uids(await l.list<Pod>('pods'));
    await remove(l, 'statefulsets', 'web', 'Orphan');
    await l.until('gone', async () => (await get()) === undefined);
    await l.clock.advance(300_000);
    const orphans = await l.list<Pod>('pods');
    expect(uids(orphans)).toEqual(before);
    expect(orphans.map(ownersOf)).toEqual([[], [], []]);
    const again = await l.create('statefulsets', set());
    await l.until('adopted', async () => (await get())?.status?.readyReplicas === 3);
    await l.clock.advance(300_000);
    const pods = await l.list<Pod>('pods');
    expect(uids(pods)).toEqual(before);
    for (const pod of pods) expect(ownersOf(pod)).toEqual([`StatefulSet/web ${again.metadata.uid}`]);
    expect(podPosts(l)).toBe(3);
    // The revision is adopted as well and means the same template: nothing is rolled.
    const revisions = await l.list('controllerrevisions');
    expect(revisions.map(ownersOf)).toEqual([[`StatefulSet/web ${again.metadata.uid}`]]);
  });
});
