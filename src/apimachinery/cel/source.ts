/**
 * The text of an expression, places in it, and errors drawn with a caret below the line.
 * Upstream: cel-go common/source.go, common/error.go, common/errors.go.
 */

export interface CelIssue {
  /** Index into the code points of the text; -1 when no place is known. */
  readonly offset: number;
  readonly message: string;
}

const maxIssues = 100;
const maxSnippetLength = 16_384;

export class CelSource {
  readonly text: string;
  readonly points: readonly string[];
  #lineStarts: readonly number[] | undefined;

  constructor(text: string) {
    this.text = text;
    this.points = Array.from(text);
  }

  /** Line from 1, column from 0. */
  location(offset: number): { readonly line: number; readonly column: number } {
    if (offset < 0) return { line: -1, column: -1 };
    const starts = this.#starts();
    let line = 0;
    while (line + 1 < starts.length && starts[line + 1]! <= offset) line++;
    return { line: line + 1, column: offset - starts[line]! };
  }

  line(line: number): readonly string[] | undefined {
    const starts = this.#starts();
    if (line < 1 || line > starts.length) return undefined;
    const end = line < starts.length ? starts[line]! - 1 : this.points.length;
    return this.points.slice(starts[line - 1], end);
  }

  #starts(): readonly number[] {
    if (!this.#lineStarts) {
      const starts = [0];
      this.points.forEach((point, i) => {
        if (point === '\n') starts.push(i + 1);
      });
      this.#lineStarts = starts;
    }
    return this.#lineStarts;
  }
}

function renderIssue(source: CelSource, issue: CelIssue): string {
  const { line, column } = source.location(issue.offset);
  const head = `ERROR: <input>:${line}:${column + 1}: ${issue.message}`;
  const points = source.line(line);
  if (!points || Buffer.byteLength(points.join('')) > maxSnippetLength) return head;
  const shown = points.map((point) => (point === '\t' ? ' ' : point));
  // Wide marks stand below characters of more than one byte, as upstream draws them.
  const wide = (point: string | undefined): boolean => point !== undefined && point.codePointAt(0)! > 0x7f;
  let marks = '';
  for (let i = 0; i < column && i < shown.length; i++) marks += wide(shown[i]) ? '\uff0e' : '.';
  marks += wide(shown[column]) ? '\uff3e' : '^';
  return `${head}\n | ${shown.join('')}\n | ${marks}`;
}

/** All errors in the order of their places, as upstream's `issues.String()`. */
export function renderIssues(source: CelSource, issues: readonly CelIssue[]): string {
  const sorted = issues.slice(0, maxIssues).sort((a, b) => a.offset - b.offset);
  const lines = sorted.map((issue) => renderIssue(source, issue));
  if (issues.length > maxIssues) lines.push(`${issues.length - maxIssues} more errors were truncated`);
  return lines.join('\n');
}
