/**
 * What a plain YAML scalar means to kubectl, which reads YAML 1.1 with Go's number forms: `y`, `on` are booleans, `012`
 * is octal, `0o14` and `1_000` are numbers, dates and `1:30` stay strings. Writing uses the same table, so that what
 * would be read as something else is quoted. Upstream: sigs.k8s.io/yaml/goyaml.v2 resolve.go.
 */

export type PlainScalar =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number | bigint }
  /** Read as a string, but must be quoted when written. */
  | { readonly kind: 'timestamp' }
  | { readonly kind: 'string' };

const nothing: PlainScalar = { kind: 'null' };
const text: PlainScalar = { kind: 'string' };
const timestamp: PlainScalar = { kind: 'timestamp' };
const yes: PlainScalar = { kind: 'boolean', value: true };
const no: PlainScalar = { kind: 'boolean', value: false };

const words = new Map<string, PlainScalar>();
for (const word of ['', '~', 'null', 'Null', 'NULL']) words.set(word, nothing);
for (const word of ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']) words.set(word, yes);
for (const word of ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']) words.set(word, no);
for (const word of ['.nan', '.NaN', '.NAN']) words.set(word, { kind: 'number', value: Number.NaN });
for (const word of ['.inf', '.Inf', '.INF']) {
  words.set(word, { kind: 'number', value: Number.POSITIVE_INFINITY });
  words.set(`+${word}`, { kind: 'number', value: Number.POSITIVE_INFINITY });
  words.set(`-${word}`, { kind: 'number', value: Number.NEGATIVE_INFINITY });
}

const integer = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const date =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d))| \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?)?$/;

function isDate(plain: string): boolean {
  const match = date.exec(plain);
  if (!match) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

function parseInteger(plain: string): number | bigint | undefined {
  const match = integer.exec(plain);
  if (!match) return undefined;
  const digits = match[2]!;
  const octal = digits.length > 1 && /^0[0-7]+$/.test(digits);
  const magnitude = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === '-' ? -magnitude : magnitude;
  const small = Number(value);
  if (Number.isSafeInteger(small)) return small;
  return value === BigInt.asIntN(64, value) ? value : small;
}

export function resolvePlain(plain: string): PlainScalar {
  const word = words.get(plain);
  if (word) return word;
  const first = plain.charCodeAt(0);
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
  if (!numeric) return text;
  if (isDate(plain)) return timestamp;
  const digits = plain.includes('_') ? plain.replaceAll('_', '') : plain;
  const whole = parseInteger(digits);
  if (whole !== undefined) return { kind: 'number', value: whole };
  return float.test(digits) ? { kind: 'number', value: Number(digits) } : text;
}

/** Old sexagesimal numbers: read as strings, quoted when written, for other readers' sake. */
export function isSexagesimal(plain: string): boolean {
  return /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(plain);
}
