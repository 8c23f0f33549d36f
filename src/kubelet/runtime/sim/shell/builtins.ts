/** Commands that change the shell itself. */
import { FileError, normalize } from '../file-system.ts';
import type { Process } from '../process.ts';
import { echo, printf } from './commands/print.ts';
import { testCommand } from './commands/test.ts';
import { Flow } from './flow.ts';
import type { Shell } from './interpreter.ts';

export type Builtin = (shell: Shell, process: Process, args: readonly string[]) => Promise<number>;

const signalNames: Record<string, string> = {
  '0': 'EXIT',
  '1': 'HUP',
  '2': 'INT',
  '3': 'QUIT',
  '9': 'KILL',
  '10': 'USR1',
  '12': 'USR2',
  '15': 'TERM',
};

function statusOf(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : Number.parseInt(text, 10) & 255;
}

/** Splits at the first `=`. */
function pair(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

export const builtins: Record<string, Builtin> = {
  ':': async () => 0,
  true: async () => 0,
  false: async () => 1,
  echo: (_, process, args) => echo(process, args),
  printf: (_, process, args) => printf(process, args),
  test: (shell, process, args) => testCommand('test', shell.state, process, args),
  '[': (shell, process, args) => testCommand('[', shell.state, process, args),
  '[[': (shell, process, args) => testCommand('[[', shell.state, process, args),

  async cd(shell, process, args) {
    const to = args[0] === '-' ? shell.state.get('OLDPWD') : (args[0] ?? shell.state.get('HOME') ?? '/');
    const path = normalize(to ?? '/', shell.state.cwd);
    if (shell.state.fs.stat(path)?.kind !== 'dir') {
      await process.complain(`${shell.state.name}: cd: can't cd to ${to}: No such file or directory`);
      return 2;
    }
    shell.state.set('OLDPWD', shell.state.cwd);
    shell.state.cwd = path;
    shell.state.set('PWD', path);
    return 0;
  },

  async pwd(shell, process) {
    await process.print(`${shell.state.cwd}\n`);
    return 0;
  },

  async exit(shell, _, args) {
    throw new Flow('exit', statusOf(args[0], shell.state.lastStatus));
  },

  async return(shell, _, args) {
    throw new Flow('return', statusOf(args[0], shell.state.lastStatus));
  },

  async break(_, __, args) {
    throw new Flow('break', Number(args[0] ?? 1));
  },

  async continue(_, __, args) {
    throw new Flow('continue', Number(args[0] ?? 1));
  },

  async export(shell, process, args) {
    if (args.length === 0 || args[0] === '-p') {
      for (const [name, value] of shell.state.environment()) await process.print(`export ${name}='${value}'\n`);
      return 0;
    }
    for (const arg of args) {
      const [name, value] = pair(arg);
      if (value !== undefined) shell.state.set(name, value);
      shell.state.exported.add(name);
    }
    return 0;
  },

  async readonly(shell, _, args) {
    for (const arg of args) {
      const [name, value] = pair(arg);
      if (value !== undefined) shell.state.set(name, value);
    }
    return 0;
  },

  async local(shell, _, args) {
    for (const arg of args) {
      const [name, value] = pair(arg);
      shell.state.set(name, value ?? '');
    }
    return 0;
  },

  async unset(shell, _, args) {
    for (const name of args) {
      if (name.startsWith('-')) continue;
      shell.state.unset(name);
      shell.state.exported.delete(name);
      shell.state.functions.delete(name);
    }
    return 0;
  },

  async set(shell, process, args) {
    const { options } = shell.state;
    if (args.length === 0) {
      for (const [name, value] of [...shell.state.variables].sort()) await process.print(`${name}='${value}'\n`);
      return 0;
    }
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!;
      if (arg === '--') {
        shell.state.args = args.slice(i + 1);
        return 0;
      }
      const on = arg.startsWith('-');
      if (!on && !arg.startsWith('+')) {
        shell.state.args = args.slice(i);
        return 0;
      }
      for (const flag of arg.slice(1)) {
        if (flag === 'e') options.errexit = on;
        else if (flag === 'u') options.nounset = on;
        else if (flag === 'x') options.xtrace = on;
        else if (flag === 'o') {
          const name = args[++i];
          if (name === 'pipefail' || name === 'errexit' || name === 'nounset' || name === 'xtrace') options[name] = on;
        }
      }
    }
    return 0;
  },

  async shift(shell, _, args) {
    const n = Number(args[0] ?? 1);
    if (n > shell.state.args.length) return 1;
    shell.state.args = shell.state.args.slice(n);
    return 0;
  },

  eval: (shell, process, args) => shell.source(args.join(' '), process),
  '.': sourceFile,
  source: sourceFile,

  async exec(shell, process, args) {
    const [name, ...rest] = args;
    if (name === undefined) return 0;
    throw new Flow('exit', await shell.call(name, rest, process, [], true));
  },

  async command(shell, process, args) {
    const [flag, name = ''] = args;
    if (flag === '-v' || flag === '-V') return builtins['type']!(shell, process, [name]);
    return flag === undefined ? 0 : shell.call(flag, args.slice(1), process, [], true);
  },

  async type(shell, process, args) {
    for (const name of args) {
      const { functions } = shell.state;
      if (functions.has(name) || builtins[name]) await process.print(`${name}\n`);
      else if (shell.table.find(name, process)) await process.print(`/bin/${name}\n`);
      else return 127;
    }
    return 0;
  },

  async trap(shell, process, args) {
    if (args.length === 0) {
      for (const [signal, action] of shell.state.traps) await process.print(`trap -- '${action}' ${signal}\n`);
      return 0;
    }
    const [action = '', ...signals] = args;
    for (const given of signals) {
      const bare = given.replace(/^SIG/, '');
      shell.setTrap(signalNames[bare] ?? bare, action === '-' ? undefined : action);
    }
    return 0;
  },

  async wait(shell, process, args) {
    const waiting = args.length > 0 ? args.map((pid) => shell.background.get(pid)) : [...shell.background.values()];
    let status = 0;
    for (const child of waiting) {
      if (!child) {
        status = 127;
        continue;
      }
      const interrupted = shell.interrupted.promise.then(() => undefined);
      const result = await process.until(Promise.race([child, interrupted]));
      if (result === undefined) return 128 + 15;
      status = result;
    }
    if (args.length === 0) shell.background.clear();
    else for (const pid of args) shell.background.delete(pid);
    return args.length === 0 ? 0 : status;
  },

  async read(shell, process, args) {
    const names = args.filter((arg) => !arg.startsWith('-'));
    const line = await process.until(process.stdin.readLine());
    if (line === undefined) {
      for (const name of names) shell.state.set(name, '');
      return 1;
    }
    if (names.length === 0) names.push('REPLY');
    let rest = line.trim();
    for (const [i, name] of names.entries()) {
      if (i === names.length - 1) {
        shell.state.set(name, rest);
        break;
      }
      const match = /^(\S*)\s*(.*)$/s.exec(rest)!;
      shell.state.set(name, match[1]!);
      rest = match[2]!;
    }
    return 0;
  },

  async kill(shell, process, args) {
    let signal = 'TERM';
    for (const arg of args) {
      if (arg.startsWith('-')) {
        const bare = arg.slice(1).replace(/^SIG/, '');
        signal = signalNames[bare] ?? bare;
      } else if (arg === '1' || arg === shell.state.pid) {
        if (signal !== '0' && signal !== 'EXIT') process.signal(signal as never);
      } else if (!shell.background.has(arg)) {
        await process.complain(`${shell.state.name}: can't kill pid ${arg}: No such process`);
        return 1;
      }
    }
    return 0;
  },

  async umask(_, process) {
    await process.print('0022\n');
    return 0;
  },
  async ulimit(_, process) {
    await process.print('unlimited\n');
    return 0;
  },
  alias: async () => 0,
  jobs: async () => 0,
};

async function sourceFile(shell: Shell, process: Process, args: readonly string[]): Promise<number> {
  const [file = ''] = args;
  try {
    return await shell.source(await shell.state.fs.read(normalize(file, shell.state.cwd)), process);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    await process.complain(`${shell.state.name}: .: can't open '${file}': ${error.message}`);
    return 2;
  }
}
