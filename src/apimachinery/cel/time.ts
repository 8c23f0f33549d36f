/** Timestamps and durations as Go reads and writes them, in nanoseconds. Upstream: Go time, cel-go common/types. */

export const maxDuration: bigint = 2n ** 63n - 1n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z. */
export const minTimestamp: bigint = -62_135_596_800n * 1_000_000_000n;
export const maxTimestamp: bigint = 253_402_300_799n * 1_000_000_000n + 999_999_999n;

const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go's time.ParseDuration; undefined for text that is none, or overflows. */
export function parseGoDuration(text: string): bigint | undefined {
  const match = /^([+-]?)(.+)$/s.exec(text);
  if (!match) return undefined;
  if (match[2] === '0') return 0n;
  const part = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;
  let total = 0n;
  let at = 0;
  const body = match[2]!;
  while (at < body.length) {
    part.lastIndex = at;
    const found = part.exec(body);
    if (!found || (!found[1] && !found[2])) return undefined;
    const unit = units[found[3]!]!;
    total += BigInt(found[1] || '0') * unit;
    if (found[2]) total += (BigInt(found[2]) * unit) / 10n ** BigInt(found[2].length);
    at = part.lastIndex;
  }
  if (total > maxDuration + (match[1] === '-' ? 1n : 0n)) return undefined;
  return match[1] === '-' ? -total : total;
}

const rfc3339Pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** RFC 3339 with nanoseconds, as Go's time.RFC3339 reads it; undefined for all else. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = rfc3339Pattern.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const seconds = civilSeconds(Number(year), Number(month), Number(day));
  if (seconds === undefined) return undefined;
  let total = seconds + BigInt(hour!) * 3600n + BigInt(minute!) * 60n + BigInt(second!);
  if (zone !== 'Z') {
    const [h, m] = [zone!.slice(1, 3), zone!.slice(4, 6)];
    if (Number(h) > 24 || Number(m) > 60) return undefined;
    const shift = BigInt(h) * 3600n + BigInt(m) * 60n;
    total += zone![0] === '-' ? shift : -shift;
  }
  return total * 1_000_000_000n + BigInt((fraction ?? '').slice(0, 9).padEnd(9, '0'));
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Seconds from 1970 to the start of the day; undefined for no day. */
function civilSeconds(year: number, month: number, day: number): bigint | undefined {
  if (month < 1 || month > 12) return undefined;
  const length = monthDays[month - 1]! + (month === 2 && isLeap(year) ? 1 : 0);
  if (day < 1 || day > length) return undefined;
  return BigInt(daysFromCivil(year, month, day)) * 86_400n;
}

function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export interface CivilTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly dayOfYear: number;
  /** Sunday is 0. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** The calendar's view of a time in UTC. */
export function civilTime(ns: bigint): CivilTime {
  const seconds = floorDiv(ns, 1_000_000_000n);
  const days = Number(floorDiv(seconds, 86_400n));
  const inDay = Number(seconds - BigInt(days) * 86_400n);
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const mp = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    month,
    day,
    dayOfYear: days - daysFromCivil(year, 1, 1) + 1,
    weekday: (((days + 4) % 7) + 7) % 7,
    hour: Math.floor(inDay / 3600),
    minute: Math.floor(inDay / 60) % 60,
    second: inDay % 60,
    nanosecond: Number(ns - seconds * 1_000_000_000n),
  };
}

const two = (n: number): string => String(n).padStart(2, '0');

/** Go's time.RFC3339Nano in UTC. */
export function rfc3339Nano(ns: bigint): string {
  const t = civilTime(ns);
  const fraction = t.nanosecond === 0 ? '' : `.${String(t.nanosecond).padStart(9, '0').replace(/0+$/, '')}`;
  const year = String(t.year).padStart(4, '0');
  return `${year}-${two(t.month)}-${two(t.day)}T${two(t.hour)}:${two(t.minute)}:${two(t.second)}${fraction}Z`;
}

/** Seconds east of UTC of a fixed offset or an IANA zone at that time; undefined for no zone. */
export function zoneOffsetSeconds(zone: string, ns: bigint): number | undefined {
  const fixed = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (fixed) {
    const seconds = Number(fixed[2]) * 3600 + Number(fixed[3]) * 60;
    return fixed[1] === '-' ? -seconds : seconds;
  }
  if (zone === 'UTC' || zone === '') return 0;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const seconds = Number(floorDiv(ns, 1_000_000_000n));
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(seconds * 1000)) part[type] = Number(value);
    const local = daysFromCivil(part.year!, part.month!, part.day!) * 86_400 + part.hour! * 3600 + part.minute! * 60;
    return local + part.second! - seconds;
  } catch {
    return undefined;
  }
}
