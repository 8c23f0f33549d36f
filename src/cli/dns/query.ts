/** `klab dns query`: what a pod that asks for a name is told, search path and all. Works on any cluster. */
import { isForbidden, isNotFound } from '../../apimachinery/index.ts';
import type { Corefile, DnsType } from '../../dns/index.ts';
import {
  asksClusterDns,
  isIp,
  ndotsOf,
  podResolver,
  type Resolver,
  type ResolverPod,
  searchPath,
} from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import { listAll } from '../proxy/world.ts';
import type { Session } from '../session.ts';
import { clusterDns, corefileOf, type DnsQueryStep, recordText, resolveName } from './resolve.ts';

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
  /** Whom the pod asks instead of cluster DNS: its own first name server, or the node's. */
  readonly elsewhere?: string;
  readonly steps: readonly DnsQueryStep[];
}

export async function dnsQuery(session: Session, request: DnsQueryRequest): Promise<string> {
  const answer = await ask(session, request);
  return request.output === undefined ? text(answer) : printData(answer, request.output as 'json');
}

async function ask(session: Session, { name, type, from, output: _ }: DnsQueryRequest): Promise<DnsQueryAnswer> {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new UserError(`"${name}" is no DNS name: ${problem}`);
  const reverse = isIp(name) ? reverseName(name) : undefined;
  const wanted = (type?.toUpperCase() ?? (reverse === undefined ? 'A' : 'PTR')) as DnsType;
  if (!types.includes(wanted)) throw new UserError(`cluster DNS has no ${type} records; it has ${types.join(', ')}`);
  const question = { name, type: wanted };
  const asked = reverse === undefined ? name : `${reverse}.`;
  const corefile = await readCoreDns(session);
  const verified = corefile.blocks.some(({ kubernetes }) => kubernetes?.pods === 'verified');
  const words = ['services', 'endpointslices.discovery.k8s.io', 'namespaces', ...(verified ? ['pods'] : [])];
  const [services = [], endpointSlices = [], namespaces = [], pods = []] = await Promise.all(
    words.map((word) => listAll(session, word)),
  );
  const dns = await clusterDns({ services, endpointSlices, namespaces, pods }, corefile);
  const server = services.find(({ metadata }) => metadata.namespace === 'kube-system' && metadata.name === 'kube-dns');
  const cluster = { clusterDomain: dns.domain, clusterDNS: (server as any)?.spec?.clusterIPs ?? [] };
  const pod = await podOf(session, from);
  const resolver = podResolver(pod, cluster);
  const elsewhere = elsewhereOf(pod.spec, resolver, cluster.clusterDNS);
  if (elsewhere === undefined) return { question, resolver, steps: resolveName(dns, asked, wanted, resolver) };
  const names = searchPath(asked, resolver.searches, ndotsOf(resolver));
  const steps = names.map((each) => ({ name: each, code: 'ELSEWHERE', records: [] }) as const);
  return { question, resolver, elsewhere, steps };
}

/** RFC 1035, 2.3.4: what no message can carry. */
function nameProblem(name: string): string | undefined {
  const bare = name.replace(/\.$/, '');
  if (bare.length > 253) return 'it is longer than 253 characters';
  const labels = bare.split('.');
  if (labels.includes('')) return 'a label is empty';
  const long = labels.find((label) => label.length > 63);
  return long && `label "${long}" is longer than 63 characters`;
}

/** What CoreDNS of the cluster runs with, or kubeadm's where there is nothing to read, which is said if it matters. */
async function readCoreDns(session: Session): Promise<Corefile> {
  const say = (why: string) => session.say(`Warning: ${why}: answered as by kubeadm's Corefile`);
  let data: Readonly<Record<string, string>>;
  try {
    const resource = await session.find('configmaps');
    if (!resource) return corefileOf();
    const map: any = await session.client.resource(resource).namespace('kube-system').get('coredns');
    data = map.data ?? {};
  } catch (error) {
    // Clusters with another DNS server have none.
    if (!isNotFound(error) && !isForbidden(error)) throw error;
    if (isForbidden(error)) say((error as Error).message);
    return corefileOf();
  }
  try {
    return await corefileOf(data);
  } catch (error) {
    if ((error as Error).name !== 'CorefileError') throw error;
    say(`ConfigMap kube-system/coredns cannot be used (${(error as Error).message}) and CoreDNS keeps what it had`);
    return corefileOf();
  }
}

/** Default any pod of the session's namespace. */
async function podOf(session: Session, from: string | undefined): Promise<ResolverPod> {
  const { namespace } = session;
  if (from === undefined) return { namespace, spec: {} };
  const name = /^(?:pods?|po)\/(.+)$/.exec(from)?.[1];
  if (name === undefined) throw new UserError(`--from is pod/NAME, not "${from}"`);
  const pod: any = await session.client.resource('pods').namespace(namespace).get(name);
  return { namespace, spec: pod.spec };
}

/** A resolver asks its first server; the others only when that one does not answer. */
function elsewhereOf(
  spec: ResolverPod['spec'],
  { servers: [first] }: Resolver,
  clusterDNS: readonly string[],
): string | undefined {
  if (asksClusterDns(spec)) return undefined;
  if (spec.dnsPolicy !== 'None') return "the node's own name servers";
  return first === undefined || clusterDNS.includes(first) ? undefined : `name server ${first}`;
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

function text({ question, resolver, elsewhere, steps }: DnsQueryAnswer): string {
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
  if (elsewhere !== undefined) lines.push('', `cluster DNS is not asked: the pod asks ${elsewhere}`);
  else if (records.length > 0) lines.push('', ...records.map(recordText));
  else if (code === 'NXDOMAIN') lines.push('', `${question.name}: no such name`);
  return lines.join('\n');
}

function stepText({ code, records, rewrittenTo, forwardedTo }: DnsQueryStep): string {
  const rewritten = rewrittenTo ? `, rewritten to ${rewrittenTo.name}. ${rewrittenTo.type}` : '';
  const alias = records.length > 0 && forwardedTo ? `, the rest forwarded to ${forwardedTo.join(', ')}` : '';
  return `${codeText({ code, records, forwardedTo })}${rewritten}${alias}`;
}

function codeText({ code, records, forwardedTo }: Omit<DnsQueryStep, 'name'>): string {
  switch (code) {
    case 'ELSEWHERE':
      return 'not asked of cluster DNS';
    case 'FORWARDED':
      return `not the cluster's: forwarded to ${forwardedTo?.join(', ') ?? 'the name servers behind CoreDNS'}`;
    case 'NOERROR':
      if (records.length === 0) return 'NOERROR, no such record';
      return `${records.length} record${records.length === 1 ? '' : 's'}`;
    default:
      return code;
  }
}
