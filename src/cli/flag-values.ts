/** Values of flags that kubectl reads as Go types, refused in the words of pflag and Go's time. */
import { parseDuration } from '../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../base/index.ts';
import { exitCodes, UserError } from './exit-codes.ts';

/** Milliseconds of a duration as `1m30s`. @throws UserError */
export function durationFlag(flag: string, text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw badValue(flag, text, (error as Error).message);
  }
}

/** How long to wait for a pod. @throws UserError Upstream: cmdutil.GetPodRunningTimeoutFlag */
export function podRunningTimeout(text: string): number {
  const ms = durationFlag('pod-running-timeout', text);
  if (ms <= 0) throw new UserError('--pod-running-timeout must be higher than zero');
  return ms;
}

export function badValue(flag: string, text: string, why: string): UserError {
  return new UserError(`invalid argument ${JSON.stringify(text)} for "--${flag}" flag: ${why}`, exitCodes.usage);
}

const time = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/;
/** The parts that Go looks for in turn. */
const parts: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d\d/, '01'],
  [/^-/, '-'],
  [/^\d\d/, '02'],
  [/^T/, 'T'],
  [/^\d\d/, '15'],
  [/^:/, ':'],
  [/^\d\d/, '04'],
  [/^:/, ':'],
  [/^\d\d(?:[.,]\d+)?/, '05'],
  [/^(?:Z|[+-]\d\d:\d\d)/, 'Z07:00'],
];

/** Milliseconds of an RFC 3339 time. @throws UserError which says which part is missing. Upstream: time.Parse */
export function timeOf(text: string): number {
  const ms = time.test(text) ? parseTime(text.replace(',', '.')) : Number.NaN;
  // The 31st of February would be taken for a day of March.
  const day = text.slice(0, 10);
  if (!Number.isNaN(ms) && rfc3339(parseTime(day)).startsWith(day)) return ms;
  const head = `parsing time ${JSON.stringify(text)}`;
  let rest = text;
  for (const [pattern, name] of parts) {
    const found = pattern.exec(rest);
    if (!found) {
      const where = `${JSON.stringify(rest)} as ${JSON.stringify(name)}`;
      throw new UserError(`${head} as "2006-01-02T15:04:05Z07:00": cannot parse ${where}`);
    }
    rest = rest.slice(found[0].length);
  }
  if (rest !== '') throw new UserError(`${head}: extra text: ${JSON.stringify(rest)}`);
  throw new UserError(`${head}: ${rangeError(time.exec(text)!.slice(1).map(Number))} out of range`);
}

function rangeError([, month = 0, , hour = 0, minute = 0, second = 0]: readonly number[]): string {
  if (month < 1 || month > 12) return 'month';
  if (hour > 23) return 'hour';
  if (minute > 59) return 'minute';
  return second > 59 ? 'second' : 'day';
}
