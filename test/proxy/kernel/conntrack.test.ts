import { expect, test } from 'vitest';
import { readFlows, servicePorts, staleFlows } from '../../../src/proxy/index.ts';
import { config, service, slice } from '../objects.ts';

/** As `conntrack -L -p udp` prints flows. */
const flow = (destination: string, port: number, endpoint: string, clientPort = 4000) =>
  `udp      17 29 src=10.0.0.9 dst=${destination} sport=${clientPort} dport=${port} ` +
  `src=${endpoint} dst=10.0.0.9 sport=5353 dport=${clientPort} [ASSURED] mark=0 use=1`;

const services = [
  service('ns', 'dns', {
    clusterIP: '172.30.0.10',
    externalIPs: ['192.168.99.1'],
    ports: [{ port: 53, protocol: 'UDP', nodePort: 30053 }],
  }),
  service('ns', 'empty', { clusterIP: '172.30.0.11', ports: [{ port: 53, protocol: 'UDP' }] }),
  service('ns', 'tcp', { clusterIP: '172.30.0.12', ports: [{ port: 53, protocol: 'TCP' }] }),
];
const slices = [
  slice(
    'ns',
    'dns',
    [['', 5353, 'UDP']],
    [
      { ip: '10.180.0.1' },
      { ip: '10.180.0.2', ready: false, serving: true, terminating: true },
      { ip: '10.180.0.3', ready: false },
    ],
  ),
  slice('ns', 'tcp', [['', 5353, 'TCP']], [{ ip: '10.180.0.1' }]),
];
const stale = (...lines: string[]) =>
  staleFlows(readFlows(lines.join('\n')), servicePorts(services, slices, 'IPv4', config.node)).map(
    ({ destination, replySource }) => `${destination} ${replySource}`,
  );

test('a UDP flow to an endpoint that no longer serves is stale, at every address of its Service', () => {
  expect(
    stale(
      flow('172.30.0.10', 53, '10.180.0.9'),
      flow('192.168.99.1', 53, '10.180.0.3'),
      flow('192.168.0.2', 30053, '10.180.0.9'),
    ),
  ).toEqual(['172.30.0.10 10.180.0.9', '192.168.99.1 10.180.0.3', '192.168.0.2 10.180.0.9']);
});

test('flows to serving endpoints stay, also terminating ones, and what is no Service’s is not touched', () => {
  expect(
    stale(
      flow('172.30.0.10', 53, '10.180.0.1'),
      flow('172.30.0.10', 53, '10.180.0.2'),
      flow('8.8.8.8', 53, '8.8.8.8'),
      flow('172.30.0.10', 54, '10.180.0.9'),
    ),
  ).toEqual([]);
});

test('a Service without endpoints and one of TCP keep their flows', () => {
  expect(stale(flow('172.30.0.11', 53, '10.180.0.9'), flow('172.30.0.12', 53, '10.180.0.9'))).toEqual([]);
});

test('flows are read with their ports, answered or not; other lines are passed over', () => {
  const text = `conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.
tcp      6 431999 ESTABLISHED src=10.0.0.9 dst=10.0.0.1 sport=1 dport=2 src=10.0.0.1 dst=10.0.0.9 sport=2 dport=1 use=1
udp      17 12 src=fd00::9 dst=fd00:0:0::a sport=4000 dport=53 [UNREPLIED] src=fd00::1 dst=fd00::9 sport=5353 dport=4000 use=1`;
  expect(readFlows(text)).toEqual([
    {
      source: 'fd00::9',
      destination: 'fd00::a',
      sourcePort: 4000,
      destinationPort: 53,
      replySource: 'fd00::1',
      replySourcePort: 5353,
    },
  ]);
});
