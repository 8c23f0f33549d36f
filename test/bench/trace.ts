/** `klab proxy trace` among 5,000 Services of 10 endpoints: the walk alone, and with the rules made for it. */
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { Tracer, traceModes } from '../../src/proxy/index.ts';
import { median, type Row, row } from './row.ts';

const serviceCount = 5000;
const endpointCount = 10;

const nodes: KubeObject[] = [1, 2].map((i) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `n${i}` },
  spec: { podCIDR: `10.${127 + i}.0.0/16` },
  status: { addresses: [{ type: 'InternalIP', address: `192.168.0.${i}` }] },
}));

const address = (i: number, j: number) =>
  `10.${128 + (i & 1)}.${(i >> 5) & 255}.${((i >> 1) & 15) * endpointCount + j + 1}`;

function world() {
  const services: KubeObject[] = [];
  const endpointSlices: KubeObject[] = [];
  for (let i = 0; i < serviceCount; i++) {
    const name = `s${i}`;
    services.push({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'x', name },
      spec: { clusterIP: `10.96.${i >> 8}.${i & 255}`, ports: [{ port: 80, protocol: 'TCP' }] },
    });
    endpointSlices.push({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'x', name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: Array.from({ length: endpointCount }, (_, j) => ({
        addresses: [address(i, j)],
        nodeName: `n${1 + (i & 1)}`,
      })),
    });
  }
  return { services, endpointSlices, nodes, pods: [] };
}

export async function trace(): Promise<Row[]> {
  const input = world();
  const rows: Row[] = [];
  const last = serviceCount - 1;
  for (const mode of traceModes) {
    const tracer = new Tracer(input, { family: 'IPv4', clusterCIDR: '10.128.0.0/10' });
    const connection = {
      source: '10.128.255.9',
      destination: `10.96.${last >> 8}.${last & 255}`,
      destinationPort: 80,
      protocol: 'tcp',
    } as const;
    const once = () => {
      const start = performance.now();
      tracer.trace(mode, connection, { kind: 'pod', node: 'n1' });
      return performance.now() - start;
    };
    const first = once();
    rows.push(
      row(`trace among 5,000 Services × 10, ${mode}: first, rules made`, 'ms', first, false),
      row(
        `trace among 5,000 Services × 10, ${mode}: median of 20`,
        'ms',
        median(Array.from({ length: 20 }, once)),
        false,
      ),
    );
  }
  return rows;
}
