/** Commands on files. */
import { rfc3339 } from '../../../../../base/index.ts';
import { byteLength } from '../../bytes.ts';
import { FileError, normalize } from '../../file-system.ts';
import type { Process } from '../../process.ts';
import { patternToRegExp } from '../pattern.ts';
import type { Program } from './lines.ts';
import { parseArgs } from './options.ts';

/** Runs `each` per file and says what went wrong in busybox's words. */
async function perFile(
  process: Process,
  files: readonly string[],
  complain: (file: string, message: string) => string,
  each: (path: string, file: string) => void | Promise<void>,
): Promise<number> {
  let status = 0;
  for (const file of files) {
    try {
      await each(normalize(file, process.cwd), file);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.complain(complain(file, error.message));
      status = 1;
    }
  }
  return status;
}

async function ls(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'alhA1drtRFS');
  const { fs } = process.world;
  const targets = rest.length > 0 ? rest : ['.'];
  return perFile(
    process,
    targets,
    (file, message) => `ls: ${file}: ${message}`,
    async (path, file) => {
      const node = fs.stat(path);
      if (!node) throw new FileError('ENOENT', 'No such file or directory');
      const names =
        node.kind === 'file' || flags.has('d')
          ? [file]
          : fs.list(path).filter((name) => flags.has('a') || flags.has('A') || !name.startsWith('.'));
      if (targets.length > 1 && node.kind === 'dir' && !flags.has('d')) await process.print(`${file}:\n`);
      if (!flags.has('l')) {
        await process.print(names.map((name) => `${name}\n`).join(''));
        return;
      }
      for (const name of names) {
        const entry = node.kind === 'file' || flags.has('d') ? node : fs.stat(normalize(name, path))!;
        const size = String(byteLength(entry.content)).padStart(10);
        const date = rfc3339(entry.mtime).replace('T', ' ').slice(0, 16);
        await process.print(`${modeText(entry.kind, entry.mode)}    1 root     root     ${size} ${date} ${name}\n`);
      }
    },
  );
}

function modeText(kind: 'file' | 'dir', mode: number): string {
  let out = kind === 'dir' ? 'd' : '-';
  for (const shift of [6, 3, 0]) {
    const bits = (mode >> shift) & 7;
    out += (bits & 4 ? 'r' : '-') + (bits & 2 ? 'w' : '-') + (bits & 1 ? 'x' : '-');
  }
  return out;
}

async function copy(process: Process, args: readonly string[], move: boolean): Promise<number> {
  const { flags, rest } = parseArgs(args, 'rRafpvLnu');
  const name = move ? 'mv' : 'cp';
  const { fs } = process.world;
  const target = rest.at(-1);
  if (rest.length < 2 || target === undefined) {
    await process.complain(`${name}: missing file operand`);
    return 1;
  }
  const into = fs.stat(normalize(target, process.cwd))?.kind === 'dir';
  const copyTree = async (from: string, to: string): Promise<void> => {
    const node = fs.stat(from);
    if (!node) throw new FileError('ENOENT', 'No such file or directory');
    if (node.kind === 'file') return fs.write(to, await fs.read(from));
    fs.mkdir(to, true);
    for (const child of fs.list(from)) await copyTree(normalize(child, from), normalize(child, to));
  };
  return perFile(
    process,
    rest.slice(0, -1),
    (file, message) => `${name}: can't ${move ? 'rename' : 'stat'} '${file}': ${message}`,
    async (path, file) => {
      const to = normalize(
        into ? `${target}/${file.split('/').findLast((part) => part !== '') ?? ''}` : target,
        process.cwd,
      );
      const recursive = move || flags.has('r') || flags.has('R') || flags.has('a');
      if (fs.stat(path)?.kind === 'dir' && !recursive) throw new FileError('EISDIR', 'omitting directory');
      await copyTree(path, to);
      if (move) fs.remove(path, true);
    },
  );
}

async function find(process: Process, args: readonly string[]): Promise<number> {
  const { fs } = process.world;
  const start = args[0] && !args[0].startsWith('-') ? args[0] : '.';
  const option = (name: string) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  const name = option('-name');
  const type = option('-type');
  const maxDepth = Number(option('-maxdepth') ?? Number.POSITIVE_INFINITY);
  const expression = name === undefined ? undefined : patternToRegExp(name);
  const walk = async (path: string, shown: string, depth: number): Promise<void> => {
    await process.step();
    const node = fs.stat(path);
    if (!node) return;
    const base = shown.split('/').at(-1)!;
    if ((!expression || expression.test(base)) && (!type || type === (node.kind === 'dir' ? 'd' : 'f')))
      await process.print(`${shown}\n`);
    if (node.kind === 'dir' && depth < maxDepth) {
      for (const child of fs.list(path))
        await walk(normalize(child, path), shown === '/' ? `/${child}` : `${shown}/${child}`, depth + 1);
    }
  };
  const path = normalize(start, process.cwd);
  if (!fs.stat(path)) {
    await process.complain(`find: ${start}: No such file or directory`);
    return 1;
  }
  await walk(path, start, 0);
  return 0;
}

async function nothingToDo(): Promise<number> {
  return 0;
}

export const fileCommands: Record<string, Program> = {
  ls,
  find,
  cp: (process, args) => copy(process, args, false),
  mv: (process, args) => copy(process, args, true),
  chown: nothingToDo,
  chgrp: nothingToDo,
  sync: nothingToDo,
  ln: (process, args) =>
    copy(
      process,
      args.filter((arg) => !arg.startsWith('-')),
      false,
    ),

  async chmod(process, args) {
    const rest = args.filter((arg) => !arg.startsWith('-'));
    const [mode = '755', ...files] = rest;
    return perFile(
      process,
      files,
      (file, message) => `chmod: ${file}: ${message}`,
      (path) => {
        const before = process.world.fs.stat(path)?.mode ?? 0o644;
        const numeric = /^[0-7]+$/.test(mode)
          ? Number.parseInt(mode, 8)
          : mode.includes('+x')
            ? before | 0o111
            : before;
        process.world.fs.chmod(path, numeric);
      },
    );
  },

  async mkdir(process, args) {
    const { flags, rest } = parseArgs(args, 'pm:v', ['parents']);
    const parents = flags.has('p') || flags.has('parents');
    return perFile(
      process,
      rest,
      (file, message) => `mkdir: can't create directory '${file}': ${message}`,
      (path) => process.world.fs.mkdir(path, parents),
    );
  },

  async rm(process, args) {
    const { flags, rest } = parseArgs(args, 'rRfiv');
    const recursive = flags.has('r') || flags.has('R');
    return perFile(
      process,
      rest,
      (file, message) => `rm: can't remove '${file}': ${message}`,
      (path) => {
        if (flags.has('f') && !process.world.fs.stat(path)) return;
        process.world.fs.remove(path, recursive);
      },
    );
  },

  async rmdir(process, args) {
    return perFile(
      process,
      args,
      (file, message) => `rmdir: '${file}': ${message}`,
      (path) => {
        if (process.world.fs.list(path).length > 0) throw new FileError('ENOTEMPTY', 'Directory not empty');
        process.world.fs.remove(path, true);
      },
    );
  },

  async touch(process, args) {
    const rest = args.filter((arg) => !arg.startsWith('-'));
    return perFile(
      process,
      rest,
      (file, message) => `touch: ${file}: ${message}`,
      (path) => {
        if (process.world.fs.stat(path)?.kind !== 'dir') process.world.fs.write(path, '', true);
      },
    );
  },

  async basename(process, args) {
    const base = (args[0] ?? '').replace(/\/+$/, '').split('/').at(-1) ?? '';
    const suffix = args[1];
    await process.print(
      `${suffix && base.endsWith(suffix) && base !== suffix ? base.slice(0, -suffix.length) : base}\n`,
    );
    return 0;
  },

  async dirname(process, args) {
    const path = (args[0] ?? '.').replace(/\/+$/, '');
    const at = path.lastIndexOf('/');
    await process.print(`${at < 0 ? '.' : at === 0 ? '/' : path.slice(0, at)}\n`);
    return 0;
  },

  async mktemp(process, args) {
    const path = `/tmp/tmp.${process.world.prng.nameSuffix(6)}`;
    if (args.includes('-d')) process.world.fs.mkdir(path, true);
    else process.world.fs.write(path, '');
    await process.print(`${path}\n`);
    return 0;
  },

  async readlink(process, args) {
    await process.print(`${normalize(args.at(-1) ?? '', process.cwd)}\n`);
    return 0;
  },

  async stat(process, args) {
    const rest = args.filter((arg) => !arg.startsWith('-'));
    return perFile(
      process,
      rest,
      (file, message) => `stat: can't stat '${file}': ${message}`,
      async (path, file) => {
        const node = process.world.fs.stat(path);
        if (!node) throw new FileError('ENOENT', 'No such file or directory');
        await process.print(
          `  File: ${file}\n  Size: ${byteLength(node.content)}\n  Access: (${(node.mode & 0o777).toString(8).padStart(4, '0')}/${modeText(node.kind, node.mode)})\n`,
        );
      },
    );
  },

  async df(process) {
    await process.print(
      'Filesystem           1K-blocks      Used Available Use% Mounted on\noverlay               104857600   1048576 103809024   1% /\n',
    );
    return 0;
  },

  async du(process, args) {
    const path = args.find((arg) => !arg.startsWith('-')) ?? '.';
    await process.print(`4\t${path}\n`);
    return 0;
  },

  async realpath(process, args) {
    await process.print(`${normalize(args.at(-1) ?? '.', process.cwd)}\n`);
    return 0;
  },
};
