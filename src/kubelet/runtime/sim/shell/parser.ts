/** Tokens into commands: recursive descent over the POSIX shell grammar. */
import { type Assignment, type Command, type Redirection, type Script, ShellSyntaxError, type Word } from './ast.ts';
import { Lexer, type Token } from './lexer.ts';

const reserved = new Set([
  'if',
  'then',
  'else',
  'elif',
  'fi',
  'do',
  'done',
  'case',
  'esac',
  'while',
  'until',
  'for',
  '{',
  '}',
  '!',
  'in',
  'function',
]);
const redirections = new Set(['>', '>>', '<', '>&', '<&', '<<', '<<-', '<<<', '&>', '>|']);

/** Nesting allowed; deeper scripts are refused rather than overflow the stack. */
const maxDepth = 100;

/** @throws ShellSyntaxError */
export function parseScript(text: string): Script {
  return parseAt(text, 1, 0);
}

function parseAt(text: string, line: number, depth: number): Script {
  if (depth > maxDepth) throw new ShellSyntaxError(line, 'syntax error: nested too deeply');
  return new Parser(new Lexer(text, (inner, at) => parseAt(inner, at, depth + 1), line), depth).parse();
}

class Parser {
  readonly #lexer: Lexer;
  #token: Token;
  #depth: number;

  constructor(lexer: Lexer, depth: number) {
    this.#lexer = lexer;
    this.#depth = depth;
    this.#token = lexer.next();
  }

  parse(): Script {
    const script = this.#list([]);
    if (this.#token.kind !== 'eof') this.#unexpected();
    return script;
  }

  #advance(): Token {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  #unexpected(): never {
    const token = this.#token;
    const what =
      token.kind === 'eof'
        ? 'end of file'
        : token.kind === 'newline'
          ? 'newline'
          : `"${token.kind === 'op' ? token.op : token.raw}"`;
    throw new ShellSyntaxError(token.line, `syntax error: unexpected ${what}`);
  }

  /** The reserved word the token is, if it stands unquoted. */
  #reservedWord(): string | undefined {
    const token = this.#token;
    return token.kind === 'word' && reserved.has(token.raw) ? token.raw : undefined;
  }

  #isOp(...ops: string[]): boolean {
    const token: Token = this.#token;
    return token.kind === 'op' && ops.includes(token.op);
  }

  get #kind(): Token['kind'] {
    return this.#token.kind;
  }

  #expectWord(word: string): void {
    if (this.#reservedWord() !== word) this.#unexpected();
    this.#advance();
  }

  #newlines(): void {
    while (this.#token.kind === 'newline') this.#advance();
  }

  /** Commands up to one of the reserved words, `)`, `;;` or the end. */
  #list(terminators: readonly string[]): Script {
    const commands: Command[] = [];
    for (;;) {
      while (this.#token.kind === 'newline' || (this.#isOp(';') && commands.length > 0)) this.#advance();
      const word = this.#reservedWord();
      if (this.#token.kind === 'eof' || this.#isOp(')', ';;') || (word && terminators.includes(word))) return commands;
      let command = this.#andOr();
      if (this.#isOp('&')) {
        this.#advance();
        command = { kind: 'background', command };
      } else if (this.#isOp(';')) this.#advance();
      else if (this.#kind !== 'newline' && this.#kind !== 'eof' && !this.#isOp(')', ';;')) this.#unexpected();
      commands.push(command);
    }
  }

  /** A list that must hold something. */
  #body(...terminators: string[]): Script {
    if (++this.#depth > maxDepth) throw new ShellSyntaxError(this.#token.line, 'syntax error: nested too deeply');
    const script = this.#list(terminators);
    this.#depth--;
    if (script.length === 0) this.#unexpected();
    return script;
  }

  #andOr(): Command {
    let left = this.#pipeline();
    while (this.#isOp('&&', '||')) {
      const op = (this.#advance() as { op: '&&' | '||' }).op;
      this.#newlines();
      left = { kind: 'andor', left, op, right: this.#pipeline() };
    }
    return left;
  }

  #pipeline(): Command {
    let negate = false;
    while (this.#reservedWord() === '!') {
      this.#advance();
      negate = !negate;
    }
    const commands = [this.#command()];
    while (this.#isOp('|')) {
      this.#advance();
      this.#newlines();
      commands.push(this.#command());
    }
    return commands.length === 1 && !negate ? commands[0]! : { kind: 'pipeline', commands, negate };
  }

  #command(): Command {
    if (this.#isOp('(')) {
      this.#advance();
      const body = this.#body();
      if (!this.#isOp(')')) this.#unexpected();
      this.#advance();
      return { kind: 'group', body, subshell: true, redirections: this.#redirections() };
    }
    switch (this.#reservedWord()) {
      case '{': {
        this.#advance();
        const body = this.#body('}');
        this.#expectWord('}');
        return { kind: 'group', body, subshell: false, redirections: this.#redirections() };
      }
      case 'if':
        return this.#if();
      case 'while':
      case 'until':
        return this.#loop();
      case 'for':
        return this.#for();
      case 'case':
        return this.#case();
      case 'function': {
        this.#advance();
        const name = this.#name();
        if (this.#isOp('(')) {
          this.#advance();
          if (!this.#isOp(')')) this.#unexpected();
          this.#advance();
        }
        this.#newlines();
        return { kind: 'function', name, body: this.#command() };
      }
      case undefined:
        return this.#simple();
      default:
        return this.#unexpected();
    }
  }

  #if(): Command {
    const branches: { condition: Script; body: Script }[] = [];
    do {
      this.#advance();
      const condition = this.#body('then');
      this.#expectWord('then');
      branches.push({ condition, body: this.#body('elif', 'else', 'fi') });
    } while (this.#reservedWord() === 'elif');
    let otherwise: Script | undefined;
    if (this.#reservedWord() === 'else') {
      this.#advance();
      otherwise = this.#body('fi');
    }
    this.#expectWord('fi');
    return { kind: 'if', branches, otherwise, redirections: this.#redirections() };
  }

  #loop(): Command {
    const until = this.#reservedWord() === 'until';
    this.#advance();
    const condition = this.#body('do');
    const body = this.#doGroup();
    return { kind: 'loop', until, condition, body, redirections: this.#redirections() };
  }

  #doGroup(): Script {
    this.#expectWord('do');
    const body = this.#body('done');
    this.#expectWord('done');
    return body;
  }

  #for(): Command {
    this.#advance();
    const name = this.#name();
    this.#newlines();
    let words: Word[] | undefined;
    if (this.#reservedWord() === 'in') {
      this.#advance();
      words = [];
      while (this.#token.kind === 'word') words.push((this.#advance() as { word: Word }).word);
    }
    if (this.#isOp(';')) this.#advance();
    this.#newlines();
    const body = this.#doGroup();
    return { kind: 'for', name, words, body, redirections: this.#redirections() };
  }

  #case(): Command {
    this.#advance();
    const subject = this.#anyWord();
    this.#newlines();
    this.#expectWord('in');
    this.#newlines();
    const clauses: { patterns: Word[]; body: Script }[] = [];
    while (this.#reservedWord() !== 'esac') {
      if (this.#isOp('(')) this.#advance();
      const patterns = [this.#anyWord()];
      while (this.#isOp('|')) {
        this.#advance();
        patterns.push(this.#anyWord());
      }
      if (!this.#isOp(')')) this.#unexpected();
      this.#advance();
      clauses.push({ patterns, body: this.#list(['esac']) });
      if (this.#isOp(';;')) this.#advance();
      this.#newlines();
    }
    this.#advance();
    return { kind: 'case', subject, clauses, redirections: this.#redirections() };
  }

  #anyWord(): Word {
    if (this.#token.kind !== 'word') this.#unexpected();
    return (this.#advance() as { word: Word }).word;
  }

  #name(): string {
    const token = this.#token;
    if (token.kind !== 'word' || !/^[A-Za-z_][A-Za-z0-9_-]*$/.test(token.raw)) this.#unexpected();
    this.#advance();
    return (token as { raw: string }).raw;
  }

  #simple(): Command {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirs: Redirection[] = [];
    const { line } = this.#token;
    let inTest = false;
    for (;;) {
      const redirection = inTest ? undefined : this.#redirection();
      if (redirection) {
        redirs.push(redirection);
        continue;
      }
      if (words.length > 0 && inTest && this.#token.kind === 'op') {
        // Between `[[` and `]]` operators are words of the test.
        const { op } = this.#advance() as { op: string };
        words.push([{ kind: 'text', text: op, quoted: true }]);
        continue;
      }
      if (this.#token.kind !== 'word') break;
      const { word, raw } = this.#token;
      if (words.length === 0 && raw === '[[') inTest = true;
      if (raw === ']]') inTest = false;
      const assignment = words.length === 0 ? toAssignment(word, raw) : undefined;
      this.#advance();
      if (assignment) assignments.push(assignment);
      else {
        words.push(word);
        if (
          words.length === 1 &&
          assignments.length === 0 &&
          this.#isOp('(') &&
          /^[A-Za-z_][A-Za-z0-9_-]*$/.test(raw)
        ) {
          return this.#function(raw);
        }
      }
    }
    if (words.length === 0 && assignments.length === 0 && redirs.length === 0) this.#unexpected();
    return { kind: 'simple', assignments, words, redirections: redirs, line };
  }

  #function(name: string): Command {
    this.#advance();
    if (!this.#isOp(')')) this.#unexpected();
    this.#advance();
    this.#newlines();
    return { kind: 'function', name, body: this.#command() };
  }

  #redirections(): Redirection[] {
    const out: Redirection[] = [];
    for (let r = this.#redirection(); r; r = this.#redirection()) out.push(r);
    return out;
  }

  #redirection(): Redirection | undefined {
    let fd: number | undefined;
    const token = this.#token;
    if (token.kind === 'word' && /^\d$/.test(token.raw) && this.#lexer.adjacentRedirection) {
      fd = Number(token.raw);
      this.#advance();
    }
    if (this.#token.kind !== 'op' || !redirections.has(this.#token.op)) {
      if (fd !== undefined) this.#unexpected();
      return undefined;
    }
    const { op } = this.#advance() as { op: string };
    if (this.#kind !== 'word') this.#unexpected();
    const { word: target, raw } = this.#token as unknown as { word: Word; raw: string };
    if (op === '<<' || op === '<<-') {
      const redirection = { fd: fd ?? 0, op: '<<' as const, target: [] as Word };
      const quoted = /['"\\]/.test(raw);
      this.#lexer.hereDocument(raw.replace(/['"\\]/g, ''), quoted, op === '<<-', (body) => {
        redirection.target = body;
      });
      this.#advance();
      return redirection;
    }
    this.#advance();
    const normal = (op === '>|' ? '>' : op) as Redirection['op'];
    return { fd: fd ?? (op.startsWith('<') ? 0 : 1), op: normal, target };
  }
}

/** `NAME=value` at the head of a command. */
function toAssignment(word: Word, raw: string): Assignment | undefined {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(\+?)=/.exec(raw);
  const [first] = word;
  if (!match || first?.kind !== 'text' || first.quoted) return undefined;
  const rest = first.text.slice(match[0].length);
  const value: Word = rest === '' ? word.slice(1) : [{ kind: 'text', text: rest, quoted: false }, ...word.slice(1)];
  return { name: match[1]!, value, append: match[2] === '+' };
}
