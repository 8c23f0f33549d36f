import { describe, expect, test } from 'vitest';
import { decodeTyped, type FormatError } from '../../src/apimachinery/index.ts';
import { deploymentSchema, makeDeployment, schemas } from './schemas.ts';

function decode(change: (object: any) => void): { object: any; unknown: string[]; error: string } {
  const object = makeDeployment();
  change(object);
  try {
    return { object, unknown: decodeTyped(object, deploymentSchema, schemas, { kind: 'Deployment' }), error: '' };
  } catch (error) {
    expect((error as FormatError).code).toMatch(/InvalidTyped|InvalidQuantity/);
    return { object, unknown: [], error: (error as Error).message };
  }
}

describe('decoding into a typed object', () => {
  test('a good object passes unchanged', () => {
    const { object, unknown, error } = decode(() => {});
    expect({ object, unknown, error }).toEqual({ object: makeDeployment(), unknown: [], error: '' });
  });

  test('unknown fields are dropped and reported with indexes', () => {
    const { object, unknown } = decode((deployment) => {
      deployment.spec.foo = 1;
      deployment.metadata.zzz = {};
      deployment.spec.template.spec.containers[1].bar = [];
      deployment.constructor = 'x';
    });
    expect(object).toEqual(makeDeployment());
    expect(unknown.sort()).toEqual([
      'unknown field "constructor"',
      'unknown field "metadata.zzz"',
      'unknown field "spec.foo"',
      'unknown field "spec.template.spec.containers[1].bar"',
    ]);
  });

  test.each([
    ['replicas', 'x', 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [
      'replicas',
      1.5,
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'replicas',
      3_000_000_000,
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    ['paused', 'yes', 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool'],
    [
      'template',
      [],
      'json: cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec',
    ],
    ['strategy', { rollingUpdate: { maxSurge: true } }, 'json: cannot unmarshal bool into Go value of type int32'],
  ])('a wrong %s of %j is refused in the words of encoding/json', (field, value, message) => {
    expect(decode((deployment) => (deployment.spec[field] = value)).error).toBe(message);
  });

  test('errors name the innermost struct and the whole path', () => {
    const path = 'spec.template.spec.containers';
    expect(decode((d) => (d.spec.template.spec.containers[0].ports[0].containerPort = 'x')).error).toBe(
      `json: cannot unmarshal string into Go struct field ContainerPort.${path}.ports.containerPort of type int32`,
    );
    expect(decode((d) => (d.spec.template.spec.containers = {})).error).toBe(
      `json: cannot unmarshal object into Go struct field PodSpec.${path} of type []v1.Container`,
    );
    expect(decode((d) => (d.metadata.labels.app = 1)).error).toBe(
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels.app of type string',
    );
    expect(decode((d) => (d.metadata.labels = 'x')).error).toBe(
      'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    );
  });

  test('nulls and empty lists and maps go, empty structs stay, null elements become zero', () => {
    const { object } = decode((d) => {
      d.metadata.creationTimestamp = null;
      d.metadata.annotations = {};
      d.metadata.labels.tier = null;
      d.spec.paused = null;
      d.spec.template.spec.tolerations = [];
      d.spec.template.spec.containers[0].args = ['a', null];
    });
    const expected = makeDeployment();
    expected.metadata.labels.tier = '';
    delete expected['spec'].template.spec.tolerations;
    expected['spec'].template.spec.containers[0].args = ['a', ''];
    expect(object).toEqual(expected);
    expect(object.spec.template.spec.volumes[0]).toEqual({ name: 'v', emptyDir: {} });
  });

  test('quantities get their canonical form, also from numbers', () => {
    const { object } = decode((d) => {
      d.spec.template.spec.containers[0].resources = {
        limits: { cpu: 1, memory: '1024Mi' },
        requests: { cpu: '1000m' },
      };
    });
    expect(object.spec.template.spec.containers[0].resources).toEqual({
      limits: { cpu: '1', memory: '1Gi' },
      requests: { cpu: '1' },
    });
    expect(decode((d) => (d.spec.template.spec.containers[0].resources = { limits: { cpu: 'lots' } })).error).toMatch(
      /^quantities must match/,
    );
  });

  test('times are normalised to UTC, wrong ones say where Go stops', () => {
    const at = (time: string) => decode((d) => (d.metadata.creationTimestamp = time));
    expect(at('2020-01-01T02:00:00.5+02:00').object.metadata.creationTimestamp).toBe('2020-01-01T00:00:00Z');
    expect(at('yesterday').error).toBe(
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    );
    expect(at('2020-01-01').error).toBe(
      'parsing time "2020-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"',
    );
    const lease = { renewTime: '2020-01-01T00:00:00Z' };
    decodeTyped(lease, { ref: 'io.k8s.api.coordination.v1.LeaseSpec' }, schemas);
    expect(lease.renewTime).toBe('2020-01-01T00:00:00.000000Z');
  });

  test.each([
    ['YWJj', ''],
    ['YW\nJj', ''],
    ['abc', 'illegal base64 data at input byte 0'],
    ['ab!d', 'illegal base64 data at input byte 2'],
    ['YQ=', 'illegal base64 data at input byte 3'],
    ['YQ==x', 'illegal base64 data at input byte 4'],
  ])('base64 %j', (data, message) => {
    const secret = { apiVersion: 'v1', kind: 'Secret', data: { a: data } };
    let found = '';
    try {
      decodeTyped(secret, { ref: 'io.k8s.api.core.v1.Secret' }, schemas);
    } catch (error) {
      found = (error as Error).message;
    }
    expect(found).toBe(message);
  });
});
