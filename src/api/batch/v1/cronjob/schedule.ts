/**
 * Cron schedules: five fields or a descriptor. Behaves as github.com/robfig/cron/v3's standard parser, which upstream
 * uses, in daylight saving too: a time that is skipped does not run that day, one that comes twice runs twice.
 */
import { parseDuration } from '../../../../apimachinery/index.ts';
import { loadTimeZone, localTime, momentOf, type TimeZone, utc } from './time-zone.ts';

/** Why a schedule cannot be read, undefined when it can. */
export function cronProblem(text: string): string | undefined {
  try {
    parseSchedule(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export interface Schedule {
  /** The first moment after `ms`, undefined when there is none within five years. */
  next(ms: number): number | undefined;
}

interface Field {
  readonly values: ReadonlySet<number>;
  /** Written as `*` or `?`: leaves the other of the two day fields to decide. */
  readonly star: boolean;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const minutes: Bounds = { min: 0, max: 59 };
const hours: Bounds = { min: 0, max: 23 };
const daysOfMonth: Bounds = { min: 1, max: 31 };
const months: Bounds = { min: 1, max: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') };
const daysOfWeek: Bounds = { min: 0, max: 6, names: 'sun mon tue wed thu fri sat'.split(' ') };

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const minuteMs = 60_000;
const hourMs = 3_600_000;
const maxYears = 5;

/** `zone`: unless the text names one itself, as `TZ=…` or `CRON_TZ=…`. @throws Error as the parser of upstream words it. */
export function parseSchedule(text: string, zone: TimeZone = utc): Schedule {
  if (text === '') throw new Error('empty spec string');
  let spec = text;
  const prefixed = /^(?:CRON_)?TZ=(\S*)\s+(.*)$/.exec(text);
  if (prefixed) {
    try {
      zone = loadTimeZone(prefixed[1]!);
    } catch (error) {
      throw new Error(`provided bad location ${prefixed[1]}: ${(error as Error).message}`);
    }
    spec = prefixed[2]!.trim();
  }
  if (spec.startsWith('@')) {
    const fields = descriptors[spec];
    if (fields !== undefined) return parseSchedule(fields, zone);
    const every = '@every ';
    if (!spec.startsWith(every)) throw new Error(`unrecognized descriptor: ${spec}`);
    try {
      return constantDelay(parseDuration(spec.slice(every.length)));
    } catch (error) {
      throw new Error(`failed to parse duration ${spec}: ${(error as Error).message}`);
    }
  }
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute, hour, dayOfMonth, month, dayOfWeek] = [minutes, hours, daysOfMonth, months, daysOfWeek].map(
    (bounds, i) => parseField(fields[i]!, bounds),
  );
  return new FieldSchedule(
    { minute: minute!, hour: hour!, dayOfMonth: dayOfMonth!, month: month!, dayOfWeek: dayOfWeek! },
    zone,
  );
}

function parseField(text: string, bounds: Bounds): Field {
  const values = new Set<number>();
  let star = false;
  for (const expression of text.split(',')) {
    if (expression === '') continue;
    if (addRange(expression, bounds, values)) star = true;
  }
  return { values, star };
}

/** Whether the range is a star. */
function addRange(expression: string, bounds: Bounds, values: Set<number>): boolean {
  const [range = '', stepText, ...moreSteps] = expression.split('/');
  const [lowText = '', highText, ...moreRanges] = range.split('-');
  let star = lowText === '*' || lowText === '?';
  let low = bounds.min;
  let high = bounds.max;
  if (!star) {
    if (moreRanges.length > 0) throw new Error(`too many hyphens: ${expression}`);
    low = parseNumber(lowText, bounds);
    high = highText === undefined ? low : parseNumber(highText, bounds);
  }
  let step = 1;
  if (moreSteps.length > 0) throw new Error(`too many slashes: ${expression}`);
  if (stepText !== undefined) {
    step = parseNumber(stepText, {});
    // `N/step` means N to the maximum.
    if (!star && highText === undefined) high = bounds.max;
    if (step > 1) star = false;
  }
  if (low < bounds.min) throw new Error(`beginning of range (${low}) below minimum (${bounds.min}): ${expression}`);
  if (high > bounds.max) throw new Error(`end of range (${high}) above maximum (${bounds.max}): ${expression}`);
  if (low > high) throw new Error(`beginning of range (${low}) beyond end of range (${high}): ${expression}`);
  if (step === 0) throw new Error(`step of range should be a positive number: ${expression}`);
  for (let value = low; value <= high; value += step) values.add(value);
  return star;
}

function parseNumber(
  text: string,
  { names, min = 0 }: { readonly names?: readonly string[]; readonly min?: number },
): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + min;
  if (!/^[+-]?\d+$/.test(text)) {
    throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`);
  }
  const value = Number(text);
  if (value < 0) throw new Error(`negative number (${value}) not allowed: ${text}`);
  return value;
}

/** `@every`: whole seconds, at least one. */
function constantDelay(durationMs: number): Schedule {
  const delay = Math.max(1000, Math.floor(durationMs / 1000) * 1000);
  return { next: (ms) => Math.floor(ms / 1000) * 1000 + delay };
}

interface Fields {
  readonly minute: Field;
  readonly hour: Field;
  readonly dayOfMonth: Field;
  readonly month: Field;
  readonly dayOfWeek: Field;
}

class FieldSchedule implements Schedule {
  readonly #fields: Fields;
  readonly #zone: TimeZone;

  constructor(fields: Fields, zone: TimeZone) {
    this.#fields = fields;
    this.#zone = zone;
  }

  /** Goes from the largest field that does not match to its next value, until all do. */
  next(ms: number): number | undefined {
    const { minute, hour, month } = this.#fields;
    let t = Math.floor(ms / 1000) * 1000 + 1000;
    const lastYear = localTime(t, this.#zone).year + maxYears;
    for (;;) {
      const at = localTime(t, this.#zone);
      if (at.year > lastYear) return undefined;
      if (!month.values.has(at.month)) t = this.#startOfDay(at.year, at.month + 1, 1);
      else if (!this.#dayMatches(at)) t = this.#startOfDay(at.year, at.month, at.day + 1);
      else if (!hour.values.has(at.hour)) t += hourMs - (at.minute * 60 + at.second) * 1000;
      else if (!minute.values.has(at.minute) || at.second !== 0) {
        let steps = 1;
        while (at.minute + steps < 60 && !minute.values.has(at.minute + steps)) steps++;
        t += steps * minuteMs - at.second * 1000;
      } else return t;
    }
  }

  #dayMatches({ day, weekday }: { readonly day: number; readonly weekday: number }): boolean {
    const { dayOfMonth, dayOfWeek } = this.#fields;
    const inMonth = dayOfMonth.values.has(day);
    const inWeek = dayOfWeek.values.has(weekday);
    return dayOfMonth.star || dayOfWeek.star ? inMonth && inWeek : inMonth || inWeek;
  }

  /**
   * Where midnight does not exist the day starts at one o'clock. Differs: the parser of upstream leaves out a day that
   * starts so east of Greenwich.
   */
  #startOfDay(year: number, month: number, day: number): number {
    const t = momentOf(year, month, day, 0, this.#zone);
    const { hour } = localTime(t, this.#zone);
    return hour > 12 ? t + (24 - hour) * hourMs : t;
  }
}
