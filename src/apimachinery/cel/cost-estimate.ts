/**
 * The worst that an expression can cost, from the bounds that schemas give. Upstream: cel-go checker/cost.go with
 * PresenceTestHasCost(false); sizes as apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go (sizeEstimator).
 */
import { accumulator, type CallExpr, type Expr, type FoldExpr, type SelectExpr } from './ast.ts';
import { type CelType, dynType, isOptional } from './cel-types.ts';
import type { CheckedTree } from './checker.ts';
import { type CallEstimate, estimateLibraryCall, type PathSize, type SizedNode } from './cost-library.ts';
import {
  listCreationCost,
  mapCreationCost,
  regexCost,
  stringTraversalCost,
  structCreationCost,
} from './cost-runtime.ts';
import { add, fixed, multiply, type Range, scale, unbounded, union, unknownSize } from './cost-sizes.ts';
import type { DeclType } from './decl-type.ts';
import { textLength, Uint } from './values.ts';

interface EntrySize {
  readonly container: 'list' | 'map';
  readonly key: Range;
  readonly value: Range;
}

interface Local {
  readonly path: readonly string[];
  readonly size: Range | undefined;
  readonly entry: EntrySize | undefined;
}

/** Bounds of what lies below variables whose type is `root`: paths start with the variable's name. */
export function pathSizes(root: DeclType): PathSize {
  return (path) => {
    if (path.length === 0) return undefined;
    let node: DeclType | undefined = root;
    for (const step of path.slice(1)) {
      if (step === '@items' || step === '@values') node = node.element;
      else if (step === '@keys') node = node.key;
      else node = node.fields?.get(step);
      if (!node) return undefined;
    }
    return { min: 0, max: node.maxElements };
  };
}

export function estimateCost(tree: CheckedTree, sizes: PathSize): Range {
  return new Estimator(tree, sizes).cost(tree.expr);
}

const sizedByText = new Set([
  'less_string',
  'greater_string',
  'less_equals_string',
  'greater_equals_string',
  'less_bytes',
  'greater_bytes',
  'less_equals_bytes',
  'greater_equals_bytes',
  'equals',
  'not_equals',
]);

class Estimator {
  readonly #tree: CheckedTree;
  readonly #pathSize: PathSize;
  readonly #paths = new Map<number, readonly string[]>();
  readonly #sizes = new Map<number, Range>();
  readonly #entries = new Map<number, EntrySize>();
  readonly #locals: [name: string, local: Local][] = [];

  constructor(tree: CheckedTree, pathSize: PathSize) {
    this.#tree = tree;
    this.#pathSize = pathSize;
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'const':
        return fixed(0);
      case 'ident':
        return this.#ident(expr, expr.name);
      case 'select': {
        const name = this.#tree.references.get(expr.id);
        return name === undefined ? this.#select(expr) : this.#ident(expr, name);
      }
      case 'call':
        return this.#call(expr);
      case 'list': {
        let sum = fixed(0);
        let item: Range = { min: expr.elements.length === 0 ? 0 : unbounded, max: 0 };
        for (const element of expr.elements) {
          sum = add(sum, this.cost(element));
          item = union(item, this.#sizeOrUnknown(element));
        }
        this.#entries.set(expr.id, { container: 'list', key: fixed(1), value: item });
        return add(sum, fixed(listCreationCost));
      }
      case 'map': {
        let sum = fixed(0);
        let keys: Range = { min: expr.entries.length === 0 ? 0 : unbounded, max: 0 };
        let values = keys;
        for (const { key, value } of expr.entries) {
          sum = add(add(sum, this.cost(key)), this.cost(value));
          keys = union(keys, this.#sizeOrUnknown(key));
          values = union(values, this.#sizeOrUnknown(value));
        }
        this.#entries.set(expr.id, { container: 'map', key: keys, value: values });
        return add(sum, fixed(mapCreationCost));
      }
      case 'struct':
        return expr.fields.reduce((sum, field) => add(sum, this.cost(field.value)), fixed(structCreationCost));
      case 'fold':
        return isBind(expr) ? this.#bind(expr) : this.#fold(expr);
    }
  }

  #ident(expr: Expr, name: string): Range {
    this.#paths.set(expr.id, this.#local(name)?.path ?? [name]);
    return fixed(1);
  }

  #select(expr: SelectExpr): Range {
    const operand = this.cost(expr.operand);
    if (expr.testOnly) return operand;
    this.#paths.set(expr.id, [...this.#path(expr.operand), expr.field]);
    const { kind } = this.#type(expr.operand);
    return kind === 'map' || kind === 'struct' || kind === 'param' ? add(operand, fixed(1)) : operand;
  }

  #call(expr: CallExpr): Range {
    const { args } = expr;
    if (expr.fn === 'dyn' && args.length === 1) {
      const cost = add(fixed(1), this.cost(args[0]!));
      this.#copySizes(expr, args[0]!);
      return cost;
    }
    const costs = args.map((arg) => this.cost(arg));
    const overloads = this.#tree.overloads.get(expr.id) ?? [];
    if (overloads.length === 0) return fixed(0);
    const nodes = args.map((arg) => this.#node(arg));
    let sum = fixed(0);
    let target: SizedNode | undefined;
    if (expr.target && !this.#tree.namespaced.has(expr.id)) {
      sum = this.cost(expr.target);
      target = this.#node(expr.target);
    }
    let cost: Range = { min: unbounded, max: 0 };
    let resultSize: Range | undefined;
    for (const { id, fn } of overloads) {
      const estimate = this.#functionCost(expr, fn, id, target, nodes, costs);
      cost = union(cost, estimate.cost);
      if (estimate.resultSize) resultSize = resultSize ? union(resultSize, estimate.resultSize) : estimate.resultSize;
      if (id === 'index_list' || id === 'index_map') {
        resultSize = this.#entrySize(args[0]!)?.value;
        this.#paths.set(expr.id, [...this.#path(args[0]!), id === 'index_list' ? '@items' : '@values']);
      }
      resultSize ??= this.#size(expr);
    }
    if (resultSize) this.#sizes.set(expr.id, resultSize);
    return add(sum, cost);
  }

  #functionCost(
    expr: CallExpr,
    fn: string,
    id: string,
    target: SizedNode | undefined,
    nodes: readonly SizedNode[],
    costs: readonly Range[],
  ): CallEstimate {
    const paid = costs.reduce(add, fixed(0));
    const and = (cost: Range, resultSize?: Range): CallEstimate =>
      resultSize ? { cost: add(cost, paid), resultSize } : { cost: add(cost, paid) };
    const known = estimateLibraryCall(fn, id, target, nodes, this.#pathSize);
    if (known) return and(known.cost, known.resultSize);
    const size = (node: SizedNode | undefined): Range => node?.size ?? unknownSize;
    const [a, b] = nodes;
    if (sizedByText.has(id)) {
      const most = Math.min(size(a).max, size(b).max);
      return and(scale({ min: most > 0 ? 1 : 0, max: most }, stringTraversalCost));
    }
    switch (id) {
      case 'string_format':
        return and(scale(size(target), stringTraversalCost));
      case 'string_to_bytes':
        return and(scale(size(a), stringTraversalCost), {
          min: size(a).min,
          max: Math.min(size(a).max * 4, unbounded),
        });
      case 'bytes_to_string':
        return and(scale(size(a), stringTraversalCost), { min: Math.floor(size(a).min / 4), max: size(a).max });
      case 'strings_quote':
        return and(scale(size(a), stringTraversalCost), {
          min: size(a).min + 2,
          max: Math.min(size(a).max * 2 + 2, unbounded),
        });
      case 'starts_with_string':
      case 'ends_with_string':
        return and(scale(size(a), stringTraversalCost));
      case 'in_list':
        return and(size(b));
      case 'matches_string':
        return and(multiply(scale(add(size(target), fixed(1)), stringTraversalCost), scale(size(a), regexCost)));
      case 'contains_string':
        return and(multiply(scale(size(target), stringTraversalCost), scale(size(a), stringTraversalCost)));
      case 'logical_or':
      case 'logical_and':
        return { cost: { min: costs[0]!.min, max: add(costs[0]!, costs[1]!).max } };
      case 'conditional': {
        const entry = unionEntries(this.#entrySize(expr.args[1]!), this.#entrySize(expr.args[2]!));
        if (entry) this.#entries.set(expr.id, entry);
        return { cost: add(costs[0]!, union(costs[1]!, costs[2]!)), resultSize: union(size(nodes[1]), size(nodes[2])) };
      }
      case 'add_string':
      case 'add_bytes':
      case 'add_list': {
        const total = add(size(a), size(b));
        const entry = unionEntries(this.#entrySize(expr.args[0]!), this.#entrySize(expr.args[1]!));
        if (entry) this.#entries.set(expr.id, entry);
        return and(id === 'add_list' ? fixed(1) : scale(total, stringTraversalCost), total);
      }
      default:
        return and(fixed(1));
    }
  }

  #fold(expr: FoldExpr): Range {
    let sum = add(this.cost(expr.range), this.cost(expr.accuInit));
    this.#pushValue(expr.accuVar, expr.accuInit);
    if (expr.iterVar2 === undefined) this.#pushIteration(expr.iterVar, expr.range, 'single');
    else {
      this.#pushIteration(expr.iterVar, expr.range, 'key');
      this.#pushIteration(expr.iterVar2, expr.range, 'value');
    }
    const condition = this.cost(expr.condition);
    const step = this.cost(expr.step);
    const stepEntry = this.#entrySize(expr.step);
    this.#locals.length -= expr.iterVar2 === undefined ? 1 : 2;
    sum = add(sum, this.cost(expr.result));
    this.#locals.length--;
    const count = this.#sizeOrUnknown(expr.range);
    sum = add(sum, multiply(count, add(step, condition)));
    const { kind } = expr.accuInit;
    if (kind === 'const') this.#sizes.set(expr.id, fixed(1));
    else if (kind === 'list' || kind === 'map') {
      this.#sizes.set(expr.id, count);
      if (stepEntry) this.#entries.set(expr.id, stepEntry);
    }
    return sum;
  }

  #bind(expr: FoldExpr): Range {
    const sum = add(this.cost(expr.range), this.cost(expr.accuInit));
    this.#pushValue(expr.accuVar, expr.accuInit);
    const result = this.cost(expr.result);
    const size = this.#size(expr.result);
    const entry = this.#entrySize(expr.result);
    this.#locals.length--;
    if (size) this.#sizes.set(expr.id, size);
    if (entry) this.#entries.set(expr.id, entry);
    return add(sum, result);
  }

  #pushValue(name: string, expr: Expr): void {
    this.#locals.push([name, { path: this.#path(expr), size: this.#size(expr), entry: this.#entrySize(expr) }]);
  }

  /** One variable over a list has its items, over a map its keys. */
  #pushIteration(name: string, range: Expr, what: 'single' | 'key' | 'value'): void {
    const entry = this.#entrySize(range);
    const isList = (entry?.container ?? this.#type(range).kind) === 'list';
    const isKey = what === 'key' || (what === 'single' && !isList);
    const step = isKey ? (isList ? '@indices' : '@keys') : isList ? '@items' : '@values';
    const size = isKey ? entry?.key : entry?.value;
    this.#locals.push([name, { path: [...this.#path(range), step], size, entry: undefined }]);
  }

  #local(name: string): Local | undefined {
    for (let i = this.#locals.length - 1; i >= 0; i--) if (this.#locals[i]![0] === name) return this.#locals[i]![1];
    return undefined;
  }

  #path(expr: Expr): readonly string[] {
    const local = expr.kind === 'ident' ? this.#local(expr.name) : undefined;
    return local?.path ?? this.#paths.get(expr.id) ?? [];
  }

  #type(expr: Expr): CelType {
    return this.#tree.types.get(expr.id) ?? dynType;
  }

  #node(expr: Expr): SizedNode {
    const path = this.#path(expr);
    return {
      path: path[0] === accumulator ? undefined : path,
      type: this.#type(expr),
      expr,
      size: this.#size(expr),
    };
  }

  #sizeOrUnknown(expr: Expr): Range {
    return this.#size(expr) ?? unknownSize;
  }

  #size(expr: Expr): Range | undefined {
    const computed = this.#sizes.get(expr.id) ?? literalSize(expr);
    if (computed) return computed;
    const bound = this.#pathSize(this.#path(expr));
    if (bound) {
      this.#sizes.set(expr.id, bound);
      return bound;
    }
    if (isScalar(this.#type(expr))) return fixed(1);
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #entrySize(expr: Expr): EntrySize | undefined {
    return this.#entries.get(expr.id) ?? (expr.kind === 'ident' ? this.#local(expr.name)?.entry : undefined);
  }

  #copySizes(to: Expr, from: Expr): void {
    const size = this.#size(from);
    const entry = this.#entrySize(from);
    if (size) this.#sizes.set(to.id, size);
    if (entry) this.#entries.set(to.id, entry);
  }
}

function unionEntries(a: EntrySize | undefined, b: EntrySize | undefined): EntrySize | undefined {
  return a && b && { container: a.container, key: union(a.key, b.key), value: union(a.value, b.value) };
}

function isBind(expr: FoldExpr): boolean {
  return (
    expr.range.kind === 'list' &&
    expr.range.elements.length === 0 &&
    expr.condition.kind === 'const' &&
    expr.condition.value === false &&
    expr.accuVar !== accumulator
  );
}

function literalSize(expr: Expr): Range | undefined {
  switch (expr.kind) {
    case 'const': {
      const { value } = expr;
      if (typeof value === 'string') return fixed(textLength(value));
      if (typeof value === 'object' && value !== null && !(value instanceof Uint)) return fixed(value.length);
      return fixed(1);
    }
    case 'list':
      return fixed(expr.elements.length);
    case 'map':
      return fixed(expr.entries.length);
    default:
      return undefined;
  }
}

const scalars = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

function isScalar(type: CelType): boolean {
  return scalars.has(type.kind) || (isOptional(type) && isScalar(type.params[0]!));
}
