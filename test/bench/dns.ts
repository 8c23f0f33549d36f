/** Cluster DNS among 5,000 Services: queries a second, answered in memory, and over UDP on loopback with the client beside it. */
import { createSocket } from 'node:dgram';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { Prng, silentLogger } from '../../src/base/index.ts';
import { NameServer, readCorefile } from '../../src/dns/index.ts';
import { serveDns } from '../../src/dns/server.ts';
import { type Row, row } from './row.ts';

const serviceCount = 5000;
const memoryQueries = 200_000;
const udpQueries = 60_000;
/** Questions under way at the same time. */
const window = 64;

const corefile = `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loadbalance
}
`;

function nameServer(): NameServer {
  const services = new Map<string, KubeObject>();
  for (let i = 0; i < serviceCount; i++) {
    const ip = `10.96.${i >> 8}.${i & 255}`;
    const spec = { clusterIP: ip, clusterIPs: [ip], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] };
    services.set(`s${i}`, { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'x', name: `s${i}` }, spec });
  }
  const all = [...services.values()];
  const source = {
    service: (_: string, name: string) => services.get(name),
    services: () => all,
    slices: () => [],
    namespaceExists: (name: string) => name === 'x',
  };
  return new NameServer({ source, prng: new Prng('bench') }, readCorefile(corefile));
}

/** `sN.x.svc.cluster.local A`, with EDNS as resolvers send it. */
function query(i: number): Buffer {
  const labels = [`s${i % serviceCount}`, 'x', 'svc', 'cluster', 'local'];
  const name = Buffer.concat(
    labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
  );
  const header = Buffer.from([(i >> 8) & 255, i & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
  return Buffer.concat([header, name, Buffer.from([0, 0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])]);
}

export async function dns(): Promise<Row[]> {
  const names = nameServer();
  const queries = Array.from({ length: serviceCount }, (_, i) => query(i));
  for (const each of queries) names.respond(each, 'udp');
  const start = performance.now();
  for (let i = 0; i < memoryQueries; i++) names.respond(queries[i % serviceCount]!, 'udp');
  const inMemory = (memoryQueries / (performance.now() - start)) * 1000;

  const respond = names.respond.bind(names);
  const server = await serveDns({ respond, log: silentLogger });
  const client = createSocket('udp4');
  await new Promise<void>((resolve) => client.connect(server.port, '127.0.0.1', resolve));
  let sent = 0;
  const more = () => {
    if (sent < udpQueries) client.send(queries[sent++ % serviceCount]!);
  };
  const from = performance.now();
  await new Promise<void>((resolve) => {
    let answered = 0;
    client.on('message', () => {
      if (++answered === udpQueries) resolve();
      more();
    });
    for (let i = 0; i < window; i++) more();
  });
  const overUdp = (udpQueries / (performance.now() - from)) * 1000;
  client.close();
  await server.close();
  return [
    row('DNS: A of a Service, in memory', 'queries/s', inMemory, true),
    row('DNS: the same over UDP, client in the same process', 'queries/s', overUdp, true),
  ];
}
