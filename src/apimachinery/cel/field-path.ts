/**
 * `fieldPath` of a rule: `.spec.containers['a.b']` through a schema.
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (ValidFieldPath).
 */
import type { JSONSchemaProps } from './types.ts';

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

/** Delimiters by themselves, quoted texts whole, and what is between. */
const token = /'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/gs;

function unquote(text: string): string | undefined {
  let valid = true;
  const value = text.slice(1, -1).replace(/\\(.)/gs, (_all, char: string) => {
    if (!Object.hasOwn(escapes, char)) valid = false;
    return escapes[char] ?? '';
  });
  return valid ? value : undefined;
}

/** The path as errors show it, or why there is none in the schema. */
export function readFieldPath(path: string, schema: JSONSchemaProps): string | { readonly problem: string } {
  const tokens = path.match(token) ?? [];
  let text = '';
  let at: JSONSchemaProps | undefined = schema;
  const step = (name: string): boolean => {
    if (at?.properties) {
      if (!Object.hasOwn(at.properties, name)) return false;
      text += text === '' ? name : `.${name}`;
      at = at.properties[name];
      return true;
    }
    if (at?.additionalProperties === undefined) return false;
    text += `[${name}]`;
    at = typeof at.additionalProperties === 'object' ? at.additionalProperties : undefined;
    return true;
  };
  for (let i = 0; i < tokens.length; ) {
    const name = tokens[i + 1];
    if (tokens[i] !== '.' && tokens[i] !== '[') return { problem: `expected [ or . but got: ${tokens[i]}` };
    if (name === undefined) return { problem: 'unexpected end of JSON path' };
    if (tokens[i] === '.') {
      if (!step(name)) return { problem: 'does not refer to a valid field' };
      i += 2;
      continue;
    }
    if (!/^'.*'$/s.test(name)) return { problem: `expected single quoted string but got ${name}` };
    const value = unquote(name);
    if (value === undefined) return { problem: `invalid string literal: invalid escape char ${name}` };
    if (!step(value)) return { problem: 'does not refer to a valid field' };
    if (tokens[i + 2] !== ']') {
      const got = tokens[i + 2];
      return { problem: got === undefined ? 'unexpected end of JSON path' : `expected ] but got ${got}` };
    }
    i += 3;
  }
  return text;
}
