/** Nodes of a made-up cluster: `cpu=4,memory=16Gi,zone=a|b|c,price=0.2,count=3,taint=gpu:NoSchedule,disk=ssd`. */
import type { Node } from '../../api/index.ts';
import { parseQuantity } from '../../apimachinery/index.ts';

/** What an hour of a node costs, in any currency; read from nodes of real clusters too. */
export const priceAnnotation = 'klab.dev/hourly-price';

export interface Shape {
  readonly count: number;
  readonly resources: Readonly<Record<string, string>>;
  /** Nodes take them in turn. */
  readonly zones: readonly string[];
  readonly price?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** @throws RangeError saying what is wrong. */
export function parseShape(text: string, defaultCount = 1): Shape {
  const resources: Record<string, string> = { cpu: '4', memory: '16Gi', pods: '110' };
  const labels: Record<string, string> = {};
  const taints: Shape['taints'][number][] = [];
  let zones: string[] = [];
  let price: number | undefined;
  let count = defaultCount;
  const fail = (why: string): never => {
    throw new RangeError(`shape "${text}": ${why}`);
  };
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    if (equals <= 0) fail(`"${part}" is not KEY=VALUE, as in cpu=4,memory=16Gi`);
    const key = part.slice(0, equals);
    const value = part.slice(equals + 1);
    if (key === 'zone') zones = value.split('|');
    else if (key === 'price') {
      price = Number(value);
      if (value === '' || !(price >= 0)) fail(`price must be a number, not "${value}"`);
    } else if (key === 'count') {
      count = Number(value);
      if (!Number.isInteger(count) || count < 0) fail(`count must be a whole number, not "${value}"`);
    } else if (key === 'taint') {
      const match = /^([^:=]+)(?:=([^:]*))?:(\w+)$/.exec(value);
      if (!match || !effects.includes(match[3]!)) fail(`taint must be KEY[=VALUE]:EFFECT, not "${value}"`);
      taints.push({ key: match![1]!, ...(match![2] && { value: match![2] }), effect: match![3]! });
    } else if (
      ['cpu', 'memory', 'pods', 'ephemeral-storage'].includes(key) ||
      /^(.+\.)?.+\/.+$/.test(key) ||
      key.startsWith('hugepages-')
    ) {
      let negative = false;
      try {
        negative = parseQuantity(value).sign < 0;
      } catch {
        fail(`${key} must be a quantity, not "${value}"`);
      }
      if (negative) fail(`${key} must not be negative, as "${value}" is`);
      resources[key] = value;
    } else labels[key] = value;
  }
  return { count, resources, zones, ...(price !== undefined && { price }), labels, taints };
}

export function nodesOfShapes(shapes: readonly Shape[]): Node[] {
  const out: Node[] = [];
  for (const { count, resources, zones, price, labels, taints } of shapes) {
    for (let i = 0; i < count; i++) {
      const name = `node-${out.length + 1}`;
      const zone = zones.length > 0 ? { 'topology.kubernetes.io/zone': zones[i % zones.length]! } : {};
      out.push({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name,
          uid: `simulated-${name}`,
          labels: {
            'kubernetes.io/hostname': name,
            'kubernetes.io/os': 'linux',
            'kubernetes.io/arch': 'amd64',
            ...zone,
            ...labels,
          },
          ...(price !== undefined && { annotations: { [priceAnnotation]: String(price) } }),
        },
        spec: taints.length > 0 ? { taints } : {},
        status: { capacity: resources, allocatable: resources },
      } as unknown as Node);
    }
  }
  return out;
}
