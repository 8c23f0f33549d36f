/** Time, identity, processes, and commands that run other commands. */
import { rfc3339 } from '../../../../../base/index.ts';
import type { Process } from '../../process.ts';
import { ArithmeticError, evaluate } from '../arithmetic.ts';
import { commandLoop } from '../interactive.ts';
import { type CommandTable, Shell } from '../interpreter.ts';
import { ShellState } from '../state.ts';
import { eachLine, type Program } from './lines.ts';
import { echo, printf } from './print.ts';
import { testCommand } from './test.ts';

/** Seconds with a unit: `10`, `1.5`, `2m`, `1h`, `infinity`. */
function durationMs(text: string): number | undefined {
  if (/^inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  const match = /^(\d*\.?\d+)([smhd]?)$/.exec(text);
  if (!match) return undefined;
  const unit = { s: 1, m: 60, h: 3_600, d: 86_400 }[match[2] || 's']!;
  return Number(match[1]) * unit * 1000;
}

const forever = 2 ** 40;

async function sleep(process: Process, args: readonly string[]): Promise<number> {
  let total = 0;
  for (const arg of args) {
    const ms = durationMs(arg);
    if (ms === undefined) {
      await process.complain(`sleep: invalid number '${arg}'`);
      return 1;
    }
    total += ms;
  }
  if (args.length === 0) {
    await process.complain('BusyBox v1.38.0 multi-call binary.\n\nUsage: sleep [N]...');
    return 1;
  }
  await process.sleep(Math.min(total, forever));
  if (total > 0) process.rested();
  return 0;
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

async function date(process: Process, args: readonly string[]): Promise<number> {
  const now = process.world.clock.now();
  const iso = rfc3339(now);
  const [day, time] = [iso.slice(0, 10), iso.slice(11, 19)];
  const [year, month, dayOfMonth] = day.split('-') as [string, string, string];
  const weekday = days[(Math.floor(now / 86_400_000) + 4) % 7]!;
  const monthName = months[Number(month) - 1]!;
  const values: Record<string, string> = {
    Y: year,
    m: month,
    d: dayOfMonth,
    H: time.slice(0, 2),
    M: time.slice(3, 5),
    S: time.slice(6, 8),
    s: String(Math.floor(now / 1000)),
    N: String(Math.round((now % 1000) * 1e6)).padStart(9, '0'),
    F: day,
    T: time,
    D: `${month}/${dayOfMonth}/${year.slice(2)}`,
    a: weekday,
    b: monthName,
    e: dayOfMonth.replace(/^0/, ' '),
    Z: 'UTC',
    z: '+0000',
    y: year.slice(2),
    R: time.slice(0, 5),
    n: '\n',
    t: '\t',
    '%': '%',
  };
  const format = args.find((arg) => arg.startsWith('+'));
  const iso8601 = args.some((arg) => arg.startsWith('-I') || arg.startsWith('--iso'));
  const text = format
    ? format.slice(1).replace(/%-?([a-zA-Z%])/g, (whole, letter: string) => values[letter] ?? whole)
    : iso8601
      ? args.some((arg) => /s(econds)?$/.test(arg))
        ? iso
        : day
      : `${weekday} ${monthName} ${values['e']} ${time} UTC ${year}`;
  await process.print(`${text}\n`);
  return 0;
}

/** A shell as a program: `sh -c TEXT NAME ARGS`, `sh FILE`, or commands from standard input. */
export function shellProgram(table: CommandTable, name: string): Program {
  return async (process, args) => {
    const flags = new Set<string>();
    let i = 0;
    for (; i < args.length && /^[-+]\w/.test(args[i]!); i++) {
      for (const flag of args[i]!.slice(1)) flags.add(flag);
      if (flags.has('o')) i++;
      flags.delete('o');
    }
    const rest = args.slice(i);
    let text: string | undefined;
    let shellName = name;
    let positional: readonly string[];
    if (flags.has('c')) {
      text = rest[0] ?? '';
      shellName = rest[1] ?? name;
      positional = rest.slice(2);
    } else if (rest.length > 0) {
      shellName = rest[0]!;
      positional = rest.slice(1);
      const path = rest[0]!.startsWith('/') ? rest[0]! : `${process.cwd === '/' ? '' : process.cwd}/${rest[0]}`;
      if (process.world.fs.stat(path)?.kind !== 'file') {
        await process.complain(`${name}: can't open '${rest[0]}': No such file or directory`);
        return 2;
      }
      text = await process.world.fs.read(path);
    } else {
      positional = [];
    }
    const state = new ShellState(process.world.fs, process.env, process.cwd, shellName, positional);
    state.options.errexit = flags.has('e');
    state.options.nounset = flags.has('u');
    state.options.xtrace = flags.has('x');
    state.set('PWD', process.cwd);
    const shell = new Shell(process, state, table);
    return text === undefined ? commandLoop(shell, process) : shell.main(text);
  };
}

const run = (table: CommandTable, process: Process, words: readonly string[]): Promise<number> => {
  const [name = '', ...args] = words;
  const program = table.find(name, process);
  return program ? program(process, args) : table.unknown(name, process);
};

/** Commands that need the table of all commands. */
export function tableCommands(table: CommandTable): Record<string, Program> {
  return {
    sh: shellProgram(table, 'sh'),
    ash: shellProgram(table, 'ash'),
    bash: shellProgram(table, 'bash'),
    dash: shellProgram(table, 'dash'),
    which: async (process, args) => {
      let status = 0;
      for (const name of args.filter((arg) => !arg.startsWith('-'))) {
        if (table.find(name, process)) await process.print(`/bin/${name}\n`);
        else status = 1;
      }
      return status;
    },
    env: async (process, args) => {
      const env = new Map(process.env);
      let i = 0;
      for (; i < args.length && (args[i]!.includes('=') || args[i]!.startsWith('-')); i++) {
        const at = args[i]!.indexOf('=');
        if (args[i] === '-i') env.clear();
        else if (at > 0) env.set(args[i]!.slice(0, at), args[i]!.slice(at + 1));
      }
      if (i < args.length) return run(table, process.derive({ env }), args.slice(i));
      let text = '';
      for (const [name, value] of env) text += `${name}=${value}\n`;
      return (await process.print(text)) ? 0 : 141;
    },
    timeout: async (process, args) => {
      const rest = [...args];
      while (rest[0]?.startsWith('-')) {
        const flag = rest.shift()!;
        if (flag === '-s' || flag === '-k' || flag === '-t') rest.shift();
      }
      const ms = durationMs(rest[0] ?? '') ?? 0;
      const done = new AbortController();
      const late = process.sleep(ms, done.signal).then(() => 143);
      late.catch(() => {});
      try {
        return await Promise.race([run(table, process, rest.slice(1)), late]);
      } finally {
        done.abort();
      }
    },
    nohup: (process, args) => run(table, process, args),
    nice: (process, args) => run(table, process, args),
    time: (process, args) => run(table, process, args),
    watch: async (process, args) => {
      const rest = args[0] === '-n' ? args.slice(2) : args;
      for (;;) {
        await run(table, process, rest);
        await process.sleep(Number(args[0] === '-n' ? args[1] : 2) * 1000);
        process.rested();
      }
    },
    xargs: async (process, args) => {
      const replace = args[0] === '-I' ? args[1] : undefined;
      const perCall = args[0] === '-n' ? Number(args[1]) : Number.POSITIVE_INFINITY;
      const command = args.slice(args[0] === '-I' || args[0] === '-n' ? 2 : args[0] === '-r' ? 1 : 0);
      const items: string[] = [];
      await eachLine(process, process.stdin, async (line) => {
        items.push(...(replace ? [line] : line.split(/\s+/).filter((word) => word !== '')));
        return true;
      });
      let status = 0;
      if (replace) {
        for (const item of items)
          status =
            (await run(
              table,
              process,
              command.map((word) => word.replaceAll(replace, item)),
            )) || status;
        return status;
      }
      for (let i = 0; i === 0 || i < items.length; i += perCall) {
        status =
          (await run(table, process, [...(command.length > 0 ? command : ['echo']), ...items.slice(i, i + perCall)])) ||
          status;
      }
      return status;
    },
  };
}

/** Integer arithmetic and comparison, left to right by precedence. */
async function expr(process: Process, args: readonly string[]): Promise<number> {
  if (args[1] === ':') {
    const match = new RegExp(`^${args[2]}`).exec(args[0] ?? '');
    await process.print(`${match?.[1] ?? match?.[0].length ?? 0}\n`);
    return match ? 0 : 1;
  }
  try {
    const value = evaluate(args.map((arg) => (arg === '=' ? '==' : arg)).join(' '), {
      get: () => undefined,
      set: () => {},
    });
    await process.print(`${value}\n`);
    return value === 0n ? 1 : 0;
  } catch (error) {
    if (!(error instanceof ArithmeticError)) throw error;
    await process.complain(`expr: ${error.message}`);
    return 2;
  }
}

const uid = (process: Process) => process.world.config.runAsUser ?? 0;
const userName = (process: Process) => (uid(process) === 0 ? 'root' : undefined);
const state = (process: Process) => new ShellState(process.world.fs, process.env, process.cwd, 'sh', []);

async function show(process: Process, text: string): Promise<number> {
  await process.print(`${text}\n`);
  return 0;
}

export const miscCommands: Record<string, Program> = {
  sleep,
  usleep: async (process, args) => {
    await process.sleep(Number(args[0] ?? 0) / 1000);
    return 0;
  },
  date,
  expr,
  echo,
  printf,
  true: async () => 0,
  false: async () => 1,
  exit: async (_, args) => Number.parseInt(args[0] ?? '0', 10) & 255,
  test: (process, args) => testCommand('test', state(process), process, args),
  '[': (process, args) => testCommand('[', state(process), process, args),
  pwd: (process) => show(process, process.cwd),
  printenv: async (process, args) => {
    const [name] = args;
    if (name === undefined) {
      for (const [key, value] of process.env) await process.print(`${key}=${value}\n`);
      return 0;
    }
    const value = process.env.get(name);
    if (value === undefined) return 1;
    await process.print(`${value}\n`);
    return 0;
  },
  whoami: async (process) => {
    const name = userName(process);
    await (name ? process.print(`${name}\n`) : process.complain(`whoami: unknown uid ${uid(process)}`));
    return name ? 0 : 1;
  },
  id: async (process, args) => {
    const gid = process.world.config.runAsGroup ?? 0;
    const named = (id: number) => (id === 0 ? '0(root)' : String(id));
    await process.print(
      args.includes('-u')
        ? `${uid(process)}\n`
        : args.includes('-g')
          ? `${gid}\n`
          : `uid=${named(uid(process))} gid=${named(gid)} groups=${named(gid)}\n`,
    );
    return 0;
  },
  uname: async (process, args) => {
    const { hostname } = process.world.sandbox;
    const text = args.includes('-a')
      ? `Linux ${hostname} 6.12.0-klab #1 SMP x86_64 GNU/Linux`
      : args.includes('-r')
        ? '6.12.0-klab'
        : args.includes('-m')
          ? 'x86_64'
          : args.includes('-n')
            ? hostname
            : 'Linux';
    await process.print(`${text}\n`);
    return 0;
  },
  nproc: (process) => show(process, '1'),
  ps: async (process) => {
    const { config } = process.world;
    await process.print(
      `PID   USER     TIME  COMMAND\n    1 ${(userName(process) ?? String(uid(process))).padEnd(8)}  0:00 ${[...config.command, ...config.args].join(' ') || process.world.image.entrypoint.join(' ')}\n`,
    );
    return 0;
  },
  uptime: (process) =>
    show(process, ` ${rfc3339(process.world.clock.now()).slice(11, 19)} up 0 min,  load average: 0.00, 0.00, 0.00`),
  free: (process) =>
    show(process, '              total        used        free\nMem:        8388608      524288     7864320'),
  clear: async () => 0,
  stty: async (process, args) => {
    const { terminal } = process;
    if (!terminal) {
      await process.complain('stty: standard input: Not a tty');
      return 1;
    }
    return args.includes('size') ? show(process, `${terminal.rows} ${terminal.columns}`) : 0;
  },
  tty: (process) => show(process, process.terminal ? '/dev/pts/0' : 'not a tty'),
};
