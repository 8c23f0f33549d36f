/**
 * Macros: has, all, exists, exists_one, map, filter, the two-variable comprehensions, optMap, optFlatMap, sortBy.
 * Upstream: cel-go parser/macro.go, ext/comprehensions.go, cel/library.go, ext/lists.go.
 */
import { accumulator, type Constant, type Expr, type FoldExpr } from './ast.ts';

export class MacroError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

interface Place {
  readonly id: () => number;
  readonly offset: number;
}

class Maker {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  #node(): { id: number; offset: number } {
    return { id: this.#place.id(), offset: this.#place.offset };
  }

  constant(value: Constant): Expr {
    return { kind: 'const', ...this.#node(), value };
  }

  ident(name: string): Expr {
    return { kind: 'ident', ...this.#node(), name };
  }

  accu(): Expr {
    return this.ident(accumulator);
  }

  call(fn: string, ...args: Expr[]): Expr {
    return { kind: 'call', ...this.#node(), fn, target: undefined, args };
  }

  method(target: Expr, fn: string, ...args: Expr[]): Expr {
    return { kind: 'call', ...this.#node(), fn, target, args };
  }

  list(...elements: Expr[]): Expr {
    return { kind: 'list', ...this.#node(), elements, optionals: new Set() };
  }

  emptyMap(): Expr {
    return { kind: 'map', ...this.#node(), entries: [] };
  }

  has(operand: Expr, field: string): Expr {
    return { kind: 'select', ...this.#node(), operand, field, testOnly: true };
  }

  fold(parts: Omit<FoldExpr, 'kind' | 'id' | 'offset'>): Expr {
    return { kind: 'fold', ...this.#node(), ...parts };
  }
}

function variable(expr: Expr, message: string): string {
  if (expr.kind !== 'ident') throw new MacroError(expr.offset, message);
  if (expr.name === accumulator)
    throw new MacroError(expr.offset, 'iteration variable overwrites accumulator variable');
  return expr.name;
}

function hasMacro(make: Maker, place: Place, args: readonly Expr[]): Expr {
  const [arg] = args;
  if (arg?.kind === 'select' && !arg.testOnly) return make.has(arg.operand, arg.field);
  throw new MacroError(arg?.offset ?? place.offset, 'invalid argument to has() macro');
}

interface Iteration {
  readonly range: Expr;
  readonly iterVar: string;
  readonly iterVar2: string | undefined;
}

function quantifier(fn: string, make: Maker, over: Iteration, predicate: Expr): Expr {
  const base = { ...over, accuVar: accumulator };
  switch (fn) {
    case 'all':
      return make.fold({
        ...base,
        accuInit: make.constant(true),
        condition: make.call('@not_strictly_false', make.accu()),
        step: make.call('_&&_', make.accu(), predicate),
        result: make.accu(),
      });
    case 'exists':
      return make.fold({
        ...base,
        accuInit: make.constant(false),
        condition: make.call('@not_strictly_false', make.call('!_', make.accu())),
        step: make.call('_||_', make.accu(), predicate),
        result: make.accu(),
      });
    default:
      return make.fold({
        ...base,
        accuInit: make.constant(0n),
        condition: make.constant(true),
        step: make.call('_?_:_', predicate, make.call('_+_', make.accu(), make.constant(1n)), make.accu()),
        result: make.call('_==_', make.accu(), make.constant(1n)),
      });
  }
}

/** map, transformList, transformMap…: `step` adds to the accumulator, behind an optional filter. */
function collect(make: Maker, over: Iteration, accuInit: Expr, step: Expr, filter: Expr | undefined): Expr {
  return make.fold({
    ...over,
    accuVar: accumulator,
    accuInit,
    condition: make.constant(true),
    step: filter ? make.call('_?_:_', filter, step, make.accu()) : step,
    result: make.accu(),
  });
}

const oneVariable = 'argument must be a simple name';

function twoVariables(target: Expr, args: readonly Expr[]): Iteration {
  const name = (expr: Expr): string => variable(expr, 'argument must be a simple name');
  const iterVar = name(args[0]!);
  const iterVar2 = name(args[1]!);
  if (iterVar === iterVar2) throw new MacroError(args[1]!.offset, `duplicate variable name: ${iterVar}`);
  return { range: target, iterVar, iterVar2 };
}

function comprehension(fn: string, make: Maker, target: Expr, args: readonly Expr[]): Expr | undefined {
  const count = args.length;
  const one = (): Iteration => ({ range: target, iterVar: variable(args[0]!, oneVariable), iterVar2: undefined });
  switch (fn) {
    case 'all':
    case 'exists':
    case 'exists_one':
    case 'existsOne':
      if (count === 2) return quantifier(fn, make, one(), args[1]!);
      return count === 3 ? quantifier(fn, make, twoVariables(target, args), args[2]!) : undefined;
    case 'map': {
      if (count !== 2 && count !== 3) return undefined;
      const over = one();
      const step = make.call('_+_', make.accu(), make.list(args[count - 1]!));
      return collect(make, over, make.list(), step, count === 3 ? args[1] : undefined);
    }
    case 'filter': {
      if (count !== 2) return undefined;
      const over = one();
      const step = make.call('_+_', make.accu(), make.list(args[0]!));
      return collect(make, over, make.list(), step, args[1]);
    }
    case 'transformList':
    case 'transformMap':
    case 'transformMapEntry': {
      if (count !== 3 && count !== 4) return undefined;
      const over = twoVariables(target, args);
      const value = args[count - 1]!;
      const filter = count === 4 ? args[2] : undefined;
      if (fn === 'transformList') {
        return collect(make, over, make.list(), make.call('_+_', make.accu(), make.list(value)), filter);
      }
      const step =
        fn === 'transformMap'
          ? make.call('cel.@mapInsert', make.accu(), make.ident(over.iterVar), value)
          : make.call('cel.@mapInsert', make.accu(), value);
      return collect(make, over, make.emptyMap(), step, filter);
    }
    default:
      return undefined;
  }
}

/** A fold over nothing: its result alone is evaluated, with the variable bound. */
function bind(make: Maker, name: string, value: Expr, result: Expr): Expr {
  return make.fold({
    range: make.list(),
    iterVar: '#unused',
    iterVar2: undefined,
    accuVar: name,
    accuInit: value,
    condition: make.constant(false),
    step: make.ident(name),
    result,
  });
}

function optional(fn: string, make: Maker, target: Expr, args: readonly Expr[]): Expr | undefined {
  if (args.length !== 2) return undefined;
  const name = variable(args[0]!, `${fn}() variable name must be a simple identifier`);
  const bound = bind(make, name, make.method(target, 'value'), args[1]!);
  const yes = fn === 'optMap' ? make.call('optional.of', bound) : bound;
  return make.call('_?_:_', make.method(target, 'hasValue'), yes, make.call('optional.none'));
}

function sortBy(make: Maker, target: Expr, args: readonly Expr[]): Expr | undefined {
  if (args.length !== 2) return undefined;
  if (
    target.kind !== 'list' &&
    target.kind !== 'select' &&
    target.kind !== 'ident' &&
    target.kind !== 'fold' &&
    target.kind !== 'call'
  ) {
    throw new MacroError(
      target.offset,
      'sortBy can only be applied to a list, identifier, comprehension, call or select expression',
    );
  }
  const name = variable(args[0]!, 'sortBy variable must be a simple identifier');
  const sorted = '@__sortBy_input__';
  const over = { range: make.ident(sorted), iterVar: name, iterVar2: undefined };
  const keys = collect(make, over, make.list(), make.call('_+_', make.accu(), make.list(args[1]!)), undefined);
  return bind(make, sorted, target, make.method(make.ident(sorted), '@sortByAssociatedKeys', keys));
}

/** `cel.bind(name, value, expression)`. Upstream: cel-go ext/bindings.go. @throws MacroError */
export function expandBind(args: readonly Expr[], place: Place): Expr | undefined {
  if (args.length !== 3) return undefined;
  const name = variable(args[0]!, 'cel.bind() variable names must be simple identifiers');
  return bind(new Maker(place), name, args[1]!, args[2]!);
}

/** The tree that a macro call stands for, or undefined when it is no macro. @throws MacroError */
export function expandMacro(
  fn: string,
  target: Expr | undefined,
  args: readonly Expr[],
  place: Place,
): Expr | undefined {
  const make = new Maker(place);
  if (!target) return fn === 'has' && args.length === 1 ? hasMacro(make, place, args) : undefined;
  if (fn === 'optMap' || fn === 'optFlatMap') return optional(fn, make, target, args);
  if (fn === 'sortBy') return sortBy(make, target, args);
  return comprehension(fn, make, target, args);
}
