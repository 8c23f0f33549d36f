import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { Tracer, traceModes } from '../../../src/proxy/index.ts';
import { cluster, config, pod } from './objects.ts';

const withPorts = (base: KubeObject, ports: object[], spec: object = {}): KubeObject => ({
  ...base,
  metadata: { ...base.metadata, uid: `uid-${base.metadata.name}` },
  spec: { ...base['spec'], containers: [{ name: 'c', ports }], ...spec },
});

const agent = withPorts(pod('agent', '10.244.1.7', 'n1'), [
  { containerPort: 9100, hostPort: 9100 },
  { containerPort: 53, hostPort: 5300, protocol: 'UDP', hostIP: '192.168.0.11' },
]);
const done = {
  ...withPorts(pod('done', '10.244.1.8', 'n1'), [{ containerPort: 80, hostPort: 8000 }]),
  status: { phase: 'Succeeded' },
};
const own = withPorts(pod('own', '192.168.0.11', 'n1'), [{ containerPort: 7000, hostPort: 7000 }], {
  hostNetwork: true,
});
const sidecar = withPorts(pod('sidecar', '10.244.2.7', 'n2'), [], {
  initContainers: [
    { name: 'side', restartPolicy: 'Always', ports: [{ containerPort: 15020, hostPort: 15020 }] },
    { name: 'once', ports: [{ containerPort: 1, hostPort: 1 }] },
  ],
});

const tracer = new Tracer({ ...cluster, pods: [...cluster.pods, agent, done, own, sidecar] }, config);

interface Flow {
  readonly from: string;
  readonly origin: 'pod' | 'node' | 'outside';
  readonly node?: string;
  readonly to: string;
  readonly port: number;
  readonly protocol?: 'tcp' | 'udp';
}

function end(mode: (typeof traceModes)[number], flow: Flow): string {
  const { outcomes } = tracer.trace(
    mode,
    { source: flow.from, destination: flow.to, destinationPort: flow.port, protocol: flow.protocol ?? 'tcp' },
    { kind: flow.origin, node: flow.node ?? 'n1' },
  );
  expect(outcomes).toHaveLength(1);
  const [{ end: where, destination, source }] = outcomes as [(typeof outcomes)[number]];
  return `${where.kind} ${destination} from ${source}`;
}

const outside = { from: '203.0.113.9', origin: 'outside' } as const;

const flows: readonly [string, Flow, string][] = [
  ['from outside', { ...outside, to: '192.168.0.11', port: 9100 }, 'pod 10.244.1.7:9100 from 203.0.113.9'],
  [
    'from a pod of another node',
    { from: '10.244.2.2', origin: 'pod', node: 'n2', to: '192.168.0.11', port: 9100 },
    'pod 10.244.1.7:9100 from 10.244.2.2',
  ],
  [
    'from a pod of the same range, which is masqueraded so that the answer comes back by the node',
    { from: '10.244.1.9', origin: 'pod', to: '192.168.0.11', port: 9100 },
    'pod 10.244.1.7:9100 from 10.244.1.1',
  ],
  [
    'from the node’s loopback, which is masqueraded too',
    { from: '127.0.0.1', origin: 'node', to: '127.0.0.1', port: 9100 },
    'pod 10.244.1.7:9100 from 10.244.1.1',
  ],
  [
    'of a sidecar',
    { ...outside, node: 'n2', to: '192.168.0.12', port: 15020 },
    'pod 10.244.2.7:15020 from 203.0.113.9',
  ],
  [
    'at the host IP alone',
    { ...outside, to: '192.168.0.11', port: 5300, protocol: 'udp' },
    'pod 10.244.1.7:53 from 203.0.113.9',
  ],
];

const nowhere: readonly [string, Flow][] = [
  ['another node', { ...outside, node: 'n3', to: '192.168.0.13', port: 9100 }],
  ['another protocol', { ...outside, to: '192.168.0.11', port: 5300 }],
  ['another address of the node', { ...outside, to: '10.244.1.1', port: 5300, protocol: 'udp' }],
  ['a pod that is over', { ...outside, to: '192.168.0.11', port: 8000 }],
  ['a pod on the host network: it has the port itself', { ...outside, to: '192.168.0.11', port: 7000 }],
  ['an init container that ends', { ...outside, node: 'n2', to: '192.168.0.12', port: 1 }],
];

for (const mode of traceModes) {
  describe(`host ports beside ${mode}`, () => {
    for (const [what, flow, expected] of flows) {
      it(`a host port is reached ${what}`, () => expect(end(mode, flow)).toBe(expected));
    }
    for (const [what, flow] of nowhere) {
      it(`no host port is made for ${what}`, () => {
        expect(end(mode, flow)).toBe(`node ${flow.to}:${flow.port} from ${flow.from}`);
      });
    }
    it('Services and their node ports are as they were', () => {
      const { outcomes } = tracer.trace(
        mode,
        { source: '10.244.1.9', destination: '10.96.0.10', destinationPort: 80, protocol: 'tcp' },
        { kind: 'pod', node: 'n1' },
      );
      expect(outcomes.map(({ destination }) => destination).sort()).toEqual([
        '10.244.1.2:8080',
        '10.244.2.2:8080',
        '10.244.3.2:8080',
      ]);
    });
  });
}

it('the steps name portmap’s chains and the pod', () => {
  const { steps, conntrack } = tracer.trace(
    'nftables',
    { source: '203.0.113.9', destination: '192.168.0.11', destinationPort: 9100, protocol: 'tcp' },
    { kind: 'outside', node: 'n1' },
  );
  const dnat = steps.find(({ translation }) => translation?.kind === 'DNAT')!;
  expect(dnat.chain).toMatch(/^CNI-DN-/);
  expect(dnat.rule).toContain('--dport 9100 -j DNAT --to-destination 10.244.1.7:9100');
  expect(steps.some(({ rule }) => rule?.includes('name: \\"klab\\" id: \\"uid-agent\\"'))).toBe(true);
  expect(conntrack?.reply.source).toBe('10.244.1.7');
});
