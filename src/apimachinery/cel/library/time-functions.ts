/** Parts of timestamps and durations. Upstream: cel-go cel/library.go (timeLegacy and UTC), common/types/timestamp.go. */
import type { FunctionTable } from '../functions.ts';
import { type CivilTime, civilTime, zoneOffsetSeconds } from '../time.ts';
import { CelFailure, type Duration, type Timestamp, type Value } from '../values.ts';

const parts: readonly (readonly [fn: string, id: string, of: (t: CivilTime) => number])[] = [
  ['getFullYear', 'timestamp_to_year', (t) => t.year],
  ['getMonth', 'timestamp_to_month', (t) => t.month - 1],
  ['getDayOfYear', 'timestamp_to_day_of_year', (t) => t.dayOfYear - 1],
  ['getDayOfMonth', 'timestamp_to_day_of_month', (t) => t.day - 1],
  ['getDate', 'timestamp_to_day_of_month_1_based', (t) => t.day],
  ['getDayOfWeek', 'timestamp_to_day_of_week', (t) => t.weekday],
  ['getHours', 'timestamp_to_hours', (t) => t.hour],
  ['getMinutes', 'timestamp_to_minutes', (t) => t.minute],
  ['getSeconds', 'timestamp_to_seconds', (t) => t.second],
  ['getMilliseconds', 'timestamp_to_milliseconds', (t) => Math.trunc(t.nanosecond / 1e6)],
];

const durationUnits: readonly (readonly [fn: string, id: string, ns: bigint])[] = [
  ['getHours', 'duration_to_hours', 3_600_000_000_000n],
  ['getMinutes', 'duration_to_minutes', 60_000_000_000n],
  ['getSeconds', 'duration_to_seconds', 1_000_000_000n],
  ['getMilliseconds', 'duration_to_milliseconds', 1_000_000n],
];

export function addTimeFunctions(table: FunctionTable): void {
  for (const [fn, id, of] of parts) {
    table.add(fn, id, 'timestamp.(): int', (time: Timestamp) => BigInt(of(civilTime(time.ns))));
    table.add(fn, `${id}_with_tz`, 'timestamp.(string): int', (time: Timestamp, zone: string): Value => {
      const offset = zoneOffsetSeconds(zone, time.ns);
      if (offset === undefined) return new CelFailure(`unknown time zone ${zone}`);
      return BigInt(of(civilTime(time.ns + BigInt(offset) * 1_000_000_000n)));
    });
  }
  for (const [fn, id, ns] of durationUnits) table.add(fn, id, 'duration.(): int', (value: Duration) => value.ns / ns);
}
