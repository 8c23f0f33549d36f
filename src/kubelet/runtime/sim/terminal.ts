/** A terminal in its usual (cooked) mode: what is typed is echoed and edited, and reaches the program line by line. */
import type { Sink, Source } from './process.ts';

export interface TerminalDeps {
  /** To the screen. */
  write(text: string): void | Promise<void>;
  /** ^C and ^\ were typed. */
  interrupt(signal: 'INT' | 'QUIT'): void;
}

/** Control characters as Linux sets them up. */
const keys = {
  eof: '\x04',
  erase: '\x7f',
  backspace: '\b',
  interrupt: '\x03',
  kill: '\x15',
  quit: '\x1c',
  word: '\x17',
};
/** Characters of one line; more are not taken. Linux: N_TTY_BUF_SIZE. */
const maxLine = 4095;

export class Terminal {
  readonly #deps: TerminalDeps;
  /** Lines that were entered; undefined is an end of file. */
  readonly #lines: (string | undefined)[] = [];
  #line = '';
  #escape = '';
  #hungUp = false;
  #wake: (() => void) | undefined;
  /** Size in characters; 0 until the client has told. */
  columns = 0;
  rows = 0;

  constructor(deps: TerminalDeps) {
    this.#deps = deps;
  }

  /** What programs print. Newlines become CR LF. */
  readonly output: Sink = {
    write: async (text) => {
      await this.#deps.write(text.replaceAll('\n', '\r\n'));
      return true;
    },
  };

  readonly input: Source = {
    read: async () => this.#next(),
    readLine: async () => (await this.#next())?.replace(/\n$/, ''),
  };

  /** What was typed. */
  async type(text: string): Promise<void> {
    let echo = '';
    for (const character of text) echo += this.#typed(character);
    if (echo !== '') await this.#deps.write(echo);
  }

  /** The client is gone: reading ends. */
  hangUp(): void {
    this.#hungUp = true;
    this.#wake?.();
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
  }

  /** Returns the echo. */
  #typed(character: string): string {
    // Cursor keys and the like do nothing in cooked mode.
    if (this.#escape !== '') {
      this.#escape += character;
      if (/^\x1b(\[[0-9;]*[A-Za-z~]|O[A-Z]|[^[O])/.test(this.#escape)) this.#escape = '';
      return '';
    }
    switch (character) {
      case '\x1b':
        this.#escape = character;
        return '';
      case '\r':
      case '\n':
        this.#enter(`${this.#line}\n`);
        return '\r\n';
      case keys.erase:
      case keys.backspace:
        if (this.#line === '') return '';
        return this.#rubOut(1);
      case keys.word:
        return this.#rubOut(/\S*\s*$/.exec(this.#line)![0].length);
      case keys.kill:
        return this.#rubOut([...this.#line].length);
      case keys.eof:
        this.#enter(this.#line === '' ? undefined : this.#line);
        return '';
      case keys.interrupt:
      case keys.quit:
        this.#line = '';
        this.#deps.interrupt(character === keys.quit ? 'QUIT' : 'INT');
        return character === keys.quit ? '^\\' : '^C';
      default:
        if (this.#line.length >= maxLine) return '\x07';
        this.#line += character;
        return character < ' ' && character !== '\t' ? '' : character;
    }
  }

  #rubOut(characters: number): string {
    this.#line = [...this.#line].slice(0, -characters || undefined).join('');
    return '\b \b'.repeat(characters);
  }

  #enter(line: string | undefined): void {
    this.#line = '';
    this.#lines.push(line);
    this.#wake?.();
  }

  async #next(): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      if (this.#hungUp) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#lines.shift();
  }
}
