/** What changed between two versions of an object. Upstream: structured-merge-diff/typed/compare.go. */
import { type FieldSet, FieldSetBuilder, fieldStep } from './field-set.ts';
import { deepEqual, isObject } from './json-value.ts';
import { itemStep, type ListType, type MapType, type Shape, shapeOf, type TypeNode } from './typed-schema.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

type JsonMap = Readonly<Record<string, unknown>>;

export function compareTyped(before: unknown, after: unknown, node: TypeNode): Comparison {
  const walker = new CompareWalker();
  walker.compare(before, after, node);
  return { added: walker.added.build(), modified: walker.modified.build(), removed: walker.removed.build() };
}

const isEmptyMap = (value: unknown): boolean => {
  if (!isObject(value)) return true;
  for (const key in value) if (value[key] !== undefined) return false;
  return true;
};

class CompareWalker {
  readonly added = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  readonly #path: string[] = [];

  compare(before: unknown, after: unknown, node: TypeNode): void {
    // Objects share what did not change.
    if (before === after) return;
    let leaf: boolean;
    if (after === undefined) leaf = this.#as(shapeOf(node, before), before, after, node);
    else {
      const shape = shapeOf(node, after);
      const old = before === undefined ? shape : shapeOf(node, before);
      if (old !== shape) this.#as(old, before, after, node);
      leaf = this.#as(shape, before, after, node);
    }
    if (leaf) return;
    if (before === undefined) this.added.insert(this.#path);
    else if (after === undefined) this.removed.insert(this.#path);
  }

  /** True when the value counts as one piece. */
  #as(shape: Shape, before: unknown, after: unknown, node: TypeNode): boolean {
    if (shape === 'map') {
      if (!node.map!.atomic && !(isEmptyMap(before) && isEmptyMap(after))) {
        this.#maps(isObject(before) ? before : {}, isObject(after) ? after : {}, node.map!);
        return false;
      }
    } else if (shape === 'list') {
      const [old, now] = [Array.isArray(before) ? before : [], Array.isArray(after) ? after : []];
      if (node.list!.relationship !== 'atomic' && old.length + now.length > 0) {
        this.#lists(old, now, node.list!);
        return false;
      }
    }
    if (before === undefined) this.added.insert(this.#path);
    else if (after === undefined) this.removed.insert(this.#path);
    else if (!deepEqual(before, after)) this.modified.insert(this.#path);
    return true;
  }

  #descend(step: string, before: unknown, after: unknown, node: TypeNode): void {
    this.#path.push(step);
    this.compare(before, after, node);
    this.#path.pop();
  }

  #maps(before: JsonMap, after: JsonMap, type: MapType): void {
    for (const key in before) {
      const old = before[key];
      const now = Object.hasOwn(after, key) ? after[key] : undefined;
      if (old === now) continue;
      const node = type.field(key) ?? type.element();
      if (node) this.#descend(fieldStep(key), old, now, node);
    }
    for (const key in after) {
      if (Object.hasOwn(before, key) && before[key] !== undefined) continue;
      if (after[key] === undefined) continue;
      const node = type.field(key) ?? type.element();
      if (node) this.#descend(fieldStep(key), undefined, after[key], node);
    }
  }

  #lists(before: readonly unknown[], after: readonly unknown[], type: ListType): void {
    const old = groupItems(before, type);
    const now = groupItems(after, type);
    const element = type.element();
    for (const step of new Set([...old.keys(), ...now.keys()])) {
      const left = old.get(step) ?? [];
      const right = now.get(step) ?? [];
      if (left.length <= 1 && right.length <= 1) {
        this.#descend(step, left[0], right[0], element);
        continue;
      }
      // Items with the same key, which only updates can make, count together.
      const path = [...this.#path, step];
      if (left.length >= 2 && right.length >= 2) {
        if (!deepEqual(left, right)) this.modified.insert(path);
      } else if (left.length >= 2) {
        if (right.length === 1) this.#descend(step, undefined, right[0], element);
        this.removed.insert(path);
      } else {
        if (left.length === 1) this.#descend(step, left[0], undefined, element);
        this.added.insert(path);
      }
    }
  }
}

function groupItems(items: readonly unknown[], type: ListType): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of items) {
    let step: string;
    try {
      step = itemStep(type, item);
    } catch {
      continue; // Validation, not ownership, speaks of items without key.
    }
    const group = groups.get(step);
    if (group) group.push(item);
    else groups.set(step, [item]);
  }
  return groups;
}
