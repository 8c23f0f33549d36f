/** What a shell knows: variables, options, functions, traps, where it is. */
import type { FileSystem } from '../file-system.ts';
import { maxHeldCharacters, OutOfMemory } from '../out-of-memory.ts';
import type { Command } from './ast.ts';

export interface ShellOptions {
  errexit: boolean;
  nounset: boolean;
  xtrace: boolean;
  pipefail: boolean;
}

export class ShellState {
  readonly fs: FileSystem;
  readonly variables: Map<string, string>;
  readonly exported: Set<string>;
  readonly functions: Map<string, Command>;
  readonly traps: Map<string, string>;
  readonly options: ShellOptions;
  readonly name: string;
  args: readonly string[];
  cwd: string;
  lastStatus = 0;
  lastBackground = '';
  pid = '1';
  /** Of all values. */
  #characters = 0;

  constructor(fs: FileSystem, env: ReadonlyMap<string, string>, cwd: string, name: string, args: readonly string[]) {
    this.fs = fs;
    this.variables = new Map(env);
    for (const value of env.values()) this.#characters += value.length;
    this.exported = new Set(env.keys());
    this.functions = new Map();
    this.traps = new Map();
    this.options = { errexit: false, nounset: false, xtrace: false, pipefail: false };
    this.name = name;
    this.args = args;
    this.cwd = cwd;
  }

  /** A subshell: changes stay inside. */
  fork(): ShellState {
    const child = new ShellState(this.fs, new Map(), this.cwd, this.name, this.args);
    for (const [name, value] of this.variables) child.variables.set(name, value);
    for (const name of this.exported) child.exported.add(name);
    for (const [name, body] of this.functions) child.functions.set(name, body);
    Object.assign(child.options, this.options);
    child.#characters = this.#characters;
    child.lastStatus = this.lastStatus;
    child.pid = this.pid;
    return child;
  }

  get(name: string): string | undefined {
    return this.variables.get(name);
  }

  /** @throws OutOfMemory when all variables together grow too large */
  set(name: string, value: string): void {
    const grown = this.#characters + value.length - (this.variables.get(name)?.length ?? 0);
    if (grown > maxHeldCharacters) throw new OutOfMemory();
    this.#characters = grown;
    this.variables.set(name, value);
  }

  unset(name: string): void {
    this.#characters -= this.variables.get(name)?.length ?? 0;
    this.variables.delete(name);
    this.exported.delete(name);
  }

  /** `$1`, `$#`, `$?` and the like. */
  special(name: string): string | undefined {
    switch (name) {
      case '?':
        return String(this.lastStatus);
      case '#':
        return String(this.args.length);
      case '$':
        return this.pid;
      case '!':
        return this.lastBackground;
      case '0':
        return this.name;
      case '-':
        return `${this.options.errexit ? 'e' : ''}${this.options.nounset ? 'u' : ''}${this.options.xtrace ? 'x' : ''}`;
      default:
        return /^\d+$/.test(name) ? this.args[Number(name) - 1] : undefined;
    }
  }

  /** What a command started from here gets. */
  environment(): Map<string, string> {
    const env = new Map<string, string>();
    for (const name of this.exported) {
      const value = this.variables.get(name);
      if (value !== undefined) env.set(name, value);
    }
    return env;
  }
}
