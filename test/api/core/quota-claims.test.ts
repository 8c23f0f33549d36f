/** What claims of devices, and pods that ask for extended resources, count for in quotas. */
import { describe, expect, it } from 'vitest';
import { quotaEvaluator, resourcesOfQuota } from '../../../src/api/index.ts';

const gpu = 'requests.example.com/gpu';
const implicit = 'requests.deviceclass.resource.kubernetes.io/big';
const count = 'count/resourceclaims.resource.k8s.io';
const big = 'big.deviceclass.resource.k8s.io/devices';
const small = 'small.deviceclass.resource.k8s.io/devices';

const wish = (deviceClassName: string, fields: object = {}) => ({ deviceClassName, ...fields });
const claim = (requests: object[], metadata: object = {}): any => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: { name: 'c', namespace: 'ns', creationTimestamp: '2026-01-01T00:00:05Z', ...metadata },
  spec: { devices: { requests: requests.map((fields, i) => ({ name: `r${i}`, ...fields })) } },
});
const pod = (requests: Record<string, string>, status?: object): any => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c', resources: { requests } }] },
  status,
});
const owned = {
  annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' },
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', controller: true }],
};

const classes: any = { big: { spec: { extendedResourceName: 'example.com/gpu' } }, small: { spec: {} } };
const usage = (resource: string, object: any, pods: any[] = [], claims: any[] = []) => {
  const objects = {
    get: (of: string, _namespace: string, name: string) =>
      of === 'pods' ? pods.find(({ metadata }) => metadata.name === name) : classes[name],
    list: () => claims,
  };
  const used = quotaEvaluator(resource).usage(object, 0, objects);
  return Object.fromEntries([...used].map(([name, amount]) => [name, amount.toString()]));
};
const ofClaim = (object: any, pods?: any[], claims?: any[]) =>
  usage('resourceclaims.resource.k8s.io', object, pods, claims);

describe('a claim', () => {
  it.each<[string, object[], Record<string, string>]>([
    ['counts its devices by class', [{ exactly: wish('small', { count: 3 }) }], { [small]: '3' }],
    ['counts one where no number is given', [{ exactly: wish('small') }], { [small]: '1' }],
    [
      'counts the most there can be when it wants all',
      [{ exactly: wish('small', { allocationMode: 'All' }) }],
      { [small]: '32' },
    ],
    ['adds up its requests', [{ exactly: wish('small') }, { exactly: wish('small', { count: 2 }) }], { [small]: '3' }],
    [
      'counts of alternatives the worst of each class',
      [{ firstAvailable: [wish('small', { count: 2 }), wish('small', { count: 5 }), wish('other')] }],
      { [small]: '5', 'other.deviceclass.resource.k8s.io/devices': '1' },
    ],
  ])('%s', (_name, requests, devices) => {
    const used = ofClaim(claim(requests));
    expect(used).toMatchObject({ ...devices, [count]: '1' });
  });

  it('counts under the names of the extended resources of its class', () => {
    expect(ofClaim(claim([{ exactly: wish('big', { count: 2 }) }]))).toEqual({
      [count]: '1',
      [big]: '2',
      [gpu]: '2',
      [implicit]: '2',
    });
  });
});

describe('the claim that stands for extended resources of a pod', () => {
  const made = claim([{ exactly: wish('big', { count: 2 }) }], owned);
  const asking = (amount: string, status?: object) => pod({ 'example.com/gpu': amount }, status);
  const gpus = (object: any, pods: any[], claims: any[] = []) => ofClaim(object, pods, claims)[gpu];

  it('counts for what the pod has not counted for already', () => {
    expect(ofClaim(made, [asking('2')])).toEqual({ [count]: '1', [big]: '2', [implicit]: '2' });
    expect(gpus(made, [asking('1')])).toBe('1');
    expect(gpus(made, [pod({ 'deviceclass.resource.kubernetes.io/big': '2' })])).toBe('2');
  });

  it('counts whole when the pod is another, or has another claim', () => {
    expect(gpus(made, [])).toBe('2');
    expect(gpus(made, [{ ...asking('2'), metadata: { name: 'p', namespace: 'ns', uid: 'later' } }])).toBe('2');
    expect(gpus(made, [asking('2', { extendedResourceClaimStatus: { resourceClaimName: 'd' } })])).toBe('2');
    expect(gpus(made, [asking('2', { extendedResourceClaimStatus: { resourceClaimName: 'c' } })])).toBeUndefined();
    expect(gpus(claim(made.spec.devices.requests, { ownerReferences: owned.ownerReferences }), [asking('2')])).toBe(
      '2',
    );
  });

  it('only one is counted with the pod: the first', () => {
    const other = (name: string, creationTimestamp: string) => claim([], { ...owned, name, creationTimestamp });
    expect(gpus(made, [asking('2')], [made, other('a', '2026-01-01T00:00:04Z')])).toBe('2');
    expect(gpus(made, [asking('2')], [made, other('a', '2026-01-01T00:00:05Z')])).toBe('2');
    expect(gpus(made, [asking('2')], [made, other('d', '2026-01-01T00:00:05Z')])).toBeUndefined();
    expect(gpus(made, [asking('2')], [made, other('a', '2026-01-01T00:00:06Z')])).toBeUndefined();
  });
});

it('a pod counts what it asks of extended resources, by either name', () => {
  const used = usage('pods', pod({ 'example.com/gpu': '2', 'deviceclass.resource.kubernetes.io/big': '1' }));
  expect(used).toMatchObject({ [gpu]: '2', [implicit]: '1' });
});

it('quotas of extended resources are about pods and claims, those of devices about claims alone', () => {
  expect([...resourcesOfQuota([gpu])].sort()).toEqual(['pods', 'resourceclaims.resource.k8s.io']);
  expect([...resourcesOfQuota([implicit])].sort()).toEqual(['pods', 'resourceclaims.resource.k8s.io']);
  expect([...resourcesOfQuota([big])]).toEqual(['resourceclaims.resource.k8s.io']);
  expect([...resourcesOfQuota(['requests.cpu'])]).toEqual(['pods']);
  const names = [gpu, implicit, big, count, 'requests.cpu'];
  expect(quotaEvaluator('pods').matching(names)).toEqual([gpu, implicit, 'requests.cpu']);
  expect(quotaEvaluator('resourceclaims.resource.k8s.io').matching(names)).toEqual([gpu, implicit, big, count]);
});
