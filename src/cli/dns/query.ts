/** `klab dns query`: what a pod that asks for a name is told, search path and all. Works on any cluster. */
import type { DnsType } from '../../dns/index.ts';
import { isIp, podResolver, type Resolver } from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import { listAll } from '../proxy/world.ts';
import type { Session } from '../session.ts';
import { clusterDns, type DnsQueryStep, recordText, resolveName } from './resolve.ts';

export interface DnsQueryRequest {
  readonly name: string;
  /** Default A, for an address PTR. */
  readonly type?: string;
  /** `pod/NAME`: with its resolver. Default: as any pod of the session's namespace. */
  readonly from?: string;
  readonly output?: string;
}

const types: readonly DnsType[] = ['A', 'AAAA', 'CNAME', 'PTR', 'SRV'];

export interface DnsQueryAnswer {
  readonly question: { readonly name: string; readonly type: DnsType };
  readonly resolver: Resolver;
  readonly steps: readonly DnsQueryStep[];
}

export async function dnsQuery(session: Session, request: DnsQueryRequest): Promise<string> {
  const answer = await ask(session, request);
  return request.output === undefined ? text(answer) : printData(answer, request.output as 'json');
}

async function ask(session: Session, { name, type, from, output: _ }: DnsQueryRequest): Promise<DnsQueryAnswer> {
  const reverse = isIp(name) ? reverseName(name) : undefined;
  const wanted = (type?.toUpperCase() ?? (reverse === undefined ? 'A' : 'PTR')) as DnsType;
  if (!types.includes(wanted)) throw new UserError(`cluster DNS has no ${type} records; it has ${types.join(', ')}`);
  const [services, endpointSlices, namespaces] = await Promise.all(
    ['services', 'endpointslices.discovery.k8s.io', 'namespaces'].map((word) => listAll(session, word)),
  );
  const resolver = await resolverOf(session, from, services!);
  const dns = await clusterDns({ services: services!, endpointSlices: endpointSlices!, namespaces: namespaces! });
  const asked = reverse === undefined ? name : `${reverse}.`;
  return { question: { name, type: wanted }, resolver, steps: resolveName(dns, asked, wanted, resolver) };
}

async function resolverOf(session: Session, from: string | undefined, services: readonly any[]): Promise<Resolver> {
  const server = services.find(({ metadata }) => metadata.namespace === 'kube-system' && metadata.name === 'kube-dns');
  const cluster = { clusterDomain: 'cluster.local', clusterDNS: server?.spec?.clusterIPs ?? [] };
  if (from === undefined) return podResolver({ namespace: session.namespace, spec: {} }, cluster);
  const name = /^(?:pods?|po)\/(.+)$/.exec(from)?.[1];
  if (name === undefined) throw new UserError(`--from is pod/NAME, not "${from}"`);
  const pod: any = await session.client.resource('pods').namespace(session.namespace).get(name);
  return podResolver({ namespace: session.namespace, spec: pod.spec }, cluster);
}

/** `10.244.0.5` → `5.0.244.10.in-addr.arpa`. */
function reverseName(ip: string): string {
  if (!ip.includes(':')) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail] = ip.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  const digits = [...left, ...middle, ...right].map((group) => group.padStart(4, '0')).join('');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}

function text({ question, resolver, steps }: DnsQueryAnswer): string {
  const servers = resolver.servers.join(', ') || 'none';
  const lines = [
    `resolver: nameserver ${servers}; search ${resolver.searches.join(' ') || '(nothing)'}; ${resolver.options.join(' ') || 'no options'}`,
    '',
    renderTable(
      ['ASKED', 'TYPE', 'ANSWER'],
      steps.map((step) => [`${step.name}.`, question.type, stepText(step)]),
    ).trimEnd(),
  ];
  const { code, records } = steps.at(-1)!;
  if (records.length > 0) lines.push('', ...records.map(recordText));
  else if (code === 'NXDOMAIN') lines.push('', `${question.name}: no such name`);
  return lines.join('\n');
}

function stepText({ code, records }: DnsQueryStep): string {
  if (code === 'FORWARDED') return "not the cluster's: forwarded to the name servers behind CoreDNS";
  if (code === 'NXDOMAIN') return 'NXDOMAIN';
  return records.length === 0
    ? 'NOERROR, no such record'
    : `${records.length} record${records.length === 1 ? '' : 's'}`;
}
