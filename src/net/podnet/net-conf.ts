/**
 * flannel's own files: net-conf.json (from the ConfigMap kube-flannel-cfg) in, /run/flannel/subnet.env in and out.
 * Upstream: flannel pkg/subnet/{config,subnet}.go.
 */
import { parseCidr } from '../addresses.ts';
import { PodNetError, type PodNetSettings } from './types.ts';

export type FlannelSettings = Pick<
  PodNetSettings,
  'backend' | 'network' | 'vni' | 'port' | 'directRouting' | 'nodeMtu'
>;

/** What a value of net-conf.json must be. */
const kinds = { VNI: 'number', Port: 'number', MTU: 'number', DirectRouting: 'boolean' } as const;

/**
 * Go reads keys whatever their case, and so does this. No Backend means udp, as upstream.
 * @throws PodNetError for what flannel would refuse, and for a backend that is not modelled.
 */
export function parseNetConf(text: string): FlannelSettings {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    throw new PodNetError(`net-conf.json is no JSON: ${(error as Error).message}`);
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root))
    throw new PodNetError('net-conf.json must be an object');
  const network = settingOf(root, 'Network');
  if (settingOf(root, 'EnableIPv4') === false)
    throw new PodNetError('EnableIPv4 is false: only the IPv4 network of flannel is modelled');
  if (typeof network !== 'string' || parseCidr(network)?.family !== 'IPv4') {
    throw new PodNetError('please define a correct Network parameter in the flannel config');
  }
  const backend = settingOf(root, 'Backend') ?? { Type: 'udp' };
  if (typeof backend !== 'object' || Array.isArray(backend)) throw new PodNetError('Backend must be an object');
  const type = settingOf(backend as object, 'Type') ?? '';
  if (type !== 'udp' && type !== 'vxlan' && type !== 'host-gw') {
    throw new PodNetError(`backend type "${String(type)}" is not modelled; udp, vxlan and host-gw are`);
  }
  const read = (key: keyof typeof kinds): any => {
    const value = settingOf(backend as object, key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== kinds[key] || (typeof value === 'number' && !(Number.isInteger(value) && value >= 0)))
      throw new PodNetError(
        `Backend.${key} must be a ${kinds[key] === 'number' ? 'whole number' : 'boolean'}, not ${JSON.stringify(value)}`,
      );
    return value;
  };
  // Port 0 is "the kernel's own".
  const [vni, port, mtu, directRouting] = [read('VNI'), read('Port') || undefined, read('MTU'), read('DirectRouting')];
  return {
    backend: type,
    network,
    ...(port !== undefined && { port }),
    ...(type === 'vxlan' && vni !== undefined && { vni }),
    ...(type === 'vxlan' && mtu !== undefined && { nodeMtu: mtu }),
    ...(type === 'vxlan' && directRouting !== undefined && { directRouting }),
  };
}

function settingOf(object: object, key: string): unknown {
  const found = Object.entries(object).findLast(([name]) => name.toLowerCase() === key.toLowerCase());
  return found?.[1];
}

/** What flanneld tells the CNI plugin on its node. */
export interface SubnetEnv {
  readonly network: string;
  /** The node's range with its first usable address: 10.244.1.1/24. */
  readonly subnet: string;
  readonly mtu: number;
  readonly ipMasq: boolean;
}

export function writeSubnetEnv({ network, subnet, mtu, ipMasq }: SubnetEnv): string {
  return `FLANNEL_NETWORK=${network}\nFLANNEL_SUBNET=${subnet}\nFLANNEL_MTU=${mtu}\nFLANNEL_IPMASQ=${ipMasq}\n`;
}

/** @throws PodNetError with the line's number. */
export function parseSubnetEnv(text: string): SubnetEnv {
  const values = new Map<string, string>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    if (at < 0) throw new PodNetError(`line ${i + 1}: "${line}" is no KEY=VALUE`);
    values.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  const need = (key: string): string => {
    const value = values.get(key);
    if (value === undefined) throw new PodNetError(`subnet.env is missing ${key}`);
    return value;
  };
  const subnet = need('FLANNEL_SUBNET');
  const mtu = Number(need('FLANNEL_MTU'));
  const network = need('FLANNEL_NETWORK');
  if (!parseCidr(network)) throw new PodNetError(`FLANNEL_NETWORK: invalid CIDR address: ${network}`);
  if (!parseCidr(subnet)) throw new PodNetError(`FLANNEL_SUBNET: invalid CIDR address: ${subnet}`);
  if (!Number.isInteger(mtu) || mtu < 68) throw new PodNetError(`FLANNEL_MTU: not an MTU: ${need('FLANNEL_MTU')}`);
  return { network, subnet, mtu, ipMasq: need('FLANNEL_IPMASQ') === 'true' };
}
