/** What `apply` shows on stderr while it works: redrawn lines on a terminal, few plain lines elsewhere. */
import chalk from 'chalk';
import type { WaitItem } from './wait.ts';

export interface Terminal {
  readonly isTTY: boolean;
  readonly rows: number;
  readonly columns: number;
  write(text: string): void;
}

/** stderr. */
export function stderrTerminal(): Terminal {
  const { stderr } = process;
  return {
    isTTY: stderr.isTTY === true,
    rows: stderr.rows ?? 24,
    columns: stderr.columns ?? 80,
    write: (text) => stderr.write(text),
  };
}

/** Fewer objects are done before anybody can read a count. */
const countedFrom = 100;

/** `1200 of 5000 objects`: redrawn on a terminal, every tenth elsewhere. */
export class ApplyProgress {
  readonly #terminal: Terminal;
  #drawn = false;
  #tenth = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(done: number, total: number): void {
    if (total < countedFrom) return;
    if (this.#terminal.isTTY) {
      // stdout may be the same terminal: the line is drawn only between its lines.
      if (done % 25 !== 0 && done !== total) return;
      this.clear();
      if (done === total) return;
      this.#terminal.write(`applied ${done} of ${total} objects`);
      this.#drawn = true;
      return;
    }
    const tenth = Math.floor((done * 10) / total);
    if (tenth <= this.#tenth) return;
    this.#tenth = tenth;
    this.#terminal.write(`applied ${done} of ${total} objects\n`);
  }

  /** Before another line is written. */
  clear(): void {
    if (!this.#drawn) return;
    this.#terminal.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** The view of `--wait`. */
export class WaitProgress {
  readonly #terminal: Terminal;
  readonly #told = new Set<string>();
  #lines = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(items: readonly WaitItem[], changed: WaitItem): void {
    if (this.#terminal.isTTY) {
      this.#draw(items);
      return;
    }
    if (!changed.readiness.ready || this.#told.has(changed.name)) return;
    this.#told.add(changed.name);
    this.#terminal.write(`${changed.name} is ready: ${changed.readiness.text}\n`);
  }

  /** Removes the view. */
  clear(): void {
    if (this.#lines > 0) this.#terminal.write(`\u001b[${this.#lines}A\u001b[0J`);
    this.#lines = 0;
  }

  #draw(items: readonly WaitItem[]): void {
    const ready = items.filter((item) => item.readiness.ready).length;
    const waiting = items.filter((item) => !item.readiness.ready);
    const room = Math.max(1, this.#terminal.rows - 3);
    const lines = [`waiting: ${ready} of ${items.length} ready`];
    for (const { name, readiness } of waiting.slice(0, room)) {
      lines.push(this.#fit(`  ${readiness.failed ? '✗' : '·'} ${name}  ${readiness.text}`));
    }
    if (waiting.length > room) lines.push(`  and ${waiting.length - room} more`);
    this.clear();
    this.#terminal.write(
      `${chalk.bold(lines[0])}\n${lines
        .slice(1)
        .map((line) => `${chalk.dim(line)}\n`)
        .join('')}`,
    );
    this.#lines = lines.length;
  }

  #fit(line: string): string {
    return line.length < this.#terminal.columns ? line : `${line.slice(0, this.#terminal.columns - 2)}…`;
  }
}
