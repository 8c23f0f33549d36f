/**
 * Side door of apimachinery: CEL as Kubernetes 1.36 has it. Apart from the room's index, so that programs which never
 * see an expression do not read it.
 */
export {
  AdmissionBindings,
  type AdmissionCompilation,
  AdmissionCompiler,
  type AdmissionExpressionOptions,
  type AdmissionInputs,
  type AdmissionResult,
  type ConditionResult,
  type ConditionResults,
  evaluateConditions,
} from './admission.ts';
export {
  compileDeviceSelector,
  type DeviceAttributeValue,
  type DeviceSelectorCompilation,
  deviceSelectorCostLimit,
  deviceValueOf,
  type SelectableDevice,
  selectsDevice,
} from './devices.ts';
export type { AuthorizationCheck, AuthorizationDecision, Authorize } from './library/authorizer.ts';
export type { Activation, Evaluation, Program } from './program.ts';
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
export { CelFailure, type Value } from './values.ts';
