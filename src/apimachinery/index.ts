/**
 * apimachinery: what every Kubernetes object and every client shares. Pure functions and data; upstream counterpart:
 * staging/src/k8s.io/apimachinery, structured-merge-diff, and the schema half of apiextensions-apiserver.
 */

export {
  ageSince,
  formatDuration,
  humanDuration,
  parseDuration,
} from './duration.ts';
export {
  hasNamespaceTerminatingCause,
  isAlreadyExists,
  isBadRequest,
  isConflict,
  isForbidden,
  isInvalid,
  isMethodNotSupported,
  isNotFound,
  isResourceExpired,
  isServiceUnavailable,
  isTimeout,
  isTooManyRequests,
  isUnauthorized,
  newAlreadyExists,
  newApplyConflict,
  newBadRequest,
  newConflict,
  newDisruptionBudget,
  newForbidden,
  newGenerateNameConflict,
  newGone,
  newInternalError,
  newInvalid,
  newMethodNotAllowed,
  newMethodNotSupported,
  newNotAcceptable,
  newNotFound,
  newPathNotFound,
  newRequestEntityTooLarge,
  newResourceExpired,
  newServerTimeout,
  newServiceUnavailable,
  newTimeout,
  newTooLargeResourceVersion,
  newTooManyRequests,
  newUnauthorized,
  newUnsupportedMediaType,
  optimisticLockMessage,
  qualifiedResource,
  StatusError,
  type StatusReason,
  statusReasonOf,
} from './errors.ts';
export {
  type FieldError,
  FieldErrorList,
  type FieldErrorType,
  FieldPath,
  fieldErrorMessage,
  omittedValue,
} from './field-errors.ts';
export {
  type ApplyRequest,
  FieldManager,
  type FieldManagerDeps,
  type FieldManagerOptions,
  type UpdateRequest,
} from './field-manager.ts';
export {
  escapeFieldValue,
  everythingFieldSelector,
  type FieldRequirement,
  type FieldSelector,
  fieldSelectorFromSet,
  parseFieldSelector,
} from './field-selector.ts';
export {
  FieldSet,
  formatFieldPath,
  type PathElement,
} from './field-set.ts';
export {
  decodeFieldsV1,
  encodeFieldsV1,
} from './fields-v1.ts';
export {
  FormatError,
  type FormatErrorCode,
  type FormatErrorOptions,
} from './format-error.ts';
export {
  type IntOrString,
  intValueOf,
  isPercent,
  scaledIntOrPercent,
} from './int-or-string.ts';
export {
  type DecodedJson,
  decodeJson,
} from './json-decode.ts';
export {
  compareBytes,
  encodeJson,
  formatJson,
  stringifyJson,
} from './json-encode.ts';
export { applyJsonPatch } from './json-patch.ts';
export {
  type JsonPath,
  type JsonPathOptions,
  parseJsonPath,
  printJsonPathResult,
  relaxedJsonPath,
} from './json-path.ts';
export {
  deepCopy,
  deepEqual,
  deepFreeze,
  getIn,
  getOwn,
  isObject,
  setOwn,
  withIn,
} from './json-value.ts';
export { keepManagedFieldsTimes } from './managed-fields.ts';
export { managedFieldsOfParent, managedFieldsOfScale, type ReplicasPathOf } from './managed-fields-scale.ts';
export { upgradeManagedFields } from './managed-fields-upgrade.ts';
export {
  applyMergePatch,
  createMergePatch,
  createThreeWayMergePatch,
} from './merge-patch.ts';
export {
  fieldImmutableMessage,
  type LabelSelectorValidationOptions,
  validateAnnotations,
  validateConditions,
  validateFieldManager,
  validateImmutableField,
  validateLabelSelector,
  validateLabels,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from './metadata-validation.ts';
export {
  isCIdentifier,
  isConfigMapKey,
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isDomainPrefixedPath,
  isEnvVarName,
  isFullyQualifiedName,
  isHttpHeaderName,
  isInRange,
  isIpAddress,
  isLabelValue,
  isPathSegmentName,
  isPercentText,
  isPortName,
  isPortNumber,
  isQualifiedName,
  isRelaxedEnvVarName,
  isWildcardDns1123Subdomain,
  type NameValidator,
  nameIsDns1035Label,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  nameIsPathSegment,
  rangeError,
  regexError,
} from './names.ts';
export {
  annotationsOf,
  controllerOf,
  creationTimeOf,
  finalizersOf,
  formatGroupVersion,
  groupVersionKindOf,
  hasFinalizer,
  isBeingDeleted,
  isControlledBy,
  labelsOf,
  nameOf,
  namespaceOf,
  newControllerRef,
  objectKey,
  ownerReferencesOf,
  parseGroupVersion,
  resourceVersionOf,
  splitObjectKey,
  uidOf,
  withAnnotations,
  withLabels,
  withMetadata,
  withSpec,
  withStatus,
} from './object-meta.ts';
export {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  milliValueOf,
  newMilliQuantity,
  newQuantity,
  parseQuantity,
  Quantity,
  type QuantityFormat,
  subtractQuantity,
  wholeValueOf,
} from './quantity.ts';
export type {
  Schema,
  SchemaSet,
} from './schema.ts';
export {
  type DecodeTypedOptions,
  decodeTyped,
} from './schema-decode.ts';
export { isKnownFormat } from './schema-formats.ts';
export {
  applySchemaDefaults,
  type PruneOptions,
  pruneUnknownFields,
} from './schema-prune.ts';
export {
  createSchemaSet,
  emptySchemaSet,
} from './schema-set.ts';
export { type ValidateSchemaOptions, validateListTypes, validateSchema } from './schema-validate.ts';
export {
  everythingSelector,
  formatLabelSelector,
  type LabelMap,
  type LabelSelectorObject,
  nothingSelector,
  parseLabelSelector,
  type Requirement,
  type Selector,
  type SelectorOperator,
  selectorFromLabelSelector,
  selectorFromSet,
} from './selector.ts';
export {
  createThreeWayStrategicMergePatch,
  createTwoWayStrategicMergePatch,
  type ThreeWayOptions,
} from './strategic-merge-diff.ts';
export { applyStrategicMergePatch } from './strategic-merge-patch.ts';
export { toJson } from './to-json.ts';
export type {
  GroupResource,
  GroupVersion,
  GroupVersionKind,
  GroupVersionResource,
  KubeList,
  KubeObject,
  ListMeta,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  SourcePosition,
  Status,
  StatusCause,
  StatusDetails,
  WatchEvent,
  WatchEventType,
} from './types.ts';
export {
  type DecodeYamlOptions,
  decodeYaml,
  splitFieldPath,
  type YamlDocument,
} from './yaml-decode.ts';
export { encodeYaml } from './yaml-encode.ts';
export { type PlainScalar, resolvePlain } from './yaml-scalar.ts';
