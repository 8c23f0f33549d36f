/** `tar` as `kubectl cp` and scripts use it: create, extract and list plain ustar archives over the container's files. */
import { decodeBytes, encodeText } from '../../bytes.ts';
import { FileError, normalize } from '../../file-system.ts';
import type { Process } from '../../process.ts';
import type { Program } from './lines.ts';

const block = 512;
/** Blocks are written in records of twenty. */
const recordBytes = 20 * block;

interface TarOptions {
  readonly mode: 'c' | 'x' | 't';
  readonly file: string;
  readonly directory: string;
  readonly verbose: boolean;
  readonly toStdout: boolean;
  readonly strip: number;
  readonly paths: readonly string[];
}

/** Undefined: not understood. */
function parse(args: readonly string[], cwd: string): TarOptions | undefined {
  let mode: TarOptions['mode'] | undefined;
  let file = '-';
  let directory = cwd;
  let verbose = false;
  let toStdout = false;
  let strip = 0;
  const paths: string[] = [];
  const rest = [...args];
  // The first word may leave its dash out.
  if (rest[0] !== undefined && !rest[0].startsWith('-')) rest[0] = `-${rest[0]}`;
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg.startsWith('--strip-components')) {
      strip = Number(arg.split('=')[1] ?? rest.shift());
      continue;
    }
    if (arg.startsWith('--')) {
      if (!/^--(no-same-owner|no-same-permissions|numeric-owner|warning=.*)$/.test(arg)) return undefined;
      continue;
    }
    if (arg === '-' || !arg.startsWith('-')) {
      paths.push(arg);
      continue;
    }
    for (const [i, letter] of [...arg.slice(1)].entries()) {
      if (letter === 'c' || letter === 'x' || letter === 't') mode = letter;
      else if (letter === 'v') verbose = true;
      else if (letter === 'O') toStdout = true;
      else if (letter === 'f' || letter === 'C') {
        const attached = arg.slice(i + 2);
        const value = attached !== '' && !/^[a-zA-Z]$/.test(attached) ? attached : rest.shift();
        if (value === undefined) return undefined;
        if (letter === 'f') file = value;
        else directory = normalize(value, directory);
        if (value === attached) break;
      } else if (!'mpohPk'.includes(letter)) return undefined;
    }
  }
  return mode && { mode, file, directory, verbose, toStdout, strip, paths };
}

export const tar: Program = async (process, args) => {
  const options = parse(args, process.cwd);
  if (!options) {
    await process.complain(
      'BusyBox v1.38.0 multi-call binary.\n\nUsage: tar c|x|t [-ZzJjahmvokO] [-f TARFILE] [-C DIR] [FILE]...',
    );
    return 1;
  }
  return options.mode === 'c' ? create(process, options) : read(process, options);
};

async function create(process: Process, options: TarOptions): Promise<number> {
  const { fs } = process.world;
  const writer = await Writer.open(process, options);
  let status = 0;
  const add = async (path: string, name: string): Promise<void> => {
    await process.step();
    const node = fs.stat(path);
    if (!node) throw new FileError('ENOENT', 'No such file or directory');
    if (options.verbose) await process.complain(name);
    const mtime = Math.floor(node.mtime / 1000);
    if (node.kind === 'file') {
      const content = encodeText(await fs.read(path));
      await writer.write(header(name, { mode: node.mode, mtime, size: content.length, type: '0' }));
      await writer.write(content);
      await writer.write(Buffer.alloc(padding(content.length)));
      return;
    }
    await writer.write(header(`${name}/`, { mode: node.mode, mtime, size: 0, type: '5' }));
    for (const child of fs.list(path)) await add(path === '/' ? `/${child}` : `${path}/${child}`, `${name}/${child}`);
  };
  for (const given of options.paths) {
    const absolute = given.startsWith('/');
    if (absolute) await process.complain("tar: removing leading '/' from member names");
    const name = given.replace(/^\/+/, '').replace(/\/+$/, '') || '.';
    try {
      await add(normalize(given, options.directory), name);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.complain(`tar: ${given}: ${error.message}`);
      status = 1;
    }
  }
  if (status !== 0) await process.complain('tar: error exit delayed from previous errors');
  await writer.end();
  return status;
}

/** Where an archive goes: a file at its end, or standard output as it is made. */
class Writer {
  readonly #process: Process;
  readonly #path: string | undefined;
  #parts: Buffer[] = [];
  #size = 0;
  #held = 0;

  static async open(process: Process, { file }: TarOptions): Promise<Writer> {
    return new Writer(process, file === '-' ? undefined : normalize(file, process.cwd));
  }

  private constructor(process: Process, path: string | undefined) {
    this.#process = process;
    this.#path = path;
  }

  async write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#size += bytes.length;
    this.#held += bytes.length;
    if (this.#path === undefined && this.#held >= 64 * 1024) await this.#flush();
  }

  async end(): Promise<void> {
    const end = 2 * block;
    const rest = (recordBytes - ((this.#size + end) % recordBytes)) % recordBytes;
    await this.write(Buffer.alloc(end + rest));
    await this.#flush();
  }

  async #flush(): Promise<void> {
    // Cut where no character is cut: bytes that are none are text of their own, whole pieces come back as they were.
    const text = decodeBytes(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#held = 0;
    if (this.#path === undefined) await this.#process.print(text);
    else this.#process.world.fs.write(this.#path, text);
  }
}

const padding = (size: number) => (block - (size % block)) % block;

function header(
  name: string,
  entry: { readonly mode: number; readonly mtime: number; readonly size: number; readonly type: string },
): Buffer {
  const bytes = encodeText(name);
  // A name that does not fit goes before its entry, as GNU tar does.
  if (bytes.length > 100) {
    const long = Buffer.concat([bytes, Buffer.alloc(1)]);
    return Buffer.concat([
      plainHeader(Buffer.from('././@LongLink'), { ...entry, size: long.length, type: 'L' }),
      long,
      Buffer.alloc(padding(long.length)),
      plainHeader(bytes.subarray(0, 100), entry),
    ]);
  }
  return plainHeader(bytes, entry);
}

function plainHeader(
  name: Buffer,
  entry: { readonly mode: number; readonly mtime: number; readonly size: number; readonly type: string },
): Buffer {
  const head = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    head.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  name.copy(head, 0);
  octal(entry.mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.size, 124, 12);
  octal(entry.mtime, 136, 12);
  head.write('        ', 148, 'latin1');
  head.write(entry.type, 156, 'latin1');
  head.write('ustar  \0', 257, 'latin1');
  head.write('root', 265, 'latin1');
  head.write('root', 297, 'latin1');
  let sum = 0;
  for (const byte of head) sum += byte;
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}

async function read(process: Process, options: TarOptions): Promise<number> {
  const { fs } = process.world;
  const { file } = options;
  let archive: Buffer;
  try {
    archive = encodeText(file === '-' ? await process.readAll() : await fs.read(normalize(file, process.cwd)));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    await process.complain(`tar: can't open '${file}': ${error.message}`);
    return 1;
  }
  if (archive.length < block) {
    await process.complain('tar: short read');
    return 1;
  }
  let status = 0;
  for (const entry of entries(archive)) {
    await process.step();
    if (entry === 'invalid') {
      await process.complain('tar: invalid tar magic');
      return 1;
    }
    const name = entry.name.replace(/^\/+/, '');
    if (options.paths.length > 0 && !options.paths.some((path) => within(name, path))) continue;
    if (options.mode === 't') await process.print(`${entry.name}\n`);
    else if (options.toStdout) await process.print(entry.isDirectory ? '' : decodeBytes(entry.content));
    else {
      const inner = name.split('/').slice(options.strip).join('/');
      if (inner === '') continue;
      if (options.verbose) await process.complain(name);
      try {
        extract(process, normalize(inner, options.directory), entry);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        await process.complain(`tar: can't open '${inner}': ${error.message}`);
        status = 1;
      }
    }
  }
  return status;
}

const within = (name: string, path: string) => {
  const bare = path.replace(/^\/+/, '').replace(/\/+$/, '');
  return name === bare || name.startsWith(`${bare}/`);
};

function extract(process: Process, path: string, entry: Entry): void {
  const { fs } = process.world;
  if (entry.isDirectory) {
    fs.mkdir(path, true);
    return;
  }
  const parent = normalize(`${path}/..`);
  if (!fs.stat(parent)) fs.mkdir(parent, true);
  fs.write(path, decodeBytes(entry.content));
  fs.chmod(path, entry.mode);
}

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly isDirectory: boolean;
  readonly content: Buffer;
}

/** Files and directories of an archive: ustar, GNU and pax names. Links and devices are passed over. */
function* entries(archive: Buffer): Generator<Entry | 'invalid', void, void> {
  let longName: string | undefined;
  for (let at = 0; at + block <= archive.length; ) {
    const head = archive.subarray(at, at + block);
    if (head.every((byte) => byte === 0)) return;
    if (!checksumHolds(head)) {
      yield 'invalid';
      return;
    }
    const size = number(head, 124, 12);
    const content = archive.subarray(at + block, at + block + size);
    at += block + size + padding(size);
    const type = String.fromCharCode(head[156]!);
    if (type === 'L') longName = text(content);
    else if (type === 'x') longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(decodeBytes(content))?.[1] ?? longName;
    else {
      const prefix = head.toString('latin1', 257, 263) === 'ustar\0' ? text(head.subarray(345, 500)) : '';
      const short = text(head.subarray(0, 100));
      const name = longName ?? (prefix === '' ? short : `${prefix}/${short}`);
      longName = undefined;
      const isDirectory = type === '5' || name.endsWith('/');
      if (isDirectory || type === '0' || type === '\0') {
        yield { name, mode: number(head, 100, 8), isDirectory, content };
      }
    }
  }
}

function checksumHolds(head: Buffer): boolean {
  let sum = 8 * 32;
  for (let i = 0; i < block; i++) if (i < 148 || i >= 156) sum += head[i]!;
  return number(head, 148, 8) === sum;
}

/** Octal, or base 256 when the first bit is set. */
function number(head: Buffer, at: number, length: number): number {
  if ((head[at]! & 0x80) !== 0) return head.readUIntBE(at + length - 6, 6);
  return Number.parseInt(text(head.subarray(at, at + length)).trim() || '0', 8);
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return decodeBytes(end < 0 ? bytes : bytes.subarray(0, end));
}
