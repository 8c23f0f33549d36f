/** DynamicResources: devices of structured parameters, by upstream's rules and words. */
import { describe, expect, it } from 'vitest';
import { cycleOver, makeNode, makePod } from './objects.ts';

const driver = 'gpu.example.com';

interface DeviceSpec {
  readonly name: string;
  readonly [field: string]: unknown;
}

const slice = (name: string, devices: readonly DeviceSpec[], spec: Record<string, unknown> = {}) => {
  const { pool, ...rest } = spec as { pool?: object };
  const where = 'nodeName' in spec || 'allNodes' in spec || 'nodeSelector' in spec || 'perDeviceNodeSelection' in spec;
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata: { name },
    spec: {
      driver,
      pool: { name, generation: 1, resourceSliceCount: 1, ...pool },
      ...(!where && !('sharedCounters' in spec) && { nodeName: name }),
      ...rest,
      devices,
    },
  };
};

const gpus = (count: number, fields: Record<string, unknown> = {}): DeviceSpec[] =>
  Array.from({ length: count }, (_, i) => ({ name: `gpu-${i}`, ...fields }));

const gpuClass = (spec: Record<string, unknown> = {}, name = 'gpu') => ({
  metadata: { name },
  spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }], ...spec },
});

const exactly = (fields: Record<string, unknown> = {}, name = 'r') => ({
  name,
  exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1, ...fields },
});

let serial = 0;
const claim = (name: string, requests: object[], devices: object = {}, more: Record<string, unknown> = {}) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: { name, namespace: 'default', uid: `claim-${name}-${serial++}`, resourceVersion: '1' },
  spec: { devices: { requests, ...devices } },
  ...more,
});

const cel = (expression: string) => ({ cel: { expression } });
const wants = (...claims: string[]) =>
  makePod('p', { resourceClaims: claims.map((name) => ({ name, resourceClaimName: name })) });

interface Setup {
  readonly nodes?: Parameters<typeof makeNode>[];
  readonly classes?: any[];
  readonly claims?: any[];
  readonly slices?: any[];
}

/** Decides, reserves, and shows what would be written to the claims. */
function decide({ nodes = [['a']], classes = [gpuClass()], claims = [], slices = [] }: Setup, pod = wants('c')) {
  const cycle = cycleOver(
    nodes.map((args) => makeNode(...args)),
    [],
    { devices: { classes, claims, slices } },
  );
  const outcome = cycle.run(pod);
  const plugin = cycle.profile.plugins.find((entry) => entry.plugin.name === 'DynamicResources')!.plugin;
  if (outcome.node) plugin.reserve!(outcome.state, { pod } as never, outcome.node);
  const allocations = claims.map(({ metadata }) => cycle.tracker.pending(metadata.uid) as any);
  const devicesOf = (i: number) => allocations[i]?.devices.results.map(({ device }: any) => device);
  return { ...outcome, plugin, cycle, allocations, devicesOf };
}

const refusal = (reason: string, nodes = 1) => `0/${nodes} nodes are available: ${nodes} ${reason}.`;

describe('which devices a claim gets', () => {
  it('the first free ones that class and request select', () => {
    const devices = gpus(3).map((device, i) => ({ ...device, attributes: { memory: { int: i * 10 } } }));
    const request = exactly({ count: 2, selectors: [cel(`device.attributes["${driver}"].memory >= 10`)] });
    const { node, devicesOf, allocations } = decide({ claims: [claim('c', [request])], slices: [slice('a', devices)] });
    expect(node).toBe('a');
    expect(devicesOf(0)).toEqual(['gpu-1', 'gpu-2']);
    expect(allocations[0]).toEqual({
      devices: {
        results: ['gpu-1', 'gpu-2'].map((device) => ({ request: 'r', driver, pool: 'a', device })),
      },
      nodeSelector: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
      },
    });
  });

  it('selectors see versions, capacity, booleans and domains that nobody has', () => {
    const device = {
      name: 'g',
      attributes: {
        version: { version: '1.10.0' },
        'other.example.com/fast': { bool: true },
      },
      capacity: { memory: { value: '16Gi' } },
    };
    const holds = (expression: string) =>
      decide({ claims: [claim('c', [exactly({ selectors: [cel(expression)] })])], slices: [slice('a', [device])] })
        .message;
    expect(holds(`device.attributes["${driver}"].version.isGreaterThan(semver("1.9.0"))`)).toBe('');
    expect(holds(`device.capacity["${driver}"].memory.compareTo(quantity("16Gi")) == 0`)).toBe('');
    expect(holds('device.attributes["other.example.com"].fast')).toBe('');
    expect(holds('!("nobody.example.com" in device.attributes)')).toBe('');
    expect(holds('"x" in device.attributes["nobody.example.com"]')).toBe(refusal('cannot allocate all claims'));
    expect(holds('device.attributes["nobody.example.com"].x == 1')).toBe(
      'running "DynamicResources" filter plugin: claim default/c: selector #0: CEL runtime error: no such key: x',
    );
  });

  it('all of a pool, or none while the pool is being published', () => {
    const all = claim('c', [exactly({ allocationMode: 'All', count: undefined })]);
    expect(decide({ claims: [all], slices: [slice('a', gpus(3))] }).devicesOf(0)).toHaveLength(3);
    const partial = slice('a', gpus(3), { pool: { resourceSliceCount: 2 } });
    expect(decide({ claims: [all], slices: [partial] }).message).toBe(
      `running "DynamicResources" filter plugin: claim default/c, request r: asks for all devices, but resource pool ${driver}/a is currently being updated`,
    );
    expect(decide({ claims: [all] }).message).toBe(refusal('cannot allocate all claims'));
  });

  it('devices of the newest generation only', () => {
    const old = { ...slice('a', gpus(2)), metadata: { name: 'old' } };
    const now = slice('a', [{ name: 'new' }], { pool: { generation: 2 } });
    const { devicesOf } = decide({ claims: [claim('c', [exactly()])], slices: [old, now] });
    expect(devicesOf(0)).toEqual(['new']);
  });

  it('pools by name, and those with binding conditions last', () => {
    const slices = [
      slice('a-2', [{ name: 'plain' }], { nodeName: 'a' }),
      slice('a-1', [{ name: 'slow', bindingConditions: ['Ready'], bindingFailureConditions: ['Broken'] }], {
        nodeName: 'a',
      }),
    ];
    const { allocations } = decide({ claims: [claim('c', [exactly({ count: 2 })])], slices });
    expect(allocations[0].devices.results).toEqual([
      { request: 'r', driver, pool: 'a-2', device: 'plain' },
      {
        request: 'r',
        driver,
        pool: 'a-1',
        device: 'slow',
        bindingConditions: ['Ready'],
        bindingFailureConditions: ['Broken'],
      },
    ]);
  });

  it('not what another claim has, not what is about to be another’s, but administrators may look on', () => {
    const has = (adminAccess?: boolean) => ({
      status: {
        allocation: {
          devices: {
            results: [{ request: 'r', driver, pool: 'a', device: 'gpu-0', ...(adminAccess && { adminAccess }) }],
          },
        },
      },
    });
    const slices = [slice('a', gpus(1))];
    const wish = (fields = {}) => claim('c', [exactly(fields)]);
    expect(decide({ claims: [wish(), claim('other', [exactly()], {}, has())], slices }).message).toBe(
      refusal('cannot allocate all claims'),
    );
    expect(decide({ claims: [wish(), claim('other', [exactly()], {}, has(true))], slices }).node).toBe('a');
    const admin = decide({ claims: [wish({ adminAccess: true }), claim('other', [exactly()], {}, has())], slices });
    expect(admin.allocations[0].devices.results[0]).toMatchObject({ device: 'gpu-0', adminAccess: true });
    const pending = decide({ claims: [wish(), claim('d', [exactly()])], slices });
    expect(pending.cycle.run(wants('d')).message).toBe(refusal('cannot allocate all claims'));
    pending.plugin.unreserve!(pending.state, { pod: wants('c') } as never, 'a');
    expect(pending.cycle.run(wants('d')).node).toBe('a');
  });

  it('the first alternative that can be had, which scores by its place', () => {
    const request = {
      name: 'r',
      firstAvailable: [
        { name: 'two', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 2 },
        { name: 'one', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 },
      ],
    };
    const { node, allocations, decision } = decide({
      nodes: [['a'], ['b']],
      claims: [claim('c', [request])],
      slices: [slice('a', gpus(1)), slice('b', gpus(2))],
    });
    expect(node).toBe('b');
    expect(allocations[0].devices.results.map((result: any) => result.request)).toEqual(['r/two', 'r/two']);
    const score = (name: string) =>
      decision.nodes.find((n) => n.name === name)!.scores!.find((s) => s.plugin === 'DynamicResources');
    expect(score('a')).toMatchObject({ raw: 7, normalised: 87, weighted: 174 });
    expect(score('b')).toMatchObject({ raw: 8, normalised: 100, weighted: 200 });
  });

  it('another combination when the first one leaves a request without', () => {
    const devices = [
      { name: 'any', attributes: { big: { bool: true } } },
      { name: 'small', attributes: { big: { bool: false } } },
    ];
    const requests = [exactly({}, 'x'), exactly({ selectors: [cel(`device.attributes["${driver}"].big`)] }, 'y')];
    const { allocations } = decide({ claims: [claim('c', requests)], slices: [slice('a', devices)] });
    expect(allocations[0].devices.results.map((result: any) => [result.request, result.device])).toEqual([
      ['x', 'small'],
      ['y', 'any'],
    ]);
  });

  it('devices alike in an attribute, or all different', () => {
    const devices = ['x', 'y', 'x', 'y'].map((numa, i) => ({ name: `d${i}`, attributes: { numa: { string: numa } } }));
    const two = [exactly({}, 'r1'), exactly({}, 'r2')];
    const under = (constraint: object) =>
      decide({ claims: [claim('c', two, { constraints: [constraint] })], slices: [slice('a', devices)] });
    expect(under({ matchAttribute: `${driver}/numa` }).devicesOf(0)).toEqual(['d0', 'd2']);
    expect(under({ distinctAttribute: `${driver}/numa` }).devicesOf(0)).toEqual(['d0', 'd1']);
    expect(under({ matchAttribute: `${driver}/rack` }).message).toBe(refusal('cannot allocate all claims'));
    expect(under({ requests: ['r1'], matchAttribute: `${driver}/rack` }).message).toBe(
      refusal('cannot allocate all claims'),
    );
  });

  it('tainted devices only when tolerated, and a taint without effect on scheduling is none', () => {
    const tainted = (effect: string) => [slice('a', gpus(1, { taints: [{ key: 'broken', effect }] }))];
    const wish = (tolerations?: object[]) => [claim('c', [exactly({ tolerations })])];
    expect(decide({ claims: wish(), slices: tainted('NoSchedule') }).message).toBe(
      refusal('cannot allocate all claims'),
    );
    expect(decide({ claims: wish(), slices: tainted('None') }).node).toBe('a');
    const tolerations = [{ key: 'broken', operator: 'Exists' }];
    const { allocations } = decide({ claims: wish(tolerations), slices: tainted('NoExecute') });
    expect(allocations[0].devices.results[0].tolerations).toEqual(tolerations);
  });

  it('parts of a device for as long as its counters last', () => {
    const part = (name: string, memory: string) => ({
      name,
      consumesCounters: [{ counterSet: 'card', counters: { memory: { value: memory } } }],
    });
    const slices = [
      slice('counters', [], {
        pool: { name: 'a', resourceSliceCount: 2 },
        nodeName: 'a',
        sharedCounters: [{ name: 'card', counters: { memory: { value: '40Gi' } } }],
      }),
      slice('parts', [part('whole', '40Gi'), part('half-0', '20Gi'), part('half-1', '20Gi')], {
        pool: { name: 'a', resourceSliceCount: 2 },
        nodeName: 'a',
      }),
    ];
    expect(decide({ claims: [claim('c', [exactly({ count: 2 })])], slices }).devicesOf(0)).toEqual([
      'half-0',
      'half-1',
    ]);
    expect(decide({ claims: [claim('c', [exactly({ count: 3 })])], slices }).message).toBe(
      refusal('cannot allocate all claims'),
    );
    const none = slices.slice(1).map((one) => ({
      ...one,
      spec: { ...one.spec, pool: { name: 'a', generation: 1, resourceSliceCount: 1 } },
    }));
    expect(decide({ claims: [claim('c', [exactly()])], slices: none }).message).toBe(
      refusal('invalid resource pools were encountered'),
    );
  });

  it('shares of a device for as long as its capacity lasts', () => {
    const policy = { default: '1Gi', validRange: { min: '1Gi', max: '8Gi', step: '1Gi' } };
    const shared = [
      { name: 'nic', allowMultipleAllocations: true, capacity: { memory: { value: '10Gi', requestPolicy: policy } } },
    ];
    const asks = (name: string, memory?: string) =>
      claim(name, [exactly(memory === undefined ? {} : { capacity: { requests: { memory } } })]);
    const run = (...claims: any[]) =>
      decide({ claims, slices: [slice('a', shared)] }, wants(...claims.map((c) => c.metadata.name)));
    const two = run(asks('c', '1500Mi'), asks('d', '8Gi'));
    expect(two.allocations.map((a) => a.devices.results[0].consumedCapacity)).toEqual([
      { memory: '2Gi' },
      { memory: '8Gi' },
    ]);
    expect(new Set(two.allocations.map((a) => 'shareID' in a.devices.results[0]))).toEqual(new Set([true]));
    expect(run(asks('c', '3Gi'), asks('d', '8Gi')).message).toBe(refusal('cannot allocate all claims'));
    expect(run(asks('c', '9Gi')).message).toBe(refusal('cannot allocate all claims'));
    expect(run(asks('c')).allocations[0].devices.results[0].consumedCapacity).toEqual({ memory: '1Gi' });
  });

  it('devices that several nodes reach, and says which', () => {
    const term = { matchExpressions: [{ key: 'rack', operator: 'In', values: ['1'] }] };
    const slices = [slice('net', gpus(1), { nodeSelector: { nodeSelectorTerms: [term] } })];
    const nodes: Setup['nodes'] = [['a'], ['b', { labels: { rack: '1' } }]];
    const { node, allocations } = decide({ nodes, claims: [claim('c', [exactly()])], slices });
    expect(node).toBe('b');
    expect(allocations[0].nodeSelector).toEqual({ nodeSelectorTerms: [term] });
    const everywhere = decide({
      claims: [claim('c', [exactly()])],
      slices: [slice('net', gpus(1), { allNodes: true })],
    });
    expect(everywhere.allocations[0]).not.toHaveProperty('nodeSelector');
  });

  it('configuration of its class once and its own where it applies', () => {
    const opaque = (text: string) => ({ opaque: { driver, parameters: { text } } });
    const { allocations } = decide({
      classes: [gpuClass({ config: [opaque('class')] })],
      claims: [
        claim('c', [exactly({}, 'x'), exactly({}, 'y')], {
          config: [opaque('all'), { requests: ['y'], ...opaque('y') }, { requests: ['z'], ...opaque('z') }],
        }),
      ],
      slices: [slice('a', gpus(2))],
    });
    expect(allocations[0].devices.config).toEqual([
      { source: 'FromClass', requests: ['x', 'y'], ...opaque('class') },
      { source: 'FromClaim', ...opaque('all') },
      { source: 'FromClaim', requests: ['y'], ...opaque('y') },
    ]);
  });
});

describe('why a pod with claims waits', () => {
  const waits = (setup: Setup, pod = wants('c')) => {
    const { message, plugin } = decide(setup, pod);
    return [plugin.preEnqueue!(pod)?.reasons[0], message] as const;
  };

  it('for a claim that is missing, is going, is not made yet or is another pod’s', () => {
    const whole = (text: string) => [text, `0/1 nodes are available: ${text}.`];
    expect(waits({})).toEqual(whole('resourceclaim.resource.k8s.io "c" not found'));
    const going = claim('c', [exactly()]);
    Object.assign(going.metadata, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(waits({ claims: [going] })).toEqual(whole('resourceclaim "c" is being deleted'));
    const templated = makePod('p', { resourceClaims: [{ name: 'x', resourceClaimTemplateName: 't' }] });
    expect(waits({}, templated)).toEqual(whole('pod "default/p": ResourceClaim not created yet'));
    const statuses = [{ name: 'x', resourceClaimName: 'c' }];
    const named = { ...templated, status: { resourceClaimStatuses: statuses } } as typeof templated;
    expect(waits({ claims: [claim('c', [exactly()])] }, named)).toEqual(
      whole('ResourceClaim default/c was not created for Pod default/p (Pod is not owner)'),
    );
  });

  it('for a class that does not exist', () => {
    expect(decide({ classes: [], claims: [claim('c', [exactly()])] }).message).toBe(
      '0/1 nodes are available: request r: device class gpu does not exist.',
    );
  });

  it('for a claim that another pod is about to have allocated', () => {
    const { cycle } = decide({ claims: [claim('c', [exactly()])], slices: [slice('a', gpus(1))] });
    expect(cycle.run(wants('c')).message).toBe(
      '0/1 nodes are available: resource claim default/c is in the process of being allocated.',
    );
  });

  it('on nodes where an allocated claim is of no use', () => {
    const selector = {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
    };
    const allocation = { devices: { results: [] }, nodeSelector: selector };
    const setup = { claims: [claim('c', [exactly()], {}, { status: { allocation } })] };
    expect(decide({ ...setup, nodes: [['a']] }).message).toBe(refusal('resourceclaim not available on the node'));
    expect(decide({ ...setup, nodes: [['a'], ['b']] }).node).toBe('b');
  });

  it('a search that does not end in sensible time fails the attempt', () => {
    // 21 devices that must be alike, and only 20 are: all subsets of those are tried.
    const devices = gpus(40).map((device, i) => ({ ...device, attributes: { n: { int: i % 2 } } }));
    const requests = [exactly({ count: 21 })];
    const setup = {
      claims: [claim('c', requests, { constraints: [{ matchAttribute: `${driver}/n` }] })],
      slices: [slice('a', devices)],
    };
    expect(decide(setup).message).toBe(
      'running "DynamicResources" filter plugin: node a: timed out trying to allocate devices',
    );
  });

  it('more devices than a claim can hold is an error', () => {
    expect(decide({ claims: [claim('c', [exactly({ count: 33 })])] }).message).toBe(
      'running "DynamicResources" filter plugin: claim default/c: number of requested devices 33 exceeds the claim limit of 32',
    );
  });
});

describe('features that nodes declare', () => {
  const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } }];
  const cases: [string, Record<string, unknown>, string][] = [
    [
      'restarting all containers',
      { containers: [{ name: 'c', image: 'i', restartPolicyRules: rules }] },
      'RestartAllContainersOnContainerExits',
    ],
    [
      'a user namespace on the host network',
      { hostNetwork: true, hostUsers: false },
      'UserNamespacesHostNetworkSupport',
    ],
  ];
  for (const [what, spec, feature] of cases) {
    it(`${what} needs ${feature}`, () => {
      const bare = makeNode('a');
      const able = makeNode('b');
      (able.status as any).declaredFeatures = [feature];
      const pod = makePod('p', spec);
      expect(cycleOver([bare]).run(pod).message).toBe(refusal("node(s) didn't match Pod's required features"));
      expect(cycleOver([bare, able]).run(pod).node).toBe('b');
      expect(cycleOver([bare]).run(makePod('p', { hostNetwork: true })).node).toBe('a');
    });
  }
});
