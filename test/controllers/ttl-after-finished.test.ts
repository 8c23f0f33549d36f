import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/api/index.ts';
import { parseTime } from '../../src/base/index.ts';
import { JobController, TtlAfterFinishedController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const makeJob = (name: string, ttlSecondsAfterFinished?: number): Job =>
  ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      ttlSecondsAfterFinished,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work' }] } },
    },
  }) as Job;

describe('a finished job with a time to live', () => {
  it('is deleted in the foreground when its time is over; others stay', async () => {
    await using l = new Lab();
    l.start(new JobController(l.context), new TtlAfterFinishedController(l.context)).autoRun({ exit: () => 0 });
    await l.create('jobs', makeJob('short', 100));
    await l.create('jobs', makeJob('ever'));
    const short = () => l.get<Job>('jobs', 'default', 'short');
    await l.until('finished', async () => (await short())?.status?.completionTime !== undefined);
    const finishedAt = parseTime((await short())!.status!.completionTime!);
    await l.until('deleted', async () => (await short())?.metadata.deletionTimestamp !== undefined);
    expect(l.clock.now() - finishedAt).toBeGreaterThanOrEqual(100_000);
    expect(l.clock.now() - finishedAt).toBeLessThan(102_000);
    expect((await short())!.metadata.finalizers).toEqual(['foregroundDeletion']);
    expect((await l.get<Job>('jobs', 'default', 'ever'))!.metadata.deletionTimestamp).toBeUndefined();
  });

  it('lives as long as its last change says', async () => {
    await using l = new Lab();
    l.start(new JobController(l.context), new TtlAfterFinishedController(l.context)).autoRun({ exit: () => 0 });
    await l.create('jobs', makeJob('short', 100));
    const short = () => l.get<Job>('jobs', 'default', 'short');
    await l.until('finished', async () => (await short())?.status?.completionTime !== undefined);
    await l.client
      .resource('jobs')
      .namespace('default')
      .patch('short', 'merge', { spec: { ttlSecondsAfterFinished: 500 } });
    await l.clock.advance(400_000);
    expect((await short())!.metadata.deletionTimestamp).toBeUndefined();
    await l.until('deleted', async () => (await short())?.metadata.deletionTimestamp !== undefined, 110_000);
  });
});
