/**
 * One schema node's `x-kubernetes-validations`, compiled and estimated.
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go.
 */
import type { CelType } from './cel-types.ts';
import { optionalType } from './cel-types.ts';
import { estimateCost, pathSizes } from './cost-estimate.ts';
import type { PathSize } from './cost-library.ts';
import type { DeclType } from './decl-type.ts';
import { CelEnvironment } from './environment.ts';
import { readFieldPath } from './field-path.ts';
import type { Program } from './program.ts';
import type { JSONSchemaProps, ValidationRule } from './types.ts';

export interface CompiledRule {
  readonly rule: ValidationRule;
  /** Absent when the rule is empty or does not compile. */
  readonly program?: Program;
  readonly error?: string;
  readonly usesOldSelf: boolean;
  /** Estimated cost of one evaluation, at worst. */
  readonly maxCost: number;
  readonly messageProgram?: Program;
  readonly messageError?: string;
  readonly messageMaxCost: number;
  /** `fieldPath` as error paths show it. */
  readonly fieldPath?: string;
}

/** How often data of this least size could stand in one request. Upstream: maxCardinality. */
export function maxCardinality(decl: DeclType): number {
  return Math.floor((3 * 1024 * 1024) / (decl.minSize + 1));
}

class NodeCompiler {
  readonly #schema: JSONSchemaProps;
  readonly #environment: (isOptional: boolean) => CelEnvironment;
  readonly #sizes: PathSize;

  constructor(schema: JSONSchemaProps, decl: DeclType) {
    this.#schema = schema;
    this.#sizes = pathSizes(decl);
    const made = new Map<boolean, CelEnvironment>();
    const make = (oldSelf: CelType): CelEnvironment =>
      new CelEnvironment({ variables: { self: decl.type, oldSelf }, declTypes: [decl] });
    this.#environment = (isOptional) => {
      let environment = made.get(isOptional);
      if (!environment) {
        environment = make(isOptional ? optionalType(decl.type) : decl.type);
        made.set(isOptional, environment);
      }
      return environment;
    };
  }

  compile(rule: ValidationRule): CompiledRule {
    const nothing = { rule, usesOldSelf: false, maxCost: 0, messageMaxCost: 0 };
    if (rule.rule.trim() === '') return nothing;
    const environment = this.#environment(rule.optionalOldSelf === true);
    const { compiled, issues, planError } = environment.compile(rule.rule);
    if (issues !== undefined) return { ...nothing, error: `compilation failed: ${issues}` };
    if (planError !== undefined) return { ...nothing, error: `program instantiation failed: ${planError}` };
    if (compiled.type.kind !== 'bool') return { ...nothing, error: 'cel expression must evaluate to a bool' };
    const fieldPath = rule.fieldPath ? readFieldPath(rule.fieldPath, this.#schema) : undefined;
    return {
      rule,
      program: compiled.program,
      usesOldSelf: compiled.tree.usedVariables.has('oldSelf'),
      maxCost: estimateCost(compiled.tree, this.#sizes).max,
      messageMaxCost: 0,
      ...(rule.messageExpression ? this.#message(environment, rule.messageExpression) : {}),
      ...(typeof fieldPath === 'string' ? { fieldPath } : {}),
    };
  }

  #message(
    environment: CelEnvironment,
    expression: string,
  ): { messageProgram?: Program; messageError?: string; messageMaxCost: number } {
    const { compiled, issues, planError } = environment.compile(expression);
    const failed = (messageError: string): { messageError: string; messageMaxCost: number } => ({
      messageError,
      messageMaxCost: 0,
    });
    if (issues !== undefined) return failed(`messageExpression compilation failed: ${issues}`);
    if (planError !== undefined) return failed(`messageExpression instantiation failed: ${planError}`);
    if (compiled.type.kind !== 'string') return failed('messageExpression must evaluate to a string');
    return { messageProgram: compiled.program, messageMaxCost: estimateCost(compiled.tree, this.#sizes).max };
  }
}

/** `schema` is the node whose values the rules see; `rules` may come from an `allOf` beside it. */
export function compileNodeRules(
  schema: JSONSchemaProps,
  decl: DeclType,
  rules: readonly ValidationRule[],
): readonly CompiledRule[] {
  const compiler = new NodeCompiler(schema, decl);
  return rules.map((rule) => compiler.compile(rule));
}
