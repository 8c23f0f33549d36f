import { describe, expect, it } from 'vitest';
import { type Trace, type TraceConfig, Tracer, traceModes } from '../../../src/proxy/index.ts';
import { service, slice } from '../objects.ts';
import { cluster, config } from './objects.ts';

const tracer = new Tracer(cluster, config);

interface Flow {
  readonly from?: string;
  readonly to: string;
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly origin?: 'pod' | 'node' | 'outside';
  readonly node?: string;
}

const follow = (mode: Trace['mode'], flow: Flow, seed?: string): Trace =>
  tracer.trace(
    mode,
    {
      source: flow.from ?? '10.244.1.9',
      destination: flow.to,
      destinationPort: flow.port ?? 80,
      protocol: flow.protocol ?? 'tcp',
    },
    { kind: flow.origin ?? 'pod', node: flow.node ?? 'n1' },
    seed,
  );

/** Where it may end: `10.244.1.2:8080 from 10.244.1.9` → odds in percent, or how it is refused. */
const ends = ({ outcomes }: Trace): Record<string, number> =>
  Object.fromEntries(
    outcomes.map(({ odds, end, destination, source }) => [
      end.kind === 'pod' || end.kind === 'node' ? `${destination} from ${source}` : end.kind,
      Math.round(odds * 1000) / 10,
    ]),
  );

/** One line a flow; the three modes agree unless `per` says otherwise. */
const flows: readonly [
  what: string,
  flow: Flow,
  expected: Record<string, number>,
  per?: Partial<Record<string, Record<string, number>>>,
][] = [
  [
    'a pod reaches all endpoints of a cluster IP and keeps its address',
    { to: '10.96.0.10' },
    {
      '10.244.1.2:8080 from 10.244.1.9': 33.3,
      '10.244.2.2:8080 from 10.244.1.9': 33.3,
      '10.244.3.2:8080 from 10.244.1.9': 33.3,
    },
  ],
  [
    'a pod that is sent back to itself gets another source address',
    { to: '10.96.0.10', from: '10.244.1.2' },
    {
      '10.244.1.2:8080 from 10.244.1.1': 33.3,
      '10.244.2.2:8080 from 10.244.1.2': 33.3,
      '10.244.3.2:8080 from 10.244.1.2': 33.3,
    },
  ],
  [
    'a node is masqueraded: its answer must come back here',
    { to: '10.96.0.10', from: '192.168.0.11', origin: 'node' },
    {
      '10.244.1.2:8080 from 10.244.1.1': 33.3,
      '10.244.2.2:8080 from 192.168.0.11': 33.3,
      '10.244.3.2:8080 from 192.168.0.11': 33.3,
    },
  ],
  [
    'a first packet of a client with affinity may go anywhere',
    { to: '10.96.0.11' },
    {
      '10.244.1.2:8080 from 10.244.1.9': 33.3,
      '10.244.2.2:8080 from 10.244.1.9': 33.3,
      '10.244.3.2:8080 from 10.244.1.9': 33.3,
    },
  ],
  [
    'internalTrafficPolicy Local keeps it on the node',
    { to: '10.96.0.12' },
    { '10.244.1.2:8080 from 10.244.1.9': 100 },
  ],
  [
    'internalTrafficPolicy Local drops it where no endpoint is',
    { to: '10.96.0.12', from: '10.244.3.9', node: 'n3' },
    { dropped: 100 },
    { ipvs: { rejected: 100 } },
  ],
  ['a Service without ready endpoints refuses', { to: '10.96.0.13' }, { rejected: 100 }],
  [
    'its node port refuses too',
    { to: '192.168.0.11', port: 30013, from: '203.0.113.7', origin: 'outside' },
    { rejected: 100 },
  ],
  [
    'a node port takes traffic from outside and masquerades it',
    { to: '192.168.0.11', port: 30014, from: '203.0.113.7', origin: 'outside' },
    { '10.244.1.2:8080 from 10.244.1.1': 50, '10.244.2.2:8080 from 192.168.0.11': 50 },
  ],
  [
    "another node's node port is that node's to take",
    { to: '192.168.0.12', port: 30014, from: '203.0.113.7', origin: 'outside' },
    { '10.244.1.2:8080 from 192.168.0.12': 50, '10.244.2.2:8080 from 10.244.2.1': 50 },
  ],
  [
    'externalTrafficPolicy Local keeps the address of the client',
    { to: '198.51.100.5', from: '203.0.113.7', origin: 'outside', node: 'n2' },
    { '10.244.2.2:8080 from 203.0.113.7': 100 },
  ],
  [
    'externalTrafficPolicy Local drops it on a node without endpoints',
    { to: '198.51.100.5', from: '203.0.113.7', origin: 'outside', node: 'n3' },
    { dropped: 100 },
    // IPVS keeps every endpoint then, for the pods of the node; the client discards the answer, which bears a pod's address.
    { ipvs: { '10.244.2.2:8080 from 203.0.113.7': 100 } },
  ],
  [
    'a client outside the source ranges is dropped',
    { to: '198.51.100.5', from: '192.0.2.7', origin: 'outside', node: 'n2' },
    { dropped: 100 },
  ],
  [
    'a pod reaches a load balancer address with policy Local on all nodes',
    { to: '198.51.100.5', from: '10.244.1.9' },
    { dropped: 100 },
  ],
  ['hints keep it in the zone', { to: '10.96.0.16' }, { '10.244.1.2:8080 from 10.244.1.9': 100 }],
  ['UDP is told from TCP', { to: '10.96.0.17', port: 53, protocol: 'udp' }, { '10.244.2.2:5353 from 10.244.1.9': 100 }],
  [
    'a port that the Service does not have: only some modes say so',
    { to: '10.96.0.10', port: 81 },
    { lost: 100 },
    { nftables: { rejected: 100 }, ipvs: { rejected: 100 } },
  ],
  ['an address of the range that no Service has', { to: '10.96.9.9' }, { lost: 100 }, { nftables: { dropped: 100 } }],
  [
    'a pod on another node, without any Service',
    { to: '10.244.3.2', port: 8080 },
    { '10.244.3.2:8080 from 10.244.1.9': 100 },
  ],
  ['the outside world', { to: '8.8.8.8', port: 443 }, { outside: 100 }],
];

describe.each(traceModes)('a packet in mode %s', (mode) => {
  it.each(flows)('%s', (_what, flow, expected, per) => {
    expect(ends(follow(mode, flow))).toEqual(per?.[mode] ?? expected);
  });

  it('has odds that sum to one, whatever the flow', () => {
    for (const [, flow] of flows) {
      const sum = follow(mode, flow).outcomes.reduce((all, { odds }) => all + odds, 0);
      expect(sum).toBeCloseTo(1, 6);
    }
  });

  it('goes where the seed says, and each way comes up', () => {
    const chosen = new Set(Array.from({ length: 40 }, (_, i) => follow(mode, { to: '10.96.0.10' }, String(i)).chosen));
    expect([...chosen].sort()).toEqual([0, 1, 2]);
    expect(follow(mode, { to: '10.96.0.10' }, 'x').chosen).toBe(follow(mode, { to: '10.96.0.10' }, 'x').chosen);
  });

  it('tells where it was translated, and how the answer comes back', () => {
    const { steps, conntrack, reply } = follow(mode, {
      to: '192.168.0.12',
      port: 30014,
      from: '203.0.113.7',
      origin: 'outside',
    });
    const translations = steps.flatMap(({ translation, node }) =>
      translation ? [`${translation.kind} on ${node}`] : [],
    );
    expect(translations).toEqual(['DNAT on n2', 'SNAT on n2']);
    expect(conntrack!.original).toMatchObject({
      source: '203.0.113.7',
      destination: '192.168.0.12',
      destinationPort: 30014,
    });
    expect(conntrack!.reply.sourcePort).toBe(8080);
    expect(reply).toHaveLength(3);
    expect(reply[1]).toContain("n2's");
  });

  it('says of each endpoint why it does or does not get traffic', () => {
    const why = (to: string) => follow(mode, { to }).endpoints.map((fate) => fate.why);
    expect(why('10.96.0.10')).toEqual(['ready', 'ready', 'ready']);
    expect(why('10.96.0.12')).toEqual(['ready', 'internalTrafficPolicy is Local, and it is on n2', 'not ready']);
    expect(why('10.96.0.16')).toEqual(['ready', 'hinted for zone b; n1 is in a']);
  });
});

describe.each(traceModes)('a client that came before, in mode %s', (mode) => {
  const come = (to: string, remembered: string, from = '10.244.1.9') =>
    tracer.trace(
      mode,
      { source: from, destination: to, destinationPort: 80, protocol: 'tcp', remembered },
      { kind: 'pod', node: 'n1' },
    );

  it('goes where it went, all others being passed by', () => {
    const told = come('10.96.0.11', '10.244.2.2:8080');
    expect(ends(told)).toEqual({ '10.244.2.2:8080 from 10.244.1.9': 100 });
    expect(told.affinity).toEqual({ seconds: 600, remembered: '10.244.2.2:8080', held: true });
    expect(told.endpoints.map(({ why }) => why)).toEqual([
      'ready, but client affinity leads to 10.244.2.2:8080',
      'client affinity: it answered this client before',
      'ready, but client affinity leads to 10.244.2.2:8080',
    ]);
  });

  it('is a new client where its endpoint is no more', () => {
    const told = come('10.96.0.11', '10.244.9.9:8080');
    expect(told.outcomes).toHaveLength(3);
    expect(told.affinity).toMatchObject({ held: false });
  });

  it('is remembered by no Service without affinity, nor by the next packet', () => {
    expect(come('10.96.0.10', '10.244.2.2:8080').outcomes).toHaveLength(3);
    expect(come('10.96.0.10', '10.244.2.2:8080').affinity).toBeUndefined();
    expect(follow(mode, { to: '10.96.0.11' }).outcomes).toHaveLength(3);
  });
});

describe('rules tried', () => {
  it('grow with the number of Services in iptables mode, and in no other', () => {
    const many = 400;
    const services = Array.from({ length: many }, (_, i) =>
      service('x', `s${String(i).padStart(4, '0')}`, {
        clusterIP: `10.97.${i >> 8}.${i & 255}`,
        ports: [{ port: 80, protocol: 'TCP' }],
      }),
    );
    const slices = services.map(({ metadata }) =>
      slice('x', metadata.name!, [['', 8080]], [{ ip: '10.244.2.2', node: 'n2' }]),
    );
    const big = new Tracer({ ...cluster, services, endpointSlices: slices }, config);
    const small = new Tracer({ ...cluster, services: services.slice(-1), endpointSlices: slices.slice(-1) }, config);
    const to = services.at(-1)!['spec'].clusterIP;
    const tried = (by: Tracer, mode: Trace['mode']) => {
      const connection = { source: '10.244.1.9', destination: to, destinationPort: 80, protocol: 'tcp' } as const;
      return by.trace(mode, connection, { kind: 'pod', node: 'n1' }).outcomes[0]!.tried['n1']!;
    };
    expect(tried(big, 'iptables') - tried(small, 'iptables')).toBe(many - 1);
    expect(tried(big, 'nftables')).toBe(tried(small, 'nftables'));
    expect(tried(big, 'ipvs')).toBe(tried(small, 'ipvs'));
  });
});

describe.each(traceModes)('%s: whom a local detector takes for a pod of the node', (mode) => {
  const from = (localDetection: TraceConfig['localDetection'], origin: 'pod' | 'outside') =>
    ends(
      new Tracer(cluster, { ...config, localDetection }).trace(
        mode,
        {
          source: origin === 'pod' ? '10.244.1.9' : '203.0.113.9',
          destination: '10.96.0.12',
          destinationPort: 80,
          protocol: 'tcp',
        },
        { kind: origin, node: 'n1' },
      ),
    );
  it.each<[string, TraceConfig['localDetection']]>([
    ['a bridge', { by: 'interface', name: 'cni0' }],
    ['the name of an interface', { by: 'interface-prefix', prefix: 'veth' }],
    ["the node's range", { by: 'node-cidr' }],
  ])('by %s: a pod keeps its address, whoever comes from elsewhere does not', (_, detection) => {
    expect(from(detection, 'pod')).toEqual({ '10.244.1.2:8080 from 10.244.1.9': 100 });
    expect(from(detection, 'outside')).toEqual({ '10.244.1.2:8080 from 10.244.1.1': 100 });
  });
});
