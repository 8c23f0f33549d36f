/**
 * Kubernetes 1.36's base environment, extended with variables: text in, program or drawn errors out.
 * Upstream: apiserver/pkg/cel/environment/base.go, cel-go cel/env.go, cel/validator.go.
 */
import type { Expr } from './ast.ts';
import type { CelType } from './cel-types.ts';
import * as types from './cel-types.ts';
import { type CheckedTree, type CheckScope, checkCel } from './checker.ts';
import { type DeclType, fieldOf, objectTypesIn } from './decl-type.ts';
import { FunctionTable, type Overload } from './functions.ts';
import { addAddressFunctions } from './library/addresses.ts';
import { addAuthorizerFunctions } from './library/authorizer.ts';
import { addCollectionFunctions } from './library/collections.ts';
import { addJsonPatchFunctions, addKubernetesFunctions } from './library/kubernetes.ts';
import { addStandardFunctions, matches } from './library/standard.ts';
import { addStringFunctions } from './library/strings.ts';
import { addUrlFunctions } from './library/urls.ts';
import { parseCel } from './parser.ts';
import { PlanError, type Program, planProgram } from './program.ts';
import { type CelIssue, CelSource, renderIssues } from './source.ts';
import { parseGoDuration, parseTimestamp } from './time.ts';
import { CelFailure } from './values.ts';

let base: FunctionTable | undefined;
let mutation: FunctionTable | undefined;

/** Made on the first expression a process meets: a start without expressions pays nothing. */
function baseFunctions(): FunctionTable {
  base ??= fill(new FunctionTable());
  return base;
}

function mutationFunctions(): FunctionTable {
  if (!mutation) {
    mutation = fill(new FunctionTable());
    addJsonPatchFunctions(mutation);
  }
  return mutation;
}

function fill(table: FunctionTable): FunctionTable {
  addStandardFunctions(table);
  addStringFunctions(table);
  addCollectionFunctions(table);
  addKubernetesFunctions(table);
  addUrlFunctions(table);
  addAddressFunctions(table);
  addAuthorizerFunctions(table);
  return table;
}

const namedTypes: ReadonlyMap<string, CelType> = new Map(
  [
    types.boolType,
    types.bytesType,
    types.doubleType,
    types.durationType,
    types.dynType,
    types.intType,
    types.listType(types.dynType),
    types.mapType(types.dynType, types.dynType),
    types.nullType,
    types.stringType,
    types.timestampType,
    types.typeType,
    types.uintType,
    types.optionalType(types.dynType),
    types.quantityType,
    types.urlType,
    types.ipType,
    types.cidrType,
    types.namedFormatType,
    types.semverType,
    types.authorizerType,
    types.pathCheckType,
    types.groupCheckType,
    types.resourceCheckType,
    types.decisionType,
  ].map((type) => [type.name, type]),
);
const typeNames: ReadonlySet<string> = new Set(namedTypes.keys());

export interface Compiled {
  readonly tree: CheckedTree;
  readonly type: CelType;
  readonly program: Program;
}

export type CompileResult =
  | { readonly compiled: Compiled; readonly issues?: undefined; readonly planError?: undefined }
  | { readonly compiled?: undefined; readonly issues: string; readonly planError?: undefined }
  | { readonly compiled?: undefined; readonly issues?: undefined; readonly planError: string };

export interface EnvironmentOptions {
  readonly variables: Readonly<Record<string, CelType>> | ReadonlyMap<string, CelType>;
  /** Types of objects that variables have. */
  readonly declTypes?: readonly DeclType[];
  /** Types that `Name{…}` makes, beside their fields. */
  readonly messages?: (name: string) => CelType | undefined;
  readonly messageField?: (typeName: string, field: string) => CelType | undefined;
  /** With the macro `cel.bind`. */
  readonly bindings?: boolean;
  /** With the functions of MutatingAdmissionPolicy. */
  readonly mutation?: boolean;
}

export class CelEnvironment implements CheckScope {
  readonly #variables: ReadonlyMap<string, CelType>;
  readonly #objects = new Map<string, DeclType>();
  readonly #options: EnvironmentOptions;
  readonly #functions: FunctionTable;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.#variables = options.variables instanceof Map ? options.variables : new Map(Object.entries(options.variables));
    for (const decl of options.declTypes ?? []) objectTypesIn(decl, this.#objects);
    this.#functions = options.mutation ? mutationFunctions() : baseFunctions();
  }

  variable(name: string): CelType | undefined {
    const type = this.#variables.get(name);
    if (type) return type;
    const named = namedTypes.get(name);
    return named && types.typeOf(named);
  }

  functions(name: string): readonly Overload[] | undefined {
    return this.#functions.get(name);
  }

  field(typeName: string, field: string): CelType | undefined {
    const decl = this.#objects.get(typeName);
    return decl ? fieldOf(decl, field)?.type : this.#options.messageField?.(typeName, field);
  }

  message(name: string): CelType | undefined {
    const decl = this.#objects.get(name);
    return decl ? decl.type : this.#options.messages?.(name);
  }

  compile(expression: string): CompileResult {
    const source = new CelSource(expression);
    const parsed = parseCel(source, { bindings: this.#options.bindings === true });
    if (!parsed.expr) return { issues: renderIssues(source, parsed.issues) };
    const { tree, issues } = checkCel(parsed.expr, this);
    const all = issues.length > 0 ? issues : literalIssues(parsed.expr);
    if (all.length > 0) return { issues: renderIssues(source, all) };
    try {
      return { compiled: { tree, type: tree.type, program: planProgram(tree, typeNames) } };
    } catch (error) {
      if (error instanceof PlanError) return { planError: error.message };
      throw error;
    }
  }
}

const literalChecks: Readonly<Record<string, (text: string) => boolean>> = {
  duration: (text) => parseGoDuration(text) !== undefined,
  timestamp: (text) => parseTimestamp(text) !== undefined,
  matches: (text) => !(matches('', text) instanceof CelFailure),
};

/** Literals that no evaluation could use. */
function literalIssues(root: Expr): CelIssue[] {
  const issues: CelIssue[] = [];
  visit(root, (expr) => {
    if (expr.kind !== 'call' || !Object.hasOwn(literalChecks, expr.fn)) return;
    const arg = expr.fn === 'matches' && !expr.target ? expr.args[1] : expr.args[0];
    if (arg?.kind !== 'const' || typeof arg.value !== 'string' || literalChecks[expr.fn]!(arg.value)) return;
    issues.push({ offset: arg.offset, message: `invalid ${expr.fn} argument` });
  });
  return issues;
}

function visit(expr: Expr, see: (expr: Expr) => void): void {
  see(expr);
  for (const child of childrenOf(expr)) visit(child, see);
}

function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target ? [expr.target, ...expr.args] : expr.args;
    case 'list':
      return expr.elements;
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'fold':
      return [expr.range, expr.accuInit, expr.condition, expr.step, expr.result];
    default:
      return [];
  }
}
