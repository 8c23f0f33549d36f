/** The words after --from and --to, as addresses. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { familyOf, type IpFamily } from '../../net/index.ts';
import type { Origin } from '../../proxy/index.ts';
import { UserError } from '../exit-codes.ts';
import type { ProxyWorld } from './world.ts';

export interface TraceWorld extends ProxyWorld {
  readonly pods: readonly KubeObject[];
}

export interface FromEnd {
  readonly origin: Origin;
  readonly ip: string;
  readonly text: string;
  readonly pod?: KubeObject;
}

export interface ToEnd {
  readonly ip: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly text: string;
  readonly service?: KubeObject;
  readonly pod?: KubeObject;
  /** What the Service calls this port; absent when it has none like it. */
  readonly servicePort?: any;
}

const nodeAddresses = (node: KubeObject): string[] =>
  ((node['status']?.addresses ?? []) as any[])
    .filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
    .map(({ address }) => address);

const podIps = (pod: KubeObject): string[] => ((pod['status']?.podIPs ?? []) as any[]).map(({ ip }) => ip);

/** `pod/NAME`, `node/NAME` or an address. `through` names the node that an outside address comes in by: else `to`'s own, or the first. */
export function fromEnd(
  world: TraceWorld,
  word: string,
  namespace: string,
  family: IpFamily | undefined,
  through?: string,
  to?: string,
): FromEnd {
  const { kind, name } = split(word);
  if (kind === 'pod') {
    const pod = findIn(world.pods, 'pods', namespace, name);
    const node: string | undefined = pod['spec']?.nodeName;
    const ip = pick(podIps(pod), family);
    if (node === undefined || ip === undefined) {
      throw new UserError(
        `pod "${name}" has no ${family ?? 'IP'} address yet: it is ${pod['status']?.phase ?? 'unknown'}`,
      );
    }
    const origin = { kind: pod['spec']?.hostNetwork ? 'node' : 'pod', node } as const;
    return { origin, ip, pod, text: `${pod.metadata.namespace}/${name} (${ip} on ${node})` };
  }
  if (kind === 'node') {
    const node = world.nodes.find(({ metadata }) => metadata.name === name);
    if (!node) throw new UserError(`nodes "${name}" not found`);
    const ip = pick(nodeAddresses(node), family);
    if (ip === undefined) throw new UserError(`node "${name}" has no ${family ?? 'IP'} address`);
    return { origin: { kind: 'node', node: name }, ip, text: `node ${name} (${ip})` };
  }
  if (familyOf(word) === undefined) {
    throw new UserError(`--from is pod/NAME, node/NAME or an IP address, not "${word}"`);
  }
  const pod = world.pods.find((each) => podIps(each).includes(word) && !each['spec']?.hostNetwork);
  if (pod) return fromEnd(world, `pod/${pod.metadata.name}`, pod.metadata.namespace!, familyOf(word), through);
  const node = world.nodes.find((each) => nodeAddresses(each).includes(word));
  if (node) return fromEnd(world, `node/${node.metadata.name}`, namespace, familyOf(word), through);
  const target = world.nodes.find((each) => to !== undefined && nodeAddresses(each).includes(to));
  const entry = through ?? (target ?? world.nodes[0])?.metadata.name;
  if (entry === undefined) throw new UserError('the cluster has no nodes');
  if (!world.nodes.some(({ metadata }) => metadata.name === entry)) throw new UserError(`nodes "${entry}" not found`);
  return { origin: { kind: 'outside', node: entry }, ip: word, text: `${word}, from outside by ${entry}` };
}

/** `svc/NAME[:PORT]`, `pod/NAME[:PORT]` or `IP[:PORT]`; PORT may be a name of the Service's. */
export function toEnd(world: TraceWorld, word: string, namespace: string, protocol: string | undefined): ToEnd {
  const wanted = protocol?.toUpperCase() as ToEnd['protocol'] | undefined;
  const { kind, name, port } = split(word);
  if (kind === 'svc') return serviceEnd(findIn(world.services, 'services', namespace, name), port, wanted);
  if (kind === 'pod') {
    const pod = findIn(world.pods, 'pods', namespace, name);
    const ip = podIps(pod)[0];
    if (ip === undefined)
      throw new UserError(`pod "${name}" has no address yet: it is ${pod['status']?.phase ?? 'unknown'}`);
    const ports = ((pod['spec']?.containers ?? []) as any[]).flatMap((container) => container.ports ?? []);
    const found =
      port === undefined ? ports[0] : ports.find((each) => each.name === port || String(each.containerPort) === port);
    const number = found?.containerPort ?? numeric(port, word);
    return {
      ip,
      port: number,
      protocol: wanted ?? found?.protocol ?? 'TCP',
      pod,
      text: `${pod.metadata.namespace}/${name}:${number}`,
    };
  }
  const { ip, number } = address(word);
  const service = world.services.find((each) => serviceIps(each).includes(ip));
  if (service) return { ...serviceEnd(service, number === undefined ? undefined : String(number), wanted), ip };
  if (number === undefined)
    throw new UserError(`--to ${word} names no port: ${word.includes(':') ? `[${word}]` : word}:PORT`);
  const pod = world.pods.find((each) => podIps(each).includes(ip) && !each['spec']?.hostNetwork);
  const onNode = world.nodes.some((node) => nodeAddresses(node).includes(ip));
  const byNodePort = onNode ? nodePortService(world, number, wanted) : undefined;
  return {
    ip,
    port: number,
    protocol: wanted ?? byNodePort?.port.protocol ?? 'TCP',
    text: word,
    ...(pod ? { pod } : {}),
    ...(byNodePort ? { service: byNodePort.service, servicePort: byNodePort.port } : {}),
  };
}

function serviceEnd(service: KubeObject, port: string | undefined, wanted: ToEnd['protocol'] | undefined): ToEnd {
  const { namespace, name } = service.metadata;
  const ports = (service['spec']?.ports ?? []) as any[];
  const found = ports.find(
    (each) =>
      (port === undefined || each.name === port || String(each.port) === port) &&
      (wanted === undefined || (each.protocol ?? 'TCP') === wanted),
  );
  if (service['spec']?.type === 'ExternalName') {
    return { ip: '', port: 0, protocol: wanted ?? 'TCP', service, text: `svc/${name}.${namespace}` };
  }
  if (!found && port === undefined) {
    const has = ports.length === 0 ? 'has no ports' : `has no ${wanted} port`;
    throw new UserError(`Service ${namespace}/${name} ${has}: say svc/${name}:PORT`);
  }
  const number = found?.port ?? numeric(port, `svc/${name}`);
  const protocol = wanted ?? found?.protocol ?? 'TCP';
  const ip: string = service['spec']?.clusterIP ?? '';
  return { ip, port: number, protocol, service, servicePort: found, text: `svc/${name}.${namespace}:${number}` };
}

const serviceIps = ({ spec = {}, status = {} }: any): string[] => [
  ...(spec.clusterIPs ?? [spec.clusterIP]),
  ...(spec.externalIPs ?? []),
  ...(status.loadBalancer?.ingress ?? []).map(({ ip }: any) => ip),
];

function nodePortService(world: TraceWorld, port: number, wanted: string | undefined) {
  for (const service of world.services) {
    for (const each of service['spec']?.ports ?? []) {
      if (each.nodePort === port && (wanted === undefined || (each.protocol ?? 'TCP') === wanted))
        return { service, port: each };
    }
  }
  return undefined;
}

const pick = (ips: readonly string[], family: IpFamily | undefined): string | undefined =>
  family === undefined ? ips[0] : ips.find((ip) => familyOf(ip) === family);

function numeric(port: string | undefined, word: string): number {
  const number = Number(port);
  if (port === undefined || !Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new UserError(`${word}: "${port ?? ''}" is neither a port of it nor a number`);
  }
  return number;
}

const kinds: Readonly<Record<string, 'pod' | 'node' | 'svc'>> = {
  pod: 'pod',
  pods: 'pod',
  po: 'pod',
  node: 'node',
  nodes: 'node',
  no: 'node',
  svc: 'svc',
  service: 'svc',
  services: 'svc',
};

/** `svc/web:80` → svc, web, 80. */
function split(word: string): { kind?: 'pod' | 'node' | 'svc'; name: string; port?: string } {
  const found = /^([a-z]+)\/([^/:]+)(?::(.+))?$/.exec(word);
  const kind = found && kinds[found[1]!];
  if (!found || !kind) return { name: word };
  return { kind, name: found[2]!, ...(found[3] === undefined ? {} : { port: found[3] }) };
}

/** `10.0.0.1:80`, `10.0.0.1`, `[fd00::1]:80`, `fd00::1`. */
function address(word: string): { ip: string; number?: number } {
  if (familyOf(word) !== undefined) return { ip: word };
  const found = /^\[(.+)\](?::(\d+))?$/.exec(word) ?? /^([^:]+):(\d+)$/.exec(word);
  if (!found || familyOf(found[1]!) === undefined) {
    throw new UserError(`--to is svc/NAME[:PORT], pod/NAME[:PORT] or IP:PORT, not "${word}"`);
  }
  return { ip: found[1]!, ...(found[2] === undefined ? {} : { number: numeric(found[2], word) }) };
}

function findIn(objects: readonly KubeObject[], resource: string, namespace: string, name: string): KubeObject {
  const found = objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  if (!found) throw new UserError(`${resource} "${name}" not found in namespace "${namespace}"`);
  return found;
}
