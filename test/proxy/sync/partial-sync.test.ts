import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import {
  bytesWritten,
  IptablesSync,
  IpvsSync,
  ipsetRestoreInput,
  iptablesRules,
  ipvsadmRestoreInput,
  ipvsRules,
  type LoadStep,
  NftablesSync,
  nftablesRules,
  nftCommands,
  type RuleTransaction,
  resolveConfig,
  restoreInput,
  type ServiceChanges,
  ServiceTracker,
  servicePorts,
} from '../../../src/proxy/index.ts';
import { config, everything, service, slice } from '../objects.ts';
import { SimulatedLoaders } from './simulated-loaders.ts';

const resolved = resolveConfig({ ...config, nodePortAddresses: ['192.168.0.0/24'] });

interface Mode {
  readonly make: () => {
    update(changes: ServiceChanges, all: ServiceTracker): RuleTransaction;
    full(): RuleTransaction;
  };
  /** The generator's whole rule set, as inputs of the loaders. */
  readonly whole: (services: readonly KubeObject[], slices: readonly KubeObject[]) => LoadStep[];
}

const portsOf = (services: readonly KubeObject[], slices: readonly KubeObject[]) =>
  servicePorts(services, slices, 'IPv4', config.node);

const iptables: Mode = {
  make: () => new IptablesSync(resolved),
  whole: (...objects) => [
    { program: 'iptables-restore', input: restoreInput(iptablesRules(portsOf(...objects), resolved)) },
  ],
};

const modes: Record<string, Mode> = {
  iptables,
  'iptables, three chains a commit,': {
    ...iptables,
    make: () => Object.assign(new IptablesSync(resolved), { chainsPerCommit: 3 }),
  },
  nftables: {
    make: () => new NftablesSync(resolved),
    whole: (...objects) => [
      { program: 'nft', input: nftCommands(nftablesRules(portsOf(...objects), resolved)).join('\n') },
    ],
  },
  ipvs: {
    make: () => new IpvsSync(resolved),
    whole: (...objects) => {
      const rules = ipvsRules(portsOf(...objects), resolved);
      const tables = restoreInput({ filter: rules.filter, nat: rules.nat, jumps: [] });
      return [
        {
          program: 'ip',
          input: rules.addresses.map((address) => `addr replace ${address}/32 dev kube-ipvs0`).join('\n'),
        },
        { program: 'ipset', input: ipsetRestoreInput(rules, resolved) },
        { program: 'ipvsadm', input: ['-C', ipvsadmRestoreInput(rules)].join('\n').trimEnd() },
        { program: 'iptables-restore', input: tables },
      ].filter(({ input }) => input !== '') as LoadStep[];
    },
  },
};

const name = fc.constantFrom('a', 'b', 'c');
const someIp = fc.integer({ min: 1, max: 4 }).map((i) => `10.180.0.${i}`);
const ports = fc.constantFrom(
  [{ name: 'p80', port: 80, protocol: 'TCP' }],
  [
    { name: 'p80', port: 80, protocol: 'TCP', nodePort: 30080 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
  [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: 30053 }],
);
/** Addresses and node ports are few, so that Services come to claim the same ones. */
const spec = fc.record(
  {
    type: fc.constantFrom('ClusterIP', 'LoadBalancer', 'ExternalName'),
    ports,
    sessionAffinity: fc.constantFrom('None', 'ClientIP'),
    sessionAffinityConfig: fc.constantFrom({ clientIP: { timeoutSeconds: 60 } }, { clientIP: { timeoutSeconds: 90 } }),
    externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
    internalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
    externalIPs: fc.constantFrom(['192.168.99.1'], ['192.168.99.1', '192.168.99.2']),
    loadBalancerSourceRanges: fc.constantFrom(['192.168.0.0/24'], ['203.0.113.0/25']),
    healthCheckNodePort: fc.constant(30000),
  },
  { requiredKeys: ['type', 'ports'] },
);
const endpoint = fc.record({
  ip: someIp,
  node: fc.constantFrom('test-node', 'other'),
  ready: fc.boolean(),
  terminating: fc.boolean(),
});
type Change =
  | { kind: 'service'; name: string; spec: Record<string, unknown> | undefined; vip: boolean }
  | {
      kind: 'slice';
      name: string;
      endpoints: { ip: string; node: string; ready: boolean; terminating: boolean }[] | undefined;
    };
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant('service' as const),
    name,
    spec: fc.option(spec, { nil: undefined, freq: 4 }),
    vip: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('slice' as const),
    name,
    endpoints: fc.option(fc.array(endpoint, { maxLength: 4 }), { nil: undefined, freq: 4 }),
  }),
);

const objectOf = (of: Change): KubeObject =>
  of.kind === 'slice'
    ? slice(
        'ns',
        of.name,
        [
          ['p80', 8080],
          ['dns', 5353, 'UDP'],
        ],
        (of.endpoints ?? []).map((e) => ({ ...e, serving: true })),
      )
    : service(
        'ns',
        of.name,
        { clusterIP: `172.30.0.${of.name.charCodeAt(0)}`, ...of.spec },
        of.vip ? { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } : {},
      );

describe.each(Object.entries(modes))('%s mode', (_mode, { make, whole }) => {
  test('a partial sync equals a full sync after any sequence of changes, and its undo takes it back', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 8 }), (batches) => {
        const tracker = new ServiceTracker('IPv4', config.node);
        const sync = make();
        const kernel = new SimulatedLoaders().load(sync.full().steps);
        const objects = new Map<string, KubeObject>();
        for (const batch of batches) {
          for (const of of batch) {
            const object = objectOf(of);
            const there = of.kind === 'slice' ? of.endpoints : of.spec;
            if (of.kind === 'slice') there ? tracker.setSlice(object) : tracker.deleteSlice(object);
            else there ? tracker.setService(object) : tracker.deleteService(object);
            if (there) objects.set(`${of.kind} ${of.name}`, object);
            else objects.delete(`${of.kind} ${of.name}`);
          }
          const before = kernel.state();
          const transaction = sync.update(tracker.take(), tracker);
          kernel.load(transaction.steps);
          const all = [...objects.values()];
          const fresh = new SimulatedLoaders().load(
            whole(
              all.filter(({ kind }) => kind === 'Service'),
              all.filter(({ kind }) => kind === 'EndpointSlice'),
            ),
          );
          expect(kernel.state()).toEqual(fresh.state());
          expect(new SimulatedLoaders().load(sync.full().steps).state()).toEqual(fresh.state());
          // nft's transactions are atomic: they have no undo.
          if (transaction.undo.length > 0) {
            expect(kernel.load(transaction.undo).state()).toEqual(before);
            kernel.load(transaction.steps);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test('changing one endpoint writes a small part of the whole, and no change writes nothing', () => {
    const tracker = new ServiceTracker('IPv4', config.node);
    for (const object of everything.services) tracker.setService(object);
    for (const object of everything.endpointSlices) tracker.setSlice(object);
    for (let i = 0; i < 50; i++) {
      tracker.setService(service('many', `s${i}`, { clusterIP: `172.30.1.${i}`, ports: [{ port: 80 }] }));
      tracker.setSlice(slice('many', `s${i}`, [['', 80]], [{ ip: `10.181.0.${i + 1}` }]));
    }
    const sync = make();
    sync.update(tracker.take(), tracker);
    tracker.setSlice(slice('many', 's7', [['', 80]], [{ ip: '10.181.0.8' }, { ip: '10.181.9.9' }]));
    const written = bytesWritten(sync.update(tracker.take(), tracker));
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(bytesWritten(sync.full()) / 20);
    tracker.setSlice(slice('many', 's7', [['', 80]], [{ ip: '10.181.0.8' }, { ip: '10.181.9.9' }]));
    expect(sync.update(tracker.take(), tracker).steps).toEqual([]);
  });
});

test('large-cluster mode rewrites the comments of all Services when it begins and ends', () => {
  const tracker = new ServiceTracker('IPv4', config.node);
  const sync = new IptablesSync(resolved);
  const big = (count: number) =>
    slice(
      'ns',
      'big',
      [['', 80]],
      Array.from({ length: count }, (_, i) => ({ ip: `10.182.${i >> 8}.${i & 255}` })),
    );
  tracker.setService(service('ns', 'big', { clusterIP: '172.30.0.9', ports: [{ port: 80 }] }));
  tracker.setService(service('ns', 'a', { clusterIP: '172.30.0.8', ports: [{ port: 80 }] }));
  tracker.setSlice(slice('ns', 'a', [['', 80]], [{ ip: '10.180.0.1' }]));
  const comments = () => [...sync.texts.values()].filter((text) => text.includes('ns/a -> 10.180.0.1:80')).length;
  for (const [count, commented] of [
    [10, 1],
    [1000, 0],
    [999, 1],
  ] as const) {
    tracker.setSlice(big(count));
    sync.update(tracker.take(), tracker);
    expect(comments(), `${count} endpoints`).toBe(commented);
  }
});
