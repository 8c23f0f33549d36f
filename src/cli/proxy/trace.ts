/** `klab proxy trace`: a packet followed from a pod, a node or elsewhere to a Service or an address. Works on any cluster. */
import type { NetworkPolicy } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { explainVerdict, familyOf, networkPolicyVerdict, type PolicyEnd, type PolicyVerdict } from '../../net/index.ts';
import type { Diagnosis, ProxyMode, Trace } from '../../proxy/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';
import { type DnsStep, dnsStep } from './trace-dns.ts';
import { type FromEnd, fromEnd, type ToEnd, type TraceWorld, toEnd } from './trace-ends.ts';
import { traceText } from './trace-text.ts';
import { listAll, rangesOf, readProxyWorld } from './world.ts';

export interface ProxyTraceRequest {
  readonly from: string;
  readonly to: string;
  readonly protocol?: string;
  readonly mode: ProxyMode | 'all';
  /** The node an outside address comes in by. Default: the first. */
  readonly node?: string;
  readonly seed?: string;
  readonly clusterCidr?: string;
  readonly output?: string;
}

/** One mode's answer; the same form for all. */
export interface TraceAnswer extends Omit<Trace, 'outcomes'> {
  readonly outcomes: readonly (Trace['outcomes'][number] & {
    readonly policy?: PolicyVerdict;
    readonly verdict?: string;
  })[];
}

export interface ProxyTraceAnswer {
  readonly from: string;
  readonly to: string;
  readonly dns: DnsStep;
  readonly traces: readonly TraceAnswer[];
  /** Why nobody answers, and what would fix it. */
  readonly diagnosis?: Diagnosis;
}

export async function proxyTrace(session: Session, request: ProxyTraceRequest): Promise<string> {
  const [proxyWorld, pods, policies, namespaces] = await Promise.all([
    readProxyWorld(session),
    listAll(session, 'pods'),
    listAll(session, 'networkpolicies.networking.k8s.io'),
    listAll(session, 'namespaces'),
  ]);
  const world = { ...proxyWorld, pods };
  const to = toEnd(world, request.to, session.namespace, request.protocol);
  const from = fromEnd(world, request.from, session.namespace, familyOf(to.ip), request.node, to.ip);
  const answer = await trace(session, request, world, from, to, { policies, namespaces });
  if (request.output !== undefined) return printData(answer, request.output as 'json');
  return traceText(answer);
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
  const ranges = rangesOf(session, family, world.serviceCIDRs, request.clusterCidr);
  const tracer = new Tracer(world, { family, ...ranges });
  const connection = {
    source: from.ip,
    destination,
    destinationPort: dns.port ?? to.port,
    protocol: protocol.toLowerCase() as 'tcp',
  };
  const modes = request.mode === 'all' ? traceModes : [request.mode];
  const traces = modes.map((mode) => {
    const told = tracer.trace(mode, connection, from.origin, request.seed);
    return { ...told, outcomes: told.outcomes.map((outcome) => withPolicy(outcome, world, from, to, policyWorld)) };
  });
  const reached = traces.some(({ outcomes }) => outcomes.some(({ end }) => end.kind === 'pod'));
  return { ...base, traces, ...(reached ? {} : withDiagnosis) };
}

/** What NetworkPolicies say of a connection that arrives at a pod: of its sender at the start, of whom the pod sees at the end. */
function withPolicy(
  outcome: Trace['outcomes'][number],
  world: TraceWorld,
  from: FromEnd,
  to: ToEnd,
  { policies, namespaces }: PolicyWorld,
): TraceAnswer['outcomes'][number] {
  const { end } = outcome;
  if (end.kind !== 'pod' && !(end.kind === 'outside' && from.pod)) return outcome;
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
  const receiver = target ? podEnd(target, ip) : { ip };
  const port = Number(/\d+$/.exec(outcome.destination)![0]);
  const say = (by: PolicyEnd) => networkPolicyVerdict(source, { from: by, to: receiver, port, protocol: to.protocol });
  const direct = say(sender);
  const seen = outcome.snat === undefined ? direct : say({ ip: outcome.source, node: from.origin.node });
  const policy: PolicyVerdict = {
    ...direct,
    ingress: seen.ingress,
    allowed: direct.egress.allowed && seen.ingress.allowed,
  };
  return { ...outcome, policy, verdict: explainVerdict(policy) };
}

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
