/* Signatures whose bodies land within the hour, file by file. */
import type { FieldErrorList, FieldPath } from './field-errors.ts';
import type { Schema, SchemaSet } from './schema.ts';
import type { KubeObject, SourcePosition } from './types.ts';

function pending(name: string): never {
  throw new Error(`${name}: lands soon`);
}

// --- selectors -------------------------------------------------------------------------------------------------
export type LabelMap = Readonly<Record<string, string>>;
export type SelectorOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';
export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}
/** metav1.LabelSelector. */
export interface LabelSelectorObject {
  readonly matchLabels?: LabelMap;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}
/** Immutable; all requirements must hold. */
export interface Selector {
  matches(labels: LabelMap | undefined): boolean;
  readonly requirements: readonly Requirement[];
  /** Selects everything. */
  readonly empty: boolean;
  /** Selects nothing, whatever the labels. */
  readonly matchesNothing: boolean;
  /** The value that the selector fixes for a label, if it does. */
  requiresExactMatch(key: string): string | undefined;
  toString(): string;
}
/** @throws FormatError (InvalidSelector) with upstream's text. */
export function parseLabelSelector(_text: string): Selector {
  return pending('parseLabelSelector');
}
/** undefined/null selects nothing, `{}` everything, as upstream's LabelSelectorAsSelector. @throws FormatError */
export function selectorFromLabelSelector(_selector: LabelSelectorObject | null | undefined): Selector {
  return pending('selectorFromLabelSelector');
}
/** Equality with every entry; `{}` or undefined selects everything. Values are not validated. */
export function selectorFromSet(_labels: LabelMap | undefined): Selector {
  return pending('selectorFromSet');
}
export function everythingSelector(): Selector {
  return pending('everythingSelector');
}
export function nothingSelector(): Selector {
  return pending('nothingSelector');
}
/** `<none>`, `<error>`, or the selector's text, for printing. */
export function formatLabelSelector(_selector: LabelSelectorObject | null | undefined): string {
  return pending('formatLabelSelector');
}
export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}
export interface FieldSelector {
  matches(fields: Readonly<Record<string, string>>): boolean;
  readonly requirements: readonly FieldRequirement[];
  readonly empty: boolean;
  requiresExactMatch(field: string): string | undefined;
  toString(): string;
}
/** @throws FormatError (InvalidSelector). */
export function parseFieldSelector(_text: string): FieldSelector {
  return pending('parseFieldSelector');
}
export function everythingFieldSelector(): FieldSelector {
  return pending('everythingFieldSelector');
}
export function escapeFieldValue(_value: string): string {
  return pending('escapeFieldValue');
}

// --- names: each returns upstream's messages, empty when fine ----------------------------------------------------
export function isDns1123Label(_value: string): string[] {
  return pending('isDns1123Label');
}
export function isDns1123Subdomain(_value: string): string[] {
  return pending('isDns1123Subdomain');
}
export function isDns1035Label(_value: string): string[] {
  return pending('isDns1035Label');
}
export function isWildcardDns1123Subdomain(_value: string): string[] {
  return pending('isWildcardDns1123Subdomain');
}
export function isQualifiedName(_value: string): string[] {
  return pending('isQualifiedName');
}
export function isLabelValue(_value: string): string[] {
  return pending('isLabelValue');
}
export function isConfigMapKey(_value: string): string[] {
  return pending('isConfigMapKey');
}
export function isEnvVarName(_value: string): string[] {
  return pending('isEnvVarName');
}
export function isRelaxedEnvVarName(_value: string): string[] {
  return pending('isRelaxedEnvVarName');
}
export function isCIdentifier(_value: string): string[] {
  return pending('isCIdentifier');
}
export function isHttpHeaderName(_value: string): string[] {
  return pending('isHttpHeaderName');
}
export function isPortNumber(_value: number): string[] {
  return pending('isPortNumber');
}
export function isPortName(_value: string): string[] {
  return pending('isPortName');
}
export function isIpAddress(_value: string): string[] {
  return pending('isIpAddress');
}
export function isPercentText(_value: string): string[] {
  return pending('isPercentText');
}
export function isFullyQualifiedName(_value: string): string[] {
  return pending('isFullyQualifiedName');
}
export function isDomainPrefixedPath(_value: string): string[] {
  return pending('isDomainPrefixedPath');
}
/** Names as path segments: not `.`, `..`, no `/` or `%`. */
export function isPathSegmentName(_value: string): string[] {
  return pending('isPathSegmentName');
}
/** `prefix`: validated as a generateName prefix. */
export type NameValidator = (name: string, prefix: boolean) => string[];
export const nameIsDnsSubdomain: NameValidator = () => pending('nameIsDnsSubdomain');
export const nameIsDnsLabel: NameValidator = () => pending('nameIsDnsLabel');
export const nameIsDns1035Label: NameValidator = () => pending('nameIsDns1035Label');
export function validateLabels(_labels: unknown, _path: FieldPath, _errors: FieldErrorList): void {
  pending('validateLabels');
}
export function validateAnnotations(_annotations: unknown, _path: FieldPath, _errors: FieldErrorList): void {
  pending('validateAnnotations');
}
export function validateLabelSelector(
  _selector: LabelSelectorObject | undefined,
  _path: FieldPath,
  _errors: FieldErrorList,
  _options?: { allowInvalidLabelValueInSelector?: boolean },
): void {
  pending('validateLabelSelector');
}
/** Metadata rules of every create: name, generateName, namespace, labels, annotations, owners, finalizers, managedFields. */
export function validateObjectMeta(
  _object: Readonly<KubeObject>,
  _options: { namespaced: boolean; name: NameValidator },
  _path: FieldPath,
  _errors: FieldErrorList,
): void {
  pending('validateObjectMeta');
}
/** Immutable metadata on update. */
export function validateObjectMetaUpdate(
  _object: Readonly<KubeObject>,
  _old: Readonly<KubeObject>,
  _path: FieldPath,
  _errors: FieldErrorList,
): void {
  pending('validateObjectMetaUpdate');
}

// --- quantities -------------------------------------------------------------------------------------------------
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';
/** Immutable amount in nano units. */
export interface Quantity {
  readonly format: QuantityFormat;
  /** In units of 10^-9. */
  readonly nano: bigint;
  /** Rounded up to whole units. */
  value(): number;
  /** Rounded up to thousandths. */
  milliValue(): number;
  compare(other: Quantity): -1 | 0 | 1;
  add(other: Quantity): Quantity;
  subtract(other: Quantity): Quantity;
  negate(): Quantity;
  multiply(factor: number): Quantity;
  readonly isZero: boolean;
  readonly sign: -1 | 0 | 1;
  /** Canonical form. */
  toString(): string;
}
/** Cached. @throws FormatError (InvalidQuantity) with upstream's text. */
export function parseQuantity(_text: string | number): Quantity {
  return pending('parseQuantity');
}
export function newQuantity(_value: number | bigint, _format: QuantityFormat): Quantity {
  return pending('newQuantity');
}
export function newMilliQuantity(_milli: number | bigint, _format: QuantityFormat): Quantity {
  return pending('newMilliQuantity');
}
/** Milli-units as a number: for CPU. 0 for undefined. */
export function milliValueOf(_text: string | number | undefined): number {
  return pending('milliValueOf');
}
/** Whole units as a number, rounded up: for bytes and counts. 0 for undefined. */
export function wholeValueOf(_text: string | number | undefined): number {
  return pending('wholeValueOf');
}
export function compareQuantity(_a: string | number, _b: string | number): -1 | 0 | 1 {
  return pending('compareQuantity');
}
/** Canonical text of the sum, in the format of the first non-zero one. */
export function addQuantity(_a: string | number, _b: string | number): string {
  return pending('addQuantity');
}
export function subtractQuantity(_a: string | number, _b: string | number): string {
  return pending('subtractQuantity');
}
/** Canonical text. */
export function canonicalQuantity(_text: string | number): string {
  return pending('canonicalQuantity');
}

// --- serializers ------------------------------------------------------------------------------------------------
export interface DecodedJson {
  readonly value: unknown;
  /** `duplicate field "spec.foo"`, in order of appearance. */
  readonly duplicates: readonly string[];
}
/** @throws FormatError (InvalidJson) with Go's text. Integers beyond 2^53 within int64 become bigints. */
export function decodeJson(_body: Uint8Array | string): DecodedJson {
  return pending('decodeJson');
}
/** JSON bytes; bigints as numbers. */
export function encodeJson(_value: unknown): Uint8Array {
  return pending('encodeJson');
}
/** JSON text; bigints as numbers. */
export function stringifyJson(_value: unknown, _indent?: number): string {
  return pending('stringifyJson');
}
export interface YamlDocument {
  readonly value: unknown;
  /** Where the document's first node starts; 1-based. */
  readonly position: SourcePosition;
  /** As `DecodedJson.duplicates`. */
  readonly duplicates: readonly string[];
  /** Place of a field path such as `spec.containers[0].image` or its nearest existing ancestor. */
  locate(path: string | readonly (string | number)[]): SourcePosition;
}
/** Reads YAML or JSON text of one or more documents as kubectl does; empty documents are left out. @throws FormatError (InvalidYaml) with file:line:column. */
export function decodeYaml(_text: string, _options?: { readonly file?: string }): YamlDocument[] {
  return pending('decodeYaml');
}
/** As kubectl writes it: sorted keys, sequences not indented below their key. */
export function encodeYaml(_value: unknown): string {
  return pending('encodeYaml');
}

// --- schema walker -----------------------------------------------------------------------------------------------
export function createSchemaSet(_definitions: Readonly<Record<string, Schema>>): SchemaSet {
  return pending('createSchemaSet');
}
export interface DecodeTypedOptions {
  /** For Go-like messages: `Deployment`. Default: the schema's ref. */
  readonly kind?: string;
}
/**
 * What decoding into a Go type does: checks JSON types, drops unknown fields and null fields, in place.
 * Returns `unknown field "spec.foo"` for what was dropped. @throws FormatError (InvalidTyped)
 * `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
 */
export function decodeTyped(
  _object: Record<string, unknown>,
  _schema: Schema,
  _schemas: SchemaSet,
  _options?: DecodeTypedOptions,
): string[] {
  return pending('decodeTyped');
}
/** Drops fields the schema does not know, in place (CRD pruning); returns `unknown field "spec.foo"`s. */
export function pruneUnknownFields(
  _object: Record<string, unknown>,
  _schema: Schema,
  _schemas: SchemaSet,
  _options?: { readonly isResourceRoot?: boolean },
): string[] {
  return pending('pruneUnknownFields');
}
/** Fills `default`s, in place. */
export function applySchemaDefaults(_object: unknown, _schema: Schema, _schemas: SchemaSet): void {
  pending('applySchemaDefaults');
}
/** OpenAPI validation of custom resources: types, required, enum, formats, ranges; upstream's messages. */
export function validateSchema(
  _object: unknown,
  _schema: Schema,
  _schemas: SchemaSet,
  _path: FieldPath,
  _errors: FieldErrorList,
): void {
  pending('validateSchema');
}

// --- patches: pure, share what they do not change -----------------------------------------------------------------
/** RFC 6902. @throws FormatError (InvalidPatch) with upstream's text. */
export function applyJsonPatch<T>(_document: T, _patch: unknown): T {
  return pending('applyJsonPatch');
}
/** RFC 7386. */
export function applyMergePatch<T>(_document: T, _patch: unknown): T {
  return pending('applyMergePatch');
}
export function createMergePatch(_original: unknown, _modified: unknown): Record<string, unknown> {
  return pending('createMergePatch');
}
/** Client-side apply of kinds without schema: deletions from original→modified, the rest from current→modified. */
export function createThreeWayMergePatch(
  _original: unknown,
  _modified: unknown,
  _current: unknown,
): Record<string, unknown> {
  return pending('createThreeWayMergePatch');
}
/** @throws FormatError (InvalidPatch). */
export function applyStrategicMergePatch<T>(_document: T, _patch: unknown, _schema: Schema, _schemas: SchemaSet): T {
  return pending('applyStrategicMergePatch');
}
export function createTwoWayStrategicMergePatch(
  _original: unknown,
  _modified: unknown,
  _schema: Schema,
  _schemas: SchemaSet,
): Record<string, unknown> {
  return pending('createTwoWayStrategicMergePatch');
}
/** What `kubectl apply` sends. @throws FormatError (InvalidPatch) on conflict unless `overwrite`. */
export function createThreeWayStrategicMergePatch(
  _original: unknown,
  _modified: unknown,
  _current: unknown,
  _schema: Schema,
  _schemas: SchemaSet,
  _options?: { readonly overwrite?: boolean },
): Record<string, unknown> {
  return pending('createThreeWayStrategicMergePatch');
}

// --- server-side apply ---------------------------------------------------------------------------------------------
/** One step of a field path: `f:name`, `k:{…}`, `v:…`, `i:0`. */
export type PathElement =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'key'; readonly key: Readonly<Record<string, unknown>> }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'index'; readonly index: number };
/** A set of field paths. */
export interface FieldSet {
  has(path: readonly PathElement[]): boolean;
  paths(): Iterable<readonly PathElement[]>;
  readonly empty: boolean;
}
/** Reads `managedFields[].fieldsV1`. @throws FormatError (InvalidFieldsV1). */
export function decodeFieldsV1(_fields: unknown): FieldSet {
  return pending('decodeFieldsV1');
}
export function encodeFieldsV1(_set: FieldSet): Record<string, unknown> {
  return pending('encodeFieldsV1');
}
/** `.spec.template.spec.containers[name="web"].image`. */
export function formatFieldPath(_path: readonly PathElement[]): string {
  return pending('formatFieldPath');
}
export interface FieldManagerDeps {
  readonly schemas: SchemaSet;
  /** Schema of the kind in that apiVersion; undefined = schemaless (CRD that preserves all). */
  schemaOf(apiVersion: string, kind: string): Schema | undefined;
  /** Turns an object into another version of its group. Default: only apiVersion changes. */
  convert?(object: KubeObject, apiVersion: string): KubeObject;
}
export interface FieldManagerOptions {
  /** apiVersion the objects are in when they meet; managers of other versions are converted. */
  readonly subresource?: string;
  /** Paths this endpoint never owns, e.g. `status` on the main resource: dropped from apply configurations' ownership. */
  readonly resetFields?: readonly string[][];
}
export interface ApplyRequest {
  /** The stored object; undefined when apply creates it. */
  readonly live: Readonly<KubeObject> | undefined;
  /** The applied configuration as the user sent it. */
  readonly applied: Readonly<KubeObject>;
  readonly manager: string;
  readonly force: boolean;
  /** Cluster-clock ms. */
  readonly now: number;
  readonly options?: FieldManagerOptions;
}
export interface UpdateRequest {
  readonly live: Readonly<KubeObject> | undefined;
  readonly object: Readonly<KubeObject>;
  readonly manager: string;
  readonly now: number;
  readonly options?: FieldManagerOptions;
}
/** Tracks who owns which field. Pure: results are new objects. */
export class FieldManager {
  readonly deps: FieldManagerDeps;
  constructor(deps: FieldManagerDeps) {
    this.deps = deps;
  }
  /**
   * Server-side apply: merged object with managedFields. Returns `live` itself when nothing changed.
   * @throws StatusError 409 (FieldManagerConflict causes) or 400.
   */
  apply(_request: ApplyRequest): KubeObject {
    return pending('FieldManager.apply');
  }
  /** Records what a create, update or patch changed: `object` with new managedFields. */
  update(_request: UpdateRequest): KubeObject {
    return pending('FieldManager.update');
  }
}
/** Moves what client-side apply owned to a server-side apply manager (kubectl apply --server-side's migration). */
export function upgradeManagedFields(
  _object: Readonly<KubeObject>,
  _csaManagers: readonly string[],
  _ssaManager: string,
): KubeObject {
  return pending('upgradeManagedFields');
}

// --- kubectl's JSONPath --------------------------------------------------------------------------------------------
export interface JsonPath {
  /** Values of every `{…}` block in order. @throws FormatError (InvalidJsonPath) when a key is missing and not allowed. */
  find(data: unknown): unknown[][];
  /** What kubectl prints. */
  render(data: unknown): string;
}
export interface JsonPathOptions {
  /** Missing keys give nothing instead of an error. Default true, as kubectl. */
  readonly allowMissingKeys?: boolean;
  /** Accept `.spec.x`, `spec.x`, `{.spec.x}` (kubectl's RelaxedJSONPathExpression). Default false. */
  readonly relaxed?: boolean;
}
/** @throws FormatError (InvalidJsonPath) with upstream's text. */
export function parseJsonPath(_text: string, _options?: JsonPathOptions): JsonPath {
  return pending('parseJsonPath');
}
