/** Lists of indexes: `1,3-5,7`. Upstream: pkg/apis/batch/validation/validation.go (1.36). */

type Interval = readonly [number, number];

const isNumber = (text: string): boolean => /^[+-]?\d+$/.test(text);
const quote = (text: string): string => JSON.stringify(text);

/** The interval, or what is wrong with the text. */
function parseInterval(text: string, completions: number): Interval | string {
  const parts = text.split('-');
  if (parts.length > 2) {
    return `the fragment ${quote(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  }
  for (const part of parts) {
    if (!isNumber(part)) return `cannot convert string to integer for index: ${quote(part)}`;
    if (Number(part) >= completions) return `too large index: ${quote(part)}`;
  }
  const [low, high = low] = parts.map(Number);
  if (parts.length === 2 && low! >= high!) return `non-increasing order, previous: ${low}, current: ${high}`;
  return [low!, high!];
}

/** How many indexes there are, or what is wrong. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0;
  let total = 0;
  let last: number | undefined;
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    if (typeof interval === 'string') return interval;
    const [low, high] = interval;
    if (last !== undefined && last >= low) return `non-increasing order, previous: ${last}, current: ${low}`;
    total += high - low + 1;
    last = high;
  }
  return total;
}

/** The first index that both lists have; fragments that cannot be read are skipped. */
export function firstOverlap(left: string, right: string, completions: number): number | undefined {
  const read = (text: string): Interval[] =>
    text === ''
      ? []
      : text
          .split(',')
          .map((part) => parseInterval(part, completions))
          .filter((interval) => typeof interval !== 'string');
  const [first, second] = [read(left), read(right)];
  for (let i = 0, j = 0; i < first.length && j < second.length; ) {
    const [a, b] = [first[i]!, second[j]!];
    if (a[0] <= b[1] && b[0] <= a[1]) return Math.max(a[0], b[0]);
    if (a[0] <= b[0]) i++;
    else j++;
  }
  return undefined;
}
