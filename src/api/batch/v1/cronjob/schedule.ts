/**
 * Whether a schedule can be read, in the words of the parser that upstream uses: github.com/robfig/cron/v3, standard
 * five fields and descriptors.
 */
import { parseDuration } from '../../../../apimachinery/index.ts';

const descriptors = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: Readonly<Record<string, number>>;
}

const names = (text: string, first: number): Record<string, number> =>
  Object.fromEntries(text.split(' ').map((name, index) => [name, index + first]));

const bounds: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: names('jan feb mar apr may jun jul aug sep oct nov dec', 1) },
  { min: 0, max: 6, names: names('sun mon tue wed thu fri sat', 0) },
];

function numberOf(text: string, field: Bounds): number | string {
  const named = field.names?.[text.toLowerCase()];
  if (named !== undefined) return named;
  if (!/^[+-]?\d+$/.test(text)) {
    return `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`;
  }
  const value = Number(text);
  return value < 0 ? `negative number (${value}) not allowed: ${text}` : value;
}

function rangeProblem(expression: string, field: Bounds): string | undefined {
  const [range = '', step, ...moreSteps] = expression.split('/');
  const [lowText = '', highText, ...moreRanges] = range.split('-');
  if (moreSteps.length > 0) return `too many slashes: ${expression}`;
  let low: number | string = field.min;
  let high: number | string = field.max;
  if (lowText !== '*' && lowText !== '?') {
    if (moreRanges.length > 0) return `too many hyphens: ${expression}`;
    low = numberOf(lowText, field);
    if (typeof low === 'string') return low;
    high = highText === undefined ? low : numberOf(highText, field);
    if (typeof high === 'string') return high;
  }
  if (step !== undefined) {
    const every = numberOf(step, field);
    if (typeof every === 'string') return every;
    // `N/step` means N to the maximum.
    if (highText === undefined && lowText !== '*' && lowText !== '?') high = field.max;
    if (every === 0) return `step of range should be a positive number: ${expression}`;
  }
  if (low < field.min) return `beginning of range (${low}) below minimum (${field.min}): ${expression}`;
  if (high > field.max) return `end of range (${high}) above maximum (${field.max}): ${expression}`;
  if (low > high) return `beginning of range (${low}) beyond end of range (${high}): ${expression}`;
  return undefined;
}

/** undefined when the schedule is fine. */
export function cronProblem(schedule: string): string | undefined {
  let spec = schedule;
  const zone = /^(?:CRON_)?TZ=\S*\s+(.*)$/.exec(schedule);
  if (zone !== null) spec = zone[1]!;
  if (spec.startsWith('@')) {
    if (descriptors.has(spec)) return undefined;
    if (!spec.startsWith('@every ')) return `unrecognized descriptor: ${spec}`;
    try {
      parseDuration(spec.slice('@every '.length));
      return undefined;
    } catch (error) {
      return `failed to parse duration ${spec}: ${(error as Error).message}`;
    }
  }
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  for (const [index, field] of fields.entries()) {
    for (const expression of field.split(',')) {
      if (expression === '') continue;
      const problem = rangeProblem(expression, bounds[index]!);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}
