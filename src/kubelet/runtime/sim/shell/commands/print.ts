/** echo and printf. */
import type { Process } from '../../process.ts';

const escapes: Record<string, string> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '0': '\0',
  e: '\x1b',
};

/** Backslash escapes. `\c` ends the output. */
export function unescapeText(text: string): { readonly text: string; readonly stop: boolean } {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\' || i + 1 >= text.length) {
      out += text[i];
      continue;
    }
    const c = text[++i]!;
    if (c === 'c') return { text: out, stop: true };
    const octal = /^0?[0-7]{1,3}/.exec(text.slice(i));
    const hex = /^x([0-9a-fA-F]{1,2})/.exec(text.slice(i));
    if (hex) {
      out += String.fromCharCode(Number.parseInt(hex[1]!, 16));
      i += hex[0].length - 1;
    } else if (octal) {
      out += String.fromCharCode(Number.parseInt(octal[0], 8));
      i += octal[0].length - 1;
    } else out += escapes[c] ?? `\\${c}`;
  }
  return { text: out, stop: false };
}

export async function echo(process: Process, args: readonly string[]): Promise<number> {
  let newline = true;
  let interpret = false;
  let i = 0;
  for (; i < args.length && /^-[neE]+$/.test(args[i]!); i++) {
    if (args[i]!.includes('n')) newline = false;
    if (args[i]!.includes('e')) interpret = true;
    if (args[i]!.includes('E')) interpret = false;
  }
  const joined = args.slice(i).join(' ');
  const { text, stop } = interpret ? unescapeText(joined) : { text: joined, stop: false };
  return (await process.print(text + (newline && !stop ? '\n' : ''))) ? 0 : 141;
}

/** The text that printf prints: the format again and again while arguments are left. */
export function printfText(format: string, values: readonly string[]): string {
  const plain = unescapeText(format).text;
  let at = 0;
  let out = '';
  do {
    const before = at;
    out += plain.replace(
      /%([-+ 0#]*)(\d+|\*)?(?:\.(\d+))?([%sdiuxXofcbq])/g,
      (_, flags: string, width: string | undefined, precision: string | undefined, kind: string) => {
        if (kind === '%') return '%';
        const size = width === '*' ? Number(values[at++] ?? 0) : Number(width ?? 0);
        return pad(convert(kind, values[at++], precision), flags, Math.min(size, 10_000), kind);
      },
    );
    if (at === before) break;
  } while (at < values.length);
  return out;
}

export async function printf(process: Process, args: readonly string[]): Promise<number> {
  const [format = '', ...values] = args;
  return (await process.print(printfText(format, values))) ? 0 : 141;
}

function convert(kind: string, value: string | undefined, precision: string | undefined): string {
  const number = Number(value?.startsWith("'") ? value.charCodeAt(1) : (value ?? 0)) || 0;
  switch (kind) {
    case 's':
      return precision === undefined ? (value ?? '') : (value ?? '').slice(0, Number(precision));
    case 'b':
      return unescapeText(value ?? '').text;
    case 'q':
      return `'${value ?? ''}'`;
    case 'c':
      return (value ?? '').slice(0, 1);
    case 'x':
      return Math.trunc(number).toString(16);
    case 'X':
      return Math.trunc(number).toString(16).toUpperCase();
    case 'o':
      return Math.trunc(number).toString(8);
    case 'f':
      return number.toFixed(Number(precision ?? 6));
    default:
      return String(Math.trunc(number));
  }
}

function pad(text: string, flags: string, size: number, kind: string): string {
  if (flags.includes('-')) return text.padEnd(size);
  if (flags.includes('0') && kind !== 's')
    return text.startsWith('-') ? `-${text.slice(1).padStart(size - 1, '0')}` : text.padStart(size, '0');
  return text.padStart(size);
}
