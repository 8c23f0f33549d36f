/** `--for`: what to wait for. Upstream: kubectl/pkg/cmd/wait (1.36). */
import {
  FormatError,
  type JsonPath,
  type KubeObject,
  parseJsonPath,
  relaxedJsonPath,
} from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { goValue } from '../printers/go-value.ts';

export type WaitCondition =
  | { readonly kind: 'create' | 'delete' }
  /** `met` may throw a UserError when the object cannot ever answer the question. */
  | { readonly kind: 'object'; readonly met: (object: Readonly<KubeObject>) => boolean };

/** `condition=Ready`, `condition=Ready=false`, `jsonpath={.status.phase}=Running`, `delete`, `create`. @throws UserError */
export function parseWaitCondition(text: string): WaitCondition {
  const lower = text.toLowerCase();
  if (lower === 'delete' || lower === 'create') return { kind: lower };
  if (text.startsWith('condition=')) {
    const [, name = '', value = 'true'] = /^condition=([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
    return { kind: 'object', met: (object) => hasCondition(object, name, value) };
  }
  if (text.startsWith('jsonpath=')) return jsonPathCondition(text.slice('jsonpath='.length));
  throw new UserError(`unrecognized condition: ${JSON.stringify(text)}`);
}

/** A status written for an older spec does not count. */
function hasCondition(object: Readonly<KubeObject>, name: string, value: string): boolean {
  const { status } = object;
  const same = (a: unknown, b: string) => typeof a === 'string' && a.toLowerCase() === b.toLowerCase();
  const conditions: unknown = status?.conditions;
  if (!Array.isArray(conditions)) return false;
  const condition = conditions.find((entry) => same(entry?.type, name) && typeof entry.status === 'string');
  if (!condition) return false;
  const observed = condition.observedGeneration ?? status.observedGeneration;
  const { generation } = object.metadata;
  if (generation !== undefined && observed !== undefined && observed < generation) return false;
  return same(condition.status, value);
}

function jsonPathCondition(input: string): WaitCondition {
  const parts = splitOnSingleEquals(input);
  if (parts.length > 2) {
    throw new UserError(
      "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'",
    );
  }
  const path = parsePath(parts[0]!);
  const wanted = parts[1]?.replace(/^['"]+|['"]+$/g, '');
  if (wanted === '') {
    throw new UserError(
      "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
    );
  }
  return { kind: 'object', met: (object) => matches(path, object, wanted) };
}

function parsePath(text: string): JsonPath {
  try {
    const relaxed = relaxedJsonPath(text);
    if (relaxed === '') throw new UserError('jsonpath expression cannot be empty');
    return parseJsonPath(relaxed);
  } catch (error) {
    if (error instanceof FormatError) throw new UserError(error.message);
    throw error;
  }
}

function matches(path: JsonPath, object: Readonly<KubeObject>, wanted: string | undefined): boolean {
  const results = path.find(object);
  if (results.length === 0 || results[0]!.length === 0) return false;
  if (results.length > 1) throw new UserError('given jsonpath expression matches more than one list');
  if (results[0]!.length > 1) throw new UserError('given jsonpath expression matches more than one value');
  if (wanted === undefined) return true;
  const value = results[0]![0];
  if (typeof value === 'object' && value !== null) {
    throw new UserError('jsonpath leads to a nested object or list which is not supported');
  }
  return goValue(value).trim() === wanted.trim();
}

/** `==` belongs to a filter of the path, `=` parts path and value. */
function splitOnSingleEquals(text: string): string[] {
  return text
    .replaceAll('==', '\u0000')
    .split('=')
    .map((part) => part.replaceAll('\u0000', '=='));
}
