/** What `klab create` makes of its flags, without a server. */
import { describe, expect, it } from 'vitest';
import { withHash } from '../../src/cli/create/config.ts';
import { ingress } from '../../src/cli/create/ingress.ts';
import { parseResourceList } from '../../src/cli/create/plain.ts';
import { subjectsOf } from '../../src/cli/create/rbac.ts';
import { selectorObject } from '../../src/cli/create/selector.ts';
import { service } from '../../src/cli/create/service.ts';
import { containerNameOf } from '../../src/cli/create/workloads.ts';

describe('create', () => {
  it('names a container after the last part of its image', () => {
    expect(containerNameOf('reg.example.com:5000/team/app:1.2')).toBe('app');
    expect(containerNameOf('app@sha256:abc')).toBe('app');
    expect(containerNameOf('my_app:1')).toMatch(/^my-app-[0-9a-f]{5}$/);
  });

  it('turns a selector into the object that fields hold', () => {
    expect(selectorObject('a=b,c in (y,x),!d,e')).toEqual({
      matchLabels: { a: 'b' },
      matchExpressions: [
        { key: 'c', operator: 'In', values: ['x', 'y'] },
        { key: 'd', operator: 'DoesNotExist' },
        { key: 'e', operator: 'Exists' },
      ],
    });
    expect(() => selectorObject('a!=b')).toThrow('"!=" is not a valid label selector operator');
  });

  it('writes quantities of a quota in canonical form', () => {
    expect(parseResourceList('cpu=1000m,memory=1024Mi')).toEqual({ cpu: '1', memory: '1Gi' });
    expect(() => parseResourceList('cpu')).toThrow('Invalid argument syntax cpu, expected <resource>=<value>');
  });

  it('gives a host of an ingress one secret only', () => {
    const object = ingress('web', { rule: ['a.b/x=s:80,tls=one', 'a.b/y=s:80,tls=two', 'c.d/*=s:web,tls=one'] });
    expect(object).toMatchObject({ spec: { tls: [{ hosts: ['a.b', 'c.d'], secretName: 'one' }] } });
  });

  it('refuses service accounts without a namespace', () => {
    expect(() => subjectsOf({ serviceaccount: ['robot'] })).toThrow('serviceaccount must be <namespace>:<name>');
  });

  it('needs a port for every service but those without addresses of their own', () => {
    expect(() => service('s', 'NodePort', {})).toThrow('at least one tcp port specifier must be provided');
    expect(service('s', 'ClusterIP', { clusterip: 'None' })).toMatchObject({ spec: { clusterIP: 'None' } });
  });

  it('changes the hash with the content and not with the order of keys', () => {
    const of = (data: Record<string, string>) =>
      withHash({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data } as never).metadata.name;
    expect(of({ a: '1', b: '2' })).toBe(of({ b: '2', a: '1' }));
    expect(of({ a: '1' })).not.toBe(of({ a: '2' }));
  });
});
