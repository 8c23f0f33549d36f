/**
 * Side door of apimachinery: CEL as Kubernetes 1.36 has it. Apart from the room's index, so that programs which never
 * see an expression do not read it.
 */
export { checkSchemaRules, isFieldPath, staticCostLimit, staticTotalCostLimit } from './schema-check.ts';
export { type CompileSchemaRulesOptions, compileSchemaRules } from './schema-rules.ts';
export type {
  CelSchemaValidator,
  CelValidateOptions,
  CelValidationResult,
  JSONSchemaProps,
  ValidationRule,
} from './types.ts';
export { matchConditionsCostBudget, perCallLimit, runtimeCostBudget } from './types.ts';
