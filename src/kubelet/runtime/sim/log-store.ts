/**
 * The log of one container: bounded, oldest lines first to go, read while it grows.
 * Upstream: pkg/kubelet/kuberuntime/logs (ReadLogs), pkg/kubelet/logs (rotation: 10Mi × 5 files; here one bound).
 */
import { type Clock, rfc3339 } from '../../../base/index.ts';
import type { LogLine, RuntimeLogOptions } from '../types.ts';

/** Bytes kept of one container's log. */
export const maxLogBytes = 1024 * 1024;
/** Longer lines are cut into partial ones, as containerd does at 16 KiB. */
const maxLineBytes = 16 * 1024;

const encoder = new TextEncoder();

export class LogStore {
  readonly #clock: Clock;
  #lines: LogLine[] = [];
  /** Lines dropped so far: the absolute number of the first line kept. */
  #first = 0;
  #bytes = 0;
  #closed = false;
  #waiters: (() => void)[] = [];
  readonly #open = { stdout: '', stderr: '' };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Text as a process writes it; lines are stored when they end. */
  write(stream: 'stdout' | 'stderr', text: string): void {
    if (this.#closed || text === '') return;
    const whole = this.#open[stream] + text;
    let start = 0;
    for (let end = whole.indexOf('\n'); end >= 0; end = whole.indexOf('\n', start)) {
      this.#append(stream, whole.slice(start, end));
      start = end + 1;
    }
    let rest = whole.slice(start);
    while (rest.length > maxLineBytes) {
      this.#push({ time: this.#clock.now(), stream, partial: true, text: rest.slice(0, maxLineBytes) });
      rest = rest.slice(maxLineBytes);
    }
    this.#open[stream] = rest;
  }

  /** The process has ended: what has no newline yet is a line all the same; followers come to their end. */
  close(): void {
    if (this.#closed) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#open[stream] !== '')
        this.#push({ time: this.#clock.now(), stream, partial: true, text: this.#open[stream] });
    }
    this.#closed = true;
    this.#wake();
  }

  /** The last lines as plain text, for termination messages. */
  tail(maxLines: number, maxBytes: number): string {
    const text = this.#lines
      .slice(-maxLines)
      .map((line) => (line.partial ? line.text : `${line.text}\n`))
      .join('');
    return text.slice(-maxBytes);
  }

  async *read(options: RuntimeLogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    let next = this.#startOf(options);
    while (!signal.aborted && left > 0) {
      const from = Math.max(0, next - this.#first);
      if (from < this.#lines.length) {
        let text = '';
        for (let i = from; i < this.#lines.length; i++) text += format(this.#lines[i]!, options.timestamps);
        next = this.#first + this.#lines.length;
        let bytes = encoder.encode(text);
        if (bytes.length > left) bytes = bytes.subarray(0, left);
        left -= bytes.length;
        yield bytes;
        continue;
      }
      if (!options.follow || this.#closed) return;
      await this.#changed(signal);
    }
  }

  /** Absolute number of the first line wanted. */
  #startOf({ sinceMs, tailLines }: RuntimeLogOptions): number {
    let start = 0;
    if (sinceMs !== undefined) {
      // Times have whole seconds where they come from.
      while (start < this.#lines.length && this.#lines[start]!.time < sinceMs) start++;
    }
    if (tailLines !== undefined) start = Math.max(start, this.#lines.length - tailLines);
    return this.#first + start;
  }

  #append(stream: 'stdout' | 'stderr', text: string): void {
    let rest = text;
    while (rest.length > maxLineBytes) {
      this.#push({ time: this.#clock.now(), stream, partial: true, text: rest.slice(0, maxLineBytes) });
      rest = rest.slice(maxLineBytes);
    }
    this.#push({ time: this.#clock.now(), stream, partial: false, text: rest });
  }

  #push(line: LogLine): void {
    this.#lines.push(line);
    this.#bytes += line.text.length + 64;
    if (this.#bytes > maxLogBytes) this.#rotate();
    this.#wake();
  }

  /** Drops the older half, so that dropping is rare. */
  #rotate(): void {
    let drop = 0;
    while (this.#bytes > maxLogBytes / 2 && drop < this.#lines.length - 1)
      this.#bytes -= this.#lines[drop++]!.text.length + 64;
    this.#lines = this.#lines.slice(drop);
    this.#first += drop;
  }

  #wake(): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** RFC 3339 with nanoseconds, as containerd stamps lines. */
function format(line: LogLine, timestamps: boolean): string {
  const end = line.partial ? '' : '\n';
  if (!timestamps) return line.text + end;
  const nanos = String(Math.round((line.time % 1000) * 1e6)).padStart(9, '0');
  return `${rfc3339(line.time).slice(0, -1)}.${nanos}Z ${line.text}${end}`;
}
