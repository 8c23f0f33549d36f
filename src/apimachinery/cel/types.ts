/**
 * What the rest of the house knows of CEL rules in schemas. Upstream:
 * apiextensions-apiserver/pkg/apis/apiextensions/types_jsonschema.go (ValidationRule), pkg/apiserver/schema/cel (1.36).
 */
import type { FieldError, FieldPath } from '../field-errors.ts';

/** One entry of `x-kubernetes-validations`. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** The part of apiextensions/v1 JSONSchemaProps that CEL reads, as it stands in a CustomResourceDefinition. */
export interface JSONSchemaProps {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JSONSchemaProps>>;
  readonly additionalProperties?: JSONSchemaProps | boolean;
  readonly items?: JSONSchemaProps;
  readonly allOf?: readonly JSONSchemaProps[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
}

/** What one validation may still spend, in CEL cost units; give the remainder on to the next call. */
export interface CelValidationResult {
  readonly errors: readonly FieldError[];
  /** Negative: the budget was exceeded, no further rule may run. */
  readonly remainingBudget: number;
  /** Set by `ratchet`: errors of rules on unchanged values, to be sent as warnings. */
  readonly ratcheted: readonly FieldError[];
}

export interface CelValidateOptions {
  /**
   * Errors of a rule that does not use oldSelf become warnings when this says that the value at the path, given as
   * property names and list indexes below the validated value, is unchanged. Absent: nothing is ratcheted.
   */
  readonly unchanged?: (path: readonly (string | number)[], value: unknown) => boolean;
}

/** All rules of a schema and of what is below it. */
export interface CelSchemaValidator {
  /**
   * Runs every rule at its place in `value`. `oldValue` is undefined on create; transition rules run only where an old
   * value can be told (properties, map entries, entries of lists of type map).
   */
  validate(
    path: FieldPath,
    value: unknown,
    oldValue: unknown,
    budget: number,
    options?: CelValidateOptions,
  ): CelValidationResult;
}

/** Cost limit of one evaluation. Upstream: apiserver/pkg/apis/cel PerCallLimit. */
export const perCallLimit = 1_000_000;
/** Budget of all rules of one custom resource, or of one policy binding. Upstream: RuntimeCELCostBudget. */
export const runtimeCostBudget = 10_000_000;
/** Budget of the match conditions of one webhook or policy binding. Upstream: RuntimeCELCostBudgetMatchConditions. */
export const matchConditionsCostBudget = 2_500_000;
