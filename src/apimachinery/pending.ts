/* Signatures whose bodies land within the hour, file by file. */
import type { Schema, SchemaSet } from './schema.ts';
import type { KubeObject } from './types.ts';

function pending(name: string): never {
  throw new Error(`${name}: lands soon`);
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
