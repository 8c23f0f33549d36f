/** `klab proxy trace`: a packet followed from a pod, a node or elsewhere to a Service or an address. Works on any cluster. */
import { readFileSync } from 'node:fs';
import type { NetworkPolicy } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import {
  DumpError,
  explainVerdict,
  familyOf,
  joinHostPort,
  networkPolicyVerdict,
  type PodNetBackend,
  type PolicyEnd,
  type PolicyVerdict,
  TraceError,
} from '../../net/index.ts';
import type { Diagnosis, KubeProxyConfiguration, ProxyMode, RuleDump, Trace } from '../../proxy/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';
import { proxySettingsOf } from './settings.ts';
import { type Carried, carriedBy } from './trace-carry.ts';
import { type DnsStep, dnsStep } from './trace-dns.ts';
import { type FromEnd, fromEnd, type ToEnd, type TraceWorld, toEnd } from './trace-ends.ts';
import { proxyListener } from './trace-listener.ts';
import { traceText } from './trace-text.ts';
import { listReadable, rangesOf, readProxyWorld } from './world.ts';

export interface ProxyTraceRequest {
  readonly from: string;
  readonly to: string;
  readonly protocol?: string;
  readonly mode: ProxyMode | 'all';
  /** The node an outside address comes in by. Default: the first. */
  readonly node?: string;
  readonly seed?: string;
  /** The endpoint that client affinity led this client to before: `IP` or `IP:PORT`. */
  readonly remembered?: string;
  /** File with the rules of a real node, `-` for standard input. */
  readonly rules?: string;
  /** kube-proxy's flags or file; its mode does not count. Default: kube-proxy's defaults. */
  readonly configuration?: KubeProxyConfiguration;
  /** Whose pod network carries packets between nodes. Default: not told. */
  readonly backend?: PodNetBackend;
  readonly output?: string;
}

/** One mode's answer; the same form for all. */
export interface TraceAnswer extends Omit<Trace, 'outcomes'> {
  readonly outcomes: readonly (Trace['outcomes'][number] & {
    readonly policy?: PolicyVerdict;
    readonly verdict?: string;
    /** Who answers on the node itself, where that is known. */
    readonly listener?: string;
  })[];
  /** With a backend: the pod network's part, where the packet leaves a node. */
  readonly carried?: Carried;
}

export interface ProxyTraceAnswer {
  readonly from: string;
  readonly to: string;
  readonly dns: DnsStep;
  readonly traces: readonly TraceAnswer[];
  /** Whose rules were walked in place of those made, and from which file. */
  readonly rules?: { readonly node: string; readonly file: string };
  /** Why nobody answers, and what would fix it. */
  readonly diagnosis?: Diagnosis;
}

export async function proxyTrace(session: Session, request: ProxyTraceRequest): Promise<string> {
  const [proxyWorld, pods = [], policies = [], found] = await Promise.all([
    readProxyWorld(session, undefined, request.node),
    listReadable(session, 'pods', 'addresses of other pods count as outside the cluster'),
    listReadable(session, 'networkpolicies.networking.k8s.io', 'other policies are taken not to be there'),
    listReadable(
      session,
      'namespaces',
      'of namespaces only names are known, not the labels that policies select them by',
    ),
  ]);
  const world = { ...proxyWorld, pods };
  const namespaces = found ?? namespacesOf([...world.services, ...pods]);
  const to = toEnd(world, request.to, session.namespace, request.protocol);
  const from = fromEnd(world, request.from, session.namespace, familyOf(to.ip), request.node, to.ip);
  const answer = await trace(session, request, world, from, to, { policies, namespaces });
  if (request.output !== undefined) return printData(answer, request.output as 'json');
  return traceText(answer);
}

/** Namespaces that nobody may list, by what lives in them; their name is the one label that all have. */
function namespacesOf(objects: readonly KubeObject[]): KubeObject[] {
  const names = new Set(objects.map(({ metadata }) => metadata.namespace!));
  return [...names].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
  }));
}

interface PolicyWorld {
  readonly policies: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
}

async function trace(
  session: Session,
  request: ProxyTraceRequest,
  world: TraceWorld,
  from: FromEnd,
  to: ToEnd,
  policyWorld: PolicyWorld,
): Promise<ProxyTraceAnswer> {
  const { diagnoseService, Tracer, traceModes } = await import('../../proxy/index.ts');
  const dns = await dnsStep(world, policyWorld.namespaces, from, to);
  const destination = dns.address ?? to.ip;
  const base = { from: from.text, to: to.text, dns };
  const protocol = to.protocol;
  const slices = world.endpointSlices.filter(
    ({ metadata }) =>
      metadata.namespace === to.service?.metadata.namespace &&
      metadata.labels?.['kubernetes.io/service-name'] === to.service?.metadata.name,
  );
  const diagnosis = to.service
    ? diagnoseService(to.service, { port: to.port, protocol }, to.servicePort, world.pods, slices)
    : undefined;
  const withDiagnosis = diagnosis === undefined ? {} : { diagnosis };
  const family = familyOf(destination);
  if (family === undefined) return { ...base, traces: [], ...withDiagnosis };
  if (family !== familyOf(from.ip)) {
    throw new UserError(`${from.text} has no ${family} address, and ${to.text} is ${destination}`);
  }
  const pasted =
    request.rules === undefined ? undefined : await pastedRules(request.rules, request.node ?? from.origin.node);
  const connection = {
    source: from.ip,
    destination,
    destinationPort: dns.port ?? to.port,
    protocol: protocol.toLowerCase() as 'tcp',
    ...(request.remembered === undefined ? {} : { remembered: rememberedEndpoint(request.remembered, to, slices) }),
  };
  const modes = pasted ? [pasted.dump.mode] : request.mode === 'all' ? traceModes : [request.mode];
  const traces: TraceAnswer[] = [];
  for (const mode of modes) {
    const { config, clusterCIDRs } = await proxySettingsOf(request.configuration, mode);
    const ranges = rangesOf(session, family, world.serviceCIDRs, clusterCIDRs);
    const tracer = new Tracer(world, { family, ...ranges, ...config }, pasted);
    const told = followed(() => tracer.trace(mode, connection, from.origin, request.seed), request.rules);
    const outcomes = await Promise.all(
      told.outcomes.map(async (outcome) => {
        const listener = protocol === 'TCP' ? await proxyListener(outcome, world) : undefined;
        const judged = withPolicy(outcome, world, from, to, policyWorld);
        return listener === undefined ? judged : { ...judged, listener };
      }),
    );
    const answered: TraceAnswer = { ...told, outcomes };
    const objects = { nodes: world.nodes, pods: world.pods, klab: session.server !== undefined };
    const carried = request.backend && carriedBy(request.backend, objects, from.pod, answered);
    traces.push(carried ? { ...answered, carried } : answered);
  }
  const reached = traces.some(({ outcomes }) => outcomes.some(({ end }) => end.kind === 'pod'));
  const rules = pasted && request.rules !== undefined ? { rules: { node: pasted.node, file: request.rules } } : {};
  return { ...base, traces, ...rules, ...(reached ? {} : withDiagnosis) };
}

/** What the walk refuses of pasted rules is the user's to know, with the file's name. */
function followed<T>(walk: () => T, file: string | undefined): T {
  try {
    return walk();
  } catch (error) {
    if (error instanceof TraceError)
      throw new UserError(file === undefined ? error.message : `${file}: ${error.message}`);
    throw error;
  }
}

async function pastedRules(file: string, node: string): Promise<{ node: string; dump: RuleDump }> {
  const { parseRuleDump } = await import('../../proxy/index.ts');
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${(error as Error).message}`);
  }
  try {
    return { node, dump: parseRuleDump(text) };
  } catch (error) {
    if (error instanceof DumpError) throw new UserError(`${file}: ${error.message}`);
    throw error;
  }
}

/** @throws UserError where nothing is remembered: no affinity, no such endpoint. */
function rememberedEndpoint(word: string, to: ToEnd, slices: readonly KubeObject[]): string {
  const { service } = to;
  if (service?.['spec']?.sessionAffinity !== 'ClientIP') {
    const who = service ? `Service ${service.metadata.namespace}/${service.metadata.name}` : to.text;
    throw new UserError(`${who} remembers no client: only Services with sessionAffinity ClientIP do`);
  }
  const addresses = slices.flatMap((slice) =>
    ((slice['ports'] ?? []) as any[])
      .filter(({ name }) => (name ?? '') === (to.servicePort?.name ?? ''))
      .flatMap(({ port }) =>
        ((slice['endpoints'] ?? []) as any[]).map((endpoint) => joinHostPort(endpoint.addresses[0], port)),
      ),
  );
  const found = addresses.find(
    (address) => address === word || address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') === word,
  );
  if (found === undefined) {
    throw new UserError(`${word} is no endpoint of ${to.text}; it has ${addresses.join(', ') || 'none'}`);
  }
  return found;
}

/**
 * What NetworkPolicies say of a connection. They judge between DNAT and SNAT: on the node that translated the destination
 * the sender is still seen as itself, and only pods elsewhere meet the address that it was masqueraded to.
 */
function withPolicy(
  outcome: Trace['outcomes'][number],
  world: TraceWorld,
  from: FromEnd,
  to: ToEnd,
  { policies, namespaces }: PolicyWorld,
): TraceAnswer['outcomes'][number] {
  const { end } = outcome;
  if (end.kind !== 'pod' && !((end.kind === 'outside' || end.kind === 'node') && from.pod)) return outcome;
  const source = {
    policies: (namespace: string) =>
      policies.filter(({ metadata }) => metadata.namespace === namespace) as unknown as NetworkPolicy[],
    namespaceLabels: (name: string) => namespaces.find(({ metadata }) => metadata.name === name)?.metadata.labels ?? {},
  };
  const ip = outcome.destination.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const target =
    end.kind === 'pod'
      ? world.pods.find(({ metadata }) => metadata.namespace === end.namespace && metadata.name === end.name)
      : undefined;
  const sender: PolicyEnd = from.pod
    ? podEnd(from.pod, from.ip)
    : { ip: from.ip, ...(from.origin.kind === 'node' ? { node: from.origin.node } : {}) };
  const receiver = target ? podEnd(target, ip) : { ip, ...(end.kind === 'node' ? { node: end.name } : {}) };
  const port = Number(/\d+$/.exec(outcome.destination)![0]);
  const say = (by: PolicyEnd) => networkPolicyVerdict(source, { from: by, to: receiver, port, protocol: to.protocol });
  const direct = say(sender);
  const translator = nodeAt(world, to.ip) ?? from.origin.node;
  const masked = outcome.snat !== undefined && end.kind === 'pod' && end.node !== translator;
  const seen = masked ? say({ ip: outcome.source, node: translator }) : direct;
  const policy: PolicyVerdict = {
    ...direct,
    ingress: seen.ingress,
    allowed: direct.egress.allowed && seen.ingress.allowed,
  };
  return { ...outcome, policy, verdict: explainVerdict(policy) };
}

/** The node whose address it is. */
const nodeAt = ({ nodes }: TraceWorld, ip: string): string | undefined =>
  nodes.find((node) => (node['status']?.addresses ?? []).some((each: { address: string }) => each.address === ip))
    ?.metadata.name;

function podEnd(pod: KubeObject, ip: string): PolicyEnd {
  const { namespace = '', name = '', labels = {} } = pod.metadata;
  const spec = pod['spec'] ?? {};
  if (spec.hostNetwork) return { ip, node: spec.nodeName };
  const namedPorts = ((spec.containers ?? []) as any[]).flatMap((container) =>
    ((container.ports ?? []) as any[])
      .filter((port) => port.name)
      .map((port) => ({ name: port.name, port: port.containerPort, protocol: port.protocol ?? 'TCP' })),
  );
  return { ip, pod: { namespace, name, labels, namedPorts, node: spec.nodeName } };
}
