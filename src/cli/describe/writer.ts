/** Lines of a description: labels at levels, values after a tab. Upstream: kubectl/pkg/describe PrefixWriter (1.36). */
import { ageSince, compareBytes } from '../../apimachinery/index.ts';
import { parseTime, rfc1123Local } from '../../base/index.ts';
import { escapeTerminal } from '../printers/go-value.ts';
import { describeTabs, TabWriter } from '../printers/tab-writer.ts';

type Cell = string | number | boolean | bigint | undefined;

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const annotationMax = 140;

export class DescribeWriter {
  readonly #tabs = new TabWriter(describeTabs);
  readonly #now: number;
  readonly #aligned: boolean;
  #done = '';

  /** Without `aligned` cells stay apart by tabs. */
  constructor(now: number, aligned = true) {
    this.#now = now;
    this.#aligned = aligned;
  }

  /** A line at `level` (two spaces each), its cells in columns. */
  line(level: number, ...cells: readonly Cell[]): void {
    this.raw(`${'  '.repeat(level)}${cells.map((cell) => cell ?? '').join('\t')}\n`);
  }

  /** Text as it is, tabs and line breaks included. */
  raw(text: string): void {
    if (this.#aligned) this.#tabs.write(escapeTerminal(text));
    else this.#done += escapeTerminal(text);
  }

  /** What follows is aligned by itself. */
  newBlock(): void {
    this.#done += this.#tabs.flush();
  }

  text(): string {
    this.newBlock();
    return this.#done;
  }

  /** Several lines below one title: the first beside it, the others below. */
  multiline(title: string, lines: readonly string[], indent = ''): void {
    if (lines.length === 0) this.raw(`${indent}${title}:\t<none>\n`);
    for (const [i, line] of lines.entries()) this.raw(`${indent}${i === 0 ? `${title}:` : ''}\t${line}\n`);
  }

  labels(title: string, labels: Readonly<Record<string, string>> | undefined, indent = ''): void {
    const keys = Object.keys(labels ?? {}).sort(compareBytes);
    this.multiline(
      title,
      keys.map((key) => `${key}=${labels![key]}`),
      indent,
    );
  }

  /** Without the copy that client-side apply keeps; long values are cut. */
  annotations(title: string, annotations: Readonly<Record<string, string>> | undefined): void {
    const keys = Object.keys(annotations ?? {})
      .filter((key) => key !== lastApplied)
      .sort(compareBytes);
    const lines = keys.flatMap((key) => {
      const value = annotations![key]!.replace(/\n$/, '');
      const bytes = Buffer.byteLength(value) + Buffer.byteLength(key) + 2;
      if (bytes <= annotationMax && !value.includes('\n')) return [`${key}: ${value}`];
      return [`${key}:`, ...value.split('\n').map((line) => `  ${shorten(line, annotationMax - 2)}`)];
    });
    this.multiline(title, lines);
  }

  /** `3m12s`, `<unknown>`. */
  age(timestamp: string | undefined): string {
    return ageSince(timestamp, this.#now);
  }

  get now(): number {
    return this.#now;
  }
}

/** Go's time.RFC1123Z in the local zone; a missing time is Go's zero time. */
export function timeText(timestamp: string | undefined): string {
  return timestamp ? rfc1123Local(parseTime(timestamp)) : 'Mon, 01 Jan 0001 00:00:00 +0000';
}

export function orNone(text: string | undefined): string {
  return text || '<none>';
}

export function boolText(value: boolean | undefined): string {
  return value ? 'True' : 'False';
}

function shorten(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}...` : text;
}
