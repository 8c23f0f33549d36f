/** Extended resources that device classes provide: which class, which requests, which nodes. */
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../src/api/index.ts';
import { ExtendedClasses } from '../../src/scheduler/devices/extended-classes.ts';
import { extendedRequests } from '../../src/scheduler/devices/extended-requests.ts';
import { podInfoOf, schedulerConfig, World, whatIf, whyDecision } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

const gpu = 'example.com/gpu';
const implicit = 'deviceclass.resource.kubernetes.io/gpu';
const driver = 'gpu.example.com';

const deviceClass = (name = 'gpu', extendedResourceName: string | undefined = gpu, creationTimestamp?: string) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'DeviceClass',
  metadata: { name, ...(creationTimestamp && { creationTimestamp }) },
  spec: {
    selectors: [{ cel: { expression: `device.driver == "${driver}"` } }],
    ...(extendedResourceName !== '' && { extendedResourceName }),
  },
});

const slice = (node: string, count: number) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  metadata: { name: node },
  spec: {
    driver,
    nodeName: node,
    pool: { name: node, generation: 1, resourceSliceCount: 1 },
    devices: Array.from({ length: count }, (_, i) => ({ name: `gpu-${i}` })),
  },
});

const withPlugin = (name: string, amounts: Record<string, string>): Node => {
  const node = makeNode(name);
  return { ...node, status: { ...node.status, allocatable: { ...node.status!.allocatable, ...amounts } } } as Node;
};

const wants = (amount: string, name = gpu): Pod => makePod('p', { requests: { [name]: amount } });

interface Setup {
  readonly nodes?: Node[];
  readonly classes?: any[];
  readonly claims?: any[];
  readonly slices?: any[];
  readonly ignored?: string[];
}

/** Decides and reserves. */
function decide(pod: Pod, { nodes = [makeNode('a')], classes = [deviceClass()], ignored, ...rest }: Setup = {}) {
  const pluginConfig = [{ name: 'NodeResourcesFit', args: { ignoredResources: ignored } }];
  const config =
    ignored &&
    schedulerConfig({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      profiles: [{ pluginConfig }],
    } as never);
  const cycle = cycleOver(nodes, [], { devices: { classes, ...rest }, ...(config && { config }) });
  const outcome = cycle.run(pod);
  const plugin = cycle.profile.plugins.find((entry) => entry.plugin.name === 'DynamicResources')!.plugin;
  const refused = outcome.node && plugin.reserve!(outcome.state, podInfoOf(pod), outcome.node);
  const taken = (node: string, count = 4) =>
    Array.from({ length: count }, (_, i) => i).filter((i) => cycle.tracker.isTaken(`${driver}/${node}/gpu-${i}`));
  const unreserve = () => plugin.unreserve!(outcome.state, podInfoOf(pod), outcome.node!);
  return { ...outcome, refused, taken, unreserve, plugin };
}

describe('the class that provides a resource', () => {
  const provider = (resource: string, ...classes: any[]) => {
    const known = new ExtendedClasses();
    for (const one of classes) known.set(one);
    return known.classOf(resource)?.metadata.name;
  };
  const old = '2026-01-01T00:00:00Z';
  const young = '2026-01-02T00:00:00Z';

  it.each<[string, string, any[], string | undefined]>([
    ['names it', gpu, [deviceClass()], 'gpu'],
    ['is named in it', implicit, [deviceClass('gpu', '')], 'gpu'],
    ['does so whatever it names besides', implicit, [deviceClass()], 'gpu'],
    ['names another', 'example.com/tpu', [deviceClass()], undefined],
    ['is not there', 'deviceclass.resource.kubernetes.io/tpu', [deviceClass()], undefined],
    ['is the youngest', gpu, [deviceClass('a', gpu, old), deviceClass('b', gpu, young)], 'b'],
    ['is the youngest, in any order', gpu, [deviceClass('b', gpu, young), deviceClass('a', gpu, old)], 'b'],
    ['is the first by name of equally old ones', gpu, [deviceClass('b', gpu, old), deviceClass('a', gpu, old)], 'a'],
    ['has named it, and does not any more', gpu, [deviceClass(), deviceClass('gpu', 'example.com/other')], undefined],
  ])('%s', (_name, resource, classes, expected) => {
    expect(provider(resource, ...classes)).toBe(expected);
  });

  it('leaves it to the next when it is deleted', () => {
    const known = new ExtendedClasses();
    known.set(deviceClass('a', gpu, old));
    known.set(deviceClass('b', gpu, young));
    known.delete('b');
    expect(known.classOf(gpu)?.metadata.name).toBe('a');
    known.delete('a');
    expect(known.classOf(gpu)).toBeUndefined();
  });
});

describe('the requests of the claim', () => {
  type Container = readonly [name: string, requests: Record<string, string>, restartPolicy?: string];
  const container = ([name, requests, restartPolicy]: Container) => ({
    name,
    resources: { requests },
    ...(restartPolicy && { restartPolicy }),
  });
  const requestsOf = (init: Container[], main: Container[], resources = [gpu]) => {
    const spec = { initContainers: init.map(container), containers: main.map(container) };
    const known = new ExtendedClasses();
    known.set(deviceClass());
    known.set(deviceClass('fpga', 'example.com/fpga'));
    const { requests, mappings } = extendedRequests({ metadata: {}, spec } as never, resources, (name) =>
      known.classOf(name),
    );
    return {
      requests: requests.map(({ name, exactly }) => `${name}: ${exactly.count} ${exactly.deviceClassName}`),
      mappings: mappings.map((mapping) => `${mapping.containerName} ${mapping.resourceName} ${mapping.requestName}`),
    };
  };

  it('are numbered by container and by the place of the resource among all that it asks for', () => {
    expect(
      requestsOf(
        [],
        [
          ['a', { cpu: '1', [gpu]: '2' }],
          ['b', { [gpu]: '1' }],
          ['c', { cpu: '1' }],
        ],
      ),
    ).toEqual({
      requests: ['container-0-request-1: 2 gpu', 'container-1-request-0: 1 gpu'],
      mappings: [`a ${gpu} container-0-request-1`, `b ${gpu} container-1-request-0`],
    });
  });

  it('are one per resource, and of nothing that the node has itself', () => {
    const main: Container[] = [['a', { [gpu]: '2', 'example.com/fpga': '3' }]];
    expect(requestsOf([], main, [gpu, 'example.com/fpga']).requests).toEqual([
      'container-0-request-0: 3 fpga',
      'container-0-request-1: 2 gpu',
    ]);
    expect(requestsOf([], main, ['example.com/fpga']).requests).toEqual(['container-0-request-0: 3 fpga']);
  });

  it('an init container uses what the containers after it will have', () => {
    expect(requestsOf([['init', { [gpu]: '1' }]], [['a', { [gpu]: '2' }]])).toEqual({
      requests: ['container-1-request-0: 2 gpu'],
      mappings: [`a ${gpu} container-1-request-0`, `init ${gpu} container-1-request-0`],
    });
  });

  it('and asks for what it needs beyond that; those that run in turn share the largest request', () => {
    const init: Container[] = [
      ['x', { [gpu]: '3' }],
      ['y', { [gpu]: '5' }],
    ];
    expect(requestsOf(init, [['a', { [gpu]: '2' }]])).toEqual({
      requests: ['container-1-request-0: 3 gpu', 'container-2-request-0: 2 gpu'],
      mappings: [
        `a ${gpu} container-2-request-0`,
        `x ${gpu} container-2-request-0`,
        `x ${gpu} container-1-request-0`,
        `y ${gpu} container-2-request-0`,
        `y ${gpu} container-1-request-0`,
      ],
    });
  });

  it('a sidecar keeps what it has: only those before it may use it', () => {
    const init: Container[] = [
      ['before', { [gpu]: '1' }],
      ['side', { [gpu]: '1' }, 'Always'],
      ['after', { [gpu]: '1' }],
    ];
    expect(requestsOf(init, [['a', { cpu: '1' }]])).toEqual({
      requests: ['container-1-request-0: 1 gpu', 'container-2-request-0: 1 gpu'],
      mappings: [
        `side ${gpu} container-1-request-0`,
        `before ${gpu} container-1-request-0`,
        `after ${gpu} container-2-request-0`,
      ],
    });
  });
});

describe('where the pod fits', () => {
  it('a node with free devices of the class', () => {
    const { node, taken, refused } = decide(wants('2'), {
      nodes: [makeNode('a'), makeNode('b')],
      slices: [slice('a', 1), slice('b', 3)],
    });
    expect([node, refused, taken('b')]).toEqual(['b', undefined, [0, 1]]);
  });

  it('by the name of the class as well', () => {
    const { node, taken } = decide(wants('1', implicit), {
      classes: [deviceClass('gpu', '')],
      slices: [slice('a', 1)],
    });
    expect([node, taken('a')]).toEqual(['a', [0]]);
  });

  it('a node whose device plugin has it takes none of the devices', () => {
    const { node, taken, refused } = decide(wants('1'), {
      nodes: [withPlugin('a', { [gpu]: '1' })],
      slices: [slice('a', 1)],
    });
    expect([node, refused, taken('a')]).toEqual(['a', undefined, []]);
  });

  it('a node whose device plugin has too few, or none that are healthy', () => {
    const nodes = [withPlugin('a', { [gpu]: '1' })];
    expect(decide(wants('2'), { nodes, slices: [slice('a', 4)] }).message).toMatch(
      /^0\/1 nodes are available: 1 Insufficient example.com\/gpu\./,
    );
    expect(decide(wants('2'), { nodes: [withPlugin('a', { [gpu]: '0' })], slices: [slice('a', 4)] }).node).toBe('a');
  });

  it('no class: the resource is missing as ever', () => {
    expect(decide(wants('1'), { classes: [], slices: [slice('a', 1)] }).message).toMatch(
      /^0\/1 nodes are available: 1 Insufficient example.com\/gpu\./,
    );
  });

  it('a class but no device: what the claim lacks is said', () => {
    const pod = wants('3');
    const { message, decision } = decide(pod, { slices: [slice('a', 2)] });
    expect(message).toBe('0/1 nodes are available: 1 cannot allocate all claims.');
    expect(JSON.stringify(decision)).toContain(
      'extended resource example.com/gpu is provided by DeviceClass gpu: 2 devices match, 2 free',
    );
    expect(whyDecision(decision).sentence).toBe(
      '0 of 1 nodes fit: 1 has too few free devices for example.com/gpu (DeviceClass gpu).',
    );
  });

  it('a resource that is ignored must come from somewhere all the same', () => {
    const pod = makePod('p', { requests: { [gpu]: '1', 'example.com/odd': '1' } });
    const { message } = decide(pod, { slices: [slice('a', 1)], ignored: ['example.com/odd'] });
    expect(message).toBe('0/1 nodes are available: 1 cannot fit resource.');
  });

  it('beside a claim of its own', () => {
    const claim = {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: { name: 'c', namespace: 'default', uid: 'claim', resourceVersion: '1' },
      spec: {
        devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount' } }] },
      },
    };
    const pod = makePod('p', { requests: { [gpu]: '1' }, resourceClaims: [{ name: 'c', resourceClaimName: 'c' }] });
    expect(decide(pod, { claims: [claim], slices: [slice('a', 1)] }).message).toBe(
      '0/1 nodes are available: 1 cannot allocate all claims.',
    );
    const { node, taken, refused } = decide(pod, { claims: [claim], slices: [slice('a', 2)] });
    expect([node, refused, taken('a')]).toEqual(['a', undefined, [0, 1]]);
    const plugged = decide(pod, { claims: [claim], nodes: [withPlugin('a', { [gpu]: '1' })], slices: [slice('a', 2)] });
    expect([plugged.node, plugged.refused, plugged.taken('a')]).toEqual(['a', undefined, [0]]);
  });

  it('what was reserved is free again when the pod is not bound', () => {
    const { taken, unreserve } = decide(wants('1'), { slices: [slice('a', 1)] });
    expect(taken('a')).toEqual([0]);
    unreserve();
    expect(taken('a')).toEqual([]);
  });

  it('a claim that is left from a failed attempt must go first', () => {
    const pod = wants('1');
    const left = (uid: string | undefined) => ({
      metadata: {
        name: 'p-extended-resources-x',
        namespace: 'default',
        uid: 'left',
        annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid, controller: true }],
      },
      spec: { devices: { requests: [{ name: 'container-0-request-0' }] } },
    });
    expect(decide(pod, { claims: [left(pod.metadata.uid)], slices: [slice('a', 1)] }).message).toBe(
      '0/1 nodes are available: 1 cannot schedule extended resource claim.',
    );
    expect(decide(pod, { claims: [left('of an earlier pod')], slices: [slice('a', 1)] }).node).toBe('a');
  });
});

describe('nodes are scored by the devices of the class', () => {
  /** Of nodes with four and two devices, of which the first has two taken. */
  function scores(plugin: string, args: object): Record<string, number> {
    const taken = ['gpu-0', 'gpu-1'].map((device) => ({ request: 'r', driver, pool: 'a', device }));
    const claim = {
      metadata: { name: 'old', namespace: 'default', uid: 'old', resourceVersion: '1' },
      status: { allocation: { devices: { results: taken } } },
    };
    const config = schedulerConfig({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      profiles: [{ pluginConfig: [{ name: plugin, args }] }],
    } as never);
    const nodes = [makeNode('a'), makeNode('b')];
    const slices = [slice('a', 4), slice('b', 2)];
    const devices = { classes: [deviceClass()], claims: [claim], slices };
    const { decision } = cycleOver(nodes, [], { config, devices }).run(wants('1'));
    return Object.fromEntries(
      decision.nodes.map(({ name, scores: all }) => [name, all!.find((score) => score.plugin === plugin)!.raw]),
    );
  }
  const resources = [{ name: gpu, weight: 1 }];

  it.each<[string, Record<string, number>]>([
    ['LeastAllocated', { a: 25, b: 50 }],
    ['MostAllocated', { a: 75, b: 50 }],
  ])('%s', (type, expected) => {
    expect(scores('NodeResourcesFit', { scoringStrategy: { type, resources } })).toEqual(expected);
  });

  it('and by how even they are used beside others', () => {
    const args = { resources: [{ name: 'cpu', weight: 1 }, ...resources] };
    // cpu is unused: at a the gap grows from 50 to 75 per cent, at b from none to 50.
    expect(scores('NodeResourcesBalancedAllocation', args)).toEqual({ a: 68, b: 62 });
  });
});

describe('a copy of the cluster', () => {
  const objects = { nodes: [makeNode('a')], deviceclasses: [deviceClass()], resourceslices: [slice('a', 2)] } as never;

  it('hands out each device once', () => {
    const world = new World(objects);
    const nodes = ['p', 'q', 'r'].map(() => {
      const pod = wants('1');
      const trial = world.try(pod);
      world.settle(pod, trial);
      return trial.outcome.node;
    });
    expect(nodes).toEqual(['a', 'a', undefined]);
  });

  it('shows no change of the pod but of what it asks for, and says what is in the way', async () => {
    const { beyond } = await whatIf(new World(objects), wants('3'));
    expect(beyond).toBe(
      'its extended resources keep it from a, which changes of pods and nodes do not help: cannot allocate all claims',
    );
  });
});

describe('what may help a pod that waits', () => {
  const hint = (plugin: string, resource: string) => {
    const { profile } = cycleOver([makeNode('a')], [], { devices: { classes: [deviceClass()] } });
    const { events } = profile.plugins.find((entry) => entry.plugin.name === plugin)!.plugin;
    return events!.find((event) => event.resource === resource)!.hint as any;
  };

  it.each<[string, Pod, any, any, boolean]>([
    ['a class that names its resource', wants('1'), undefined, deviceClass('new'), true],
    ['a class whose name it uses', wants('1', implicit), undefined, deviceClass('gpu', ''), true],
    ['a class that comes to name it', wants('1'), deviceClass('new', ''), deviceClass('new'), true],
    ['a class that named it before', wants('1'), deviceClass(), deviceClass(), false],
    ['a class that names another', wants('1'), undefined, deviceClass('new', 'example.com/tpu'), false],
    ['a class that it uses by name names another', wants('1', implicit), deviceClass('gpu', ''), deviceClass(), false],
  ])('%s', (_name, pod, before, after, expected) => {
    expect(hint('NodeResourcesFit', 'deviceclasses')(podInfoOf(pod), before, after)).toBe(expected);
  });

  it('a node that has none of the resource, where a class provides it', () => {
    const check = hint('NodeResourcesFit', 'nodes');
    expect(check(podInfoOf(wants('1')), undefined, makeNode('new'))).toBe(true);
    expect(check(podInfoOf(wants('1', 'example.com/tpu')), undefined, makeNode('new'))).toBe(false);
    expect(check(podInfoOf(wants('1')), makeNode('b'), makeNode('b'))).toBe(true);
    expect(check(podInfoOf(makePod('p', { requests: { cpu: '1' } })), makeNode('b'), makeNode('b'))).toBe(false);
  });
});
