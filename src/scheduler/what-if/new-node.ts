/** Nodes that could be added for a pod: of shapes that the cluster has, or made to measure. */
import type { Node } from '../../api/index.ts';
import type { SchedulerCache } from '../cache.ts';
import { formatDecimal } from '../format.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import { amountOf, hardTaints, type TaintLike, taintText } from './edits.ts';
import { shellWord } from './patch.ts';

/** Not a condition of the moment. */
const lasting = ({ key }: TaintLike): boolean => !key.startsWith('node.kubernetes.io/');

function fits({ requests }: PodInfo, allocatable: NodeInfo['allocatable']): boolean {
  if (requests.milliCPU > allocatable.milliCPU || requests.memory > allocatable.memory) return false;
  return [...requests.scalar].every(([name, amount]) => amount <= amountOf(allocatable, name));
}

/** Smallest first: those of a known shape that the pod fits, then the largest grown to what the pod asks for. */
export function nodesToAdd(cache: SchedulerCache, pod: PodInfo): Node[] {
  const shapes = new Map<string, NodeInfo>();
  for (const node of cache.nodes) {
    const { 'kubernetes.io/hostname': _, ...labels } = node.labels;
    const key = JSON.stringify([node.node!.status?.allocatable, labels, hardTaints(node).filter(lasting)]);
    if (!shapes.has(key)) shapes.set(key, node);
  }
  const bySize = [...shapes.values()].sort(
    (a, b) => a.allocatable.milliCPU - b.allocatable.milliCPU || a.allocatable.memory - b.allocatable.memory,
  );
  let number = cache.nodes.length + 1;
  while (cache.get(`node-${number}`)) number++;
  const name = `node-${number}`;
  const out = bySize.filter(({ allocatable }) => fits(pod, allocatable)).map((like) => nodeLike(like, name));
  const largest = bySize.at(-1);
  if (largest) out.push(grownFor(pod, largest, name));
  return out;
}

function nodeOf(
  name: string,
  { node }: NodeInfo,
  allocatable: Record<string, string>,
  selector: Record<string, string>,
  taints: TaintLike[],
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...node!.metadata.labels, ...selector, 'kubernetes.io/hostname': name } },
    spec: taints.length > 0 ? { taints } : {},
    status: { allocatable, capacity: allocatable, images: [] },
  } as unknown as Node;
}

/** A node like another, with no pods. */
function nodeLike(like: NodeInfo, name: string): Node {
  const allocatable = like.node!.status?.allocatable as Record<string, string>;
  return nodeOf(name, like, { ...allocatable }, {}, lastingTaints(like));
}

const lastingTaints = ({ node }: NodeInfo): TaintLike[] => ((node!.spec?.taints ?? []) as TaintLike[]).filter(lasting);

/** Large enough for the pod, without taints, with the labels that it selects. */
function grownFor({ pod, requests }: PodInfo, like: NodeInfo, name: string): Node {
  const allocatable = { ...(like.node!.status?.allocatable as Record<string, string>) };
  const cpus = Math.ceil(requests.milliCPU / 1000);
  const gib = Math.ceil(requests.memory / 2 ** 30);
  if (cpus * 1000 > like.allocatable.milliCPU) allocatable['cpu'] = String(2 ** Math.ceil(Math.log2(cpus)));
  if (gib * 2 ** 30 > like.allocatable.memory) allocatable['memory'] = `${2 ** Math.ceil(Math.log2(gib))}Gi`;
  for (const [resource, amount] of requests.scalar) {
    if (amount > amountOf(like.allocatable, resource)) allocatable[resource] = String(amount);
  }
  const disk = requests.ephemeralStorage;
  if (disk > like.allocatable.ephemeralStorage) {
    allocatable['ephemeral-storage'] = formatDecimal('ephemeral-storage', 2 ** Math.ceil(Math.log2(disk)));
  }
  return nodeOf(name, like, allocatable, (pod.spec?.nodeSelector ?? {}) as Record<string, string>, []);
}

/** In words, and as a command of klab. */
export function howToAdd(node: Node): { readonly summary: string; readonly command: string } {
  const allocatable = node.status!.allocatable as Record<string, string>;
  const { 'kubernetes.io/hostname': _, ...labels } = node.metadata.labels ?? {};
  const pairs = (map: Record<string, string>) =>
    Object.entries(map)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
  const taints = (node.spec?.taints ?? []) as TaintLike[];
  const own = Object.fromEntries(Object.entries(labels).filter(([key]) => !/^(beta\.)?kubernetes\.io\//.test(key)));
  // Of what there is none, nothing needs to be said.
  const some = Object.fromEntries(Object.entries(allocatable).filter(([, amount]) => amount !== '0'));
  const command = [
    `klab node add ${node.metadata.name} --capacity ${shellWord(pairs(some))}`,
    ...(Object.keys(own).length > 0 ? [`--labels ${shellWord(pairs(own))}`] : []),
    ...(taints.length > 0 ? [`--taints ${shellWord(taints.map(taintText).join(','))}`] : []),
  ].join(' ');
  const { cpu, memory } = allocatable;
  const tainted = taints.length > 0 ? `, tainted ${taints.map(taintText).join(', ')}` : '';
  return { summary: `add a node of cpu ${cpu}, memory ${memory}${tainted}`, command };
}
