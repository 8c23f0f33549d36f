/** What a model of the pod network is made from, read from a cluster's API. */
import { readFileSync } from 'node:fs';
import { decodeYaml, isForbidden, isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import {
  cidrContains,
  familyOf,
  familyOfCidr,
  formatCidr,
  ipToNumber,
  numberToIp,
  type PodNetBackend,
  PodNetError,
  type PodNetNode,
  type PodNetPod,
  type PodNetSettings,
  parseCidr,
  parseNetConf,
  podNetBackends,
} from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';
import { byName, listAll } from '../proxy/world.ts';
import type { Session } from '../session.ts';

export interface PodNetWorld {
  readonly nodes: readonly PodNetNode[];
  readonly pods: readonly PodNetPod[];
  readonly settings: Omit<PodNetSettings, 'backend'>;
  /** What the nodes' annotations or the ConfigMap kube-flannel-cfg say the cluster has. */
  readonly found?: PodNetBackend;
  /** What was made up, as the cluster has none such. */
  readonly imagined: readonly string[];
}

export interface PodNetFlags {
  /** net-conf.json, or the manifest of a ConfigMap with it. */
  readonly netConf?: string;
  readonly clusterCidr?: string;
  readonly nodeMtu?: number;
  readonly podMtu?: number;
  readonly nodeSubnets?: readonly string[];
  readonly vni?: number;
  readonly port?: number;
  readonly directRouting?: boolean;
  readonly ipMasq?: boolean;
  readonly routes?: 'nodes' | 'cloud';
}

const flannelPrefix = 'flannel.alpha.coreos.com/';
/** klab's nodes are neighbours in this network. */
const klabNodes = '192.168.0.0/16';

export async function readPodNetWorld(session: Session, flags: PodNetFlags): Promise<PodNetWorld> {
  const [nodes, pods, configMap] = await Promise.all([
    listAll(session, 'nodes'),
    listAll(session, 'pods'),
    flags.netConf === undefined ? flannelConfigMap(session) : undefined,
  ]);
  return podNetWorld({ nodes: nodes.sort(byName), pods, configMap, klab: session.server !== undefined }, flags);
}

async function flannelConfigMap(session: Session): Promise<KubeObject | undefined> {
  const resource = await session.find('configmaps');
  if (!resource) return undefined;
  for (const namespace of ['kube-flannel', 'kube-system']) {
    try {
      return await session.client.resource(resource).namespace(namespace).get('kube-flannel-cfg');
    } catch (error) {
      // Flannel is not what a cluster must have, and its settings not what everybody may read.
      if (!isNotFound(error) && !isForbidden(error)) throw error;
    }
  }
  return undefined;
}

export interface PodNetObjects {
  readonly nodes: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
  readonly configMap?: KubeObject;
  readonly klab: boolean;
}

/** @throws UserError for a cluster without what the models need. */
export function podNetWorld({ nodes, pods, configMap, klab }: PodNetObjects, flags: PodNetFlags): PodNetWorld {
  const planned = nodes.flatMap((node) => nodeOf(node) ?? []);
  if (planned.length === 0) {
    throw new UserError(
      nodes.length === 0
        ? 'the cluster has no nodes'
        : 'no node has an IPv4 address and an IPv4 range of pods (spec.podCIDR): the models are of IPv4',
    );
  }
  const conf = netConfOf(flags.netConf, configMap);
  const { backend: configured, ...fromConf } = conf ?? {};
  const imagined: string[] = [];
  if (planned.length === 1) {
    planned.push(anotherNode(planned[0]!));
    imagined.push(`node ${planned[1]!.name}`);
  }
  const known = podsOf(pods, planned);
  for (const node of planned.slice(0, 2)) {
    if (known.some((pod) => pod.node === node.name)) continue;
    known.push(examplePod(node));
    imagined.push(`pod ${known.at(-1)!.name} on ${node.name}`);
  }
  const annotated = nodes.map(({ metadata }) => metadata.annotations?.[`${flannelPrefix}backend-type`]);
  const found = podNetBackends.find((backend) => annotated.includes(backend)) ?? configured;
  const { clusterCidr, nodeSubnets, netConf: _, ...others } = flags;
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  const subnets = nodeSubnets ?? (klab ? [klabNodes] : undefined);
  const four = clusterCidr?.split(',').find((cidr) => familyOfCidr(cidr) === 'IPv4');
  return {
    nodes: planned,
    pods: known,
    settings: {
      ...fromConf,
      network: four ?? conf?.network ?? covering(planned.map(({ podCIDR }) => podCIDR)),
      ...(subnets && { nodeSubnets: subnets }),
      ...given,
    },
    ...(found && { found }),
    imagined,
  };
}

function nodeOf(node: KubeObject): PodNetNode | undefined {
  const { spec = {}, status = {}, metadata } = node as any;
  const annotations: Readonly<Record<string, string>> = metadata.annotations ?? {};
  const ips = (status.addresses ?? [])
    .filter((each: any) => each.type === 'InternalIP')
    .map((each: any) => each.address);
  const ip = annotations[`${flannelPrefix}public-ip`] ?? ips.find((each: string) => familyOf(each) === 'IPv4');
  const ranges: string[] = spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []);
  const podCIDR = ranges.find((each) => familyOfCidr(each) === 'IPv4');
  if (ip === undefined || familyOf(ip) !== 'IPv4' || podCIDR === undefined) return undefined;
  const condition = (status.conditions ?? []).find((each: any) => each.type === 'NetworkUnavailable');
  const vtepMac = macOf(annotations[`${flannelPrefix}backend-data`]);
  return {
    name: metadata.name,
    ip,
    podCIDR,
    ...(vtepMac !== undefined && { vtepMac }),
    ...(condition?.status === 'False' && condition.reason === 'RouteCreated' && { cloudRoute: true }),
  };
}

/** `{"VNI":1,"VtepMAC":"…"}`, as flanneld writes it on its node. */
function macOf(text: string | undefined): string | undefined {
  try {
    const mac = text === undefined ? undefined : JSON.parse(text)?.VtepMAC;
    return typeof mac === 'string' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? mac : undefined;
  } catch {
    return undefined;
  }
}

function podsOf(pods: readonly KubeObject[], nodes: readonly PodNetNode[]): PodNetPod[] {
  const out: PodNetPod[] = [];
  for (const { metadata, spec = {}, status = {} } of pods as any[]) {
    const node = nodes.find(({ name }) => name === spec.nodeName);
    if (!node || spec.hostNetwork || ['Succeeded', 'Failed'].includes(status.phase)) continue;
    const ip = (status.podIPs ?? []).map((each: any) => each.ip).find((each: string) => familyOf(each) === 'IPv4');
    // A pod of another network than the node's (a second plugin's) is not this model's.
    if (ip === undefined || !cidrContains(parseCidr(node.podCIDR)!, ip)) continue;
    out.push({ namespace: metadata.namespace, name: metadata.name, node: node.name, ip });
  }
  return out.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function anotherNode(node: PodNetNode): PodNetNode {
  const range = parseCidr(node.podCIDR)!;
  const size = 1n << BigInt(32 - range.prefix);
  return {
    name: 'another-node',
    ip: numberToIp(ipToNumber(node.ip)! + 1n, 'IPv4'),
    podCIDR: formatCidr({ ...range, base: range.base + size }),
  };
}

function examplePod(node: PodNetNode): PodNetPod {
  const ip = numberToIp(parseCidr(node.podCIDR)!.base + 2n, 'IPv4');
  return { namespace: 'default', name: `example-on-${node.name}`, node: node.name, ip };
}

/** The smallest range that has them all, a /16 at the least. */
function covering(ranges: readonly string[]): string {
  const cidrs = ranges.map((range) => parseCidr(range)!);
  const first = cidrs[0]!;
  let prefix = Math.min(16, first.prefix);
  const within = (cidr: { base: bigint }) => cidr.base >> BigInt(32 - prefix) === first.base >> BigInt(32 - prefix);
  while (prefix > 0 && !cidrs.every(within)) prefix--;
  return formatCidr(parseCidr(`${numberToIp(first.base, 'IPv4')}/${prefix}`)!);
}

function netConfOf(file: string | undefined, configMap: KubeObject | undefined) {
  const where = file ?? 'ConfigMap kube-flannel-cfg';
  const text = file === undefined ? configMap?.['data']?.['net-conf.json'] : readNetConf(file);
  if (text === undefined) return undefined;
  try {
    return parseNetConf(text);
  } catch (error) {
    // The cluster's own may well be of a backend that is not modelled; a file is what the user wants to see.
    if (error instanceof PodNetError && file !== undefined) throw new UserError(`${where}: ${error.message}`);
    if (error instanceof PodNetError) return undefined;
    throw error;
  }
}

function readNetConf(file: string): string {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${(error as Error).message}`);
  }
  if (/^\s*\{/.test(text) && !/"kind"\s*:/.test(text)) return text;
  for (const { value } of decodeYaml(text, { file })) {
    const found = (value as any)?.kind === 'ConfigMap' ? (value as any).data?.['net-conf.json'] : undefined;
    if (typeof found === 'string') return found;
  }
  throw new UserError(`${file} is neither net-conf.json nor a manifest with a ConfigMap that has it`);
}
