/**
 * Time zones, the only place of the room that asks Intl. Intl takes microseconds to answer, so the offset of each day's
 * start is kept, and a day is searched for its transition only when the next one starts with another offset.
 */

const dayMs = 86_400_000;
const minuteMs = 60_000;
/** Days kept per zone: more than ten years. */
const maxDays = 4096;

export interface TimeZone {
  readonly name: string;
  /** Local time minus UTC at a moment, ms. */
  offsetAt(utcMs: number): number;
}

export const utc: TimeZone = { name: 'UTC', offsetAt: () => 0 };

const zones = new Map<string, TimeZone>([
  ['', utc],
  ['UTC', utc],
]);

/** @throws Error `unknown time zone Mars/Olympus` */
export function loadTimeZone(name: string): TimeZone {
  let zone = zones.get(name);
  if (!zone) {
    zone = new IntlTimeZone(name);
    zones.set(name, zone);
  }
  return zone;
}

class IntlTimeZone implements TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #startOffsets = new Map<number, number>();
  readonly #transitions = new Map<number, number>();

  constructor(name: string) {
    this.name = name;
    try {
      this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
    } catch {
      throw new Error(`unknown time zone ${name}`);
    }
  }

  offsetAt(utcMs: number): number {
    const day = Math.floor(utcMs / dayMs);
    const before = this.#atStart(day);
    const after = this.#atStart(day + 1);
    if (before === after) return before;
    return utcMs < this.#transition(day, before) ? before : after;
  }

  #atStart(day: number): number {
    let offset = this.#startOffsets.get(day);
    if (offset === undefined) {
      if (this.#startOffsets.size >= maxDays) this.#startOffsets.clear();
      offset = this.#ask(day * dayMs);
      this.#startOffsets.set(day, offset);
    }
    return offset;
  }

  /** The first minute of the day with another offset than its start's. */
  #transition(day: number, before: number): number {
    let known = this.#transitions.get(day);
    if (known === undefined) {
      let low = 0;
      let high = dayMs / minuteMs;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#ask(day * dayMs + middle * minuteMs) === before) low = middle + 1;
        else high = middle;
      }
      known = day * dayMs + low * minuteMs;
      this.#transitions.set(day, known);
    }
    return known;
  }

  #ask(utcMs: number): number {
    const text = this.#format.formatToParts(utcMs).find((part) => part.type === 'timeZoneName')?.value ?? '';
    const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
    if (!match?.[1]) return 0;
    const [, sign, hours, minutes, seconds = '0'] = match;
    const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    return sign === '-' ? -ms : ms;
  }
}

export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

export function localTime(utcMs: number, zone: TimeZone): LocalTime {
  const local = utcMs + zone.offsetAt(utcMs);
  const days = Math.floor(local / dayMs);
  const seconds = Math.floor((local - days * dayMs) / 1000);
  return {
    ...civil(days),
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    weekday: (((days + 4) % 7) + 7) % 7,
  };
}

/**
 * The moment at which the zone's clocks show a day's hour; days and months may lie beyond their end. A time that does
 * not exist or exists twice gets one of the two offsets, the one that Go's time.Date takes.
 */
export function momentOf(year: number, month: number, day: number, hour: number, zone: TimeZone): number {
  const local = Date.UTC(year, month - 1, day, hour);
  const guess = zone.offsetAt(local);
  return guess === 0 ? local : local - zone.offsetAt(local - guess);
}

/** RFC 3339 with the zone's offset. */
export function formatInZone(utcMs: number, zone: TimeZone): string {
  const { year, month, day, hour, minute, second } = localTime(utcMs, zone);
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(zone.offsetAt(utcMs)) / minuteMs;
  const sign = zone.offsetAt(utcMs) < 0 ? '-' : '+';
  const offset = minutes === 0 ? 'Z' : `${sign}${two(Math.floor(minutes / 60))}:${two(Math.floor(minutes % 60))}`;
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${offset}`;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Mon, 02 Jan 2006 15:04:05 +0000`. Go: time.RFC1123Z. */
export function formatRfc1123(utcMs: number): string {
  const { year, month, day, hour, minute, second, weekday } = localTime(utcMs, utc);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${weekdays[weekday]}, ${two(day)} ${months[month - 1]} ${year}`;
  return `${date} ${two(hour)}:${two(minute)}:${two(second)} +0000`;
}

/** Proleptic Gregorian date of a day number, 1970-01-01 being 0. */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
