import { expect, test } from 'vitest';
import {
  FieldErrorList,
  FieldPath,
  fieldErrorMessage,
  type KubeObject,
  nameIsDnsSubdomain,
  validateConditions,
  validateLabelSelector,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../../src/apimachinery/index.ts';

function texts(run: (path: FieldPath, errors: FieldErrorList) => void): string[] {
  const errors = new FieldErrorList();
  run(FieldPath.root('metadata'), errors);
  return errors.errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
}

const object = (metadata: Record<string, unknown>): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata });
const options = { namespaced: true, name: nameIsDnsSubdomain };

test('a good object has no errors', () => {
  const good = object({ name: 'a', namespace: 'd', labels: { a: 'b' }, annotations: { 'X.io/Y': '{}' } });
  expect(texts((path, errors) => validateObjectMeta(good, options, path, errors))).toEqual([]);
});

test('every rule of metadata speaks upstream words', () => {
  const bad = object({
    labels: { 'a b': 'c' },
    generation: -1,
    finalizers: ['orphan', 'foregroundDeletion'],
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Event', name: 'e', uid: 'u', controller: true },
      { apiVersion: 'v1', kind: 'Pod', name: '', uid: 'u', controller: true },
    ],
    managedFields: [{ manager: 'm\u0007', operation: 'Guess' }],
  });
  const found = texts((path, errors) => validateObjectMeta(bad, options, path, errors));
  expect(found).toEqual([
    'metadata.name: Required value: name or generateName is required',
    'metadata.namespace: Required value',
    'metadata.generation: Invalid value: -1: must be greater than or equal to 0',
    expect.stringContaining('metadata.labels: Invalid value: "a b": name part must consist of'),
    expect.stringContaining('/v1, Kind=Event is disallowed from being an owner'),
    'metadata.ownerReferences.name: Invalid value: "": must not be empty',
    expect.stringContaining('Found "true" in references for Event/e and Pod/'),
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    'metadata.managedFields[0].operation: Invalid value: "Guess": must be `Apply` or `Update`',
    expect.stringContaining('invalid character U+0007 (at position 1)'),
  ]);
});

test('annotations have a total size', () => {
  const big = object({ name: 'a', namespace: 'd', annotations: { a: 'x'.repeat(256 * 1024) } });
  expect(texts((path, errors) => validateObjectMeta(big, options, path, errors))).toEqual([
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ]);
});

test('an update may not change identity nor add finalizers to what is being deleted', () => {
  const old = object({
    name: 'a',
    namespace: 'd',
    uid: 'u',
    resourceVersion: '1',
    deletionTimestamp: '2020-01-01T00:00:00Z',
  });
  const next = object({ ...old.metadata, name: 'b', uid: 'v', resourceVersion: '', finalizers: ['x/y'] });
  expect(texts((path, errors) => validateObjectMetaUpdate(next, old, path, errors))).toEqual([
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y"}',
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    'metadata.name: Invalid value: "b": field is immutable',
    'metadata.uid: Invalid value: "v": field is immutable',
  ]);
});

test('label selectors and conditions', () => {
  expect(
    texts((path, errors) =>
      validateLabelSelector(
        {
          matchExpressions: [
            { key: 'a', operator: 'In' },
            { key: 'a', operator: 'Exists', values: ['x'] },
            { key: 'a', operator: 'X' },
          ],
        },
        path,
        errors,
      ),
    ),
  ).toEqual([
    "metadata.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "metadata.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'metadata.matchExpressions[2].operator: Invalid value: "X": not a valid selector operator',
  ]);
  const condition = { type: 'Ready', status: 'True', reason: 'R', lastTransitionTime: '2020-01-01T00:00:00Z' };
  expect(
    texts((path, errors) => validateConditions([condition, { ...condition, status: 'Maybe' }], path, errors)),
  ).toEqual([
    'metadata[1].type: Duplicate value: "Ready"',
    'metadata[1].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
  ]);
});
