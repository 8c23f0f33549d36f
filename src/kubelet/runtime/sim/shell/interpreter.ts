/** Runs a parsed script as one shell of a simulated container. */
import { Deferred, isAbort } from '../../../../base/index.ts';
import { FileError, normalize } from '../file-system.ts';
import { commandMs } from '../load.ts';
import { OutOfMemory } from '../out-of-memory.ts';
import { Killed, Pipe, type Process, type Signal, type Sink, type Source, TextSink, TextSource } from '../process.ts';
import { ArithmeticError } from './arithmetic.ts';
import { type Command, type Redirection, type Script, ShellSyntaxError } from './ast.ts';
import { builtins } from './builtins.ts';
import { Expander, ExpansionError } from './expand.ts';
import { Flow } from './flow.ts';
import { parseScript } from './parser.ts';
import { patternToRegExp } from './pattern.ts';
import type { ShellState } from './state.ts';

/** Commands that are programs: looked up when a word is neither builtin nor function. */
export interface CommandTable {
  /** Undefined: this world has no such command. */
  find(name: string, process: Process): ((process: Process, args: readonly string[]) => Promise<number>) | undefined;
  /** What happens when a script says a word that nobody knows. Returns its status, or never (the container runs on). */
  unknown(word: string, process: Process): Promise<number>;
}

/** Calls of functions and `eval` within each other. */
const maxDepth = 200;
const maxSubstitution = 1024 * 1024;

export class Shell {
  readonly state: ShellState;
  readonly table: CommandTable;
  readonly process: Process;
  readonly background = new Map<string, Promise<number>>();
  /** Woken when a trapped signal comes, for `wait`. */
  interrupted = new Deferred();
  readonly #pendingTraps: string[] = [];
  readonly #expander: Expander;
  #process: Process;
  #conditions = 0;
  #depth = 0;
  #nextPid = 2;

  constructor(process: Process, state: ShellState, table: CommandTable) {
    this.process = process;
    this.#process = process;
    this.state = state;
    this.table = table;
    this.#expander = new Expander(state, (script) => this.#substitute(script));
  }

  get expander(): Expander {
    return this.#expander;
  }

  /** Runs a script to its end, then the EXIT trap. Returns the exit status. @throws Killed */
  async main(text: string): Promise<number> {
    return this.exitTrap((await this.interpret(text, this.process)).status);
  }

  /** Runs one command of an interactive shell. What ends a script ends only the command, but for `exit`. @throws Killed */
  async interpret(text: string, process: Process): Promise<{ readonly status: number; readonly exited: boolean }> {
    try {
      return { status: await this.source(text, process), exited: false };
    } catch (error) {
      const status = await this.#endOf(error);
      this.state.lastStatus = status;
      return { status, exited: error instanceof Flow && error.kind === 'exit' };
    }
  }

  /** The shell ends: its EXIT trap runs. Returns the status to exit with. */
  async exitTrap(status: number): Promise<number> {
    const onExit = this.state.traps.get('EXIT');
    if (onExit === undefined) return status;
    this.state.traps.delete('EXIT');
    this.state.lastStatus = status;
    try {
      await this.source(onExit, this.process);
    } catch (error) {
      if (error instanceof Flow && error.kind === 'exit') return error.value;
      if (!(error instanceof Flow)) throw error;
    }
    return status;
  }

  /** Parses and runs text in this shell. */
  async source(text: string, process: Process): Promise<number> {
    return this.runScript(parseScript(text), process);
  }

  async runScript(script: Script, process: Process): Promise<number> {
    let status = 0;
    for (const command of script) status = await this.run(command, process);
    return status;
  }

  /** Commands of a condition do not end the shell when they fail. */
  async inCondition<T>(body: () => Promise<T>): Promise<T> {
    this.#conditions++;
    try {
      return await body();
    } finally {
      this.#conditions--;
    }
  }

  async run(command: Command, process: Process): Promise<number> {
    await process.step();
    if (this.#pendingTraps.length > 0) await this.runTraps(process);
    let status: number;
    switch (command.kind) {
      case 'simple':
        status = await this.#simple(command, process);
        if (status !== 0) this.#checkErrexit(status);
        break;
      case 'pipeline':
        status = await this.#pipeline(command, process);
        break;
      case 'andor': {
        const left = await this.inCondition(() => this.run(command.left, process));
        const goOn = command.op === '&&' ? left === 0 : left !== 0;
        status = goOn ? await this.run(command.right, process) : left;
        break;
      }
      case 'background':
        status = this.#startBackground(command.command, process);
        break;
      case 'function':
        this.state.functions.set(command.name, command.body);
        status = 0;
        break;
      case 'group':
        if (command.subshell) {
          status = await this.#redirected(command.redirections, process, (inner) =>
            this.#subshell(command.body, inner),
          );
          if (status !== 0) this.#checkErrexit(status);
        } else
          status = await this.#redirected(command.redirections, process, (inner) =>
            this.runScript(command.body, inner),
          );
        break;
      default:
        status = await this.#redirected(command.redirections, process, (inner) => this.#compound(command, inner));
    }
    this.state.lastStatus = status;
    if (this.#pendingTraps.length > 0) await this.runTraps(process);
    return status;
  }

  setTrap(signal: string, action: string | undefined): void {
    if (action === undefined) this.state.traps.delete(signal);
    else this.state.traps.set(signal, action);
    if (signal === 'EXIT') return;
    const name = signal as Signal;
    if (action === undefined) this.process.onSignal(name, undefined);
    else
      this.process.onSignal(name, () => {
        this.#pendingTraps.push(signal);
        this.interrupted.resolve();
        this.interrupted = new Deferred();
      });
  }

  get trapPending(): boolean {
    return this.#pendingTraps.length > 0;
  }

  async runTraps(process: Process): Promise<void> {
    for (let signal = this.#pendingTraps.shift(); signal; signal = this.#pendingTraps.shift()) {
      const action = this.state.traps.get(signal);
      const before = this.state.lastStatus;
      if (action) await this.source(action, process);
      this.state.lastStatus = before;
    }
  }

  /** `$(…)`: its output. */
  async #substitute(script: Script): Promise<string> {
    const sink = new TextSink(maxSubstitution);
    this.state.lastStatus = await this.#subshell(script, this.#process.derive({ stdout: sink }));
    return sink.text;
  }

  async #subshell(script: Script, process: Process): Promise<number> {
    return this.#forked(process, (shell) => shell.runScript(script, process));
  }

  async #forked(process: Process, body: (shell: Shell) => Promise<number>): Promise<number> {
    if (this.#depth >= maxDepth) throw new ShellSyntaxError(0, 'maximum nesting exceeded');
    const shell = new Shell(process, this.state.fork(), this.table);
    shell.#depth = this.#depth + 1;
    shell.#conditions = this.#conditions;
    try {
      return await body(shell);
    } catch (error) {
      return shell.#endOf(error);
    }
  }

  /** The status of a shell that ended with an error. */
  async #endOf(error: unknown): Promise<number> {
    if (error instanceof Flow) return error.kind === 'exit' || error.kind === 'return' ? error.value : 0;
    if (error instanceof Killed || isAbort(error)) throw error;
    const shell = this.state.name;
    if (error instanceof ShellSyntaxError) {
      await this.process.complain(`${shell}: ${error.line > 0 ? `line ${error.line}: ` : ''}${error.message}`);
      return 2;
    }
    if (error instanceof OutOfMemory) {
      await this.process.complain(`${shell}: ${error.message}`);
      return 2;
    }
    if (error instanceof ExpansionError || error instanceof ArithmeticError) {
      await this.process.complain(`${shell}: ${error.message}`);
      return error instanceof ExpansionError ? 1 : 2;
    }
    throw error;
  }

  #checkErrexit(status: number): void {
    if (this.state.options.errexit && this.#conditions === 0) throw new Flow('exit', status);
  }

  async #compound(
    command: Extract<Command, { kind: 'if' | 'loop' | 'for' | 'case' }>,
    process: Process,
  ): Promise<number> {
    switch (command.kind) {
      case 'if':
        for (const { condition, body } of command.branches) {
          const status = await this.inCondition(() => this.runScript(condition, process));
          if (status === 0) return this.runScript(body, process);
        }
        return command.otherwise ? this.runScript(command.otherwise, process) : 0;
      case 'loop':
        return this.#iterate(async () => {
          const status = await this.inCondition(() => this.runScript(command.condition, process));
          if ((status === 0) === command.until) return undefined;
          return this.runScript(command.body, process);
        });
      case 'for': {
        this.#process = process;
        const items = command.words ? await this.#expander.fields(command.words) : [...this.state.args];
        let at = 0;
        return this.#iterate(async () => {
          if (at >= items.length) return undefined;
          this.state.set(command.name, items[at++]!);
          return this.runScript(command.body, process);
        });
      }
      default: {
        this.#process = process;
        const subject = await this.#expander.text(command.subject);
        for (const { patterns, body } of command.clauses) {
          for (const pattern of patterns) {
            if (patternToRegExp(await this.#expander.pattern(pattern)).test(subject))
              return this.runScript(body, process);
          }
        }
        return 0;
      }
    }
  }

  /** Calls `turn` until it answers undefined, honouring break and continue. */
  async #iterate(turn: () => Promise<number | undefined>): Promise<number> {
    let status = 0;
    for (;;) {
      try {
        await this.process.step();
        const result = await turn();
        if (result === undefined) return status;
        status = result;
      } catch (error) {
        if (!(error instanceof Flow) || (error.kind !== 'break' && error.kind !== 'continue')) throw error;
        if (error.value > 1) throw new Flow(error.kind, error.value - 1);
        if (error.kind === 'break') return 0;
      }
    }
  }

  async #pipeline(command: Extract<Command, { kind: 'pipeline' }>, process: Process): Promise<number> {
    const { commands, negate } = command;
    if (commands.length === 1) {
      const status = await this.inCondition(() => this.run(commands[0]!, process));
      return negate ? (status === 0 ? 1 : 0) : status;
    }
    const pipes = commands.slice(1).map(() => new Pipe());
    const stages = commands.map(async (stage, i) => {
      const input = pipes[i - 1];
      const output = pipes[i];
      const inner = process.derive({ stdin: input ?? process.stdin, stdout: output ?? process.stdout });
      try {
        return await this.#forked(inner, (shell) => shell.run(stage, inner));
      } finally {
        input?.closeReader();
        output?.closeWriter();
      }
    });
    const settled = await Promise.allSettled(stages);
    const failure = settled.find((result) => result.status === 'rejected');
    if (failure) throw (failure as PromiseRejectedResult).reason;
    const statuses = settled.map((result) => (result as PromiseFulfilledResult<number>).value);
    let status = statuses[statuses.length - 1]!;
    if (this.state.options.pipefail && status === 0) status = statuses.findLast((s) => s !== 0) ?? 0;
    if (negate) return status === 0 ? 1 : 0;
    if (status !== 0) this.#checkErrexit(status);
    return status;
  }

  #startBackground(command: Command, process: Process): number {
    const pid = String(this.#nextPid++ + 5);
    const inner = process.derive({ stdin: new TextSource('') });
    const done = this.#forked(inner, (shell) => shell.run(command, inner));
    // Its end is read by `wait`; a kill of the container ends it together with everything else.
    this.background.set(
      pid,
      done.catch((error) => (error instanceof Killed ? error.exitCode : 1)),
    );
    this.state.lastBackground = pid;
    return 0;
  }

  async #simple(command: Extract<Command, { kind: 'simple' }>, outer: Process): Promise<number> {
    this.#process = outer;
    const words = await this.#expander.fields(command.words);
    const assigned: [string, string][] = [];
    this.state.lastStatus = words.length === 0 ? 0 : this.state.lastStatus;
    for (const { name, value, append } of command.assignments) {
      const text = await this.#expander.text(value);
      const whole = append ? (this.state.get(name) ?? '') + text : text;
      assigned.push([name, whole]);
      if (words.length === 0) this.state.set(name, whole);
    }
    if (this.state.options.xtrace) {
      const parts = [
        ...assigned.map(([name, value]) => `${name}=${quoteForTrace(value)}`),
        ...words.map(quoteForTrace),
      ];
      await outer.complain(`+ ${parts.join(' ')}`);
    }
    return this.#redirected(command.redirections, outer, async (process) => {
      const [name, ...args] = words;
      // An assignment alone has the status of its last substitution.
      if (name === undefined) return this.state.lastStatus;
      return this.call(name, args, process, assigned);
    });
  }

  /** A function, builtin or program. */
  async call(
    name: string,
    args: readonly string[],
    process: Process,
    assigned: readonly [string, string][] = [],
    skipFunctions = false,
  ): Promise<number> {
    const body = skipFunctions ? undefined : this.state.functions.get(name);
    if (body) return this.#function(body, args, process);
    const builtin = builtins[name];
    if (builtin) {
      for (const [key, value] of assigned) this.state.set(key, value);
      this.#process = process;
      return builtin(this, process, args);
    }
    const env = this.state.environment();
    for (const [key, value] of assigned) env.set(key, value);
    const inner = process.derive({ env, cwd: this.state.cwd });
    const program = this.table.find(name, inner);
    if (!program) return this.table.unknown(name, inner);
    inner.world.work(commandMs);
    try {
      return await program(inner, args);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      await inner.complain(`${name}: ${error.message}`);
      return 1;
    }
  }

  async #function(body: Command, args: readonly string[], process: Process): Promise<number> {
    if (++this.#depth > maxDepth) throw new ShellSyntaxError(0, 'maximum function nesting exceeded');
    const before = this.state.args;
    this.state.args = args;
    try {
      return await this.run(body, process);
    } catch (error) {
      if (error instanceof Flow && error.kind === 'return') return error.value;
      throw error;
    } finally {
      this.state.args = before;
      this.#depth--;
    }
  }

  async #redirected(
    redirections: readonly Redirection[],
    process: Process,
    body: (process: Process) => Promise<number>,
  ): Promise<number> {
    if (redirections.length === 0) return body(process);
    let inner = process;
    try {
      for (const redirection of redirections) inner = await this.#redirect(redirection, inner, process);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.complain(`${this.state.name}: ${error.message}`);
      return 1;
    }
    return body(inner);
  }

  async #redirect({ fd, op, target }: Redirection, process: Process, outer: Process): Promise<Process> {
    this.#process = outer;
    const text = await this.#expander.text(target);
    switch (op) {
      case '<<':
        return process.derive({ stdin: new TextSource(text) });
      case '<<<':
        return process.derive({ stdin: new TextSource(`${text}\n`) });
      case '<&':
        return process;
      case '<': {
        const content = await this.#open(text);
        return process.derive({ stdin: content });
      }
      case '>&': {
        if (text === '-') return this.#withOutput(process, fd, { write: () => true });
        const sink = text === '1' ? process.stdout : text === '2' ? process.stderr : this.#file(text, false, process);
        if (/^\d$/.test(text)) return this.#withOutput(process, fd, sink);
        return process.derive({ stdout: sink, stderr: sink });
      }
      case '&>': {
        const sink = this.#file(text, false, process);
        return process.derive({ stdout: sink, stderr: sink });
      }
      default:
        return this.#withOutput(process, fd, this.#file(text, op === '>>', process));
    }
  }

  #withOutput(process: Process, fd: number, sink: Sink): Process {
    if (fd === 1) return process.derive({ stdout: sink });
    return fd === 2 ? process.derive({ stderr: sink }) : process;
  }

  async #open(text: string): Promise<Source> {
    const path = normalize(text, this.state.cwd);
    if (path === '/dev/stdin') return this.#process.stdin;
    try {
      return new TextSource(await this.state.fs.read(path));
    } catch (error) {
      if (error instanceof FileError) throw new FileError(error.code, `can't open ${text}: ${lower(error.message)}`);
      throw error;
    }
  }

  #file(text: string, append: boolean, process: Process): Sink {
    const path = normalize(text, this.state.cwd);
    const { fs } = this.state;
    const { world } = process;
    if (path === '/dev/null') return { write: () => true };
    if (path === '/dev/stdout') return process.stdout;
    if (path === '/dev/stderr') return process.stderr;
    if (path === '/proc/1/fd/1' || path === '/proc/self/fd/1') return toLog(world, 'stdout');
    if (path === '/proc/1/fd/2' || path === '/proc/self/fd/2') return toLog(world, 'stderr');
    try {
      fs.write(path, '', append);
    } catch (error) {
      if (error instanceof FileError) throw new FileError(error.code, `can't create ${text}: ${lower(error.message)}`);
      throw error;
    }
    return {
      write: (chunk) => {
        fs.write(path, chunk, true);
        return true;
      },
    };
  }
}

/** The shell's own messages keep the C library's wording, but for two. */
function lower(message: string): string {
  if (message === 'No such file or directory') return 'no such file';
  return message;
}

function toLog(world: Process['world'], stream: 'stdout' | 'stderr'): Sink {
  return {
    write: (chunk) => {
      world.log(stream, chunk);
      return true;
    },
  };
}

function quoteForTrace(text: string): string {
  if (text === '') return "''";
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
