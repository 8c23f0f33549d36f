/**
 * Fields, merging, and taking fields out of objects by type.
 * Upstream: structured-merge-diff/typed/{tofieldset,merge,remove,validate,reconcile_schema}.go.
 */
import { type FieldSet, FieldSetBuilder, fieldStep, formatSteps } from './field-set.ts';
import { FormatError } from './format-error.ts';
import { isObject, setOwn } from './json-value.ts';
import { itemStep, type ListType, type MapType, shapeOf, type TypeNode } from './typed-schema.ts';

type JsonMap = Record<string, unknown>;

/** The paths that a configuration speaks of: leaves, list items, entries of maps. */
export function fieldsOf(value: unknown, node: TypeNode): FieldSet {
  const builder = new FieldSetBuilder();
  collectFields(value, node, [], builder);
  return builder.build();
}

function collectFields(value: unknown, node: TypeNode, path: string[], out: FieldSetBuilder): void {
  switch (shapeOf(node, value)) {
    case 'scalar':
      out.insert(path);
      return;
    case 'map': {
      const type = node.map!;
      if (type.atomic) out.insert(path);
      else if (isObject(value)) collectMapFields(value, type, path, out);
      return;
    }
    case 'list': {
      const type = node.list!;
      if (type.relationship === 'atomic') out.insert(path);
      else if (Array.isArray(value)) collectItemFields(value, type, path, out);
    }
  }
}

function collectMapFields(value: JsonMap, type: MapType, path: string[], out: FieldSetBuilder): void {
  for (const key in value) {
    const item = value[key];
    if (item === undefined) continue;
    const declared = type.field(key);
    const node = declared ?? type.element();
    if (!node) continue;
    path.push(fieldStep(key));
    collectFields(item, node, path, out);
    const isLeafMap = item === null || (isObject(item) && Object.keys(item).length === 0);
    if (isLeafMap || !declared) out.insert(path);
    path.pop();
  }
}

function collectItemFields(value: readonly unknown[], type: ListType, path: string[], out: FieldSetBuilder): void {
  const steps = value.map((item) => itemStep(type, item));
  for (const [i, step] of steps.entries()) {
    path.push(step);
    // Items that share a key are owned as a whole.
    if (steps.indexOf(step) === steps.lastIndexOf(step)) collectFields(value[i], type.element(), path, out);
    out.insert(path);
    path.pop();
  }
}

/** `live` with `applied` laid over it: by key where lists and maps are merged, as a whole elsewhere. */
export function mergeTyped(live: unknown, applied: unknown, node: TypeNode): unknown {
  if (applied === undefined) return live;
  if (live === undefined) return applied;
  const shape = shapeOf(node, applied);
  if (shape === 'map' && !node.map!.atomic) {
    const [left, right] = [isObject(live) ? live : {}, isObject(applied) ? applied : {}];
    if (Object.keys(left).length + Object.keys(right).length === 0) return applied;
    return mergeMaps(left, right, node.map!);
  }
  if (shape === 'list' && node.list!.relationship !== 'atomic') {
    const [left, right] = [Array.isArray(live) ? live : [], Array.isArray(applied) ? applied : []];
    if (left.length + right.length === 0) return applied;
    return mergeLists(left, right, node.list!);
  }
  return applied;
}

function mergeMaps(live: JsonMap, applied: JsonMap, type: MapType): JsonMap {
  const out: JsonMap = { ...live };
  for (const key of Object.keys(applied)) {
    const node = type.field(key) ?? type.element();
    const own = Object.hasOwn(live, key) ? live[key] : undefined;
    setOwn(out, key, node ? mergeTyped(own, applied[key], node) : applied[key]);
  }
  return out;
}

/** Applied items keep their order among themselves; others keep their places between the items both lists have. */
function mergeLists(live: readonly unknown[], applied: readonly unknown[], type: ListType): unknown[] {
  const leftSteps = live.map((item) => itemStep(type, item));
  const rightSteps = applied.map((item) => itemStep(type, item));
  const left = new Map<string, unknown>();
  for (const [i, step] of leftSteps.entries()) left.set(step, left.has(step) ? null : live[i]);
  const right = new Map<string, unknown>();
  for (const [i, step] of rightSteps.entries()) {
    if (right.has(step)) throw new FormatError('InvalidTyped', `duplicate entries for key ${formatSteps([step])}`);
    right.set(step, applied[i]);
  }
  const shared = rightSteps.filter((step) => left.has(step));
  let next = 0;
  const merged = new Set<string>();
  const out: unknown[] = [];
  const element = type.element();
  const take = (step: string): void => {
    merged.add(step);
    out.push(mergeTyped(left.get(step) ?? undefined, right.get(step), element));
  };
  let l = 0;
  let r = 0;
  while (l < leftSteps.length || r < rightSteps.length) {
    if (l < leftSteps.length && r < rightSteps.length) {
      const step = leftSteps[l]!;
      if (step === rightSteps[r]) {
        take(step);
        l++;
        r++;
        next++;
        continue;
      }
      if (right.has(step) && next < shared.length && shared[next] !== step) {
        l++;
        continue;
      }
    }
    if (l < leftSteps.length) {
      const step = leftSteps[l]!;
      if (!right.has(step)) {
        out.push(live[l]);
        l++;
        continue;
      }
      if (merged.has(step)) l++;
    }
    if (r < rightSteps.length) {
      const step = rightSteps[r]!;
      take(step);
      r++;
      if (shared[next] === step) next++;
    }
  }
  return out;
}

/** Without the fields of `remove`; what becomes empty below a kept field stays as an empty map or list. */
export function removeFields(value: unknown, remove: FieldSet, node: TypeNode): unknown {
  if (remove.empty) return value;
  switch (shapeOf(node, value)) {
    case 'map':
      if (!isObject(value) || node.map!.atomic || Object.keys(value).length === 0) return undefined;
      return removeFromMap(value, remove, node.map!);
    case 'list':
      if (!Array.isArray(value) || node.list!.relationship === 'atomic' || value.length === 0) return undefined;
      return removeFromList(value, remove, node.list!);
    default:
      return value;
  }
}

function emptied(result: unknown, original: unknown): unknown {
  if (result !== undefined && result !== null) return result;
  if (Array.isArray(original)) return [];
  return isObject(original) ? {} : result;
}

function removeFromMap(value: JsonMap, remove: FieldSet, type: MapType): JsonMap | undefined {
  const out: JsonMap = {};
  let touched = false;
  let count = 0;
  for (const key of Object.keys(value)) {
    const step = fieldStep(key);
    if (remove.members.has(step)) continue;
    const below = remove.children.get(step);
    let item = value[key];
    if (below) {
      touched = true;
      const node = type.field(key) ?? type.element();
      if (node) item = emptied(removeFields(item, below, node), item);
    }
    setOwn(out, key, item);
    count++;
  }
  return count > 0 || touched ? out : undefined;
}

function removeFromList(value: readonly unknown[], remove: FieldSet, type: ListType): unknown[] | undefined {
  const out: unknown[] = [];
  let touched = false;
  for (const item of value) {
    let step: string;
    try {
      step = itemStep(type, item);
    } catch {
      out.push(item);
      continue;
    }
    if (remove.members.has(step)) continue;
    const below = remove.children.get(step);
    if (below) touched = true;
    out.push(below ? emptied(removeFields(item, below, type.element()), item) : item);
  }
  return out.length > 0 || touched ? out : undefined;
}

/** Adds the declared fields on the way to every path as paths of their own. */
export function withNamedFields(set: FieldSet, node: TypeNode): FieldSet {
  const builder = new FieldSetBuilder();
  addNamedFields(set, node, [], builder);
  return set.union(builder.build());
}

function addNamedFields(set: FieldSet, node: TypeNode | undefined, path: string[], out: FieldSetBuilder): void {
  for (const [step, child] of set.children) {
    path.push(step);
    let inner: TypeNode | undefined;
    if (step.startsWith('f:')) {
      const declared = node?.map?.field(step.slice(2));
      if (declared) out.insert(path);
      inner = declared ?? node?.map?.element();
    } else {
      inner = node?.list?.element();
    }
    addNamedFields(child, inner, path, out);
    path.pop();
  }
}

/**
 * Ownership recorded while a list or map was merged, of one that is a whole by now, becomes ownership of the whole.
 * Returns the same set when nothing changed.
 */
export function reconcileWithSchema(set: FieldSet, node: TypeNode): FieldSet {
  const atoms = new FieldSetBuilder();
  findAtoms(set, node, [], atoms);
  const found = atoms.build();
  return found.empty ? set : set.recursiveDifference(found).union(found);
}

function findAtoms(set: FieldSet, node: TypeNode, path: string[], out: FieldSetBuilder): void {
  for (const [step, child] of set.children) {
    const inner = step.startsWith('f:')
      ? (node.map?.field(step.slice(2)) ?? node.map?.element())
      : node.list?.element();
    if (!inner) continue;
    path.push(step);
    const untyped = inner.map !== undefined && inner.list !== undefined;
    const atomic = !untyped && (inner.map?.atomic === true || inner.list?.relationship === 'atomic');
    if (atomic) out.insert(path);
    else findAtoms(child, inner, path, out);
    path.pop();
  }
}

/** Checks a configuration against its type; messages as upstream: `.spec.foo: field not declared in schema`. */
export function validateTyped(value: unknown, node: TypeNode): string[] {
  const errors: string[] = [];
  check(value, node, [], errors);
  return errors;
}

const goTypes: Readonly<Record<string, string>> = { string: 'string', boolean: 'bool', bigint: 'int64' };

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return goTypes[typeof value] ?? '<nil>';
}

function check(value: unknown, node: TypeNode, path: string[], errors: string[]): void {
  if (value === null || value === undefined) return;
  const report = (message: string): void => {
    const at = formatSteps(path);
    errors.push(at === '' ? message : `${at}: ${message}`);
  };
  switch (shapeOf(node, value)) {
    case 'scalar': {
      const type = node.scalar!;
      if (type === 'untyped') {
        if (typeof value === 'object') report(`expected any scalar, got ${goType(value)}`);
      } else if (type === 'numeric') {
        if (typeof value !== 'number' && typeof value !== 'bigint') {
          report(`expected numeric (int or float), got ${goType(value)}`);
        }
      } else if (typeof value !== type) report(`expected ${type}, got ${goType(value)}`);
      return;
    }
    case 'map':
      if (!isObject(value)) {
        report(`expected map, got ${goType(value)}`);
        return;
      }
      for (const key of Object.keys(value)) {
        const inner = node.map!.field(key) ?? node.map!.element();
        path.push(fieldStep(key));
        if (inner) check(value[key], inner, path, errors);
        else errors.push(`${formatSteps(path)}: field not declared in schema`);
        path.pop();
      }
      return;
    case 'list': {
      if (!Array.isArray(value)) {
        report(`expected list, got ${goType(value)}`);
        return;
      }
      const seen = new Set<string>();
      for (const [i, item] of value.entries()) {
        let step = `i:${i}`;
        if (node.list!.relationship === 'associative') {
          try {
            step = itemStep(node.list!, item);
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
            report(`element ${i}: ${error.message}`);
            return;
          }
          if (seen.has(step)) report(`duplicate entries for key ${formatSteps([step])}`);
          seen.add(step);
        }
        path.push(step);
        check(item, node.list!.element(), path, errors);
        path.pop();
      }
    }
  }
}
