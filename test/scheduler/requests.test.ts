/** What a pod asks of a node while it is being resized, and when it is said for the whole pod. */
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { podInfoOf } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

type List = Record<string, string>;

const requestsOf = (pod: Pod) => {
  const { milliCPU, memory, scalar } = podInfoOf(pod).requests;
  return { milliCPU, memory, ...Object.fromEntries(scalar) };
};

/** One container that wants, has and was granted this. */
function resized(wants: List, has: List | undefined, granted: List | undefined, reason?: string): Pod {
  const status = {
    ...(reason && { conditions: [{ type: 'PodResizePending', status: 'True', reason }] }),
    containerStatuses: [{ name: 'c', ...(has && { resources: { requests: has } }), allocatedResources: granted }],
  };
  return { ...makePod('p', { requests: wants }), status } as unknown as Pod;
}

describe('a container that is being resized', () => {
  it.each<[string, List, List | undefined, List | undefined, string | undefined, number]>([
    ['nothing is known of it yet: what it wants', { cpu: '2' }, undefined, { cpu: '1' }, undefined, 2000],
    ['it wants more than it has', { cpu: '2' }, { cpu: '1' }, { cpu: '1' }, undefined, 2000],
    ['it wants less, and still has more', { cpu: '1' }, { cpu: '3' }, { cpu: '1' }, undefined, 3000],
    ['it was granted the most', { cpu: '1' }, { cpu: '1' }, { cpu: '2500m' }, undefined, 2500],
    ['the node must wait: it counts', { cpu: '4' }, { cpu: '1' }, { cpu: '1' }, 'Deferred', 4000],
    ['the node can never: it does not count', { cpu: '40' }, { cpu: '1' }, { cpu: '2' }, 'Infeasible', 2000],
    ['other spellings of one amount', { cpu: '1' }, { cpu: '1000m' }, { cpu: '1000m' }, undefined, 1000],
  ])('%s', (_name, wants, has, granted, reason, milliCPU) => {
    expect(requestsOf(resized(wants, has, granted, reason)).milliCPU).toBe(milliCPU);
  });

  it('each resource by itself', () => {
    const pod = resized({ cpu: '2', memory: '1Gi' }, { cpu: '1', memory: '3Gi' }, { cpu: '1', memory: '1Gi' });
    expect(requestsOf(pod)).toEqual({ milliCPU: 2000, memory: 3 * 2 ** 30 });
  });

  it('sidecars count so, other init containers as they are written', () => {
    const status = {
      initContainerStatuses: [
        { name: 'side', resources: { requests: { cpu: '3' } } },
        { name: 'once', resources: { requests: { cpu: '30' } } },
      ],
    };
    const initContainers = [
      { name: 'side', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      { name: 'once', resources: { requests: { cpu: '1' } } },
    ];
    const pod = { ...makePod('p', { requests: { cpu: '2' }, initContainers }), status } as unknown as Pod;
    expect(requestsOf(pod).milliCPU).toBe(5000);
  });

  it('its node has no room for others until it has given up what it had', () => {
    const shrinking = resized({ cpu: '1' }, { cpu: '3' }, { cpu: '1' });
    const shrunk = resized({ cpu: '1' }, { cpu: '1' }, { cpu: '1' });
    const next = makePod('next', { requests: { cpu: '2' } });
    const place = (pod: Pod) => cycleOver([makeNode('a')], [[pod, 'a']]).run(next);
    expect(place(shrinking).message).toMatch(/^0\/1 nodes are available: 1 Insufficient cpu\./);
    expect(place(shrunk).node).toBe('a');
  });
});

describe('resources of the whole pod', () => {
  it('go before those of its containers: cpu, memory and huge pages, nothing else', () => {
    const resources = { requests: { cpu: '3', 'hugepages-2Mi': '8Mi', 'example.com/gpu': '5' } };
    const pod = makePod('p', { requests: { cpu: '1', memory: '1Gi', 'example.com/gpu': '1' }, resources });
    expect(requestsOf(pod)).toEqual({
      milliCPU: 3000,
      memory: 2 ** 30,
      'example.com/gpu': 1,
      'hugepages-2Mi': 8 * 2 ** 20,
    });
  });

  it('are the most of what is wanted, granted and in use', () => {
    const status = { resources: { requests: { cpu: '4' } }, allocatedResources: { cpu: '2', memory: '2Gi' } };
    const resources = { requests: { cpu: '3', memory: '1Gi' } };
    const pod = { ...makePod('p', { requests: { cpu: '1' }, resources }), status } as unknown as Pod;
    expect(requestsOf(pod)).toEqual({ milliCPU: 4000, memory: 2 * 2 ** 30 });
  });
});
