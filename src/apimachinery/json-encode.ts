/** JSON text and bytes; bigints are written as numbers. */

const encoder = new TextEncoder();

/** Since V8 11.4; not yet in TypeScript's library. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

function bigintAsNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJson(value.toString()) : value;
}

/** JSON text without white space, or indented by `indent` spaces. */
export function stringifyJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    // A bigint is rare: only its presence costs the slower way. A cycle throws again.
    if (error instanceof TypeError) return JSON.stringify(value, bigintAsNumber, indent);
    throw error;
  }
}

/** JSON bytes. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(stringifyJson(value));
}

/** Order of two texts by code points, which is the order of their UTF-8 bytes. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let left = a.charCodeAt(i);
    let right = b.charCodeAt(i);
    if (left === right) continue;
    // Surrogates stand for code points above all other units.
    if (left >= 0xd800 && right >= 0xd800) {
      left += left >= 0xe000 ? -0x800 : 0x2000;
      right += right >= 0xe000 ? -0x800 : 0x2000;
    }
    return left - right;
  }
  return a.length - b.length;
}

/**
 * What `kubectl -o json` prints: keys sorted, four spaces, `<`, `>`, `&` escaped as Go does. Without final newline.
 * Objects are written from sorted entries, because JavaScript objects put keys that look like numbers first.
 */
export function formatJson(value: unknown): string {
  return write(value, '').replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function write(value: unknown, indent: string): string {
  const inner = `${indent}    `;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[\n${value.map((item) => inner + write(item, inner)).join(',\n')}\n${indent}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value).filter((key) => (value as Record<string, unknown>)[key] !== undefined);
    if (keys.length === 0) return '{}';
    keys.sort(compareBytes);
    const fields = keys.map(
      (key) => `${inner}${JSON.stringify(key)}: ${write((value as Record<string, unknown>)[key], inner)}`,
    );
    return `{\n${fields.join(',\n')}\n${indent}}`;
  }
  return stringifyJson(value) ?? 'null';
}
