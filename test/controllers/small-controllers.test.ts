import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type {
  ConfigMap,
  PersistentVolumeClaim,
  Secret,
  ValidatingAdmissionPolicy,
  VolumeAttributesClass,
} from '../../src/api/index.ts';
import { rfc3339 } from '../../src/base/index.ts';
import {
  BootstrapSignerController,
  TokenCleanerController,
  ValidatingAdmissionPolicyStatusController,
  VolumeAttributesClassProtection,
} from '../../src/controllers/index.ts';
import { Lab, startMs } from '../helpers/controllers.ts';

describe('VolumeAttributesClass protection', () => {
  const gold: VolumeAttributesClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttributesClass',
    metadata: { name: 'gold' },
    driverName: 'sim',
    parameters: { iops: '1' },
  };

  it('a class goes when the last claim that names it has gone or changed its mind', async () => {
    await using l = new Lab();
    l.start(new VolumeAttributesClassProtection(l.context));
    await l.create('volumeattributesclasses', gold);
    for (const name of ['a', 'b']) {
      await l.create('persistentvolumeclaims', {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name, namespace: 'default' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
          volumeAttributesClassName: 'gold',
        },
      } as PersistentVolumeClaim);
    }
    const found = () => l.get<VolumeAttributesClass>('volumeattributesclasses', '', 'gold');
    await l.until(
      'protected',
      async () => (await found())!.metadata.finalizers?.join() === 'kubernetes.io/vac-protection',
    );
    await l.client.resource('volumeattributesclasses').delete('gold');
    const claims = l.client.resource<PersistentVolumeClaim>('persistentvolumeclaims').namespace('default');
    await claims.delete('a');
    await l.clock.advance(60_000);
    expect(await found()).toBeDefined();
    const { spec, ...b } = await claims.get('b');
    await claims.update({ ...b, spec: { ...spec, volumeAttributesClassName: 'silver' } } as PersistentVolumeClaim);
    await l.until('gone', async () => (await found()) === undefined);
  });
});

const tokenSecret = (id: string, secret: string, data: Record<string, string> = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
  data: Object.fromEntries(
    Object.entries({ 'token-id': id, 'token-secret': secret, 'usage-bootstrap-signing': 'true', ...data }).map(
      ([key, value]) => [key, Buffer.from(value).toString('base64')],
    ),
  ),
});

describe('the bootstrap signer', () => {
  it('signs cluster-info with every token that may, and takes away what has no token', async () => {
    await using l = new Lab();
    l.start(new BootstrapSignerController(l.context));
    await l.create('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cluster-info', namespace: 'kube-public' },
      data: { kubeconfig: 'clusters: []', 'jws-kubeconfig-gone00': 'old', other: 'kept' },
    } as ConfigMap);
    await l.create('secrets', tokenSecret('abcdef', '0123456789abcdef'));
    await l.create('secrets', tokenSecret('nosign', 'x', { 'usage-bootstrap-signing': 'false' }));
    await l.create('secrets', tokenSecret('expird', 'x', { expiration: rfc3339(startMs - 1000) }));
    const data = async () => (await l.get<ConfigMap>('configmaps', 'kube-public', 'cluster-info'))!.data!;
    await l.until('signed', async () => (await data())['jws-kubeconfig-abcdef'] !== undefined);
    expect(Object.keys(await data()).sort()).toEqual(['jws-kubeconfig-abcdef', 'kubeconfig', 'other']);
    const [header, payload, signature] = (await data())['jws-kubeconfig-abcdef']!.split('.');
    expect(payload).toBe('');
    expect(JSON.parse(Buffer.from(header!, 'base64url').toString())).toEqual({ alg: 'HS256', kid: 'abcdef' });
    const input = `${header}.${Buffer.from('clusters: []').toString('base64url')}`;
    expect(signature).toBe(createHmac('sha256', '0123456789abcdef').update(input).digest('base64url'));
    await l.client.resource('secrets').namespace('kube-system').delete('bootstrap-token-abcdef');
    await l.until('taken away', async () => (await data())['jws-kubeconfig-abcdef'] === undefined);
  });
});

describe('the token cleaner', () => {
  it('deletes a token at its end, at once when that cannot be read, never without one', async () => {
    await using l = new Lab();
    l.start(new TokenCleanerController(l.context));
    await l.create('secrets', tokenSecret('minute', 'x', { expiration: rfc3339(startMs + 60_000) }));
    await l.create('secrets', tokenSecret('broken', 'x', { expiration: 'tomorrow' }));
    await l.create('secrets', tokenSecret('always', 'x'));
    const names = async () => (await l.list('secrets')).map(({ metadata }) => metadata.name!.slice(-6)).sort();
    await l.until('broken goes', async () => (await names()).join() === 'always,minute');
    await l.clock.advance(50_000);
    expect(await names()).toEqual(['always', 'minute']);
    await l.clock.advance(11_000);
    expect(await names()).toEqual(['always']);
  });
});

describe('ValidatingAdmissionPolicy status', () => {
  it('follows the generation', async () => {
    await using l = new Lab();
    l.start(new ValidatingAdmissionPolicyStatusController(l.context));
    const policy = await l.create('validatingadmissionpolicies', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'p' },
      spec: { validations: [{ expression: 'true' }] },
    } as ValidatingAdmissionPolicy);
    const observed = async () =>
      (await l.get<ValidatingAdmissionPolicy>('validatingadmissionpolicies', '', 'p'))!.status?.observedGeneration;
    await l.until('seen', async () => (await observed()) === policy.metadata.generation);
    const client = l.client.resource<ValidatingAdmissionPolicy>('validatingadmissionpolicies');
    const { generation } = (
      await client.update({ ...(await client.get('p')), spec: { validations: [{ expression: 'false' }] } })
    ).metadata;
    expect(generation).toBe(2);
    await l.until('seen again', async () => (await observed()) === 2);
  });
});
