/** Two folders compared as `diff -u -N` compares them, byte for byte. Upstream: GNU diffutils. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type DiffLine, diffLines } from '../line-diff.ts';

const contextLines = 3;

interface Side {
  readonly path: string;
  readonly text: string;
  /** As diff writes it behind the name. */
  readonly time: string;
}

/** '' when they are alike. Files that only one has are empty in the other. */
export function diffFolders(from: string, to: string): string {
  const names = [...new Set([...readdirSync(from), ...readdirSync(to)])].sort();
  return names
    .map((name) => {
      const [before, after] = [readSide(join(from, name)), readSide(join(to, name))];
      if (before.text === after.text) return '';
      return `diff -u -N ${before.path} ${after.path}\n${unifiedDiff(before, after)}`;
    })
    .join('');
}

function readSide(path: string): Side {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return { path, text: stat ? readFileSync(path, 'utf8') : '', time: timeText(stat?.mtimeNs ?? 0n, stat?.mtime) };
}

/** `2026-01-31 10:00:00.123456789 +0100`, in the user's time zone; what is not there is of 1970. */
function timeText(ns: bigint, date?: Date): string {
  if (!date) return '1970-01-01 00:00:00.000000000 +0000';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const east = -date.getTimezoneOffset();
  const zone = `${east < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  return `${day} ${clock}.${String(ns % 1_000_000_000n).padStart(9, '0')} ${zone}`;
}

function unifiedDiff(before: Side, after: Side): string {
  const hunks = hunksOf(slidDown(diffLines(linesOf(before.text), linesOf(after.text))));
  return `--- ${before.path}\t${before.time}\n+++ ${after.path}\t${after.time}\n${hunks.join('')}`;
}

/** A last line without its end is another line than the one with it. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else lines[lines.length - 1] += '\n\\ No newline at end of file';
  return lines;
}

/** Where a run of added or removed lines may stand in several places, diff takes the last. Upstream: shift_boundaries. */
function slidDown(lines: readonly DiffLine[]): DiffLine[] {
  const out = [...lines];
  for (let start = 0; start < out.length; start++) {
    const { mark } = out[start]!;
    if (mark === ' ' || out[start - 1]?.mark === mark) continue;
    let [first, next] = [start, start];
    while (out[next]?.mark === mark) next++;
    while (out[next]?.mark === ' ' && out[next]!.text === out[first]!.text) {
      const { text } = out[next]!;
      out[next++] = { mark, text };
      out[first++] = { mark: ' ', text };
      while (out[next]?.mark === mark) next++;
    }
    start = next - 1;
  }
  return out;
}

/** Changes that are not further apart than twice the context share a hunk. */
function hunksOf(lines: readonly DiffLine[]): string[] {
  const changed = lines.flatMap(({ mark }, i) => (mark === ' ' ? [] : [i]));
  const groups: { first: number; last: number }[] = [];
  for (const i of changed) {
    const group = groups.at(-1);
    if (group && i - group.last - 1 <= 2 * contextLines) group.last = i;
    else groups.push({ first: i, last: i });
  }
  const out: string[] = [];
  let [old, fresh, at] = [0, 0, 0];
  for (const { first, last } of groups) {
    const start = Math.max(0, first - contextLines);
    for (; at < start; at++) {
      old++;
      fresh++;
    }
    const shown = lines.slice(start, last + 1 + contextLines);
    const oldCount = shown.filter(({ mark }) => mark !== '+').length;
    const freshCount = shown.filter(({ mark }) => mark !== '-').length;
    out.push(`@@ -${range(old, oldCount)} +${range(fresh, freshCount)} @@\n`);
    for (const { mark, text } of inBlocks(shown)) out.push(`${mark}${text}\n`);
    old += oldCount;
    fresh += freshCount;
    at = start + shown.length;
  }
  return out;
}

/** What goes stands before what comes, in every run of changes. */
function inBlocks(lines: readonly DiffLine[]): DiffLine[] {
  const out: DiffLine[] = [];
  let added: DiffLine[] = [];
  for (const line of lines) {
    if (line.mark === '+') added.push(line);
    else {
      if (line.mark === ' ') {
        out.push(...added);
        added = [];
      }
      out.push(line);
    }
  }
  return [...out, ...added];
}

/** The line before an empty range, as POSIX has it. */
function range(before: number, count: number): string {
  if (count === 0) return `${before},0`;
  return count === 1 ? `${before + 1}` : `${before + 1},${count}`;
}
