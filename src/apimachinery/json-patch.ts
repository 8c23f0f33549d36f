/**
 * JSON Patch (RFC 6902) with the words and habits of the implementation that the API server uses: negative indexes count
 * from the end, and replacing a field that is absent adds it. Upstream: evanphx/json-patch v4.
 */
import { FormatError } from './format-error.ts';
import { deepCopy, deepEqual, isObject, setOwn } from './json-value.ts';

type Container = Record<string, unknown> | unknown[];
type Operation = Readonly<Record<string, unknown>>;

const bad = (message: string): FormatError => new FormatError('InvalidPatch', message);
/** The patch is well formed but does not fit the object. */
const unprocessable = (message: string): FormatError => new FormatError('UnprocessablePatch', message);

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/**
 * The changed document; the given one is left alone.
 * @throws FormatError InvalidPatch (no list of operations) or UnprocessablePatch (an operation fails).
 */
export function applyJsonPatch<T>(document: T, patch: unknown): T {
  if (!Array.isArray(patch)) throw bad(`json: cannot unmarshal ${goKind(patch)} into Go value of type jsonpatch.Patch`);
  for (const operation of patch) {
    if (!isObject(operation)) {
      throw bad(`json: cannot unmarshal ${goKind(operation)} into Go value of type jsonpatch.Operation`);
    }
  }
  const root = { document: deepCopy(document) as Container };
  for (const operation of patch as Operation[]) applyOperation(root, operation);
  return root.document as T;
}

function applyOperation(root: { document: Container }, operation: Operation): void {
  const kind = typeof operation['op'] === 'string' ? operation['op'] : 'unknown';
  const value = (): unknown => deepCopy(operation['value'] ?? null);
  switch (kind) {
    case 'add': {
      const path = pathOf(operation, 'path') ?? fail('add operation failed to decode path: missing value');
      const { container, key } =
        find(root.document, path) ??
        fail(`add operation does not apply: doc is missing path: "${path}": missing value`);
      wrap(`error in add for path: '${path}'`, () => add(container, key, value()));
      return;
    }
    case 'remove': {
      const path = pathOf(operation, 'path') ?? fail('remove operation failed to decode path: missing value');
      const { container, key } =
        find(root.document, path) ??
        fail(`remove operation does not apply: doc is missing path: "${path}": missing value`);
      wrap(`error in remove for path: '${path}'`, () => remove(container, key));
      return;
    }
    case 'replace':
      replace(root, operation, value());
      return;
    case 'move': {
      const from = requiredPath(operation, 'from', 'move operation failed to decode from');
      const source =
        find(root.document, from) ??
        fail(`move operation does not apply: doc is missing from path: ${from}: missing value`);
      const moved = wrap(`error in move for path: '${source.key}'`, () => {
        const current = get(source.container, source.key);
        remove(source.container, source.key);
        return current;
      });
      const path = requiredPath(operation, 'path', 'move operation failed to decode path');
      const { container, key } =
        find(root.document, path) ??
        fail(`move operation does not apply: doc is missing destination path: ${path}: missing value`);
      wrap(`error in move for path: '${path}'`, () => add(container, key, moved ?? null));
      return;
    }
    case 'copy': {
      const from = requiredPath(operation, 'from', 'copy operation failed to decode from');
      const source =
        find(root.document, from) ??
        fail(`copy operation does not apply: doc is missing from path: ${from}: missing value`);
      const copied = wrap(`error in copy for from: '${from}'`, () => get(source.container, source.key));
      const path = pathOf(operation, 'path') ?? fail('copy operation failed to decode path: missing value');
      const { container, key } =
        find(root.document, path) ??
        fail(`copy operation does not apply: doc is missing destination path: ${path}: missing value`);
      wrap('error while adding value during copy', () => add(container, key, deepCopy(copied ?? null)));
      return;
    }
    case 'test':
      test(root.document, operation);
      return;
    default:
      throw unprocessable(`Unexpected kind: ${kind}`);
  }
}

function fail(message: string): never {
  throw unprocessable(message);
}

function wrap<T>(context: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof FormatError) throw unprocessable(`${context}: ${error.message}`);
    throw error;
  }
}

function pathOf(operation: Operation, field: 'path' | 'from'): string | undefined {
  return typeof operation[field] === 'string' ? operation[field] : undefined;
}

function requiredPath(operation: Operation, field: 'path' | 'from', context: string): string {
  return pathOf(operation, field) ?? fail(`${context}: operation, missing ${field} field: missing value`);
}

function decodeKey(key: string): string {
  return key.includes('~') ? key.replaceAll('~1', '/').replaceAll('~0', '~') : key;
}

/** The container of the path's last key; undefined when a step on the way is missing. */
function find(document: Container, path: string): { container: Container; key: string } | undefined {
  const parts = path.split('/');
  if (parts.length < 2) return undefined;
  let container = document;
  for (const part of parts.slice(1, -1)) {
    let next: unknown;
    try {
      next = get(container, decodeKey(part));
    } catch {
      return undefined;
    }
    if (typeof next !== 'object' || next === null) return undefined;
    container = next as Container;
  }
  return { container, key: decodeKey(parts.at(-1)!) };
}

function parseIndex(key: string): number {
  if (!/^[+-]?[0-9]+$/.test(key)) fail(`strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  return Number(key);
}

/** Index into a list of `length`, negative ones from its end. */
function indexIn(key: string, length: number): number {
  const index = parseIndex(key);
  if (index >= length || index < -length) fail(`Unable to access invalid index: ${index}: invalid index referenced`);
  return index < 0 ? index + length : index;
}

function get(container: Container, key: string): unknown {
  if (Array.isArray(container)) return container[indexIn(key, container.length)];
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

function add(container: Container, key: string, value: unknown): void {
  if (!Array.isArray(container)) {
    setOwn(container, key, value);
    return;
  }
  if (key === '-') {
    container.push(value);
    return;
  }
  if (!/^[+-]?[0-9]+$/.test(key)) {
    fail(`value was not a proper array index: '${key}': strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  }
  container.splice(indexIn(key, container.length + 1), 0, value);
}

function remove(container: Container, key: string): void {
  if (Array.isArray(container)) {
    container.splice(indexIn(key, container.length), 1);
  } else {
    if (!Object.hasOwn(container, key)) fail(`Unable to remove nonexistent key: ${key}: missing value`);
    delete container[key];
  }
}

function replace(root: { document: Container }, operation: Operation, value: unknown): void {
  const path = requiredPath(operation, 'path', 'replace operation failed to decode path');
  if (path === '') {
    if (typeof value !== 'object' || value === null) {
      fail('replace operation value must be object or array: %!w(<nil>)');
    }
    root.document = value as Container;
    return;
  }
  const { container, key } =
    find(root.document, path) ?? fail(`replace operation does not apply: doc is missing path: ${path}: missing value`);
  if (!Array.isArray(container)) {
    setOwn(container, key, value);
    return;
  }
  let index: number;
  try {
    index = indexIn(key, container.length);
  } catch {
    fail(`replace operation does not apply: doc is missing key: ${path}: missing value`);
  }
  container[index] = value;
}

function test(document: Container, operation: Operation): void {
  const path = requiredPath(operation, 'path', 'test operation failed to decode path');
  const expected = operation['value'] ?? null;
  let actual: unknown = document;
  if (path !== '') {
    const { container, key } =
      find(document, path) ?? fail(`test operation does not apply: is missing path: ${path}: missing value`);
    actual = wrap(`error in test for path: '${path}'`, () => get(container, key)) ?? null;
  }
  if (!deepEqual(actual, expected)) fail(`testing value ${path} failed: test failed`);
}
