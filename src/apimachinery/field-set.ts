/**
 * Sets of field paths, the coin of server-side apply. Upstream: structured-merge-diff/fieldpath.
 * A step is kept in its FieldsV1 text (`f:spec`, `k:{"name":"web"}`, `v:"a"`, `i:0`), which is canonical and so can be
 * compared and hashed as it stands. Sets are immutable once handed out.
 */
import { compareBytes, stringifyJson } from './json-encode.ts';
import { isObject } from './json-value.ts';

/** One step of a field path. */
export type PathElement =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'key'; readonly key: Readonly<Record<string, unknown>> }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'index'; readonly index: number };

export function fieldStep(name: string): string {
  return `f:${name}`;
}

/** Fields in the order of their names. */
export function keyStep(key: Readonly<Record<string, unknown>>): string {
  const fields = Object.keys(key)
    .sort(compareBytes)
    .map((name) => `${JSON.stringify(name)}:${stringifyJson(key[name])}`);
  return `k:{${fields.join(',')}}`;
}

export function valueStep(value: unknown): string {
  return `v:${stringifyJson(value)}`;
}

function decodeStep(step: string): PathElement {
  const rest = step.slice(2);
  switch (step[0]) {
    case 'k':
      return { kind: 'key', key: JSON.parse(rest) as Record<string, unknown> };
    case 'v':
      return { kind: 'value', value: JSON.parse(rest) };
    case 'i':
      return { kind: 'index', index: Number(rest) };
    default:
      return { kind: 'field', name: rest };
  }
}

function encodeStep(element: PathElement): string {
  switch (element.kind) {
    case 'field':
      return fieldStep(element.name);
    case 'key':
      return keyStep(element.key);
    case 'value':
      return valueStep(element.value);
    case 'index':
      return `i:${element.index}`;
  }
}

const kindOrder = 'fkvi';

/** Fields, then keys, then values, then indexes; each in its own order. */
export function compareSteps(a: string, b: string): number {
  if (a === b) return 0;
  if (a[0] !== b[0]) return kindOrder.indexOf(a[0]!) - kindOrder.indexOf(b[0]!);
  if (a[0] === 'f') return compareBytes(a, b);
  if (a[0] === 'i') return Number(a.slice(2)) - Number(b.slice(2));
  const [left, right] = [JSON.parse(a.slice(2)), JSON.parse(b.slice(2))];
  return a[0] === 'v' ? compareValues(left, right) : compareKeys(left, right);
}

function compareKeys(a: Record<string, unknown>, b: Record<string, unknown>): number {
  const left = Object.keys(a).sort(compareBytes);
  const right = Object.keys(b).sort(compareBytes);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareBytes(left[i]!, right[i]!) || compareValues(a[left[i]!], b[right[i]!]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers, strings, booleans, the rest. */
function compareValues(a: unknown, b: unknown): number {
  const rank = (value: unknown): number =>
    ['number', 'string', 'boolean'].indexOf(typeof value) + 4 * Number(isObject(value));
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareBytes(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  return rank(a) - rank(b);
}

const noMembers: ReadonlySet<string> = new Set();
const noChildren: ReadonlyMap<string, FieldSet> = new Map();

// Each returns its first argument when that is the result: sets are shared as long as nothing changes.
function unionOf(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  let out: Set<string> | undefined;
  for (const step of b) {
    if (a.has(step)) continue;
    out ??= new Set(a);
    out.add(step);
  }
  return out ?? a;
}

function intersectionOf(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  const out = new Set<string>();
  for (const step of a) if (b.has(step)) out.add(step);
  return out.size === a.size ? a : out;
}

function differenceOf(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  let out: Set<string> | undefined;
  for (const step of b) {
    if (!a.has(step)) continue;
    out ??= new Set(a);
    out.delete(step);
  }
  return out ?? a;
}

/** An immutable set of paths. */
export class FieldSet {
  /** Steps that end a path here. */
  readonly members: ReadonlySet<string>;
  /** Longer paths; no empty sets inside. */
  readonly children: ReadonlyMap<string, FieldSet>;

  constructor(members: ReadonlySet<string> = noMembers, children: ReadonlyMap<string, FieldSet> = noChildren) {
    this.members = members;
    this.children = children;
  }

  get empty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  has(path: readonly PathElement[]): boolean {
    return this.hasSteps(path.map(encodeStep));
  }

  hasSteps(steps: readonly string[]): boolean {
    let set: FieldSet | undefined = this;
    for (let i = 0; i < steps.length - 1; i++) {
      set = set.children.get(steps[i]!);
      if (!set) return false;
    }
    return steps.length > 0 && set.members.has(steps[steps.length - 1]!);
  }

  /** All paths, sorted: of one place first those that end there, then the longer ones. */
  *paths(): Generator<readonly PathElement[]> {
    for (const steps of this.steps()) yield steps.map(decodeStep);
  }

  *steps(prefix: readonly string[] = []): Generator<readonly string[]> {
    for (const step of [...this.members].sort(compareSteps)) yield [...prefix, step];
    for (const step of [...this.children.keys()].sort(compareSteps)) {
      yield* this.children.get(step)!.steps([...prefix, step]);
    }
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    if (this.members.size !== other.members.size || this.children.size !== other.children.size) return false;
    for (const step of this.members) if (!other.members.has(step)) return false;
    for (const [step, child] of this.children) {
      const counterpart = other.children.get(step);
      if (!counterpart || !child.equals(counterpart)) return false;
    }
    return true;
  }

  union(other: FieldSet): FieldSet {
    if (this === other || other.empty) return this;
    if (this.empty) return other;
    const members = unionOf(this.members, other.members);
    const children = new Map(this.children);
    for (const [step, child] of other.children) {
      const own = children.get(step);
      children.set(step, own ? own.union(child) : child);
    }
    return new FieldSet(members, children);
  }

  intersection(other: FieldSet): FieldSet {
    const children = new Map<string, FieldSet>();
    for (const [step, child] of this.children) {
      const counterpart = other.children.get(step);
      if (!counterpart) continue;
      const shared = child.intersection(counterpart);
      if (!shared.empty) children.set(step, shared);
    }
    return new FieldSet(intersectionOf(this.members, other.members), children);
  }

  /** Without exactly the paths of `other`; longer ones stay. Returns this set when nothing goes. */
  difference(other: FieldSet): FieldSet {
    return this.#without(other, false);
  }

  /** Without the paths of `other` and all below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, true);
  }

  #without(other: FieldSet, recursive: boolean): FieldSet {
    if (other.empty) return this;
    const members = differenceOf(this.members, other.members);
    let children: Map<string, FieldSet> | undefined;
    for (const [step, child] of this.children) {
      let kept: FieldSet | undefined = child;
      if (recursive && other.members.has(step)) kept = undefined;
      else {
        const counterpart = other.children.get(step);
        if (counterpart) kept = child.#without(counterpart, recursive);
      }
      if (kept === child) continue;
      children ??= new Map(this.children);
      if (!kept || kept.empty) children.delete(step);
      else children.set(step, kept);
    }
    if (members === this.members && !children) return this;
    return new FieldSet(members, children ?? this.children);
  }
}

export const emptyFieldSet = new FieldSet();

/** Collects paths while something is walked. */
export class FieldSetBuilder {
  #members: Set<string> | undefined;
  #children: Map<string, FieldSetBuilder> | undefined;

  insert(steps: readonly string[]): void {
    let at: FieldSetBuilder = this;
    for (let i = 0; i < steps.length - 1; i++) at = at.#child(steps[i]!);
    const last = steps[steps.length - 1];
    if (last === undefined) return;
    at.#members ??= new Set();
    at.#members.add(last);
  }

  #child(step: string): FieldSetBuilder {
    this.#children ??= new Map();
    let child = this.#children.get(step);
    if (!child) {
      child = new FieldSetBuilder();
      this.#children.set(step, child);
    }
    return child;
  }

  build(): FieldSet {
    if (!this.#members && !this.#children) return emptyFieldSet;
    const children = new Map<string, FieldSet>();
    for (const [step, child] of this.#children ?? []) children.set(step, child.build());
    return new FieldSet(this.#members ?? noMembers, children);
  }
}

/** A set of paths of plain field names. */
export function fieldSetOf(...paths: readonly (readonly string[])[]): FieldSet {
  const builder = new FieldSetBuilder();
  for (const path of paths) builder.insert(path.map(fieldStep));
  return builder.build();
}

/** `.spec.template.spec.containers[name="web"].image`. */
export function formatFieldPath(path: readonly PathElement[]): string {
  return path.map(formatElement).join('');
}

export function formatSteps(steps: readonly string[]): string {
  return formatFieldPath(steps.map(decodeStep));
}

function formatElement(element: PathElement): string {
  switch (element.kind) {
    case 'field':
      return `.${element.name}`;
    case 'index':
      return `[${element.index}]`;
    case 'value':
      return `[=${stringifyJson(element.value)}]`;
    case 'key': {
      const fields = Object.keys(element.key)
        .sort(compareBytes)
        .map((name) => `${name}=${stringifyJson(element.key[name])}`);
      return `[${fields.join(',')}]`;
    }
  }
}
