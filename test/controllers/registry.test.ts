import { describe, expect, it } from 'vitest';
import {
  controllerTable,
  enabledControllers,
  identityOf,
  idleControllers,
  rootIdentity,
  startControllers,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

/** Of kube-controller-manager 1.36, without the `-controller` that all end in. */
const upstreamNames =
  'serviceaccount-token endpoints endpointslice endpointslice-mirroring replicationcontroller pod-garbage-collector resourcequota namespace serviceaccount garbage-collector daemonset job deployment replicaset horizontal-pod-autoscaler disruption statefulset cronjob certificatesigningrequest-signing certificatesigningrequest-approving certificatesigningrequest-cleaner podcertificaterequest-cleaner ttl bootstrap-signer token-cleaner node-ipam node-lifecycle taint-eviction device-taint-eviction persistentvolume-binder persistentvolume-attach-detach persistentvolume-expander clusterrole-aggregation persistentvolumeclaim-protection persistentvolume-protection podgroup-protection ttl-after-finished root-ca-certificate-publisher kube-apiserver-serving-clustertrustbundle-publisher ephemeral-volume storageversion-garbage-collector resourceclaim resourcepoolstatusrequest legacy-serviceaccount-token-cleaner validatingadmissionpolicy-status volumeattributesclass-protection service-cidr storage-version-migrator selinux-warning service-lb node-route cloud-node-lifecycle'
    .split(' ')
    .map((name) => `${name}-controller`);

const namesOf = (...words: string[]) => enabledControllers(words).map((descriptor) => descriptor.name);

describe('--controllers', () => {
  it('takes * for all, a name for one, and a minus for all but one', () => {
    const byDefault = controllerTable.filter(({ disabledByDefault }) => !disabledByDefault).map(({ name }) => name);
    expect(namesOf('*')).toEqual(byDefault);
    expect(namesOf('deployment-controller,replicaset')).toEqual(['deployment-controller', 'replicaset-controller']);
    expect(namesOf('*', '-namespace-controller')).not.toContain('namespace-controller');
    expect(namesOf('*', '-podgc')).toHaveLength(byDefault.length - 1);
  });

  it('starts what is off by default only when it is named', () => {
    const off = controllerTable.filter(({ disabledByDefault }) => disabledByDefault).map(({ name }) => name);
    expect(off).toEqual(['bootstrap-signer-controller', 'token-cleaner-controller']);
    expect(namesOf('*', 'bootstrapsigner')).toContain('bootstrap-signer-controller');
    expect(namesOf('tokencleaner')).toEqual(['token-cleaner-controller']);
  });

  it('takes every name of upstream’s, also those that nothing runs for', () => {
    for (const { name, aliases = [] } of idleControllers) {
      for (const word of [name, ...aliases]) expect(namesOf(word, `-${word}`)).toEqual([]);
    }
    const names = new Set([...controllerTable, ...idleControllers].map(({ name }) => name));
    expect(upstreamNames.filter((name) => !names.has(name))).toEqual([]);
  });

  it('lets the first word about a controller count', () => {
    expect(namesOf('-podgc', 'podgc')).toEqual([]);
  });

  it('names what it does not know', () => {
    expect(() => namesOf('*', 'foo')).toThrow('"foo" is not in the list of known controllers');
  });
});

describe('the controller manager', () => {
  it('runs its controllers, each as the account of its RBAC role', async () => {
    await using l = new Lab();
    const manager = startControllers(l.context);
    l.start(manager);
    for (const controller of manager.controllers) {
      const { serviceAccount } = controllerTable.find(({ name }) => name === controller.name)!;
      expect(controller.identity).toBe(serviceAccount === undefined ? rootIdentity : identityOf(serviceAccount));
    }
    await l.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    await l.until('account', async () => (await l.get('serviceaccounts', 'shop', 'default')) !== undefined);
    const request = l.api.requests.find((r) => r.method === 'POST' && r.path.endsWith('/serviceaccounts'))!;
    expect(request.headers!['x-user']).toBe('system:serviceaccount:kube-system:service-account-controller');
    expect(request.cause).toMatchObject({ object: 'namespaces//shop', count: 1 });
  });
});
