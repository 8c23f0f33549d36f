/**
 * Sets of completion indexes as ordered intervals, and their text: `1,3-5,7`. A job may have 10^5 indexes and more, so
 * nothing here walks them one by one. Upstream: pkg/controller/job/indexed_job_utils.go (orderedIntervals).
 */

export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** Ascending, disjoint, and never adjacent. */
export type Intervals = readonly Interval[];

export const noIndexes: Intervals = [];

/** Drops what is not below `completions`, and words that are no numbers. */
export function parseIndexes(text: string | undefined, completions: number): Intervals {
  if (!text) return noIndexes;
  const result: Interval[] = [];
  for (const word of text.split(',')) {
    const [firstText = '', lastText = firstText] = word.split('-');
    if (!/^\d+$/.test(firstText) || !/^\d+$/.test(lastText)) continue;
    const first = Number(firstText);
    if (first >= completions) break;
    append(result, { first, last: Math.min(Number(lastText), completions - 1) });
  }
  return result;
}

export function formatIndexes(intervals: Intervals): string {
  const words = intervals.map(({ first, last }) => {
    if (last === first) return String(first);
    return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
  });
  return words.join(',');
}

export function countIndexes(intervals: Intervals): number {
  let count = 0;
  for (const { first, last } of intervals) count += last - first + 1;
  return count;
}

/** Binary search. */
export function hasIndex(intervals: Intervals, index: number): boolean {
  let low = 0;
  let high = intervals.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (intervals[middle]!.last >= index) high = middle;
    else low = middle + 1;
  }
  return low < intervals.length && intervals[low]!.first <= index;
}

export function mergeIndexes(a: Intervals, b: Intervals): Intervals {
  const result: Interval[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j >= b.length || (i < a.length && a[i]!.first < b[j]!.first);
    append(result, fromA ? a[i++]! : b[j++]!);
  }
  return result;
}

export function addIndexes(intervals: Intervals, indexes: Iterable<number>): Intervals {
  const sorted = [...indexes].sort((x, y) => x - y).map((index) => ({ first: index, last: index }));
  return sorted.length === 0 ? intervals : mergeIndexes(intervals, sorted);
}

/** How many indexes are in both. */
export function countCommonIndexes(a: Intervals, b: Intervals): number {
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const overlap = Math.min(a[i]!.last, b[j]!.last) - Math.max(a[i]!.first, b[j]!.first) + 1;
    if (overlap > 0) common += overlap;
    if (a[i]!.last < b[j]!.last) i++;
    else j++;
  }
  return common;
}

/** The `count` smallest indexes below `completions` that are not in `taken`. */
export function firstFreeIndexes(taken: Intervals, count: number, completions: number): number[] {
  const result: number[] = [];
  let candidate = 0;
  for (const { first, last } of taken) {
    for (; candidate < first && candidate < completions && result.length < count; candidate++) result.push(candidate);
    candidate = Math.max(candidate, last + 1);
  }
  for (; candidate < completions && result.length < count; candidate++) result.push(candidate);
  return result;
}

function append(result: Interval[], next: Interval): void {
  const before = result.at(-1);
  if (!before || next.first > before.last + 1) result.push(next);
  else if (before.last < next.last) result[result.length - 1] = { first: before.first, last: next.last };
}
