/** Gives every node its type, every call its overloads. Upstream: cel-go checker/checker.go. */
import { type CallExpr, type Expr, type FoldExpr, qualifiedName, type SelectExpr, type StructExpr } from './ast.ts';
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  dynType,
  errorType,
  formatArguments,
  formatType,
  intType,
  isOptional,
  listType,
  type Mapping,
  mapType,
  mostGeneral,
  nullType,
  optionalType,
  sameType,
  stringType,
  substitute,
  tryAssign,
  typeParam,
  uintType,
} from './cel-types.ts';
import type { Overload } from './functions.ts';
import type { CelIssue } from './source.ts';
import { Uint } from './values.ts';

/** What names mean to an expression. */
export interface CheckScope {
  variable(name: string): CelType | undefined;
  functions(name: string): readonly Overload[] | undefined;
  /** Type of a field of an object type; undefined when the type has no such field. */
  field(typeName: string, field: string): CelType | undefined;
  /** A message type that `Name{…}` makes. */
  message(name: string): CelType | undefined;
}

export interface CheckedTree {
  readonly expr: Expr;
  readonly type: CelType;
  readonly types: ReadonlyMap<number, CelType>;
  readonly overloads: ReadonlyMap<number, readonly Overload[]>;
  /** Nodes that are one variable, however many dots are in its name. */
  readonly references: ReadonlyMap<number, string>;
  /** Calls of the form `a.b(c)` where `a.b` is the function's name. */
  readonly namespaced: ReadonlySet<number>;
  /** Names of the environment's variables that are used. */
  readonly usedVariables: ReadonlySet<string>;
}

export interface CheckResult {
  readonly tree: CheckedTree;
  readonly issues: readonly CelIssue[];
}

export function checkCel(expr: Expr, scope: CheckScope): CheckResult {
  const checker = new Checker(scope);
  checker.check(expr);
  return { tree: checker.finish(expr), issues: checker.issues };
}

class Checker {
  readonly issues: CelIssue[] = [];
  readonly #scope: CheckScope;
  readonly #types = new Map<number, CelType>();
  readonly #overloads = new Map<number, readonly Overload[]>();
  readonly #references = new Map<number, string>();
  readonly #namespaced = new Set<number>();
  readonly #used = new Set<string>();
  readonly #locals: [name: string, type: CelType][] = [];
  #mapping: Mapping = new Map();
  #freeVariables = 0;

  constructor(scope: CheckScope) {
    this.#scope = scope;
  }

  finish(expr: Expr): CheckedTree {
    for (const [id, type] of this.#types) this.#types.set(id, substitute(this.#mapping, type, true));
    return {
      expr,
      type: this.#types.get(expr.id) ?? errorType,
      types: this.#types,
      overloads: this.#overloads,
      references: this.#references,
      namespaced: this.#namespaced,
      usedVariables: this.#used,
    };
  }

  check(expr: Expr): CelType {
    const type = this.#typeOf(expr);
    this.#types.set(expr.id, type);
    return type;
  }

  #typeOf(expr: Expr): CelType {
    switch (expr.kind) {
      case 'const':
        return constantType(expr.value);
      case 'ident':
        return this.#ident(expr, expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list': {
        let joined: CelType | undefined;
        expr.elements.forEach((element, i) => {
          const type = this.#unwrapEntry(element, this.check(element), expr.optionals.has(i));
          joined = this.#join(element, joined, type);
        });
        return listType(joined ?? this.#freshVariable());
      }
      case 'map': {
        let keys: CelType | undefined;
        let values: CelType | undefined;
        for (const { key, value, optional } of expr.entries) {
          keys = this.#join(key, keys, this.check(key));
          values = this.#join(value, values, this.#unwrapEntry(value, this.check(value), optional));
        }
        return mapType(keys ?? this.#freshVariable(), values ?? this.#freshVariable());
      }
      case 'struct':
        return this.#struct(expr);
      case 'fold':
        return this.#fold(expr);
    }
  }

  #lookup(name: string): CelType | undefined {
    if (!name.startsWith('.')) {
      for (let i = this.#locals.length - 1; i >= 0; i--) if (this.#locals[i]![0] === name) return this.#locals[i]![1];
    }
    const bare = name.replace(/^\./, '');
    const type = this.#scope.variable(bare);
    if (type) this.#used.add(bare);
    return type;
  }

  #ident(expr: Expr, name: string): CelType {
    const type = this.#lookup(name);
    if (!type) {
      this.#report(expr, `undeclared reference to '${name.replace(/^\./, '')}' (in container '')`);
      return errorType;
    }
    this.#references.set(expr.id, name);
    return type;
  }

  #select(expr: SelectExpr): CelType {
    const name = qualifiedName(expr);
    // Only names with dots are asked for here; a plain local is the operand of a field selection.
    const type = name === undefined ? undefined : this.#scope.variable(name);
    if (type && name !== undefined && !this.#isLocal(name)) {
      this.#references.set(expr.id, name);
      this.#used.add(name);
      return type;
    }
    const field = this.#field(expr, expr.operand, expr.field, false);
    return expr.testOnly ? boolType : this.#resolve(field);
  }

  #isLocal(name: string): boolean {
    const first = name.split('.')[0]!;
    return this.#locals.some(([local]) => local === first);
  }

  #field(expr: Expr, operand: Expr, field: string, optional: boolean): CelType {
    const operandType = this.#resolve(this.check(operand));
    const target = isOptional(operandType) ? operandType.params[0]! : operandType;
    let result: CelType = errorType;
    switch (target.kind) {
      case 'map':
        result = target.params[1]!;
        break;
      case 'struct': {
        const found = this.#scope.field(target.name, field);
        if (found) result = found;
        else this.#report(expr, `undefined field '${field}'`);
        break;
      }
      case 'param':
        this.#assignable(dynType, target);
        result = dynType;
        break;
      default:
        if (target.kind !== 'dyn' && target.kind !== 'error') {
          this.#report(expr, `type '${formatType(target)}' does not support field selection`);
        }
        result = dynType;
    }
    return isOptional(operandType) || optional ? optionalType(result) : result;
  }

  #call(expr: CallExpr): CelType {
    if (expr.fn === '_?._') {
      const [operand, field] = expr.args as [Expr, Expr];
      this.check(field);
      this.#overloads.set(expr.id, this.#scope.functions('_?._') ?? []);
      return this.#resolve(this.#field(expr, operand, (field as { value: string }).value, true));
    }
    for (const arg of expr.args) this.check(arg);
    if (expr.target) {
      const prefix = qualifiedName(expr.target);
      const namespaced = prefix === undefined ? undefined : this.#scope.functions(`${prefix}.${expr.fn}`);
      if (namespaced) {
        this.#namespaced.add(expr.id);
        return this.#resolveOverload(expr, `${prefix}.${expr.fn}`, namespaced, undefined);
      }
      this.check(expr.target);
    }
    const functions = this.#scope.functions(expr.fn.replace(/^\./, ''));
    if (!functions) {
      this.#report(expr, `undeclared reference to '${expr.fn.replace(/^\./, '')}' (in container '')`);
      return errorType;
    }
    return this.#resolveOverload(expr, expr.fn, functions, expr.target);
  }

  #resolveOverload(expr: CallExpr, fn: string, overloads: readonly Overload[], target: Expr | undefined): CelType {
    const operands = target ? [target, ...expr.args] : expr.args;
    const types = operands.map((operand) => this.#types.get(operand.id)!);
    if (fn === '_&&_' || fn === '_||_') return this.#logical(expr, overloads, types);
    const found: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      if (overload.isMember !== (target !== undefined) || overload.args.length !== types.length) continue;
      const own: Mapping = new Map();
      for (const param of overload.params) own.set(param, this.#freshVariable());
      const wanted = overload.params.length === 0 ? overload.args : overload.args.map((t) => substitute(own, t, false));
      const mapping = tryAssign(this.#mapping, types, wanted);
      if (!mapping) continue;
      this.#mapping = mapping;
      found.push(overload);
      const type = this.#resolve(substitute(own, overload.result, false));
      if (!result) result = type;
      else if (result.kind !== 'dyn' && !sameType(type, result)) result = dynType;
    }
    if (!result) {
      const shown = types.map((type) => substitute(this.#mapping, type, true));
      const applied = formatArguments(shown, target !== undefined);
      this.#report(expr, `found no matching overload for '${fn}' applied to '${applied}'`);
      return errorType;
    }
    this.#overloads.set(expr.id, found);
    return result;
  }

  #logical(expr: CallExpr, overloads: readonly Overload[], types: readonly CelType[]): CelType {
    let failed = false;
    types.forEach((type, i) => {
      if (this.#assignable(type, boolType)) return;
      this.#mismatch(expr.args[i]!, boolType, type);
      failed = true;
    });
    this.#overloads.set(expr.id, overloads);
    return failed ? errorType : boolType;
  }

  #struct(expr: StructExpr): CelType {
    const type = this.#scope.message(expr.typeName);
    if (!type) this.#report(expr, `undeclared reference to '${expr.typeName}' (in container '')`);
    for (const field of expr.fields) {
      const valueType = this.#unwrapEntry(field.value, this.check(field.value), field.optional);
      if (!type) continue;
      const wanted = this.#scope.field(type.name, field.name);
      if (!wanted) this.#report(field, `undefined field '${field.name}'`);
      else if (!this.#assignable(wanted, valueType)) {
        const provided = formatType(this.#resolve(valueType));
        const message = `expected type of field '${field.name}' is '${formatType(wanted)}' but provided type is '${provided}'`;
        this.#report(field, message);
      }
    }
    return type ?? errorType;
  }

  #fold(expr: FoldExpr): CelType {
    const range = this.#resolve(this.check(expr.range));
    const accu = this.check(expr.accuInit);
    this.#locals.push([expr.accuVar, accu]);
    let [first, second]: [CelType, CelType] = [dynType, dynType];
    switch (range.kind) {
      case 'list':
        [first, second] = expr.iterVar2 ? [intType, range.params[0]!] : [range.params[0]!, dynType];
        break;
      case 'map':
        [first, second] = [range.params[0]!, range.params[1]!];
        break;
      case 'dyn':
      case 'error':
      case 'param':
        this.#assignable(dynType, range);
        break;
      default: {
        const message = `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
        this.#report(expr.range, message);
        [first, second] = [errorType, errorType];
      }
    }
    this.#locals.push([expr.iterVar, first]);
    if (expr.iterVar2) this.#locals.push([expr.iterVar2, second]);
    this.#assert(expr.condition, boolType, this.check(expr.condition));
    this.#assert(expr.step, accu, this.check(expr.step));
    this.#locals.length -= expr.iterVar2 ? 2 : 1;
    const result = this.check(expr.result);
    this.#locals.length--;
    return this.#resolve(result);
  }

  #unwrapEntry(expr: Expr, type: CelType, optional: boolean): CelType {
    if (!optional) return type;
    if (isOptional(type)) return type.params[0]!;
    if (type.kind !== 'dyn') this.#mismatch(expr, optionalType(type), type);
    return type;
  }

  #join(expr: Expr, previous: CelType | undefined, current: CelType): CelType {
    if (!previous) return current;
    if (this.#assignable(previous, current)) return mostGeneral(previous, current);
    // Lists and maps of one type only: Kubernetes asks for homogeneous literals.
    this.#mismatch(expr, previous, current);
    return errorType;
  }

  #assert(expr: Expr, wanted: CelType, actual: CelType): void {
    if (!this.#assignable(wanted, actual)) this.#mismatch(expr, wanted, actual);
  }

  #mismatch(expr: Expr, wanted: CelType, actual: CelType): void {
    this.#report(expr, `expected type '${formatType(wanted)}' but found '${formatType(actual)}'`);
  }

  #assignable(from: CelType, to: CelType): boolean {
    const mapping = tryAssign(this.#mapping, [from], [to]);
    if (mapping) this.#mapping = mapping;
    return mapping !== undefined;
  }

  #resolve(type: CelType): CelType {
    return substitute(this.#mapping, type, false);
  }

  #freshVariable(): CelType {
    return typeParam(`_var${this.#freeVariables++}`);
  }

  #report(at: { readonly offset: number }, message: string): void {
    this.issues.push({ offset: at.offset, message });
  }
}

function constantType(value: unknown): CelType {
  switch (typeof value) {
    case 'boolean':
      return boolType;
    case 'bigint':
      return intType;
    case 'number':
      return doubleType;
    case 'string':
      return stringType;
    default:
      return value === null ? nullType : value instanceof Uint ? uintType : bytesType;
  }
}
