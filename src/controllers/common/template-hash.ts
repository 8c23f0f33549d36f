/**
 * The value of `pod-template-hash`. Upstream: controller.ComputeHash: FNV-1a (32 bit) over a dump of the template and the
 * collision count, as decimal digits mapped into the alphabet of generated names.
 * Differs: the dump is JSON with sorted keys and without empty fields, not Go's; so the words differ, the form does not.
 */

import { isObject } from '../../apimachinery/index.ts';
import { safeEncodeString } from '../../base/index.ts';

export function templateHash(template: unknown, collisionCount: number | undefined): string {
  let hash = 0x811c9dc5;
  const add = (byte: number) => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  for (const byte of Buffer.from(canonical(template), 'utf8')) add(byte);
  if (collisionCount !== undefined) {
    // Eight bytes, of which the low four carry the count.
    for (let i = 0; i < 8; i++) add(i < 4 ? (collisionCount >>> (8 * i)) & 0xff : 0);
  }
  return safeEncodeString(String(hash >>> 0));
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return typeof value === 'bigint' ? String(value) : JSON.stringify(value ?? null);
  const fields: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const field = value[key];
    if (field === undefined || field === null || (Array.isArray(field) && field.length === 0)) continue;
    fields.push(`${JSON.stringify(key)}:${canonical(field)}`);
  }
  return `{${fields.join(',')}}`;
}

/** Fields that are Go maps: absent and empty are the same. */
const mapFields = new Set(['labels', 'annotations', 'nodeSelector', 'matchLabels', 'limits', 'requests', 'overhead']);

/**
 * Equality of API values as upstream's Semantic.DeepEqual has it: null is absent, and an empty list or map is absent.
 * `ignoreLabel`: a label key left out of `metadata.labels` of the top value.
 */
export function templatesEqual(a: any, b: any, ignoreLabel?: string): boolean {
  return semanticEqual(withoutLabel(a, ignoreLabel), withoutLabel(b, ignoreLabel));
}

function withoutLabel(template: any, label: string | undefined): any {
  if (label === undefined || template?.metadata?.labels?.[label] === undefined) return template;
  const { [label]: _, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

function isAbsent(value: unknown, key: string): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return mapFields.has(key) && isObject(value) && Object.keys(value).length === 0;
}

function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => semanticEqual(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  for (const key in a) {
    const [x, y] = [a[key], b[key]];
    if (isAbsent(x, key) ? !isAbsent(y, key) : !semanticEqual(x, y)) return false;
  }
  for (const key in b) if (!(key in a) && !isAbsent(b[key], key)) return false;
  return true;
}
