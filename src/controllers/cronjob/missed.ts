/** Which start time is due, and when to look again. Upstream: pkg/controller/cronjob/utils.go. */
import type { CronJob, Schedule } from '../../api/index.ts';
import { creationTimeOf } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';

/** After the next time, lest clocks disagree. */
const nextScheduleDeltaMs = 100;
const manyMissedTimes = 100;

export interface MissedTimes {
  /** From when on times count. */
  readonly earliest: number;
  /** The newest time that is due. */
  readonly mostRecent: number | undefined;
  readonly missed: 'none' | 'few' | 'many';
}

/** @throws Error for a schedule without times, such as February 31 */
function missedTimes(cronJob: Readonly<CronJob>, now: number, schedule: Schedule, useDeadline: boolean): MissedTimes {
  const { lastScheduleTime } = cronJob.status ?? {};
  const deadline = cronJob.spec?.startingDeadlineSeconds;
  let earliest = lastScheduleTime === undefined ? (creationTimeOf(cronJob) ?? 0) : parseTime(lastScheduleTime);
  if (useDeadline && deadline !== undefined) earliest = Math.max(earliest, now - deadline * 1000);
  const first = schedule.next(earliest);
  const second = first === undefined ? undefined : schedule.next(first);
  if (first !== undefined && now < first) return { earliest, mostRecent: undefined, missed: 'none' };
  if (second !== undefined && now < second) return { earliest, mostRecent: first, missed: 'none' };
  if (first === undefined || second === undefined) {
    throw new Error('time difference between two schedules is less than 1 second');
  }
  // Not every time between is visited: after a year of pause the last few are enough.
  const interval = Math.round((second - first) / 1000);
  const count = Math.floor(Math.floor((now - first) / 1000) / interval) + 1;
  let mostRecent: number | undefined;
  let next = schedule.next(first + (count - 2) * interval * 1000);
  while (next !== undefined && next <= now) {
    mostRecent = next;
    next = schedule.next(next);
  }
  return { earliest, mostRecent, missed: count > manyMissedTimes ? 'many' : 'few' };
}

/** The start time that is due now, if any. @throws Error see above */
export function dueTime(
  cronJob: Readonly<CronJob>,
  now: number,
  schedule: Schedule,
): { readonly time: number | undefined; readonly tooManyMissed: boolean } {
  const { mostRecent, missed } = missedTimes(cronJob, now, schedule, true);
  return { time: mostRecent, tooManyMissed: mostRecent !== undefined && missed === 'many' };
}

/** Ms until the controller has to look again; undefined when the schedule has no next time. */
export function nextCheckMs(cronJob: Readonly<CronJob>, now: number, schedule: Schedule): number | undefined {
  let from = now;
  try {
    const { mostRecent, missed, earliest } = missedTimes(cronJob, now, schedule, false);
    if (mostRecent !== undefined) from = mostRecent;
    else if (missed === 'none') from = earliest;
  } catch {
    // No times to count from: from now on.
  }
  const next = schedule.next(from);
  return next === undefined ? undefined : next + nextScheduleDeltaMs - now;
}
