/** Filters: commands that read lines and write lines. */

import { byteLength, decodeBytes, encodeText } from '../../bytes.ts';
import { normalize } from '../../file-system.ts';
import { maxHeldLines, OutOfMemory } from '../../out-of-memory.ts';
import type { Process, Source } from '../../process.ts';
import { awk } from './awk.ts';
import { eachInput, eachLine, type Program } from './lines.ts';
import { parseArgs } from './options.ts';
import { basicToExtended, posix } from './regex.ts';
import { sed } from './sed.ts';

async function allLines(
  process: Process,
  command: string,
  files: readonly string[],
): Promise<{ lines: string[]; status: number }> {
  const lines: string[] = [];
  const status = await eachInput(command, process, files, async (source) => {
    const text = await process.readAll(source);
    for (let at = 0; at < text.length; ) {
      const end = text.indexOf('\n', at);
      lines.push(end < 0 ? text.slice(at) : text.slice(at, end));
      if (lines.length > maxHeldLines) throw new OutOfMemory();
      at = end < 0 ? text.length : end + 1;
    }
    return true;
  });
  return { lines, status };
}

const joined = (lines: readonly string[]) => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);

async function grep(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, rest, bad } = parseArgs(args, 'ivqcnEFowxlhHsPe:m:A:B:', ['color', 'color:', 'line-buffered']);
  if (bad) {
    await process.complain(`grep: unrecognized option '${bad}'`);
    return 2;
  }
  const [pattern = '', ...files] = values.has('e') ? [values.get('e')!, ...rest] : rest;
  let expression: RegExp;
  try {
    expression = grepExpression(pattern, flags);
  } catch {
    await process.complain(`grep: bad regex '${pattern}'`);
    return 2;
  }
  const limit = Number(values.get('m') ?? Number.POSITIVE_INFINITY);
  let found = 0;
  const failed = await eachInput('grep', process, files, async (source, name) => {
    const prefix = files.length > 1 && !flags.has('h') ? `${name}:` : '';
    let here = 0;
    let number = 0;
    let open = true;
    await eachLine(process, source, async (line) => {
      number++;
      if (expression.test(line) === flags.has('v')) return true;
      here++;
      found++;
      if (flags.has('q')) return false;
      if (flags.has('l')) {
        open = await process.print(`${name}\n`);
        return false;
      }
      if (!flags.has('c')) {
        const text = flags.has('o')
          ? (line.match(new RegExp(expression.source, `${expression.flags}g`)) ?? []).join('\n')
          : line;
        open = await process.print(`${prefix}${flags.has('n') ? `${number}:` : ''}${text}\n`);
      }
      return open && here < limit;
    });
    if (flags.has('c')) await process.print(`${prefix}${here}\n`);
    return open && !(flags.has('q') && found > 0);
  });
  if (found > 0) return 0;
  return failed === 0 ? 1 : 2;
}

function grepExpression(pattern: string, flags: ReadonlySet<string>): RegExp {
  let source = flags.has('F')
    ? pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    : flags.has('E') || flags.has('P')
      ? posix(pattern)
      : basicToExtended(posix(pattern));
  if (flags.has('w')) source = `\\b(?:${source})\\b`;
  if (flags.has('x')) source = `^(?:${source})$`;
  return new RegExp(source, flags.has('i') ? 'i' : '');
}

async function cut(process: Process, args: readonly string[]): Promise<number> {
  const { values, flags, rest } = parseArgs(args, 'd:f:c:b:s');
  const list = values.get('f') ?? values.get('c') ?? values.get('b') ?? '1';
  const ranges = list.split(',').map((part) => {
    const [from, to] = part.includes('-') ? part.split('-') : [part, part];
    return [Number(from || 1), to === '' ? Number.POSITIVE_INFINITY : Number(to)] as const;
  });
  const wanted = (n: number) => ranges.some(([from, to]) => n >= from && n <= to);
  const delimiter = values.get('d') ?? '\t';
  return eachInput('cut', process, rest, async (source) => {
    await eachLine(process, source, async (line) => {
      if (!values.has('f')) return process.print(`${[...line].filter((_, i) => wanted(i + 1)).join('')}\n`);
      const fields = line.split(delimiter);
      if (fields.length === 1) return flags.has('s') ? true : process.print(`${line}\n`);
      return process.print(`${fields.filter((_, i) => wanted(i + 1)).join(delimiter)}\n`);
    });
    return true;
  });
}

async function head(process: Process, args: readonly string[]): Promise<number> {
  const short = args.find((arg) => /^-\d+$/.test(arg));
  const { values, rest } = parseArgs(
    args.filter((arg) => arg !== short),
    'n:c:q',
  );
  const bytes = values.get('c');
  let left = Number(short?.slice(1) ?? values.get('n') ?? 10);
  return eachInput('head', process, rest, async (source) => {
    if (bytes !== undefined) {
      // Only what is wanted is read: the source may never end.
      for (let left = Number(bytes); left > 0; ) {
        const text = await process.until(source.read());
        if (text === undefined) break;
        const piece = encodeText(text).subarray(0, left);
        left -= piece.length;
        if (!(await process.print(decodeBytes(piece)))) return false;
      }
      return true;
    }
    const total = left;
    if (left > 0) await eachLine(process, source, async (line) => (await process.print(`${line}\n`)) && --left > 0);
    left = total;
    return true;
  });
}

async function tail(process: Process, args: readonly string[]): Promise<number> {
  const short = args.find((arg) => /^-\d+$/.test(arg));
  const { values, flags, rest } = parseArgs(
    args.filter((arg) => arg !== short),
    'n:c:fFq',
    ['follow'],
  );
  const count = short?.slice(1) ?? values.get('n') ?? '10';
  const follow = flags.has('f') || flags.has('F') || flags.has('follow');
  const status =
    follow && rest[0] === '/dev/null'
      ? 0
      : await eachInput('tail', process, rest, async (source) => {
          if (!values.has('c') && !count.startsWith('+')) {
            return process.print(joined(await lastLines(process, source, Math.abs(Number(count)))));
          }
          const text = await process.readAll(source);
          if (values.has('c')) return process.print(text.slice(-Number(values.get('c'))));
          const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
          return process.print(joined(lines.slice(Number(count) - 1)));
        });
  if (!follow) return status;
  return followFile(process, normalize(rest[0] ?? '/dev/null', process.cwd));
}

/** The last lines, held as they come: what feeds them may never end. */
async function lastLines(process: Process, source: Source, count: number): Promise<string[]> {
  let lines: string[] = [];
  await eachLine(process, source, async (line) => {
    lines.push(line);
    // Not at every line: cutting costs what is left.
    if (lines.length > 2 * count + 1_000) lines = lines.slice(-count);
    return true;
  });
  return count > 0 ? lines.slice(-count) : [];
}

/** How often a followed file is looked at. */
const followMs = 1_000;

async function followFile(process: Process, path: string): Promise<number> {
  let seen = process.world.fs.stat(path)?.content.length ?? 0;
  for (;;) {
    await process.sleep(followMs);
    process.rested();
    const content = process.world.fs.stat(path)?.content ?? '';
    if (content.length < seen) seen = 0;
    if (content.length > seen && !(await process.print(content.slice(seen)))) return 141;
    seen = content.length;
  }
}

async function wc(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'lwcm');
  return eachInput('wc', process, rest, async (source, name) => {
    const text = await process.readAll(source);
    const lines = text.split('\n').length - 1;
    const words = text.split(/\s+/).filter((word) => word !== '').length;
    const bytes = byteLength(text);
    const all = flags.size === 0;
    const columns: number[] = [];
    if (all || flags.has('l')) columns.push(lines);
    if (all || flags.has('w')) columns.push(words);
    if (all || flags.has('c') || flags.has('m')) columns.push(bytes);
    const numbers = columns.length === 1 ? String(columns[0]) : columns.map((n) => String(n).padStart(9)).join(' ');
    return process.print(name === '-' ? `${numbers}\n` : `${numbers} ${name}\n`);
  });
}

async function sort(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, rest } = parseArgs(args, 'rnufk:t:hV');
  const { lines, status } = await allLines(process, 'sort', rest);
  const column = Number.parseInt(values.get('k') ?? '0', 10);
  const separator = values.get('t');
  const numeric = flags.has('n') || flags.has('h') || /n/.test(values.get('k') ?? '');
  const keyOf = (line: string) => {
    const key = column > 0 ? (line.split(separator ?? /\s+/)[column - 1] ?? '') : line;
    return flags.has('f') ? key.toLowerCase() : key;
  };
  const compare = (a: string, b: string) => {
    const x = keyOf(a);
    const y = keyOf(b);
    const order = numeric ? (Number.parseFloat(x) || 0) - (Number.parseFloat(y) || 0) : x < y ? -1 : x > y ? 1 : 0;
    return order || (a < b ? -1 : a > b ? 1 : 0);
  };
  lines.sort(compare);
  if (flags.has('r')) lines.reverse();
  await process.print(
    joined(flags.has('u') ? lines.filter((line, i) => i === 0 || keyOf(line) !== keyOf(lines[i - 1]!)) : lines),
  );
  return status;
}

async function uniq(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'cdu');
  const { lines, status } = await allLines(process, 'uniq', rest);
  let out = '';
  for (let i = 0; i < lines.length; ) {
    let n = 1;
    while (lines[i + n] === lines[i]) n++;
    if (!(flags.has('d') && n === 1) && !(flags.has('u') && n > 1)) {
      out += `${flags.has('c') ? `${String(n).padStart(7)} ` : ''}${lines[i]}\n`;
    }
    i += n;
  }
  await process.print(out);
  return status;
}

async function tr(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'dscC');
  const set = (text: string) => {
    const expanded = posix(
      text.replace(/\\n/g, '\n').replace(/\\t/g, '\t').replace(/\\r/g, '\r').replace(/\\0/g, '\0'),
    ).replace(/^\[(.*)\]$/s, (whole, inner) => (/[-:]/.test(text) ? inner : whole));
    const out: string[] = [];
    for (let i = 0; i < expanded.length; i++) {
      if (expanded[i + 1] === '-' && i + 2 < expanded.length) {
        for (let c = expanded.charCodeAt(i); c <= expanded.charCodeAt(i + 2) && out.length < 512; c++)
          out.push(String.fromCharCode(c));
        i += 2;
      } else if (expanded[i] === '\\' && expanded[i + 1] === 's') {
        out.push(' ', '\t', '\n', '\r');
        i++;
      } else out.push(expanded[i]!);
    }
    return out;
  };
  const from = set(rest[0] ?? '');
  const to = set(rest[1] ?? '');
  const complement = flags.has('c') || flags.has('C');
  const text = await process.readAll();
  let out = '';
  for (const c of text) {
    const at = from.indexOf(c);
    const hit = at >= 0 !== complement;
    if (!hit) out += c;
    else if (flags.has('d')) continue;
    else {
      const mapped = to.length === 0 ? c : complement ? to[to.length - 1]! : (to[at] ?? to[to.length - 1]!);
      if (flags.has('s') && out.endsWith(mapped)) continue;
      out += mapped;
    }
  }
  return (await process.print(out)) ? 0 : 141;
}

async function cat(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'nuAeEtTv');
  let number = 1;
  return eachInput('cat', process, rest, async (source, name) => {
    if (!flags.has('n')) {
      if (name !== '-') return process.print(await process.readAll(source));
      // Standard input may never end: pass on what comes.
      for (;;) {
        const text = await process.until(source.read());
        if (text === undefined) return true;
        if (!(await process.print(text))) return false;
        await process.step();
      }
    }
    await eachLine(process, source, async (line) => process.print(`${String(number++).padStart(6)}\t${line}\n`));
    return true;
  });
}

async function tee(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'ai');
  const paths = rest.map((file) => normalize(file, process.cwd));
  for (const path of paths) if (!flags.has('a')) process.world.fs.write(path, '');
  await eachLine(process, process.stdin, async (line) => {
    for (const path of paths) process.world.fs.write(path, `${line}\n`, true);
    return process.print(`${line}\n`);
  });
  return 0;
}

async function seq(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, rest } = parseArgs(args, 'ws:');
  const numbers = rest.map(Number);
  if (numbers.length === 0 || numbers.some(Number.isNaN)) {
    await process.complain('seq: invalid argument');
    return 1;
  }
  const [first, step, last] =
    numbers.length === 1
      ? [1, 1, numbers[0]!]
      : numbers.length === 2
        ? [numbers[0]!, 1, numbers[1]!]
        : (numbers as [number, number, number]);
  const width = flags.has('w') ? Math.max(String(first).length, String(last).length) : 0;
  const separator = values.get('s') ?? '\n';
  let text = '';
  let count = 0;
  for (let n = first; step > 0 ? n <= last : step < 0 && n >= last; n += step) {
    text += (count++ > 0 ? separator : '') + String(Number(n.toPrecision(12))).padStart(width, '0');
    if (text.length > 8_192) {
      if (!(await process.print(text))) return 141;
      text = '';
    }
    await process.step();
  }
  if (count > 0) await process.print(`${text}\n`);
  return 0;
}

async function base64(process: Process, args: readonly string[]): Promise<number> {
  const { flags, rest } = parseArgs(args, 'dw:', ['decode']);
  return eachInput('base64', process, rest, async (source) => {
    const text = await process.readAll(source);
    if (flags.has('d') || flags.has('decode')) return process.print(decodeBytes(Buffer.from(text, 'base64')));
    return process.print(`${encodeText(text).toString('base64')}\n`);
  });
}

async function yes(process: Process, args: readonly string[]): Promise<number> {
  const line = `${args.length > 0 ? args.join(' ') : 'y'}\n`;
  for (;;) {
    await process.step();
    if (!(await process.print(line))) return 141;
  }
}

const reverse = async (process: Process, args: readonly string[], by: (lines: string[]) => string[], name: string) => {
  const { lines, status } = await allLines(process, name, args);
  await process.print(joined(by(lines)));
  return status;
};

export const textCommands: Record<string, Program> = {
  awk,
  base64,
  cat,
  cut,
  egrep: (process, args) => grep(process, ['-E', ...args]),
  fgrep: (process, args) => grep(process, ['-F', ...args]),
  gawk: awk,
  grep,
  head,
  rev: (process, args) => reverse(process, args, (lines) => lines.map((line) => [...line].reverse().join('')), 'rev'),
  sed,
  seq,
  sort,
  tac: (process, args) => reverse(process, args, (lines) => lines.reverse(), 'tac'),
  tail,
  tee,
  tr,
  uniq,
  wc,
  yes,
};
