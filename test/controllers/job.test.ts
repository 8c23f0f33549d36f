import { describe, expect, it } from 'vitest';
import type { Job, JobSpec, Pod } from '../../src/api/index.ts';
import { newInternalError } from '../../src/apimachinery/index.ts';
import { parseTime } from '../../src/base/index.ts';
import { JobController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function makeJob(change: Partial<JobSpec> = {}, podSpec: object = {}): Job {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work' }], ...podSpec } };
  const metadata = { name: 'work', namespace: 'default' };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template, ...change } } as Job;
}

const get = (l: Lab) => l.get<Job>('jobs', 'default', 'work');
const conditions = async (l: Lab) =>
  ((await get(l))?.status?.conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`);
const finished = (l: Lab) => async () =>
  (await conditions(l)).some((text) => text.startsWith('Complete=') || text.startsWith('Failed='));
const patch = (l: Lab, spec: object) => l.client.resource('jobs').namespace('default').patch('work', 'merge', { spec });
const indexOf = (pod: Readonly<Pod>) => Number(pod.metadata.annotations!['batch.kubernetes.io/job-completion-index']);
const tracked = async (l: Lab) =>
  (await l.list<Pod>('pods')).filter((pod) => pod.metadata.finalizers?.includes('batch.kubernetes.io/job-tracking'));

function lab(): Lab {
  const l = new Lab();
  return l.start(new JobController(l.context));
}

describe('a job', () => {
  it('runs so many at a time until enough have succeeded, and counts each once', async () => {
    await using l = lab().autoRun({ exit: () => 0 });
    let most = 0;
    await l.create('jobs', makeJob({ completions: 7, parallelism: 3 }));
    await l.until('complete', async () => {
      most = Math.max(most, (await get(l))?.status?.active ?? 0);
      return finished(l)();
    });
    expect(most).toBe(3);
    expect(await conditions(l)).toEqual([
      'SuccessCriteriaMet=True CompletionsReached',
      'Complete=True CompletionsReached',
    ]);
    const { status } = (await get(l))!;
    expect(status).toMatchObject({ succeeded: 7, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(status!.active).toBeUndefined();
    expect(status!.failed).toBeUndefined();
    expect(parseTime(status!.completionTime!)).toBeGreaterThan(parseTime(status!.startTime!));
    expect(await l.list('pods')).toHaveLength(7);
    expect(await tracked(l)).toEqual([]);
    const events = await l.events();
    expect(events.filter((text) => text.startsWith('Normal SuccessfulCreate Created pod: work-'))).toHaveLength(7);
    expect(events.at(-1)).toBe('Normal Completed Job completed');
  });

  it('without completions is a work queue: the first success lets the others end', async () => {
    await using l = lab();
    await l.create('jobs', makeJob({ parallelism: 3 }));
    await l.until('three pods', async () => (await get(l))?.status?.active === 3);
    const pods = await l.list<Pod>('pods');
    for (const pod of pods) await l.run(pod);
    await l.until('ready', async () => (await get(l))?.status?.ready === 3);
    await l.end(pods[0]!, 0);
    await l.until('two left', async () => (await get(l))?.status?.active === 2);
    expect(await l.list('pods')).toHaveLength(3);
    await l.end(pods[1]!, 0);
    await l.end(pods[2]!, 0);
    await l.until('complete', finished(l));
    expect((await get(l))!.status!.succeeded).toBe(3);
  });

  it('replaces failed pods after 10 s, 20 s, 40 s … and gives up at its limit', async () => {
    await using l = lab().autoRun({ exit: () => 1, seconds: 1 });
    await l.create('jobs', makeJob({ backoffLimit: 3 }));
    await l.until('failed', finished(l));
    const created = (await l.list<Pod>('pods')).map((pod) => parseTime(pod.metadata.creationTimestamp!)).sort();
    expect(created).toHaveLength(4);
    const gaps = created.slice(1).map((at, i) => Math.round((at - created[i]!) / 1000));
    // A second of running, the back-off, and what batching of a second adds.
    for (const [i, backoff] of [10, 20, 40].entries()) {
      expect(gaps[i]).toBeGreaterThanOrEqual(backoff);
      expect(gaps[i]).toBeLessThanOrEqual(backoff + 3);
    }
    expect(await conditions(l)).toEqual([
      'FailureTarget=True BackoffLimitExceeded',
      'Failed=True BackoffLimitExceeded',
    ]);
    expect((await get(l))!.status).toMatchObject({ failed: 4 });
    expect(await l.events('BackoffLimitExceeded')).toEqual([
      'Warning BackoffLimitExceeded Job has reached the specified backoff limit',
    ]);
  });

  it('with restartPolicy OnFailure counts restarts', async () => {
    await using l = lab();
    await l.create('jobs', makeJob({ backoffLimit: 2 }, { restartPolicy: 'OnFailure' }));
    await l.until('pod', async () => (await l.list('pods')).length === 1);
    const [pod] = await l.list<Pod>('pods');
    await l.run(pod!);
    const status = { containerStatuses: [{ name: 'main', image: 'work', imageID: '', ready: true, restartCount: 2 }] };
    await l.client
      .resource('pods')
      .namespace('default')
      .patch(pod!.metadata.name!, 'merge', { status }, { subresource: 'status' });
    await l.until('target', async () => (await conditions(l)).length === 1);
    // The pod is still ending.
    expect(await conditions(l)).toEqual(['FailureTarget=True BackoffLimitExceeded']);
    await l.finish(pod!);
    await l.until('failed', finished(l));
  });

  it('is over at its deadline, and says so when the last pod has ended', async () => {
    await using l = lab();
    await l.create('jobs', makeJob({ activeDeadlineSeconds: 60 }));
    await l.until('pod', async () => (await l.list('pods')).length === 1);
    const [pod] = await l.list<Pod>('pods');
    await l.run(pod!);
    await l.until('target', async () => (await conditions(l)).includes('FailureTarget=True DeadlineExceeded'));
    expect((await get(l))!.status).toMatchObject({ terminating: 1 });
    await l.finish(pod!);
    await l.until('failed', finished(l));
    expect(await l.events('DeadlineExceeded')).toEqual([
      'Warning DeadlineExceeded Job was active longer than specified deadline',
    ]);
    const { startTime, conditions: list } = (await get(l))!.status!;
    expect(parseTime(list![0]!.lastTransitionTime!) - parseTime(startTime!)).toBe(60_000);
  });

  it('suspended has no pods; resumed it starts anew', async () => {
    await using l = lab().autoRun();
    await l.create('jobs', makeJob({ parallelism: 2, completions: 2, suspend: true }));
    await l.until('suspended', async () => (await conditions(l)).length === 1);
    expect(await conditions(l)).toEqual(['Suspended=True JobSuspended']);
    expect((await get(l))!.status!.startTime).toBeUndefined();
    expect(await l.list('pods')).toEqual([]);
    await patch(l, { suspend: false });
    await l.until('running', async () => (await get(l))?.status?.ready === 2);
    expect(await conditions(l)).toEqual(['Suspended=False JobResumed']);
    expect((await get(l))!.status!.startTime).toBeDefined();
    await patch(l, { suspend: true });
    await l.until('gone', async () => (await l.list('pods')).length === 0);
    await l.until('suspended again', async () => (await conditions(l))[0] === 'Suspended=True JobSuspended');
    expect((await get(l))!.status!.failed).toBeUndefined();
    // The second suspension only counts the first one's event up.
    expect((await l.events()).filter((text) => /Suspended|Resumed/.test(text))).toEqual([
      'Normal Suspended Job suspended',
      'Normal Resumed Job resumed',
    ]);
  });

  it('managed by another controller is left alone', async () => {
    await using l = lab();
    await l.create('jobs', makeJob({ managedBy: 'kueue.x-k8s.io/multikueue' }));
    await l.clock.advance(60_000);
    expect((await get(l))!.status ?? {}).toEqual({});
    expect(await l.list('pods')).toEqual([]);
  });

  it('with podReplacementPolicy Failed waits until a deleted pod has ended', async () => {
    await using l = lab();
    await l.create('jobs', makeJob({ podReplacementPolicy: 'Failed' }));
    await l.until('pod', async () => (await l.list('pods')).length === 1);
    const [pod] = await l.list<Pod>('pods');
    await l.run(pod!);
    await l.client.resource('pods').namespace('default').delete(pod!.metadata.name!);
    await l.until('terminating', async () => (await get(l))?.status?.terminating === 1);
    await l.clock.advance(60_000);
    expect(await l.list('pods')).toHaveLength(1);
    const status = { phase: 'Failed' };
    await l.client
      .resource('pods')
      .namespace('default')
      .patch(pod!.metadata.name!, 'merge', { status }, { subresource: 'status' });
    await l.until('replaced', async () => (await get(l))?.status?.active === 1);
    expect((await get(l))!.status).toMatchObject({ failed: 1, terminating: 0 });
  });

  it('deletes too many pods without counting them', async () => {
    await using l = lab().autoRun();
    await l.create('jobs', makeJob({ parallelism: 4, completions: 10 }));
    await l.until('four', async () => (await get(l))?.status?.ready === 4);
    await patch(l, { parallelism: 1 });
    await l.until('one', async () => (await l.list('pods')).length === 1);
    await l.until('one active', async () => (await get(l))?.status?.active === 1);
    expect((await get(l))!.status!.failed).toBeUndefined();
    expect(await l.events('SuccessfulDelete')).toHaveLength(3);
  });

  it('that goes lets its pods go', async () => {
    await using l = lab();
    await l.create('jobs', makeJob());
    await l.until('pod', async () => (await tracked(l)).length === 1);
    await l.client.resource('jobs').namespace('default').delete('work');
    await l.until('released', async () => (await tracked(l)).length === 0);
  });

  it('loses and doubles nothing when every third write fails and watches are cut', async () => {
    await using l = lab().autoRun({ exit: () => 0, seconds: 3 });
    let writes = 0;
    l.api.intercept((request, { verb }) => {
      const mine = request.headers?.['x-user']?.includes('job-controller') && !request.path.includes('/events');
      if (!mine || verb === 'list' || verb === 'watch' || verb === 'get') return;
      if (++writes % 7 === 0) l.api.dropWatches();
      if (writes % 3 === 0) throw newInternalError('etcdserver: request timed out');
    });
    await l.create('jobs', makeJob({ completions: 20, parallelism: 5 }));
    await l.until('complete', finished(l));
    expect((await get(l))!.status).toMatchObject({ succeeded: 20, uncountedTerminatedPods: {} });
    expect((await get(l))!.status!.failed).toBeUndefined();
    expect(await l.list('pods')).toHaveLength(20);
    expect(await tracked(l)).toEqual([]);
  });
});

describe('an indexed job', () => {
  it('gives every pod an index, and completes each once', async () => {
    await using l = lab().autoRun({ exit: () => 0 });
    await l.create('jobs', makeJob({ completionMode: 'Indexed', completions: 5, parallelism: 2 }));
    await l.until('complete', finished(l));
    expect((await get(l))!.status).toMatchObject({ succeeded: 5, completedIndexes: '0-4' });
    const pods = (await l.list<Pod>('pods')).sort((a, b) => indexOf(a) - indexOf(b));
    expect(pods.map(indexOf)).toEqual([0, 1, 2, 3, 4]);
    expect(pods[3]!.metadata.name).toMatch(/^work-3-[a-z0-9]{5}$/);
    expect(pods[3]!.metadata.labels).toMatchObject({ 'batch.kubernetes.io/job-completion-index': '3' });
    expect(pods[3]!.spec!.hostname).toBe('work-3');
    expect(pods[3]!.spec!.containers[0]!.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: {
          fieldRef: expect.objectContaining({
            fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']",
          }),
        },
      },
    ]);
  });

  it('replaces a failed index with the same index', async () => {
    const tries = new Map<number, number>();
    await using l = lab().autoRun({
      exit: (pod) => {
        const index = indexOf(pod);
        tries.set(index, (tries.get(index) ?? 0) + 1);
        return index === 1 && tries.get(index) === 1 ? 1 : 0;
      },
    });
    await l.create('jobs', makeJob({ completionMode: 'Indexed', completions: 3, parallelism: 3 }));
    await l.until('complete', finished(l));
    expect((await get(l))!.status).toMatchObject({ succeeded: 3, failed: 1, completedIndexes: '0-2' });
    expect(tries).toEqual(
      new Map([
        [0, 1],
        [1, 2],
        [2, 1],
      ]),
    );
  });

  it('with a limit per index lets one index fail alone', async () => {
    await using l = lab().autoRun({ exit: (pod) => (indexOf(pod) === 1 ? 1 : 0) });
    await l.create(
      'jobs',
      makeJob({ completionMode: 'Indexed', completions: 4, parallelism: 4, backoffLimitPerIndex: 1 }),
    );
    await l.until('failed', finished(l));
    expect((await get(l))!.status).toMatchObject({
      succeeded: 3,
      failed: 2,
      completedIndexes: '0,2,3',
      failedIndexes: '1',
    });
    expect(await conditions(l)).toEqual(['FailureTarget=True FailedIndexes', 'Failed=True FailedIndexes']);
    const [first, second] = (await l.list<Pod>('pods')).filter((pod) => indexOf(pod) === 1);
    expect(first!.metadata.annotations).toMatchObject({ 'batch.kubernetes.io/job-index-failure-count': '0' });
    expect(second!.metadata.annotations).toMatchObject({ 'batch.kubernetes.io/job-index-failure-count': '1' });
    const gap = parseTime(second!.metadata.creationTimestamp!) - parseTime(first!.metadata.creationTimestamp!);
    expect(gap).toBeGreaterThanOrEqual(10_000);
    expect(await tracked(l)).toEqual([]);
  });

  it('fails when more indexes failed than it allows', async () => {
    await using l = lab().autoRun({ exit: () => 1 });
    const spec = { backoffLimitPerIndex: 0, maxFailedIndexes: 1 };
    await l.create('jobs', makeJob({ completionMode: 'Indexed', completions: 10, parallelism: 2, ...spec }));
    await l.until('failed', finished(l));
    expect((await conditions(l)).at(-1)).toBe('Failed=True MaxFailedIndexesExceeded');
    expect((await get(l))!.status!.failedIndexes).toBe('0,1');
  });

  it('is complete as soon as its success policy holds', async () => {
    await using l = lab().autoRun({ exit: (pod) => (indexOf(pod) === 0 ? 0 : undefined) });
    const successPolicy = { rules: [{ succeededIndexes: '0' }] };
    await l.create('jobs', makeJob({ completionMode: 'Indexed', completions: 3, parallelism: 3, successPolicy }));
    await l.until('complete', finished(l));
    expect(await conditions(l)).toEqual(['SuccessCriteriaMet=True SuccessPolicy', 'Complete=True SuccessPolicy']);
    expect((await get(l))!.status!.conditions![0]!.message).toBe('Matched rules at index 0');
    expect((await get(l))!.status).toMatchObject({ succeeded: 1, completedIndexes: '0' });
  });
});

describe("a job's pod failure policy", () => {
  const policy = (action: 'FailJob' | 'Ignore' | 'FailIndex') => ({
    rules: [{ action, onExitCodes: { operator: 'In' as const, values: [42] } }],
  });

  it('can fail the job at once', async () => {
    await using l = lab().autoRun({ exit: () => 42 });
    await l.create('jobs', makeJob({ podFailurePolicy: policy('FailJob') }));
    await l.until('failed', finished(l));
    const [pod] = await l.list<Pod>('pods');
    expect(await l.events('PodFailurePolicy')).toEqual([
      `Warning PodFailurePolicy Container main for pod default/${pod!.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    ]);
    expect((await get(l))!.status!.failed).toBe(1);
  });

  it('can ignore a failure', async () => {
    let tries = 0;
    await using l = lab().autoRun({ exit: () => (++tries <= 3 ? 42 : 0) });
    await l.create('jobs', makeJob({ backoffLimit: 0, podFailurePolicy: policy('Ignore') }));
    await l.until('complete', finished(l));
    expect((await get(l))!.status).toMatchObject({ succeeded: 1 });
    expect((await get(l))!.status!.failed).toBeUndefined();
  });

  it('can fail an index whatever its limit', async () => {
    await using l = lab().autoRun({ exit: (pod) => (indexOf(pod) === 0 ? 42 : 0) });
    const spec = { backoffLimitPerIndex: 5, podFailurePolicy: policy('FailIndex') };
    await l.create('jobs', makeJob({ completionMode: 'Indexed', completions: 2, parallelism: 2, ...spec }));
    await l.until('failed', finished(l));
    expect((await get(l))!.status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', failed: 1 });
  });
});
