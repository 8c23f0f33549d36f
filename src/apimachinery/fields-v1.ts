/** The JSON form of field sets in managedFields. Upstream: structured-merge-diff/fieldpath/serialize.go. */
import { compareSteps, emptyFieldSet, FieldSet, keyStep, valueStep } from './field-set.ts';
import { FormatError } from './format-error.ts';
import { isObject } from './json-value.ts';

type FieldsV1 = Record<string, unknown>;

/** Objects in caches share their managedFields, so that each is read and written once. */
const decoded = new WeakMap<object, FieldSet>();
const encoded = new WeakMap<FieldSet, FieldsV1>();

/** Reads `managedFields[].fieldsV1`. @throws FormatError (InvalidFieldsV1). */
export function decodeFieldsV1(fields: unknown): FieldSet {
  if (fields === undefined || fields === null) return emptyFieldSet;
  if (!isObject(fields)) throw new FormatError('InvalidFieldsV1', 'fieldsV1 must be an object');
  let set = decoded.get(fields);
  if (!set) {
    set = readSet(fields);
    decoded.set(fields, set);
  }
  return set;
}

function readSet(fields: FieldsV1): FieldSet {
  const members = new Set<string>();
  const children = new Map<string, FieldSet>();
  for (const key of Object.keys(fields)) {
    if (key === '.') continue;
    const step = canonicalStep(key);
    if (step === undefined) continue;
    const inner = fields[key];
    if (!isObject(inner)) throw new FormatError('InvalidFieldsV1', `value of ${JSON.stringify(key)} must be an object`);
    const child = readSet(inner);
    if (child.empty || Object.hasOwn(inner, '.')) members.add(step);
    if (!child.empty) children.set(step, child);
  }
  return new FieldSet(members, children);
}

/** Undefined for kinds of steps that are not known, which are skipped. */
function canonicalStep(key: string): string | undefined {
  if (key[1] !== ':') throw new FormatError('InvalidFieldsV1', `missing colon: ${key}`);
  const kind = key[0];
  if (kind === 'f') return key;
  if (kind === 'i') {
    if (!/^i:\d+$/.test(key)) throw new FormatError('InvalidFieldsV1', `parsing index: ${key}`);
    return key;
  }
  if (kind !== 'k' && kind !== 'v') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(key.slice(2));
  } catch (cause) {
    throw new FormatError('InvalidFieldsV1', `parsing key as path element: ${key}`, { cause });
  }
  if (kind === 'v') return valueStep(value);
  if (!isObject(value)) throw new FormatError('InvalidFieldsV1', `parsing key as path element: ${key}`);
  return keyStep(value);
}

/** Sorted as upstream writes it. The result is shared: it must not be changed. */
export function encodeFieldsV1(set: FieldSet): FieldsV1 {
  let fields = encoded.get(set);
  if (!fields) {
    fields = writeSet(set, false);
    encoded.set(set, fields);
    decoded.set(fields, set);
  }
  return fields;
}

function writeSet(set: FieldSet, withSelf: boolean): FieldsV1 {
  const out: FieldsV1 = {};
  if (withSelf) out['.'] = {};
  const steps = new Set([...set.members, ...set.children.keys()]);
  for (const step of [...steps].sort(compareSteps)) {
    const child = set.children.get(step);
    out[step] = child ? writeSet(child, set.members.has(step)) : {};
  }
  return out;
}
