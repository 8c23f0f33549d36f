/**
 * A checked tree as closures that count their cost. Upstream: cel-go interpreter/{planner,interpretable,attributes}.go
 * with OptOptimize and OptTrackCost: literals of constants and conversions of constants are made once, at no cost.
 */
import { access, optionalAccess } from './access.ts';
import type { CallExpr, Expr, FoldExpr, ListExpr, MapExpr, SelectExpr } from './ast.ts';
import type { CheckedTree } from './checker.ts';
import { CostLimitExceeded, callCost, listCreationCost, mapCreationCost, structCreationCost } from './cost-runtime.ts';
import { dispatcher } from './dispatch.ts';
import { StructValue } from './struct-value.ts';
import {
  ArrayList,
  CelFailure,
  CelList,
  CelMap,
  GrowingList,
  keyText,
  noSuchOverload,
  Optional,
  TableMap,
  TypeValue,
  typeNameOf,
  type Value,
  valuesEqual,
} from './values.ts';

/** Values of the environment's variables; undefined: not bound. */
export type Activation = (name: string) => Value | undefined;

export interface Evaluation {
  readonly value: Value;
  /** What it cost, also when it failed. */
  readonly cost: number;
}

export interface Program {
  /** Never throws for what the expression does: failures are CelFailure values. */
  evaluate(activation: Activation, costLimit: number): Evaluation;
}

interface Frame {
  readonly vars: Activation;
  readonly slots: Value[];
  readonly limit: number;
  cost: number;
}

type Step = (frame: Frame) => Value;

function charge(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > frame.limit) throw new CostLimitExceeded();
}

/** Upstream plans these to constants when their argument is one. */
const conversions = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);

/** A constant that fails when it is converted. */
export class PlanError extends Error {}

export function planProgram(tree: CheckedTree, typeNames: ReadonlySet<string>): Program {
  const planner = new Planner(tree, typeNames);
  const run = planner.plan(tree.expr);
  const slots = planner.slotCount;
  return {
    evaluate(vars, limit) {
      const frame: Frame = { vars, slots: new Array<Value>(slots), limit, cost: 0 };
      try {
        const value = run(frame);
        return { value, cost: frame.cost };
      } catch (error) {
        if (error instanceof CostLimitExceeded) return { value: new CelFailure(error.message), cost: frame.cost };
        throw error;
      }
    },
  };
}

/** The operand of a select or index that upstream folds into one attribute. */
function isAttribute(expr: Expr): boolean {
  switch (expr.kind) {
    case 'ident':
      return true;
    case 'select':
      return !expr.testOnly;
    case 'call':
      return expr.fn === '_[_]' || expr.fn === '_[?_]' || expr.fn === '_?._' || expr.fn === '_?_:_';
    default:
      return false;
  }
}

class Planner {
  slotCount = 0;
  readonly #tree: CheckedTree;
  readonly #typeNames: ReadonlySet<string>;
  readonly #scope: [name: string, slot: number][] = [];
  /** Values of nodes known at plan time. */
  readonly #constants = new Map<number, Value>();

  constructor(tree: CheckedTree, typeNames: ReadonlySet<string>) {
    this.#tree = tree;
    this.#typeNames = typeNames;
  }

  plan(expr: Expr): Step {
    const step = this.#plan(expr);
    const known = this.#constants.get(expr.id);
    return known === undefined ? step : () => known;
  }

  #plan(expr: Expr): Step {
    switch (expr.kind) {
      case 'const':
        return this.#constant(expr, expr.value);
      case 'ident':
        return this.#variable(expr, expr.name);
      case 'select': {
        const name = this.#tree.references.get(expr.id);
        return name === undefined ? this.#select(expr) : this.#variable(expr, name);
      }
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct': {
        const fields = expr.fields.map((field) => ({ ...field, step: this.plan(field.value) }));
        return (frame) => {
          const pairs: [Value, Value][] = [];
          for (const { name, step, optional } of fields) {
            const value = step(frame);
            if (value instanceof CelFailure) return value;
            if (!optional) pairs.push([name, value]);
            else if (value instanceof Optional && value.value !== undefined) pairs.push([name, value.value]);
          }
          charge(frame, structCreationCost);
          return new StructValue(expr.typeName, pairs);
        };
      }
      case 'fold':
        return this.#fold(expr);
    }
  }

  #constant(expr: Expr, value: Value): Step {
    this.#constants.set(expr.id, value);
    return () => value;
  }

  #variable(expr: Expr, name: string): Step {
    for (let i = this.#scope.length - 1; i >= 0; i--) {
      if (this.#scope[i]![0] !== name) continue;
      const slot = this.#scope[i]![1];
      return (frame) => {
        charge(frame, 1);
        return frame.slots[slot]!;
      };
    }
    const bare = name.replace(/^\./, '');
    if (this.#typeNames.has(bare)) return this.#constant(expr, new TypeValue(bare));
    return (frame) => {
      charge(frame, 1);
      const value = frame.vars(bare);
      return value === undefined ? new CelFailure(`no such attribute(s): ${bare}`) : value;
    };
  }

  #select(expr: SelectExpr): Step {
    const operand = this.plan(expr.operand);
    const base = isAttribute(expr.operand) ? 0 : 1;
    const { field } = expr;
    if (expr.testOnly) {
      return (frame) => {
        const target = operand(frame);
        if (base > 0) charge(frame, base);
        if (target instanceof CelFailure) return target;
        const inner = target instanceof Optional ? target.value : target;
        return inner instanceof CelMap && inner.has(field);
      };
    }
    return (frame) => {
      const target = operand(frame);
      charge(frame, base + 1);
      return access(target, field);
    };
  }

  #call(expr: CallExpr): Step {
    const { args } = expr;
    switch (expr.fn) {
      case '_&&_':
        return this.#logical(args, false);
      case '_||_':
        return this.#logical(args, true);
      case '_?_:_': {
        const [condition, yes, no] = args.map((arg) => this.plan(arg)) as [Step, Step, Step];
        return (frame) => {
          const chosen = condition(frame);
          if (chosen === true) return yes(frame);
          if (chosen === false) return no(frame);
          return chosen instanceof CelFailure ? chosen : noSuchOverload;
        };
      }
      case '@not_strictly_false': {
        const operand = this.plan(args[0]!);
        return (frame) => {
          const value = operand(frame);
          charge(frame, 1);
          return value !== false;
        };
      }
      case '_[_]':
      case '_[?_]':
      case '_?._':
        return this.#index(expr);
      case '_==_':
      case '_!=_':
        return this.#equality(expr, expr.fn === '_==_');
      case '@in':
        return this.#membership(expr);
      default:
        return this.#function(expr);
    }
  }

  /** `&&` is decided by one false, `||` by one true, whatever the other side came to. */
  #logical(args: readonly Expr[], deciding: boolean): Step {
    const [left, right] = args.map((arg) => this.plan(arg)) as [Step, Step];
    return (frame) => {
      const a = left(frame);
      if (a === deciding) return deciding;
      const b = right(frame);
      if (b === deciding) return deciding;
      if (a === !deciding && b === !deciding) return !deciding;
      if (a instanceof CelFailure) return a;
      return b instanceof CelFailure ? b : noSuchOverload;
    };
  }

  #index(expr: CallExpr): Step {
    const [operandExpr, indexExpr] = expr.args as [Expr, Expr];
    const operand = this.plan(operandExpr);
    const index = this.plan(indexExpr);
    // A computed index that is an attribute has paid for itself.
    const base = isAttribute(operandExpr) ? 0 : 1;
    const own = isAttribute(indexExpr) && !this.#constants.has(indexExpr.id) ? 0 : 1;
    const get = expr.fn === '_[_]' ? access : optionalAccess;
    return (frame) => {
      const target = operand(frame);
      const key = index(frame);
      charge(frame, base + own);
      return get(target, key);
    };
  }

  #equality(expr: CallExpr, wanted: boolean): Step {
    const [left, right] = expr.args.map((arg) => this.plan(arg)) as [Step, Step];
    const id = wanted ? 'equals' : 'not_equals';
    return (frame) => {
      const a = left(frame);
      const b = right(frame);
      charge(frame, callCost(expr.fn, id, [a, b], true));
      if (a instanceof CelFailure) return a;
      if (b instanceof CelFailure) return b;
      return valuesEqual(a, b) === wanted;
    };
  }

  #membership(expr: CallExpr): Step {
    const [itemExpr, rangeExpr] = expr.args as [Expr, Expr];
    const item = this.plan(itemExpr);
    const range = this.plan(rangeExpr);
    const known = this.#constants.get(rangeExpr.id);
    if (known instanceof CelList && known.length > 0) {
      const set = new Set(known.items.map(keyText));
      if (!set.has(undefined)) {
        // A set made once: asking it costs nothing, as upstream has it.
        return (frame) => {
          const value = item(frame);
          return value instanceof CelFailure ? value : set.has(keyText(value));
        };
      }
    }
    const overloads = this.#tree.overloads.get(expr.id) ?? [];
    const id = overloads.length === 1 ? overloads[0]!.id : '';
    return (frame) => {
      const value = item(frame);
      const within = range(frame);
      charge(frame, callCost('@in', id, [value, within], true));
      if (value instanceof CelFailure) return value;
      if (within instanceof CelFailure) return within;
      if (within instanceof CelMap) return within.has(value);
      if (within instanceof CelList) return within.items.some((other) => valuesEqual(value, other));
      return new CelFailure('no such overload: @in');
    };
  }

  #function(expr: CallExpr): Step {
    const overloads = this.#tree.overloads.get(expr.id) ?? [];
    const namespaced = this.#tree.namespaced.has(expr.id);
    const operands = expr.target && !namespaced ? [expr.target, ...expr.args] : [...expr.args];
    const fn = overloads[0]?.fn ?? expr.fn;
    const steps = operands.map((operand) => this.plan(operand));
    const types = operands.map((operand) => this.#tree.types.get(operand.id)!);
    const run = dispatcher(fn, overloads, types);
    const id = overloads.length === 1 ? overloads[0]!.id : '';
    if (conversions.has(fn) && operands.length === 1) this.#convertConstant(expr, operands[0]!, run);
    const [first, second] = steps;
    if (steps.length === 1) {
      return (frame) => {
        const value = first!(frame);
        const result = value instanceof CelFailure ? value : run(value);
        charge(frame, callCost(fn, id, [value], result));
        return result;
      };
    }
    if (steps.length === 2) {
      return (frame) => {
        const a = first!(frame);
        const b = second!(frame);
        const result = a instanceof CelFailure ? a : b instanceof CelFailure ? b : run(a, b);
        charge(frame, callCost(fn, id, [a, b], result));
        return result;
      };
    }
    return (frame) => {
      const values: Value[] = [];
      for (const step of steps) {
        const value = step(frame);
        if (value instanceof CelFailure) return value;
        values.push(value);
      }
      const result = run(...values);
      charge(frame, callCost(fn, id, values, result));
      return result;
    };
  }

  #convertConstant(expr: CallExpr, operand: Expr, run: (value: Value) => Value): void {
    const known = this.#constants.get(operand.id);
    if (known === undefined) return;
    const value = run(known);
    if (value instanceof CelFailure) throw new PlanError(value.message);
    this.#constants.set(expr.id, value);
  }

  #list(expr: ListExpr): Step {
    const steps = expr.elements.map((element) => this.plan(element));
    const known = expr.elements.map((element) => this.#constants.get(element.id));
    if (expr.optionals.size === 0 && known.every((value) => value !== undefined)) {
      return this.#constant(expr, new ArrayList(known as Value[]));
    }
    const { optionals } = expr;
    return (frame) => {
      const items: Value[] = [];
      for (let i = 0; i < steps.length; i++) {
        const value = steps[i]!(frame);
        if (value instanceof CelFailure) return value;
        if (!optionals.has(i)) items.push(value);
        else if (value instanceof Optional && value.value !== undefined) items.push(value.value);
      }
      charge(frame, listCreationCost);
      return new ArrayList(items);
    };
  }

  #map(expr: MapExpr): Step {
    const entries = expr.entries.map(({ key, value, optional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      optional,
    }));
    const build = (frame: Frame): Value => {
      const table = new Map<string, readonly [Value, Value]>();
      for (const { key, value, optional } of entries) {
        const k = key(frame);
        if (k instanceof CelFailure) return k;
        const v = value(frame);
        if (v instanceof CelFailure) return v;
        const text = keyText(k);
        if (text === undefined) return new CelFailure(`unsupported key type: ${typeNameOf(k)}`);
        if (!optional) table.set(text, [k, v]);
        else if (v instanceof Optional && v.value !== undefined) table.set(text, [k, v.value]);
      }
      return new TableMap(table);
    };
    const isKnown = (part: Expr): boolean => this.#constants.has(part.id);
    if (expr.entries.every((e) => isKnown(e.key) && isKnown(e.value) && !e.optional)) {
      const value = build({ vars: () => undefined, slots: [], limit: Number.POSITIVE_INFINITY, cost: 0 });
      if (!(value instanceof CelFailure)) return this.#constant(expr, value);
    }
    return (frame) => {
      const value = build(frame);
      charge(frame, mapCreationCost);
      return value;
    };
  }

  #fold(expr: FoldExpr): Step {
    const range = this.plan(expr.range);
    const init = this.plan(expr.accuInit);
    const growing = expr.accuInit.kind === 'list' && expr.accuInit.elements.length === 0;
    const accuSlot = this.#bind(expr.accuVar);
    const first = this.#bind(expr.iterVar);
    const second = expr.iterVar2 === undefined ? undefined : this.#bind(expr.iterVar2);
    const condition = this.plan(expr.condition);
    const step = this.plan(expr.step);
    this.#scope.length -= second === undefined ? 1 : 2;
    const result = this.plan(expr.result);
    this.#scope.length--;
    return (frame) => {
      const over = range(frame);
      const start = init(frame);
      if (over instanceof CelFailure) return over;
      if (!(over instanceof CelList) && !(over instanceof CelMap)) {
        return new CelFailure(`no such overload: ${typeNameOf(over)} is no range of a comprehension`);
      }
      const { slots } = frame;
      slots[accuSlot] = growing ? new GrowingList() : start;
      const items = over instanceof CelList ? over.items : over.keys();
      for (let i = 0; i < items.length; i++) {
        const item = items[i]!;
        if (second === undefined) slots[first] = item;
        else if (over instanceof CelList) [slots[first], slots[second]] = [BigInt(i), item];
        else [slots[first], slots[second]] = [item, over.get(item)!];
        if (condition(frame) === false) break;
        slots[accuSlot] = step(frame);
      }
      const value = result(frame);
      return value instanceof GrowingList ? new ArrayList(value.items) : value;
    };
  }

  #bind(name: string): number {
    const slot = this.slotCount++;
    this.#scope.push([name, slot]);
    return slot;
  }
}
