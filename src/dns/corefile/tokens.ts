/** Words of a Corefile with their places. Upstream: the Caddyfile lexer that CoreDNS uses (coredns/caddy caddyfile/lexer.go). */

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
}

export interface Token extends Place {
  readonly text: string;
  /** Words of one row belong together; an import has rows of its own. */
  readonly row: number;
  /** A quoted word is never a brace. */
  readonly quoted: boolean;
}

/** What is wrong with a Corefile, and where. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError';
  readonly line: number;
  readonly column: number;
  /** Without its place. */
  readonly reason: string;

  /** `message` reads `Corefile:3:5 - Error during parsing: …`, as CoreDNS says it, and the column besides. */
  constructor(place: Place, reason: string, kind: 'Error during parsing' | 'Syntax error' = 'Error during parsing') {
    super(`Corefile:${place.line}:${place.column} - ${kind}: ${reason}`);
    this.line = place.line;
    this.column = place.column;
    this.reason = reason;
  }
}

/** Words end at white space; `#` begins a comment where a word could begin; `"` quotes, over lines too, and `\"` is a quote. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let line = 1;
  let lineStart = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if (char === '\n') {
      line++;
      lineStart = ++at;
      continue;
    }
    if (/\s/.test(char)) {
      at++;
      continue;
    }
    if (char === '#') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
      continue;
    }
    const place = { line, column: at - lineStart + 1 };
    if (char === '"') {
      let word = '';
      at++;
      while (at < text.length && text[at] !== '"') {
        if (text[at] === '\\' && text[at + 1] === '"') at++;
        if (text[at] === '\n') {
          line++;
          lineStart = at + 1;
        }
        word += text[at++];
      }
      at++;
      found.push({ ...place, row: place.line, text: word, quoted: true });
      continue;
    }
    const from = at;
    while (at < text.length && !/\s/.test(text[at]!)) at++;
    found.push({ ...place, row: line, text: text.slice(from, at), quoted: false });
  }
  return found;
}
