/** What a pod asks for and its node must have, when devices of a claim provide some of it. */
import { expect, it } from 'vitest';
import { admitPod } from '../../src/kubelet/admission.ts';

const gpu = 'example.com/gpu';
const allocatable = { cpu: '4', memory: '8Gi', pods: '10', [gpu]: '0' };

const pod = (...claimed: string[]) =>
  ({
    metadata: { name: 'p', namespace: 'default', uid: 'p' },
    spec: {
      containers: ['a', 'b'].map((name) => ({
        name,
        image: 'app:1',
        resources: { requests: { cpu: '1', [gpu]: '1' } },
      })),
    },
    status: {
      ...(claimed.length > 0 && {
        extendedResourceClaimStatus: {
          resourceClaimName: 'c',
          requestMappings: claimed.map((containerName) => ({ containerName, resourceName: gpu, requestName: 'r' })),
        },
      }),
    },
  }) as never;

const lacking = (requested: number) => ({
  reason: `OutOf${gpu}`,
  message: `Node didn't have enough resource: ${gpu}, requested: ${requested}, used: 0, capacity: 0`,
});

it('an extended resource that no claim provides must be there', () => {
  expect(admitPod(pod(), [], undefined, allocatable)).toEqual(lacking(2));
});

it('what a claim provides need not be there, container by container', () => {
  expect(admitPod(pod('a'), [], undefined, allocatable)).toEqual(lacking(1));
  expect(admitPod(pod('a', 'b'), [], undefined, allocatable)).toEqual({ victims: [] });
});

it('what a claim does not provide must be there all the same', () => {
  expect(admitPod(pod('a', 'b'), [], undefined, { ...allocatable, cpu: '1' })).toMatchObject({ reason: 'OutOfcpu' });
});
