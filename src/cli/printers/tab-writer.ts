/**
 * Elastic tab stops: text with tabs becomes aligned columns. A column is a run of lines that all have a cell there, so
 * blocks of different shape align by themselves. Upstream: text/tabwriter and liggitt/tabwriter (RememberWidths).
 */
export interface TabWriterOptions {
  /** Narrowest column, padding included. */
  readonly minWidth: number;
  /** Spaces after the widest cell of a column. */
  readonly padding: number;
  /** Columns never get narrower from one flush to the next, as rows of a watch need it. Default false. */
  readonly rememberWidths?: boolean;
}

/** kubectl's tables. */
export const tableTabs: TabWriterOptions = { minWidth: 6, padding: 3, rememberWidths: true };
/** kubectl's descriptions. */
export const describeTabs: TabWriterOptions = { minWidth: 0, padding: 2 };

/** Width in code points, as Go counts it. */
export function runeCount(text: string): number {
  // Texts without surrogate pairs, almost all, are as long as they are wide.
  return /[\ud800-\udbff]/.test(text) ? [...text].length : text.length;
}

export class TabWriter {
  readonly #options: TabWriterOptions;
  #buffer: string[] = [];
  #remembered: number[] = [];

  constructor(options: TabWriterOptions) {
    this.#options = options;
  }

  write(text: string): void {
    this.#buffer.push(text);
  }

  forgetWidths(): void {
    this.#remembered = [];
  }

  /** The aligned text of all that was written since the last flush. */
  flush(): string {
    const text = this.#buffer.join('');
    this.#buffer = [];
    if (text === '') return '';
    const lines = text.split('\n').map((line) => line.split('\t'));
    const out: string[] = [];
    this.#format(lines, 0, lines.length, [], out);
    return out.join('');
  }

  #format(lines: readonly string[][], from: number, to: number, widths: number[], out: string[]): void {
    const { minWidth, padding } = this.#options;
    const column = widths.length;
    let start = from;
    for (let i = from; i < to; i++) {
      // The last cell of a line is text after the last tab: it belongs to no column.
      if (column >= lines[i]!.length - 1) continue;
      this.#writeLines(lines, start, i, widths, out);
      start = i;
      let width = minWidth;
      for (; i < to && column < lines[i]!.length - 1; i++) {
        width = Math.max(width, runeCount(lines[i]![column]!) + padding);
      }
      this.#format(lines, start, i, [...widths, this.#remember(column, width)], out);
      start = i;
      i--;
    }
    this.#writeLines(lines, start, to, widths, out);
  }

  #remember(column: number, width: number): number {
    if (!this.#options.rememberWidths) return width;
    const wide = Math.max(width, this.#remembered[column] ?? 0);
    this.#remembered[column] = wide;
    return wide;
  }

  #writeLines(lines: readonly string[][], from: number, to: number, widths: readonly number[], out: string[]): void {
    for (let i = from; i < to; i++) {
      for (const [j, cell] of lines[i]!.entries()) {
        out.push(cell);
        if (j < widths.length) out.push(' '.repeat(Math.max(0, widths[j]! - runeCount(cell))));
      }
      if (i + 1 < lines.length) out.push('\n');
    }
  }
}
