/** Tar archives (ustar, with GNU and pax long names) of files, folders and links: what `cp` speaks. */

export interface TarHeader {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  /** Seconds. */
  readonly mtime: number;
  readonly linkName?: string;
}

export interface TarFile extends TarHeader {
  readonly data: Uint8Array;
}

const block = 512;
/** Two empty blocks end an archive. */
export const tarEnd = new Uint8Array(2 * block);

const typeFlags = { file: '0', directory: '5', symlink: '2' } as const;

/** Header, data and padding of one entry. */
export function* tarEntry(header: TarHeader, data: Uint8Array = new Uint8Array(0)): Generator<Uint8Array> {
  const name = header.type === 'directory' ? `${header.name}/` : header.name;
  if (Buffer.byteLength(name) > 100) yield* longName('L', name, header);
  if (Buffer.byteLength(header.linkName ?? '') > 100) yield* longName('K', header.linkName!, header);
  yield headerBlock(name, typeFlags[header.type], data.length, header);
  yield* padded(data);
}

function* longName(flag: string, text: string, header: TarHeader): Generator<Uint8Array> {
  const data = Buffer.from(`${text}\0`);
  yield headerBlock('././@LongLink', flag, data.length, { ...header, linkName: undefined });
  yield* padded(data);
}

function* padded(data: Uint8Array): Generator<Uint8Array> {
  if (data.length === 0) return;
  yield data;
  const rest = data.length % block;
  if (rest > 0) yield new Uint8Array(block - rest);
}

function headerBlock(name: string, flag: string, size: number, header: TarHeader): Uint8Array {
  const out = Buffer.alloc(block);
  const octal = (value: number, offset: number, length: number) =>
    out.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  out.write(name.slice(0, 100), 0, 100, 'utf8');
  octal(header.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(header.mtime, 136, 12);
  out.fill(' ', 148, 156);
  out.write(flag, 156, 'latin1');
  if (header.linkName) out.write(header.linkName, 157, 100, 'utf8');
  out.write('ustar\u000000', 257, 'latin1');
  let sum = 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** Entries in order. @throws Error when the archive ends within one. */
export async function* readTar(from: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile, void, void> {
  let waiting = Buffer.alloc(0);
  const chunks = from[Symbol.asyncIterator]();
  const take = async (bytes: number): Promise<Buffer | undefined> => {
    const parts: Uint8Array[] = [waiting];
    let have = waiting.length;
    while (have < bytes) {
      const { done, value } = await chunks.next();
      if (done) {
        waiting = Buffer.concat(parts);
        return undefined;
      }
      parts.push(value);
      have += value.length;
    }
    const all = Buffer.concat(parts, have);
    waiting = all.subarray(bytes);
    return all.subarray(0, bytes);
  };
  let long: { name?: string; link?: string } = {};
  for (;;) {
    const header = await take(block);
    if (!header || header.every((byte) => byte === 0)) break;
    const text = (offset: number, length: number) =>
      header.toString('utf8', offset, offset + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 12).trim() || '0', 8);
    const flag = text(156, 1) || '0';
    const data = await take(Math.ceil(size / block) * block);
    if (!data) throw new Error('unexpected EOF in the archive');
    const body = data.subarray(0, size);
    if (flag === 'L') long.name = body.toString('utf8').replace(/\0.*$/s, '');
    else if (flag === 'K') long.link = body.toString('utf8').replace(/\0.*$/s, '');
    else if (flag === 'x') long = { ...long, ...paxNames(body) };
    else if (flag !== 'g') {
      const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
      const name = long.name ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`);
      const type = flag === '5' ? 'directory' : flag === '2' ? 'symlink' : 'file';
      const linkName = long.link ?? text(157, 100);
      const common = {
        name,
        mode: Number.parseInt(text(100, 8).trim() || '0', 8),
        mtime: Number.parseInt(text(136, 12).trim() || '0', 8),
      };
      yield { ...common, type, data: body, ...(linkName !== '' && { linkName }) };
      long = {};
    }
  }
  // The rest is read, so that the sender is not held up.
  while (!(await chunks.next()).done);
}

/** `27 path=some/name\n`, again and again. */
function paxNames(body: Buffer): { name?: string; link?: string } {
  const out: { name?: string; link?: string } = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(32, at);
    const length = Number.parseInt(body.toString('latin1', at, space), 10);
    if (space < 0 || !(length > 0)) break;
    const record = body.toString('utf8', space + 1, at + length - 1);
    if (record.startsWith('path=')) out.name = record.slice(5);
    else if (record.startsWith('linkpath=')) out.link = record.slice(9);
    at += length;
  }
  return out;
}
