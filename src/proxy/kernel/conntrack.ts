/**
 * UDP flows that conntrack still sends to an endpoint that no longer serves. Upstream: pkg/proxy/conntrack/cleanup.go (1.36);
 * it asks the kernel by netlink, here the program `conntrack` does.
 */
import { canonicalIp, type IpFamily, joinHostPort } from '../../net/index.ts';
import type { ServicePort } from '../service-ports.ts';
import { findProgram, type KernelHost, must } from './host.ts';

export interface Flow {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Whom the answers come from: the endpoint. */
  readonly replySource: string;
  readonly replySourcePort: number;
}

/** Flows of `conntrack -L -p udp`; other lines are passed over. */
export function readFlows(text: string): Flow[] {
  const flows: Flow[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('udp ')) continue;
    const all = (name: string) => [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map((match) => match[1]!);
    const [[source, replySource], [destination], sports, dports] = [all('src'), all('dst'), all('sport'), all('dport')];
    if (source === undefined || replySource === undefined || destination === undefined || sports.length < 2) continue;
    flows.push({
      source: canonicalIp(source),
      destination: canonicalIp(destination),
      sourcePort: Number(sports[0]),
      destinationPort: Number(dports[0]),
      replySource: canonicalIp(replySource),
      replySourcePort: Number(sports[1]),
    });
  }
  return flows;
}

/** Flows to a Service's address or node port that go to none of its serving endpoints. A Service without any is let be. */
export function staleFlows(flows: readonly Flow[], ports: Iterable<ServicePort>): Flow[] {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const port of ports) {
    if (port.protocol !== 'UDP') continue;
    const serving = new Set(port.endpoints.filter((endpoint) => endpoint.serving).map(({ address }) => address));
    if (serving.size === 0) continue;
    for (const ip of [port.clusterIP, ...port.loadBalancerVIPs, ...port.externalIPs]) {
      byAddress.set(joinHostPort(ip, port.port), serving);
    }
    if (port.nodePort !== 0) byNodePort.set(port.nodePort, serving);
  }
  return flows.filter((flow) => {
    const endpoint = joinHostPort(flow.replySource, flow.replySourcePort);
    const here = byAddress.get(joinHostPort(flow.destination, flow.destinationPort));
    if (here && !here.has(endpoint)) return true;
    const atNode = byNodePort.get(flow.destinationPort);
    return atNode !== undefined && !atNode.has(endpoint);
  });
}

/** @returns how many flows were removed. @throws ProxyError when `conntrack` is missing or cannot list. */
export async function cleanStaleFlows(
  host: KernelHost,
  family: IpFamily,
  ports: Iterable<ServicePort>,
): Promise<number> {
  findProgram('conntrack');
  const which = ['-f', family === 'IPv4' ? 'ipv4' : 'ipv6', '-p', 'udp'];
  const flows = staleFlows(readFlows(await must(host, 'conntrack', ['-L', ...which])), ports);
  // One run for all flows of one frontend to one endpoint, of whichever clients.
  const groups = new Map<string, Flow>(
    flows.map((flow) => [
      `${flow.destination} ${flow.destinationPort} ${flow.replySource} ${flow.replySourcePort}`,
      flow,
    ]),
  );
  for (const flow of groups.values()) {
    const frontend = ['-d', flow.destination, '--dport', String(flow.destinationPort)];
    const endpoint = ['--reply-src', flow.replySource, '--reply-port-src', String(flow.replySourcePort)];
    // Exit code 1 also means that the flows have gone by themselves.
    await host.run('conntrack', ['-D', ...which, ...frontend, ...endpoint]);
  }
  return flows.length;
}
