import { describe, expect, it } from 'vitest';
import type { CronJob, CronJobSpec, Job } from '../../src/api/index.ts';
import { formatRfc1123, loadTimeZone, parseSchedule } from '../../src/api/index.ts';
import { parseTime, rfc3339 } from '../../src/base/index.ts';
import { CronJobController } from '../../src/controllers/index.ts';
import { Lab, startMs } from '../helpers/controllers.ts';

function makeCronJob(schedule: string, change: Partial<CronJobSpec> = {}): CronJob {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work' }] } };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'report', namespace: 'default' },
    spec: { schedule, jobTemplate: { metadata: { labels: { app: 'report' } }, spec: { template } }, ...change },
  } as CronJob;
}

const get = (l: Lab) => l.get<CronJob>('cronjobs', 'default', 'report');
const jobNames = async (l: Lab) => (await l.list<Job>('jobs')).map((job) => job.metadata.name);
const patch = (l: Lab, spec: object) =>
  l.client.resource('cronjobs').namespace('default').patch('report', 'merge', { spec });
const jobName = (at: number) => `report-${at / 60_000}`;
const minute = 60_000;
const hour = 60 * minute;

async function finish(l: Lab, name: string, type: 'Complete' | 'Failed' = 'Complete'): Promise<void> {
  const at = rfc3339(l.clock.now());
  const conditions = [{ type, status: 'True', lastTransitionTime: at }];
  const status = { startTime: at, conditions, ...(type === 'Complete' ? { completionTime: at } : {}) };
  await l.client.resource('jobs').namespace('default').patch(name, 'merge', { status }, { subresource: 'status' });
}

/** Ends every job a minute after it was made. */
function autoFinish(l: Lab, type: (job: Readonly<Job>) => 'Complete' | 'Failed' = () => 'Complete'): Lab {
  l.context.informers.informer<Job>('jobs').addHandler({
    onAdd: (job) => {
      l.clock.schedule(minute, () => void finish(l, job.metadata.name!, type(job)).catch(() => {}));
    },
  });
  return l;
}

function lab(): Lab {
  const l = new Lab();
  return l.start(new CronJobController(l.context));
}

describe('a schedule', () => {
  const times = (text: string, from: string, count: number, zone = '') => {
    const schedule = parseSchedule(text, loadTimeZone(zone));
    const out: string[] = [];
    let at: number | undefined = parseTime(from);
    while (out.length < count) {
      at = schedule.next(at!);
      if (at === undefined) break;
      out.push(rfc3339(at));
    }
    return out;
  };

  it('reads names, lists, ranges, steps and descriptors', () => {
    expect(times('30 9-17/4 * JAN mon-fri', '2026-01-01T00:00:00Z', 4)).toEqual([
      '2026-01-01T09:30:00Z',
      '2026-01-01T13:30:00Z',
      '2026-01-01T17:30:00Z',
      '2026-01-02T09:30:00Z',
    ]);
    expect(times('5/20,59 * * * *', '2026-01-01T00:00:00Z', 4).map((at) => at.slice(14, 16))).toEqual([
      '05',
      '25',
      '45',
      '59',
    ]);
    expect(times('@weekly', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-04T00:00:00Z']);
    expect(times('@yearly', '2026-01-01T00:00:00Z', 1)).toEqual(['2027-01-01T00:00:00Z']);
    expect(times('@every 1h30m', '2026-01-01T00:00:07Z', 2)).toEqual(['2026-01-01T01:30:07Z', '2026-01-01T03:00:07Z']);
    expect(times('0 0 29 2 *', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z']);
  });

  it('takes either day field when both are given', () => {
    expect(times('0 0 13 * fri', '2026-02-01T00:00:00Z', 3)).toEqual([
      '2026-02-06T00:00:00Z',
      '2026-02-13T00:00:00Z',
      '2026-02-20T00:00:00Z',
    ]);
  });

  it('has no time on February 31', () => {
    expect(parseSchedule('0 0 31 2 *').next(startMs)).toBeUndefined();
  });

  it('leaves out a time that daylight saving skips, and runs one twice that comes twice', () => {
    // New York: 2026-03-08 02:00 does not exist, 2026-11-01 01:00 to 02:00 comes twice.
    expect(times('30 2 * * *', '2026-03-07T00:00:00Z', 3, 'America/New_York')).toEqual([
      '2026-03-07T07:30:00Z',
      '2026-03-09T06:30:00Z',
      '2026-03-10T06:30:00Z',
    ]);
    expect(times('30 1 * * *', '2026-10-31T06:00:00Z', 3, 'America/New_York')).toEqual([
      '2026-11-01T05:30:00Z',
      '2026-11-01T06:30:00Z',
      '2026-11-02T06:30:00Z',
    ]);
  });

  it('starts a day without midnight at one o’clock, east and west', () => {
    expect(times('0 * 31 3 *', '2024-03-30T21:59:00Z', 2, 'Asia/Beirut').length).toBe(2);
    expect(times('0 1 4 11 *', '2018-11-03T12:00:00Z', 1, 'America/Sao_Paulo')).toEqual(['2018-11-04T03:00:00Z']);
    expect(times('0 1 31 3 *', '2024-03-29T12:00:00Z', 1, 'Asia/Beirut')).toEqual(['2024-03-30T22:00:00Z']);
  });

  it('says what it cannot read, as upstream does', () => {
    for (const [text, problem] of [
      ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
      ['60 * * * *', 'end of range (60) above maximum (59): 60'],
      ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
      ['*/0 * * * *', 'step of range should be a positive number: */0'],
      ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
      ['@never', 'unrecognized descriptor: @never'],
      ['TZ=Mars/Olympus 0 0 * * *', 'provided bad location Mars/Olympus: unknown time zone Mars/Olympus'],
    ] as const) {
      expect(() => parseSchedule(text), text).toThrow(problem);
    }
  });
});

describe('a cron job', () => {
  it('creates a job at each time, named after it, with what the template says', async () => {
    await using l = lab();
    await l.create('cronjobs', makeCronJob('*/10 * * * *', { timeZone: 'Asia/Kolkata' }));
    await l.until('job', async () => (await l.list('jobs')).length === 1);
    const [job] = await l.list<Job>('jobs');
    const at = startMs + 10 * minute;
    expect(job!.metadata).toMatchObject({
      name: jobName(at),
      labels: { app: 'report' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T05:40:00+05:30' },
      creationTimestamp: rfc3339(at),
    });
    expect(job!.metadata.ownerReferences![0]).toMatchObject({ kind: 'CronJob', name: 'report', controller: true });
    await l.until('status', async () => (await get(l))?.status?.active?.length === 1);
    expect((await get(l))!.status).toMatchObject({ lastScheduleTime: rfc3339(at) });
    expect(await l.events('SuccessfulCreate')).toEqual([`Normal SuccessfulCreate Created job ${jobName(at)}`]);
    await finish(l, jobName(at));
    await l.until('done', async () => (await get(l))?.status?.active === undefined);
    expect((await get(l))!.status!.lastSuccessfulTime).toBeDefined();
    expect(await l.events('SawCompletedJob')).toEqual([
      `Normal SawCompletedJob Saw completed job: ${jobName(at)}, condition: Complete`,
    ]);
  });

  it('a year of cron jobs: none missed, none doubled, the clocks’ changes as upstream has them', async () => {
    await using l = autoFinish(lab());
    const made = new Map<string, string[]>();
    l.context.informers.informer<Job>('jobs').addHandler({
      onAdd: ({ metadata }) => {
        const owner = metadata.ownerReferences![0]!.name;
        made.set(owner, [...(made.get(owner) ?? []), metadata.creationTimestamp!]);
      },
    });
    const named = (name: string, cronJob: CronJob) => ({ ...cronJob, metadata: { ...cronJob.metadata, name } });
    const timeZone = 'America/New_York';
    await l.create('cronjobs', named('nightly', makeCronJob('30 2 * * *', { timeZone })));
    await l.create('cronjobs', named('early', makeCronJob('30 1 * * *', { timeZone })));
    await l.create('cronjobs', named('weekly', makeCronJob('@weekly')));
    await l.create('cronjobs', named('monthly', makeCronJob('0 0 1 * *')));
    await l.clock.advance(365 * 24 * hour + 3 * minute);
    // 2:30 did not exist on March 8, 1:30 came twice on November 1.
    expect(made.get('nightly')).toHaveLength(364);
    expect(made.get('early')).toHaveLength(366);
    expect(made.get('weekly')).toHaveLength(52);
    expect(made.get('monthly')).toHaveLength(12);
    expect(await l.list('jobs')).toHaveLength(4 * 3);
  }, 20_000);

  it('allows jobs beside each other, or not, or replaces them', async () => {
    for (const [policy, expected] of [
      ['Allow', 3],
      ['Forbid', 1],
      ['Replace', 1],
    ] as const) {
      await using l = lab();
      await l.create('cronjobs', makeCronJob('* * * * *', { concurrencyPolicy: policy }));
      await l.clock.advance(3 * minute + 5000);
      const namesNow = await jobNames(l);
      expect(namesNow, policy).toHaveLength(expected);
      expect(namesNow, policy).toContain(jobName(startMs + (policy === 'Forbid' ? 1 : 3) * minute));
      if (policy === 'Forbid') {
        expect(await l.events('JobAlreadyActive')).toEqual([
          'Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid',
        ]);
        await finish(l, namesNow[0]!);
        // The time that was waiting starts at once.
        await l.until('next', async () => (await l.list('jobs')).length === 2);
        expect(l.clock.now() - startMs).toBeLessThan(4 * minute);
        expect(await jobNames(l)).toContain(jobName(startMs + 3 * minute));
      }
      if (policy === 'Replace')
        expect((await l.events('SuccessfulDelete'))[0]).toBe(
          `Normal SuccessfulDelete Deleted job ${jobName(startMs + minute)}`,
        );
    }
  });

  it('keeps three successes and one failure', async () => {
    await using l = autoFinish(lab(), (job) => (Number(job.metadata.name!.slice(7)) % 2 === 0 ? 'Complete' : 'Failed'));
    await l.create('cronjobs', makeCronJob('*/5 * * * *'));
    await l.clock.advance(2 * hour + 2 * minute);
    const jobs = await l.list<Job>('jobs');
    const of = (type: string) => jobs.filter((job) => job.status?.conditions?.[0]?.type === type);
    expect(of('Complete')).toHaveLength(3);
    expect(of('Failed')).toHaveLength(1);
  });

  it('suspended starts nothing; resumed starts the newest missed time, within its deadline', async () => {
    await using l = lab();
    await l.create('cronjobs', makeCronJob('0 * * * *', { suspend: true }));
    await l.clock.advance(5 * hour + 10 * minute);
    expect(await l.list('jobs')).toEqual([]);
    await patch(l, { suspend: false });
    await l.until('job', async () => (await l.list('jobs')).length > 0);
    expect(await jobNames(l)).toEqual([jobName(startMs + 5 * hour)]);

    await using late = lab();
    await late.create('cronjobs', makeCronJob('0 * * * *', { suspend: true, startingDeadlineSeconds: 60 }));
    await late.clock.advance(5 * hour + 10 * minute);
    await patch(late, { suspend: false });
    await late.clock.advance(minute);
    expect(await late.list('jobs')).toEqual([]);
    await late.until('next', async () => (await late.list('jobs')).length > 0);
    expect(await jobNames(late)).toEqual([jobName(startMs + 6 * hour)]);
  });

  it('that missed more than 100 times says so, and still starts the newest', async () => {
    await using l = lab();
    await l.create('cronjobs', makeCronJob('* * * * *', { suspend: true }));
    await l.clock.advance(200 * minute + 5000);
    await patch(l, { suspend: false });
    await l.until('job', async () => (await l.list('jobs')).length > 0);
    expect(await jobNames(l)).toEqual([jobName(startMs + 200 * minute)]);
    expect(await l.events('TooManyMissedTimes')).toEqual([
      'Warning TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
    ]);
  });

  it('with a schedule that never comes, or a zone that is not there, says so and disturbs nobody', async () => {
    await using l = autoFinish(lab());
    await l.create('cronjobs', makeCronJob('0 0 31 2 *'));
    const mars = makeCronJob('* * * * *', { timeZone: 'Mars/Olympus' });
    await l.create('cronjobs', { ...mars, metadata: { ...mars.metadata, name: 'mars' } });
    const broken = makeCronJob('* * *');
    await l.create('cronjobs', { ...broken, metadata: { ...broken.metadata, name: 'broken' } });
    const good = makeCronJob('* * * * *');
    await l.create('cronjobs', { ...good, metadata: { ...good.metadata, name: 'good' } });
    await l.until('good ran', async () => (await l.list('jobs')).length > 2);
    expect((await l.list<Job>('jobs')).every((job) => job.metadata.name!.startsWith('good-'))).toBe(true);
    const warnings = (await l.events()).filter((text) => text.startsWith('Warning'));
    expect(warnings).toEqual([
      'Warning InvalidSchedule invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
      'Warning UnknownTimeZone invalid timeZone: "Mars/Olympus": unknown time zone Mars/Olympus',
      'Warning UnparseableSchedule unparseable schedule: "* * *" : expected exactly 5 fields, found 3: [* * *]',
    ]);
  });

  it('notices a job that went missing and one it did not create', async () => {
    await using l = lab();
    await l.create('cronjobs', makeCronJob('*/30 * * * *'));
    await l.until('job', async () => (await get(l))?.status?.active?.length === 1);
    const [name] = await jobNames(l);
    await l.client.resource('jobs').namespace('default').delete(name!);
    await l.until('missed', async () => (await l.events('MissingJob')).length === 1);
    expect(await l.events('MissingJob')).toEqual([`Normal MissingJob Active job went missing: ${name}`]);
    const owner = (await get(l))!;
    await l.create('jobs', {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name: 'by-hand',
        namespace: 'default',
        ownerReferences: [
          { apiVersion: 'batch/v1', kind: 'CronJob', name: 'report', uid: owner.metadata.uid!, controller: true },
        ],
      },
      spec: owner.spec!.jobTemplate.spec,
    } as Job);
    await l.until('seen', async () => (await l.events('UnexpectedJob')).length === 1);
    expect(await l.events('UnexpectedJob')).toEqual([
      'Warning UnexpectedJob Saw a job that the controller did not create or forgot: by-hand',
    ]);
  });

  it('with another schedule counts from then on', async () => {
    await using l = lab();
    await l.create('cronjobs', makeCronJob('0 12 * * *'));
    await l.clock.advance(hour + minute);
    await patch(l, { schedule: '30 * * * *' });
    await l.until('job', async () => (await l.list('jobs')).length === 1);
    expect(await jobNames(l)).toEqual([jobName(startMs + hour + 30 * minute)]);
  });
});

it('writes a missed time as Go does', () => {
  expect(formatRfc1123(Date.UTC(2026, 1, 3, 4, 5, 6))).toBe('Tue, 03 Feb 2026 04:05:06 +0000');
});
