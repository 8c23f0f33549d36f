/** String functions, version 2 of the extension. Upstream: cel-go ext/strings.go. */
import type { FunctionTable } from '../functions.ts';
import { ArrayList, CelFailure, type CelList, type Value } from '../values.ts';
import { formatText } from './string-format.ts';

function points(text: string): readonly string[] {
  return Array.from(text);
}

function outOfRange(index: bigint): Value {
  return new CelFailure(`index out of range: ${index}`);
}

function startsAt(text: readonly string[], part: readonly string[], at: number): boolean {
  for (let i = 0; i < part.length; i++) if (text[at + i] !== part[i]) return false;
  return true;
}

function indexOf(text: string, part: string, offset = 0n): Value {
  if (part === '' && offset === 0n) return 0n;
  const chars = points(text);
  const wanted = points(part);
  if (offset < 0n) return outOfRange(offset);
  if (part === '') return offset;
  if (offset >= BigInt(chars.length)) return -1n;
  for (let i = Number(offset); i <= chars.length - wanted.length; i++) if (startsAt(chars, wanted, i)) return BigInt(i);
  return -1n;
}

function lastIndexOf(text: string, part: string, offset?: bigint): Value {
  const chars = points(text);
  const wanted = points(part);
  if (offset === undefined) {
    if (part === '') return BigInt(chars.length);
  } else {
    if (offset < 0n) return outOfRange(offset);
    if (part === '') return offset;
    if (offset >= BigInt(chars.length)) return -1n;
  }
  const from = Math.min(offset === undefined ? chars.length - 1 : Number(offset), chars.length - wanted.length);
  for (let i = from; i >= 0; i--) if (startsAt(chars, wanted, i)) return BigInt(i);
  return -1n;
}

function replace(text: string, old: string, by: string, limit = -1n): string {
  if (limit < 0n) return old === '' ? replaceEmpty(text, by, Number.POSITIVE_INFINITY) : text.split(old).join(by);
  if (old === '') return replaceEmpty(text, by, Number(limit));
  const parts = text.split(old);
  const cut = Math.min(Number(limit), parts.length - 1);
  return [...parts.slice(0, cut).map((part) => part + by), parts.slice(cut).join(old)].join('');
}

/** Go replaces the empty text before every character and at the end. */
function replaceEmpty(text: string, by: string, limit: number): string {
  const chars = points(text);
  let out = '';
  for (let i = 0; i <= chars.length; i++) out += (i < limit ? by : '') + (chars[i] ?? '');
  return out;
}

function split(text: string, separator: string, limit = -1n): Value {
  if (limit === 0n) return new ArrayList([]);
  const parts = separator === '' ? [...points(text)] : text.split(separator);
  if (limit < 0n || parts.length <= Number(limit)) return new ArrayList(parts);
  const cut = Number(limit) - 1;
  return new ArrayList([...parts.slice(0, cut), parts.slice(cut).join(separator)]);
}

function substring(text: string, start: bigint, end?: bigint): Value {
  const chars = points(text);
  const length = BigInt(chars.length);
  if (end === undefined) {
    return start < 0n || start > length ? outOfRange(start) : chars.slice(Number(start)).join('');
  }
  if (start > end) return new CelFailure(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > length) return outOfRange(start);
  if (end < 0n || end > length) return outOfRange(end);
  return chars.slice(Number(start), Number(end)).join('');
}

function charAt(text: string, index: bigint): Value {
  const chars = points(text);
  if (index < 0n || index > BigInt(chars.length)) return outOfRange(index);
  return chars[Number(index)] ?? '';
}

const quoted: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

function join(list: CelList, separator = ''): Value {
  const texts: string[] = [];
  for (const item of list.items) {
    if (typeof item !== 'string') return new CelFailure(`join: invalid input: ${String(item)}`);
    texts.push(item);
  }
  return texts.join(separator);
}

export function addStringFunctions(table: FunctionTable): void {
  table.add('charAt', 'string_char_at_int', 'string.(int): string', charAt);
  table.add('indexOf', 'string_index_of_string', 'string.(string): int', (a: string, b: string) => indexOf(a, b));
  table.add('indexOf', 'string_index_of_string_int', 'string.(string, int): int', indexOf);
  table.add('lastIndexOf', 'string_last_index_of_string', 'string.(string): int', (a: string, b: string) =>
    lastIndexOf(a, b),
  );
  table.add('lastIndexOf', 'string_last_index_of_string_int', 'string.(string, int): int', lastIndexOf);
  table.add('lowerAscii', 'string_lower_ascii', 'string.(): string', (text: string) =>
    text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase()),
  );
  table.add('upperAscii', 'string_upper_ascii', 'string.(): string', (text: string) =>
    text.replace(/[a-z]+/g, (lower) => lower.toUpperCase()),
  );
  table.add(
    'replace',
    'string_replace_string_string',
    'string.(string, string): string',
    (a: string, b: string, c: string) => replace(a, b, c),
  );
  table.add('replace', 'string_replace_string_string_int', 'string.(string, string, int): string', replace);
  table.add('split', 'string_split_string', 'string.(string): list<string>', (a: string, b: string) => split(a, b));
  table.add('split', 'string_split_string_int', 'string.(string, int): list<string>', split);
  table.add('substring', 'string_substring_int', 'string.(int): string', (a: string, b: bigint) => substring(a, b));
  table.add('substring', 'string_substring_int_int', 'string.(int, int): string', substring);
  // Unicode's white space, as Go's strings.TrimSpace.
  table.add('trim', 'string_trim', 'string.(): string', (text: string) =>
    text.replace(/^[\p{White_Space}]+|[\p{White_Space}]+$/gu, ''),
  );
  table.add('join', 'list_join', 'list<string>.(): string', (list: CelList) => join(list));
  table.add('join', 'list_join_string', 'list<string>.(string): string', join);
  table.add('strings.quote', 'strings_quote', '(string): string', (text: string) => {
    const body = text.toWellFormed().replace(/[\x07\b\f\n\r\t\v\\"]/g, (char) => quoted[char]!);
    return `"${body}"`;
  });
  table.add('format', 'string_format', 'string.(list<dyn>): string', formatText);
}
