/** Bodies of patches, and what is wrong with those that are none. Upstream: endpoints/handlers/patch.go. */
import { isObject, type KubeObject, newBadRequest, newRequestEntityTooLarge } from '../../apimachinery/index.ts';
import { type ExpectedKind, jsonType } from '../registry/decode.ts';
import type { PatchType } from '../registry/patch.ts';
import type { ServerRequest } from '../types.ts';
import { type Body, readBodyValue } from './body.ts';

/** Upstream: maxJSONPatchOperations. */
const operationsMax = 10_000;

/**
 * A JSON patch is a list, the others are objects.
 * @throws StatusError 400 in the words of each kind of patch, 413 for too many operations.
 */
export function readPatch(request: ServerRequest, type: PatchType): Body {
  const yaml = type === 'application/apply-patch+yaml';
  const operations = type === 'application/json-patch+json';
  // A strategic merge patch is decoded by itself, the others by what carries them out.
  const strategic = type === 'application/strategic-merge-patch+json';
  const prefix = yaml ? 'error decoding YAML: ' : strategic ? '' : 'error decoding patch: ';
  const failed = (why: string) => newBadRequest(prefix + why.replace(/^couldn't get version\/kind.*?error: /, ''));
  const body = readBodyValue(request, { encoding: yaml ? 'yaml' : 'json', failed });
  if (!body && !yaml) throw failed('unexpected end of JSON input');
  const duplicates = body?.duplicates ?? [];
  const value = body?.value ?? (operations ? [] : {});
  const wrong = (goType: string) =>
    failed(
      `${yaml ? 'error unmarshaling JSON: while decoding JSON: ' : ''}json: cannot unmarshal ${jsonType(value)} into Go value of type ${goType}`,
    );
  if (!operations) {
    if (!isObject(value)) throw wrong('map[string]interface {}');
    return { value, duplicates };
  }
  if (!Array.isArray(value)) throw wrong('[]handlers.jsonPatchOp');
  if (value.length > operationsMax) {
    throw newRequestEntityTooLarge(
      `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${value.length}`,
    );
  }
  return { value, duplicates };
}

/** An applied configuration must say what it is. @throws StatusError 400 */
export function checkApplied(value: unknown, expected: ExpectedKind): KubeObject {
  const object = value as KubeObject;
  if (object.apiVersion !== expected.apiVersion || object.kind !== expected.kind) {
    const text = typeof object.apiVersion === 'string' ? object.apiVersion : '';
    const slash = text.indexOf('/');
    const group = slash < 0 ? '' : text.slice(0, slash);
    const kind = typeof object.kind === 'string' ? object.kind : '';
    throw newBadRequest(`invalid object type: ${group}/${text.slice(slash + 1)}, Kind=${kind}`);
  }
  object.metadata ??= {};
  if (!isObject(object.metadata)) {
    throw newBadRequest(`metadata: expected an object, got ${jsonType(object.metadata)}`);
  }
  return object;
}
