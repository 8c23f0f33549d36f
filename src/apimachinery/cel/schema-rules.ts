/**
 * Runs the CEL rules of a schema over a value. Upstream: apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go.
 */
import { type FieldError, type FieldPath, omittedValue } from '../field-errors.ts';
import { type DeclType, declTypeOf, withTypeMeta } from './decl-type.ts';
import { escapeName } from './escaping.ts';
import type { Activation, Program } from './program.ts';
import { type CompiledRule, compileNodeRules } from './rule-compiler.ts';
import { schemaValue } from './schema-values.ts';
import {
  type CelSchemaValidator,
  type CelValidateOptions,
  type CelValidationResult,
  type JSONSchemaProps,
  perCallLimit,
  type ValidationRule,
} from './types.ts';
import { CelFailure, Optional, type Value } from './values.ts';

export interface CompileSchemaRulesOptions {
  /** The schema is of a whole object: apiVersion, kind, metadata.name and metadata.generateName are known. Default true. */
  readonly isResourceRoot?: boolean;
}

interface Node {
  readonly schema: JSONSchemaProps;
  /** What values of the node are converted by. */
  readonly valueSchema: JSONSchemaProps;
  readonly rules: readonly CompiledRule[];
  readonly items: Node | undefined;
  readonly additional: Node | undefined;
  readonly properties: ReadonlyMap<string, Node>;
  readonly allOf: readonly Node[];
}

/**
 * Compiles every `x-kubernetes-validations` rule in the schema, once; undefined when it has none. Does not throw: a rule
 * that does not compile is an error of every validation.
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/cel NewValidator.
 */
export function compileSchemaRules(
  schema: JSONSchemaProps,
  options: CompileSchemaRulesOptions = {},
): CelSchemaValidator | undefined {
  if (!hasRules(schema)) return undefined;
  const isRoot = options.isResourceRoot ?? true;
  const root = makeNode(schema, schema, isRoot, declTypeOf(schema, isRoot));
  if (!root) return undefined;
  return {
    validate(path, value, oldValue, budget, validateOptions = {}): CelValidationResult {
      const run = new Run(budget, validateOptions);
      run.validate(root, path, [], value, oldValue ?? undefined);
      return { errors: run.errors, remainingBudget: run.budget, ratcheted: run.ratcheted };
    },
  };
}

function hasRules(schema: JSONSchemaProps): boolean {
  return (
    (schema['x-kubernetes-validations']?.length ?? 0) > 0 ||
    (schema.items !== undefined && hasRules(schema.items)) ||
    (typeof schema.additionalProperties === 'object' && hasRules(schema.additionalProperties)) ||
    Object.values(schema.properties ?? {}).some(hasRules) ||
    (schema.allOf ?? []).some(hasRules)
  );
}

/** `from` has the rules; `schema` is the structural node beside it: the same, except inside `allOf`. */
function makeNode(
  from: JSONSchemaProps,
  schema: JSONSchemaProps,
  isResourceRoot: boolean,
  decl: DeclType | undefined,
): Node | undefined {
  const rules = from['x-kubernetes-validations'] ?? [];
  const isEmbedded = (node: JSONSchemaProps): boolean => node['x-kubernetes-embedded-resource'] === true;
  const [ownItems, items] = [from.items, schema.items];
  const [ownMore, more] = [from.additionalProperties, schema.additionalProperties];
  const properties = new Map<string, Node>();
  for (const [name, own] of Object.entries(from.properties ?? {})) {
    const property = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (!property) continue;
    const escaped = escapeName(name);
    const type = escaped === undefined ? declTypeOf(property, isEmbedded(property)) : decl?.fields?.get(escaped);
    const node = type && makeNode(own, property, isEmbedded(property), type);
    if (node) properties.set(name, node);
  }
  const node: Node = {
    schema,
    valueSchema: isResourceRoot ? withTypeMeta(schema) : schema,
    rules: decl ? compileNodeRules(schema, decl, rules) : [],
    items: ownItems && items ? makeNode(ownItems, items, isEmbedded(items), decl?.element) : undefined,
    additional:
      typeof ownMore === 'object' && typeof more === 'object'
        ? makeNode(ownMore, more, isEmbedded(more), decl?.element)
        : undefined,
    properties,
    allOf: (from.allOf ?? []).flatMap((nested) => makeNode(nested, schema, isResourceRoot, decl) ?? []),
  };
  const isUseless =
    node.rules.length === 0 && !node.items && !node.additional && properties.size === 0 && node.allOf.length === 0;
  return isUseless ? undefined : node;
}

const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';
const maxMessageBytes = 5 * 1024;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function ruleText(rule: ValidationRule): string {
  return (rule.message ? rule.message : rule.rule).trim();
}

class Run {
  readonly errors: FieldError[] = [];
  readonly ratcheted: FieldError[] = [];
  budget: number;
  readonly #options: CelValidateOptions;

  constructor(budget: number, options: CelValidateOptions) {
    this.budget = budget;
    this.#options = options;
  }

  /** Ends early once the budget is negative. */
  validate(node: Node, path: FieldPath, steps: readonly (string | number)[], value: unknown, oldValue: unknown): void {
    if (value === null || value === undefined) return;
    this.#rules(node, path, steps, value, oldValue);
    for (const nested of node.allOf) {
      if (this.budget < 0) return;
      this.validate(nested, path, steps, value, oldValue);
    }
    if (this.budget < 0) return;
    if (Array.isArray(value)) this.#array(node, path, steps, value, oldValue);
    else if (isObject(value)) this.#object(node, path, steps, value, isObject(oldValue) ? oldValue : {});
  }

  #array(node: Node, path: FieldPath, steps: readonly (string | number)[], value: unknown[], oldValue: unknown): void {
    if (!node.items) return;
    const oldItem = correlate(node.schema, Array.isArray(oldValue) ? oldValue : []);
    for (let i = 0; i < value.length && this.budget >= 0; i++) {
      this.validate(node.items, path.index(i), [...steps, i], value[i], oldItem(value[i]));
    }
  }

  #object(
    node: Node,
    path: FieldPath,
    steps: readonly (string | number)[],
    value: Record<string, unknown>,
    oldValue: Record<string, unknown>,
  ): void {
    const old = (name: string): unknown => (Object.hasOwn(oldValue, name) ? oldValue[name] : undefined);
    if (node.additional) {
      for (const name of Object.keys(value)) {
        if (this.budget < 0) return;
        this.validate(node.additional, path.key(name), [...steps, name], value[name], old(name));
      }
    }
    for (const [name, property] of node.properties) {
      if (this.budget < 0) return;
      if (!Object.hasOwn(value, name)) continue;
      this.validate(property, path.child(name), [...steps, name], value[name], old(name));
    }
  }

  #rules(node: Node, path: FieldPath, steps: readonly (string | number)[], value: unknown, oldValue: unknown): void {
    if (node.rules.length === 0) return;
    const type = node.schema.type ?? '';
    const invalid = (detail: string): void =>
      this.#add({ type: 'FieldValueInvalid', field: String(path), badValue: type, detail });
    if (this.budget <= 0) {
      invalid(outOfBudget);
      this.budget = -1;
      return;
    }
    const hasOld = oldValue !== undefined && oldValue !== null;
    const self = schemaValue(value, node.valueSchema);
    const oldSelf = hasOld ? schemaValue(oldValue, node.valueSchema) : undefined;
    for (const compiled of node.rules) {
      const { rule, program } = compiled;
      if (compiled.error !== undefined) {
        invalid(`rule compile error: ${compiled.error}`);
        continue;
      }
      if (!program || (compiled.usesOldSelf && !hasOld && !rule.optionalOldSelf)) continue;
      const activation = activationOf(self, rule.optionalOldSelf ? optional(oldSelf) : oldSelf);
      const { value: result, cost } = program.evaluate(activation, perCallLimit);
      if (cost > this.budget) {
        invalid(outOfBudget);
        this.budget = -1;
        return;
      }
      this.budget -= cost;
      if (result instanceof CelFailure) {
        if (!this.#failed(result, rule, invalid)) return;
        continue;
      }
      if (result === true) continue;
      const at = compiled.fieldPath === undefined ? path : path.child(compiled.fieldPath);
      const isRatcheted = !compiled.usesOldSelf && this.#options.unchanged?.(steps, value) === true;
      const report = (error: FieldError): void => {
        (isRatcheted ? this.ratcheted : this.errors).push(error);
      };
      const message = compiled.messageProgram && this.#message(compiled.messageProgram, rule, activation);
      if (message?.fatal !== undefined) {
        report({ type: 'FieldValueInvalid', field: String(at), badValue: type, detail: message.fatal });
        this.budget = -1;
        return;
      }
      const fallback = rule.message ? rule.message.trim() : `failed rule: ${ruleText(rule)}`;
      const shown = type === 'object' || type === 'array' ? omittedValue : value;
      report(ruleError(rule, String(at), shown, message?.text ?? fallback));
    }
  }

  /** False: nothing more may run. */
  #failed(failure: CelFailure, rule: ValidationRule, invalid: (detail: string) => void): boolean {
    const { message } = failure;
    if (message.startsWith('no such overload')) {
      invalid(
        `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${ruleText(rule)}`,
      );
    } else if (message.startsWith('operation cancelled: actual cost limit exceeded')) {
      invalid(
        `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${ruleText(rule)}`,
      );
      this.budget = -1;
      return false;
    } else invalid(`${message} evaluating rule: ${ruleText(rule)}`);
    return true;
  }

  /** Nothing: the rule's fixed message serves. */
  #message(
    program: Program,
    rule: ValidationRule,
    activation: Activation,
  ): { readonly text?: string; readonly fatal?: string } {
    const { value, cost } = program.evaluate(activation, perCallLimit);
    if (cost > this.budget) {
      return {
        fatal:
          'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
      };
    }
    if (value instanceof CelFailure && value.message.startsWith('operation cancelled: actual cost limit exceeded')) {
      const expression = JSON.stringify(rule.messageExpression);
      return {
        fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${expression}`,
      };
    }
    this.budget -= cost;
    const text = typeof value === 'string' ? value.trim() : '';
    return text === '' || text.includes('\n') || Buffer.byteLength(text) > maxMessageBytes ? {} : { text };
  }

  #add(error: FieldError): void {
    this.errors.push(error);
  }
}

function optional(value: Value | undefined): Value {
  return value === undefined ? Optional.none : new Optional(value);
}

function activationOf(self: Value, oldSelf: Value | undefined): Activation {
  return (name) => (name === 'self' ? self : name === 'oldSelf' ? oldSelf : undefined);
}

function ruleError(rule: ValidationRule, field: string, badValue: unknown, detail: string): FieldError {
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return { type: 'FieldValueForbidden', field, badValue: '', detail };
    case 'FieldValueRequired':
      return { type: 'FieldValueRequired', field, badValue: '', detail };
    case 'FieldValueDuplicate':
      // Upstream's Duplicate takes no detail.
      return { type: 'FieldValueDuplicate', field, badValue, detail: '' };
    default:
      return { type: 'FieldValueInvalid', field, badValue, detail };
  }
}

/** Finds the old item of the same keys; only lists of type map can tell. Upstream: cel/common/maplist.go. */
function correlate(schema: JSONSchemaProps, old: readonly unknown[]): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys.length === 0 || old.length === 0) return () => undefined;
  const keyOf = (item: unknown): string | undefined => {
    if (!isObject(item)) return undefined;
    const properties = schema.items?.properties;
    return JSON.stringify(keys.map((key) => String(item[key] ?? properties?.[key]?.default ?? null)));
  };
  const index = new Map<string | undefined, unknown>();
  for (const item of old) if (isObject(item) && !index.has(keyOf(item))) index.set(keyOf(item), item);
  return (item) => (isObject(item) ? index.get(keyOf(item)) : undefined);
}
