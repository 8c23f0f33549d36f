/** Output for people and programs: tables as kubectl draws them, YAML and JSON as kubectl writes them. */
import fastStringWidth from 'fast-string-width';
import { encodeYaml } from '../apimachinery/index.ts';

const gap = 3;

/** Columns three spaces apart, the last one unpadded; widths in terminal cells. Upstream: kubectl's tabwriter settings. */
export function renderTable(columns: readonly string[], rows: readonly (readonly string[])[], headers = true): string {
  const all = headers && columns.length > 0 ? [columns, ...rows] : rows;
  const widths: number[] = [];
  for (const row of all) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, fastStringWidth(cell));
    });
  }
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - fastStringWidth(cell) + gap)))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

/** `-o json` and `-o yaml` of any data. */
export function printData(data: unknown, format: 'json' | 'yaml'): string {
  return format === 'json' ? JSON.stringify(data, null, 4) : encodeYaml(data as never).trimEnd();
}

/**
 * Prose for a terminal of `width` cells: lines end between words, and go on with `indent` spaces and two more. Without a width,
 * as in a pipe, it is one line, which programs and people can search.
 */
export function paragraph(text: string, width: number | undefined, indent = 0): string {
  const begin = ' '.repeat(indent);
  if (width === undefined || width < 40) return begin + text;
  const lines: string[] = [];
  let line = begin;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && fastStringWidth(line) + 1 + fastStringWidth(word) > width) {
      lines.push(line);
      line = `${begin}  `;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].join('\n');
}
