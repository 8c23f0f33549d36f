/** Upstream: pkg/registry/core/secret/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isConfigMapKey,
  type KubeObject,
} from '../../../../apimachinery/index.ts';
import { setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Secret } from '../../../types.ts';
import { invalidEach, validateImmutable } from '../../../validation.ts';
import { secretWarnings } from './warnings.ts';

/** Bytes all values may have together: 1 MiB. */
export const maxSecretSize = 1024 * 1024;
export const immutableWhenSet = 'field is immutable when `immutable` is set';

const dataPath = FieldPath.root('data');

/** Keys that a type cannot do without. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

function validateDockerConfig(secret: Readonly<Secret>, key: string, errors: FieldErrorList): void {
  const text = Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  try {
    JSON.parse(text);
  } catch (error) {
    errors.invalid(dataPath.key(key), '<secret contents redacted>', (error as Error).message);
  }
}

function validateByType(secret: Readonly<Secret>, errors: FieldErrorList): void {
  const data = secret.data ?? {};
  const type = secret.type ?? '';
  if (type === 'kubernetes.io/service-account-token') {
    const annotation = 'kubernetes.io/service-account.name';
    if (!secret.metadata.annotations?.[annotation]) {
      errors.required(FieldPath.root('metadata', 'annotations').key(annotation));
    }
  } else if (type === 'kubernetes.io/basic-auth') {
    if (data['username'] === undefined && data['password'] === undefined) {
      errors.required(dataPath.key('username'));
      errors.required(dataPath.key('password'));
    }
  }
  for (const key of Object.hasOwn(requiredKeys, type) ? requiredKeys[type]! : []) {
    if (data[key] === undefined) errors.required(dataPath.key(key));
    else if (type.startsWith('kubernetes.io/dockerc')) validateDockerConfig(secret, key, errors);
  }
}

function validateSecret(secret: Readonly<Secret>, errors: FieldErrorList): void {
  let size = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    invalidEach(isConfigMapKey(key), key, dataPath.key(key), errors);
    size += Buffer.byteLength(value ?? '', 'base64');
  }
  if (size > maxSecretSize) errors.tooLong(dataPath, maxSecretSize);
  validateByType(secret, errors);
}

/** `stringData` is for writing only: it becomes data. */
function mergeStringData(object: KubeObject): void {
  const secret = object as Secret;
  setIfZero(secret, 'type', 'Opaque');
  if (!secret.stringData) return;
  const data = { ...secret.data };
  for (const [key, text] of Object.entries(secret.stringData)) data[key] = Buffer.from(text).toString('base64');
  secret.data = data;
  delete secret.stringData;
}

export const secretStrategy: Strategy = {
  applyDefaults: mergeStringData,
  prepareForUpdate(object, old) {
    // An update without a type keeps it.
    const before = (old as Readonly<Secret>).type;
    if (!object['type'] && before) object['type'] = before;
  },
  validate: (object, errors) => validateSecret(object as Readonly<Secret>, errors),
  validateUpdate(object, old, errors) {
    const secret = object as Readonly<Secret>;
    const before = old as Readonly<Secret>;
    validateImmutable(secret.type, before.type, FieldPath.root('type'), errors);
    if (before.immutable === true) {
      if (secret.immutable !== true) errors.forbidden(FieldPath.root('immutable'), immutableWhenSet);
      if (!deepEqual(secret.data, before.data)) errors.forbidden(dataPath, immutableWhenSet);
    }
    validateSecret(secret, errors);
  },
  warnings: (object) => secretWarnings(object as Readonly<Secret>),
};
