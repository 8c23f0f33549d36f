/** Server blocks and their directives, snippets and imports resolved. Upstream: coredns/caddy caddyfile/parse.go. */
import { CorefileError, type Token, tokens } from './tokens.ts';

/** `forward . 1.1.1.1 { policy random }`: its words, and the lines of its block. */
export interface Directive {
  readonly name: Token;
  readonly args: readonly Token[];
  /** Absent without braces. */
  readonly block?: readonly Line[];
}

/** One line in a directive's braces: a property and its values. */
export interface Line {
  readonly name: Token;
  readonly args: readonly Token[];
}

export interface Block {
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

const isOpen = (token: Token | undefined) => token?.text === '{' && !token.quoted;
const isClose = (token: Token | undefined) => token?.text === '}' && !token.quoted;

/** Snippets that import each other in a circle never end. */
const mostImports = 100;

/** @throws CorefileError */
export function serverBlocks(
  text: string,
  warn: (message: string) => void = () => {},
  /** Other files beside the Corefile: `*.override` gives all texts that match. */
  files: (pattern: string) => readonly string[] = () => [],
): Block[] {
  const parser = new Parser(tokens(text), warn, files);
  return parser.blocks();
}

class Parser {
  #tokens: Token[];
  #at = 0;
  readonly #snippets = new Map<string, readonly Token[]>();
  readonly #warn: (message: string) => void;
  readonly #files: (pattern: string) => readonly string[];
  #imports = 0;

  constructor(all: Token[], warn: (message: string) => void, files: (pattern: string) => readonly string[]) {
    this.#tokens = all;
    this.#warn = warn;
    this.#files = files;
  }

  get #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  blocks(): Block[] {
    const found: Block[] = [];
    while (this.#next) {
      if (this.#next.text === 'import' && !this.#next.quoted) {
        this.#import();
        continue;
      }
      const block = this.#block();
      if (block) found.push(block);
    }
    return found;
  }

  #block(): Block | undefined {
    const keys = this.#keys();
    if (!isOpen(this.#next)) {
      // Without braces the rest of the file is the one block.
      const directives: Directive[] = [];
      while (this.#next) this.#directive(directives);
      return { keys, directives };
    }
    const open = this.#next!;
    this.#at++;
    const snippet = keys.length === 1 && /^\(.+\)$/.test(keys[0]!.text) ? keys[0]!.text.slice(1, -1) : undefined;
    if (snippet !== undefined) {
      this.#snippets.set(snippet, this.#untilClose(open));
      return undefined;
    }
    const directives: Directive[] = [];
    while (!isClose(this.#next)) {
      if (!this.#next) throw new CorefileError(open, "Unexpected end of file: this '{' is never closed");
      this.#directive(directives);
    }
    this.#at++;
    return { keys, directives };
  }

  /** Zones: words of a line, or of several when a comma ends one. */
  #keys(): Token[] {
    const keys: Token[] = [];
    let goesOn = true;
    let row = this.#next!.row;
    while (this.#next && !isOpen(this.#next) && (goesOn || this.#next.row === row)) {
      const token = this.#next;
      if (isClose(token))
        throw new CorefileError(token, "Unexpected '}' because no matching opening brace", 'Syntax error');
      goesOn = token.text.endsWith(',');
      row = token.row;
      for (const part of token.text.split(',')) if (part !== '') keys.push({ ...token, text: part });
      this.#at++;
    }
    if (keys.length === 0) throw new CorefileError(this.#next!, 'a server block needs the zones it is for');
    return keys;
  }

  #directive(into: Directive[]): void {
    const name = this.#next!;
    if (isOpen(name)) throw new CorefileError(name, "Unexpected token '{', expecting a plugin's name", 'Syntax error');
    if (name.text === 'import' && !name.quoted) {
      this.#import();
      return;
    }
    this.#at++;
    const args = this.#restOf(name.row);
    if (!isOpen(this.#next) || this.#next!.row !== name.row) {
      into.push({ name, args });
      return;
    }
    const open = this.#next!;
    this.#at++;
    const block: Line[] = [];
    while (!isClose(this.#next)) {
      const property = this.#next;
      if (!property) throw new CorefileError(open, "Unexpected end of file: this '{' is never closed");
      if (property.text === 'import' && !property.quoted) {
        this.#import();
        continue;
      }
      this.#at++;
      block.push({ name: property, args: this.#restOf(property.row) });
      if (isOpen(this.#next))
        throw new CorefileError(this.#next!, `Unexpected token '{' in the block of '${name.text}'`, 'Syntax error');
    }
    this.#at++;
    into.push({ name, args, block });
  }

  #restOf(row: number): Token[] {
    const words: Token[] = [];
    while (this.#next?.row === row && !isOpen(this.#next) && !isClose(this.#next)) {
      words.push(this.#next);
      this.#at++;
    }
    return words;
  }

  #untilClose(open: Token): Token[] {
    const held: Token[] = [];
    for (let depth = 1; ; this.#at++) {
      const token = this.#next;
      if (!token) throw new CorefileError(open, "Unexpected end of file: this '{' is never closed");
      if (isOpen(token)) depth++;
      if (isClose(token) && --depth === 0) break;
      held.push(token);
    }
    this.#at++;
    return held;
  }

  /** Puts a snippet's words, or a file's, in the place of the import. */
  #import(): void {
    const word = this.#next!;
    this.#at++;
    const [what, ...more] = this.#restOf(word.row);
    if (!what) throw new CorefileError(word, "Wrong argument count or unexpected line ending after 'import'");
    if (more.length > 0) throw new CorefileError(more[0]!, 'Import takes only one argument (glob pattern or file)');
    if (++this.#imports > mostImports) throw new CorefileError(word, 'imports go round in a circle');
    let imported = this.#snippets.get(what.text)?.slice();
    if (!imported) {
      const texts = this.#files(what.text);
      if (texts.length === 0) {
        if (!/[*?[]/.test(what.text)) {
          throw new CorefileError(what, `File to import not found: ${what.text}`);
        }
        this.#warn(`No files matching import glob pattern: ${what.text}`);
      }
      imported = texts.flatMap((text) => tokens(text));
    }
    // Lines of what is imported must not run into those around it.
    const rows = 1e6 * this.#imports;
    const placed = imported.map((token) => ({ ...token, row: token.row + rows }));
    this.#tokens = [...this.#tokens.slice(0, this.#at), ...placed, ...this.#tokens.slice(this.#at)];
  }
}
