import { describe, expect, it } from 'vitest';
import type { ConfigMap, Namespace, Pod } from '../../src/api/index.ts';
import {
  NamespaceController,
  RootCACertificatePublisher,
  ServiceAccountController,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function lab(): Lab {
  const l = new Lab({ rootCA: 'PEM' });
  return l.start(
    new NamespaceController(l.context),
    new ServiceAccountController(l.context),
    new RootCACertificatePublisher(l.context),
  );
}

const makeNamespace = (name: string): Namespace => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

describe('a namespace', () => {
  it('gets its default account and the root certificates, again when they are deleted or changed', async () => {
    await using l = lab();
    await l.create('namespaces', makeNamespace('shop'));
    const account = () => l.get('serviceaccounts', 'shop', 'default');
    const ca = () => l.get<ConfigMap>('configmaps', 'shop', 'kube-root-ca.crt');
    await l.until('both', async () => (await account()) !== undefined && (await ca())?.data?.['ca.crt'] === 'PEM');
    expect((await ca())!.metadata.annotations!['kubernetes.io/description']).toMatch(/^Contains a CA bundle/);
    await l.client.resource('serviceaccounts').namespace('shop').delete('default');
    await l.client
      .resource('configmaps')
      .namespace('shop')
      .patch('kube-root-ca.crt', 'merge', { data: { 'ca.crt': 'x', more: 'y' } });
    await l.until(
      'restored',
      async () => (await account()) !== undefined && (await ca())?.data?.['more'] === undefined,
    );
  });

  it('empties itself, pods first, and then goes', async () => {
    await using l = lab();
    await l.create('namespaces', makeNamespace('shop'));
    const metadata = { name: 'web', namespace: 'shop' };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [{ name: 'c', image: 'i' }], terminationGracePeriodSeconds: 4 },
    } as Pod;
    await l.run(await l.create('pods', pod));
    await l.create('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'shop' },
    });
    await l.client.resource('namespaces').delete('shop');
    await l.until(
      'pod going',
      async () => (await l.get<Pod>('pods', 'shop', 'web'))?.metadata.deletionTimestamp !== undefined,
    );
    // The configuration a terminating pod may read stays until the pod is gone.
    expect(await l.get('configmaps', 'shop', 'settings')).toBeDefined();
    await l.finish((await l.get<Pod>('pods', 'shop', 'web'))!);
    await l.until('gone', async () => (await l.get('namespaces', '', 'shop')) === undefined);
    expect(await l.list('configmaps', 'shop')).toEqual([]);
    expect(await l.list('serviceaccounts', 'shop')).toEqual([]);
  });

  it('says which objects and finalizers hold it up', async () => {
    await using l = lab();
    await l.create('namespaces', makeNamespace('shop'));
    const metadata = { name: 'held', namespace: 'shop', finalizers: ['example.com/hold'] };
    await l.create('secrets', { apiVersion: 'v1', kind: 'Secret', metadata });
    await l.client.resource('namespaces').delete('shop');
    const messages = async () => {
      const namespace = await l.get<Namespace>('namespaces', '', 'shop');
      return Object.fromEntries(
        (namespace?.status?.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}: ${c.message}`]),
      );
    };
    await l.until('conditions', async () => 'NamespaceFinalizersRemaining' in (await messages()));
    expect(await messages()).toEqual({
      NamespaceDeletionDiscoveryFailure: 'False ResourcesDiscovered: All resources successfully discovered',
      NamespaceDeletionGroupVersionParsingFailure:
        'False ParsedGroupVersions: All legacy kube types successfully parsed',
      NamespaceDeletionContentFailure:
        'False ContentDeleted: All content successfully deleted, may be waiting on finalization',
      NamespaceContentRemaining:
        'True SomeResourcesRemain: Some resources are remaining: secrets. has 1 resource instances',
      NamespaceFinalizersRemaining:
        'True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    });
    await l.client
      .resource('secrets')
      .namespace('shop')
      .patch('held', 'merge', { metadata: { finalizers: null } });
    await l.until('gone', async () => (await l.get('namespaces', '', 'shop')) === undefined);
  });
});
