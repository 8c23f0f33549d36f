/** What the shell's parser makes of a script. Grammar: POSIX.1 shell command language, section 2. */

/** A piece of a word. Quoted pieces are not split into fields and not matched against file names. */
export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'param'; readonly param: Parameter; readonly quoted: boolean }
  | { readonly kind: 'command'; readonly script: Script; readonly quoted: boolean }
  | { readonly kind: 'arith'; readonly expression: Word; readonly quoted: boolean };

export type Word = readonly WordPart[];

export interface Parameter {
  readonly name: string;
  /** `-`, `:-`, `=`, `:=`, `+`, `:+`, `?`, `:?`, `#`, `##`, `%`, `%%`, `/`, `//`, `:` (substring) or `length`. */
  readonly op?: string;
  readonly word?: Word;
  /** Of `/` and `:`. */
  readonly second?: Word;
}

export interface Redirection {
  readonly fd: number;
  readonly op: '>' | '>>' | '<' | '>&' | '<&' | '<<' | '<<<' | '&>';
  readonly target: Word;
}

export interface Assignment {
  readonly name: string;
  readonly value: Word;
  /** `NAME+=value`. */
  readonly append?: boolean;
}

export type Command =
  | {
      readonly kind: 'simple';
      readonly assignments: readonly Assignment[];
      readonly words: readonly Word[];
      readonly redirections: readonly Redirection[];
      readonly line: number;
    }
  | { readonly kind: 'pipeline'; readonly commands: readonly Command[]; readonly negate: boolean }
  | { readonly kind: 'andor'; readonly left: Command; readonly op: '&&' | '||'; readonly right: Command }
  | {
      readonly kind: 'group';
      readonly body: Script;
      readonly subshell: boolean;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly condition: Script; readonly body: Script }[];
      readonly otherwise?: Script;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'loop';
      readonly until: boolean;
      readonly condition: Script;
      readonly body: Script;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'for';
      readonly name: string;
      /** Absent: the positional parameters. */
      readonly words?: readonly Word[];
      readonly body: Script;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'case';
      readonly subject: Word;
      readonly clauses: readonly { readonly patterns: readonly Word[]; readonly body: Script }[];
      readonly redirections: readonly Redirection[];
    }
  | { readonly kind: 'function'; readonly name: string; readonly body: Command }
  | { readonly kind: 'background'; readonly command: Command };

export type Script = readonly Command[];

/** A script that the shell cannot read. */
export class ShellSyntaxError extends Error {
  override readonly name = 'ShellSyntaxError';
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}
