import { expect, test } from 'vitest';
import {
  controllerOf,
  groupVersionKindOf,
  isControlledBy,
  newControllerRef,
  objectKey,
  splitObjectKey,
  withAnnotations,
  withLabels,
  withMetadata,
} from '../../src/apimachinery/index.ts';

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'rs', namespace: 'n', uid: 'u1' } };

test('a controller reference names its owner and blocks its deletion', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ownerReferences: [newControllerRef(owner)] } };
  expect(controllerOf(pod)).toEqual({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'rs',
    uid: 'u1',
    controller: true,
    blockOwnerDeletion: true,
  });
  expect(isControlledBy(pod, owner)).toBe(true);
  expect(isControlledBy(pod, { ...owner, metadata: { name: 'rs' } })).toBe(false);
});

test('keys join and split', () => {
  expect(objectKey(owner)).toBe('n/rs');
  expect(splitObjectKey('n/rs')).toEqual({ namespace: 'n', name: 'rs' });
  expect(splitObjectKey('node-1')).toEqual({ namespace: '', name: 'node-1' });
  expect(groupVersionKindOf({ apiVersion: 'v1', kind: 'Pod' })).toEqual({ group: '', version: 'v1', kind: 'Pod' });
});

test('metadata changes are copies, and the last label takes the map with it', () => {
  const labelled = withLabels(owner, { a: '1' });
  expect(labelled.metadata).toEqual({ ...owner.metadata, labels: { a: '1' } });
  expect(owner.metadata).not.toHaveProperty('labels');
  expect(withLabels(labelled, { a: undefined }).metadata).toEqual(owner.metadata);
  expect(withAnnotations(owner, { x: 'y' }).metadata).toMatchObject({ annotations: { x: 'y' } });
  expect(withMetadata(owner, { uid: undefined }).metadata).toEqual({ name: 'rs', namespace: 'n' });
});
