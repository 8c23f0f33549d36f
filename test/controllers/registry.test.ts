import { describe, expect, it } from 'vitest';
import {
  controllerTable,
  enabledControllers,
  identityOf,
  rootIdentity,
  startControllers,
} from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const namesOf = (...words: string[]) => enabledControllers(words).map((descriptor) => descriptor.name);

describe('--controllers', () => {
  it('takes * for all, a name for one, and a minus for all but one', () => {
    expect(namesOf('*')).toEqual(controllerTable.map((row) => row.name));
    expect(namesOf('deployment-controller,replicaset')).toEqual(['deployment-controller', 'replicaset-controller']);
    expect(namesOf('*', '-namespace-controller')).not.toContain('namespace-controller');
    expect(namesOf('*', '-podgc')).toHaveLength(controllerTable.length - 1);
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
