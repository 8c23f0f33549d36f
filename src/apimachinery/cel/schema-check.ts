/**
 * Static checks of all rules in a CustomResourceDefinition's schema: they compile, they may use oldSelf where they do,
 * and their estimated costs are within limits.
 * Upstream: apiextensions-apiserver/pkg/apis/apiextensions/validation/{validation,cel_validation}.go.
 */
import type { FieldErrorList, FieldPath } from '../field-errors.ts';
import { type DeclType, declTypeOf } from './decl-type.ts';
import { escapeName } from './escaping.ts';
import { readFieldPath } from './field-path.ts';
import { type CompiledRule, compileNodeRules, maxCardinality } from './rule-compiler.ts';
import type { JSONSchemaProps } from './types.ts';

/** Estimated cost of one expression, and of all in a definition's version. */
export const staticCostLimit = 10_000_000;
export const staticTotalCostLimit = 100_000_000;

const advice =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

function costMessage(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const text = factor > 100 ? 'more than 100x' : `${factor < 1.5 ? factor.toFixed(6) : factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${text} ${advice}`;
}

interface Level {
  readonly decl: DeclType | undefined;
  /** How often the node can stand in an object; undefined: nobody knows. */
  readonly cardinality: number | undefined;
  /** Path of the list above whose items cannot be told apart. */
  readonly uncorrelatable: string | undefined;
}

class SchemaCheck {
  readonly #errors: FieldErrorList;
  #total = 0;
  #expensive: { readonly path: FieldPath; readonly cost: number }[] = [];

  constructor(errors: FieldErrorList) {
    this.#errors = errors;
  }

  run(schema: JSONSchemaProps, path: FieldPath): void {
    this.#visit(schema, path, {
      decl: declTypeOf(schema, true),
      cardinality: 1,
      uncorrelatable: undefined,
    });
    if (this.#total <= staticTotalCostLimit) return;
    for (const { path: rule } of this.#expensive) {
      this.#errors.forbidden(
        rule,
        'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      );
    }
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    this.#errors.forbidden(path, costMessage(what, this.#total, staticTotalCostLimit));
  }

  #visit(schema: JSONSchemaProps, path: FieldPath, level: Level): void {
    const { decl } = level;
    const elements = elementsOf(schema);
    const cardinality =
      level.cardinality === undefined || elements === undefined ? undefined : times(level.cardinality, elements);
    const below = (child: JSONSchemaProps, type: DeclType | undefined): Level => ({
      ...level,
      decl: type ?? declTypeOf(child, child['x-kubernetes-embedded-resource'] === true),
      cardinality,
    });
    if (typeof schema.additionalProperties === 'object') {
      this.#visit(
        schema.additionalProperties,
        path.child('additionalProperties'),
        below(schema.additionalProperties, decl?.element),
      );
    }
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const type = decl?.fields?.get(escapeName(name) ?? '');
      this.#visit(property, path.child('properties').key(name), below(property, type));
    }
    if (schema.items && !Array.isArray(schema.items)) {
      const itemsPath = path.child('items');
      const isKeyed = schema['x-kubernetes-list-type'] === 'map';
      const uncorrelatable = level.uncorrelatable ?? (isKeyed ? undefined : String(path));
      this.#visit(schema.items, itemsPath, { ...below(schema.items, decl?.element), uncorrelatable });
    }
    (schema.allOf ?? []).forEach((nested, i) => {
      this.#visitNested(nested, schema, path.child('allOf').index(i), level);
    });
    this.#rules(schema, schema, path, level);
  }

  /** Rules inside `allOf` see the values of the node beside it. */
  #visitNested(nested: JSONSchemaProps, schema: JSONSchemaProps, path: FieldPath, level: Level): void {
    this.#rules(nested, schema, path, level);
    for (const [name, property] of Object.entries(nested.properties ?? {})) {
      const beside = schema.properties?.[name];
      const type = level.decl?.fields?.get(escapeName(name) ?? '');
      if (beside && type)
        this.#visitNested(property, beside, path.child('properties').key(name), { ...level, decl: type });
    }
  }

  #rules(from: JSONSchemaProps, schema: JSONSchemaProps, path: FieldPath, level: Level): void {
    const rules = from['x-kubernetes-validations'] ?? [];
    const { decl } = level;
    if (rules.length === 0 || !decl) return;
    compileNodeRules(schema, decl, rules).forEach((compiled, i) => {
      this.#rule(compiled, path.child('x-kubernetes-validations').index(i), decl, level);
    });
  }

  #rule(compiled: CompiledRule, path: FieldPath, decl: DeclType, level: Level): void {
    const { rule } = compiled;
    const rulePath = path.child('rule');
    const cost = times(compiled.maxCost, level.cardinality ?? maxCardinality(decl));
    if (cost > staticCostLimit) {
      this.#errors.forbidden(rulePath, costMessage('estimated rule cost', cost, staticCostLimit));
    }
    this.#observe(rulePath, cost);
    if (compiled.error !== undefined) this.#errors.invalid(rulePath, goRule(rule), compiled.error);
    const messagePath = path.child('messageExpression');
    if (compiled.messageError !== undefined) this.#errors.invalid(messagePath, goRule(rule), compiled.messageError);
    else if (compiled.messageProgram) {
      if (compiled.messageMaxCost > staticCostLimit) {
        const what = 'estimated messageExpression cost';
        this.#errors.forbidden(messagePath, costMessage(what, compiled.messageMaxCost, staticCostLimit));
      }
      this.#observe(messagePath, compiled.messageMaxCost);
    }
    if (compiled.usesOldSelf) {
      if (level.uncorrelatable === undefined) return;
      const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${level.uncorrelatable}`;
      this.#errors.invalid(rulePath, rule.rule, detail);
    } else if (rule.optionalOldSelf !== undefined) {
      this.#errors.invalid(
        path.child('optionalOldSelf'),
        rule.optionalOldSelf,
        'may not be set if oldSelf is not used in rule',
      );
    }
  }

  #observe(path: FieldPath, cost: number): void {
    this.#total = Math.min(this.#total + cost, 2 ** 64);
    if (cost < staticTotalCostLimit / 100) return;
    this.#expensive.push({ path, cost });
    this.#expensive = this.#expensive.sort((a, b) => b.cost - a.cost).slice(0, 4);
  }
}

/** As upstream's JSON shows the rule: all of its fields, in the internal type's names. */
function goRule(rule: unknown): unknown {
  const given = rule as Readonly<Record<string, unknown>>;
  return {
    Rule: given['rule'] ?? '',
    Message: given['message'] ?? '',
    MessageExpression: given['messageExpression'] ?? '',
    Reason: given['reason'] ?? null,
    FieldPath: given['fieldPath'] ?? '',
    OptionalOldSelf: given['optionalOldSelf'] ?? null,
  };
}

function times(a: number, b: number): number {
  return Math.min(a * b, 2 ** 64);
}

function elementsOf(schema: JSONSchemaProps): number | undefined {
  if (schema.type === 'array') return schema.maxItems === undefined ? undefined : Math.max(0, schema.maxItems);
  if (schema.type !== 'object' || schema.additionalProperties === undefined) return 1;
  return schema.maxProperties === undefined ? undefined : Math.max(0, schema.maxProperties);
}

/** Adds what is wrong with the rules of a structural schema; `path` is the schema's. */
export function checkSchemaRules(schema: JSONSchemaProps, path: FieldPath, errors: FieldErrorList): void {
  new SchemaCheck(errors).run(schema, path);
}

/** Whether a rule's `fieldPath` leads to a field of the schema. */
export function isFieldPath(path: string, schema: JSONSchemaProps): boolean {
  return typeof readFieldPath(path, schema) === 'string';
}
