/** Upstream: pkg/registry/core/configmap/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath, isConfigMapKey } from '../../../../apimachinery/index.ts';
import type { Strategy } from '../../../definition.ts';
import type { ConfigMap } from '../../../types.ts';
import { invalidEach } from '../../../validation.ts';
import { immutableWhenSet, maxSecretSize } from '../secret/strategy.ts';

function validateConfigMap(config: Readonly<ConfigMap>, errors: FieldErrorList): void {
  const { data = {}, binaryData = {} } = config;
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    const path = FieldPath.root('data').key(key);
    invalidEach(isConfigMapKey(key), key, path, errors);
    if (binaryData[key] !== undefined) errors.invalid(path, key, 'duplicate of key present in binaryData');
    size += Buffer.byteLength(value ?? '');
  }
  for (const [key, value] of Object.entries(binaryData)) {
    invalidEach(isConfigMapKey(key), key, FieldPath.root('binaryData').key(key), errors);
    size += Buffer.byteLength(value ?? '', 'base64');
  }
  if (size > maxSecretSize) errors.tooLong(FieldPath.root(''), maxSecretSize);
}

export const configMapStrategy: Strategy = {
  validate: (object, errors) => validateConfigMap(object as Readonly<ConfigMap>, errors),
  validateUpdate(object, old, errors) {
    const config = object as Readonly<ConfigMap>;
    const before = old as Readonly<ConfigMap>;
    if (before.immutable === true) {
      if (config.immutable !== true) errors.forbidden(FieldPath.root('immutable'), immutableWhenSet);
      for (const field of ['data', 'binaryData'] as const) {
        if (!deepEqual(config[field], before[field])) errors.forbidden(FieldPath.root(field), immutableWhenSet);
      }
    }
    validateConfigMap(config, errors);
  },
};
