/**
 * metrics.k8s.io over the simulated nodes: what metrics-server would have scraped, computed when asked. A pod without a
 * full window behind it has no metrics yet, as after metrics-server's first scrape.
 */
import type { Node, Pod } from '../api/index.ts';
import { type KubeObject, newNotFound } from '../apimachinery/index.ts';
import type { ObjectReader, VirtualRead } from '../apiserver/index.ts';
import { rfc3339, Slicer } from '../base/index.ts';
import type { ContainerStats } from '../kubelet/index.ts';

export interface UsageSource {
  /** The cluster clock. */
  now(): number;
  /** Undefined when the node is not reached. */
  podStats(node: string, podUid: string): Promise<readonly ContainerStats[] | undefined>;
}

const group = 'metrics.k8s.io';
const apiVersion = `${group}/v1beta1`;
const window = '15s';
/** What the system of a node takes besides its pods: kubelet, runtime, kernel. */
const system = { nanoCores: 45_000_000, bytes: 320 * 1024 * 1024 };

interface Usage {
  readonly nanoCores: number;
  readonly bytes: number;
}

const usageOf = ({ nanoCores, bytes }: Usage) => ({
  cpu: `${nanoCores}n`,
  memory: `${Math.ceil(bytes / 1024)}Ki`,
});

export function metricsReads(reader: () => ObjectReader, source: () => UsageSource): ReadonlyMap<string, VirtualRead> {
  return new Map<string, VirtualRead>([
    ['pods.metrics.k8s.io', podReads(reader, source)],
    ['nodes.metrics.k8s.io', nodeReads(reader, source)],
  ]);
}

function podReads(reader: () => ObjectReader, source: () => UsageSource): VirtualRead {
  const metricsOf = async (pod: Readonly<Pod>): Promise<Readonly<KubeObject> | undefined> => {
    const node = pod.spec?.nodeName;
    if (!node || pod.status?.phase !== 'Running') return undefined;
    const stats = await source().podStats(node, pod.metadata.uid!);
    const sampledAt = stats?.[0]?.sampledAt;
    // All containers or none: a sum with a part missing would mislead an autoscaler.
    if (!stats || sampledAt === undefined || stats.some((container) => container.sampledAt === undefined))
      return undefined;
    return {
      kind: 'PodMetrics',
      apiVersion,
      metadata: {
        name: pod.metadata.name,
        namespace: pod.metadata.namespace,
        creationTimestamp: rfc3339(sampledAt),
        ...(pod.metadata.labels ? { labels: pod.metadata.labels } : {}),
      },
      timestamp: rfc3339(sampledAt),
      window,
      containers: [...stats]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, cpuUsageNanoCores, memoryWorkingSetBytes }) => ({
          name,
          usage: usageOf({ nanoCores: cpuUsageNanoCores, bytes: memoryWorkingSetBytes }),
        })),
    };
  };
  return {
    async get(namespace, name) {
      const pod = reader().get('pods', namespace, name);
      const found = pod && (await metricsOf(pod as unknown as Readonly<Pod>));
      if (!found) throw newNotFound({ group, resource: 'podmetrics' }, `${namespace}/${name}`);
      return found;
    },
    async list(namespace, matches) {
      const out: Readonly<KubeObject>[] = [];
      const slicer = new Slicer({ items: 200 });
      for (const pod of reader().list('pods', namespace)) {
        if (!matches(pod.metadata.labels)) continue;
        const metrics = await metricsOf(pod as unknown as Readonly<Pod>);
        if (metrics) out.push(metrics);
        if (slicer.due) await slicer.pause();
      }
      return out;
    },
  };
}

function nodeReads(reader: () => ObjectReader, source: () => UsageSource): VirtualRead {
  const podsByNode = () => {
    const byNode = new Map<string, string[]>();
    for (const pod of reader().list('pods')) {
      const node: string | undefined = pod['spec']?.nodeName;
      if (node) byNode.set(node, [...(byNode.get(node) ?? []), pod.metadata.uid!]);
    }
    return byNode;
  };
  const metricsOf = async (
    node: Readonly<Node>,
    uids: readonly string[],
  ): Promise<Readonly<KubeObject> | undefined> => {
    const name = node.metadata.name!;
    let { nanoCores, bytes } = system;
    let sampledAt: number | undefined;
    // A node that is not reached has no metrics, even without pods.
    if ((await source().podStats(name, '')) === undefined) return undefined;
    for (const uid of uids) {
      for (const container of (await source().podStats(name, uid)) ?? []) {
        nanoCores += container.cpuUsageNanoCores;
        bytes += container.memoryWorkingSetBytes;
        if (container.sampledAt !== undefined) sampledAt = Math.max(sampledAt ?? 0, container.sampledAt);
      }
    }
    const at = rfc3339(sampledAt ?? source().now());
    return {
      kind: 'NodeMetrics',
      apiVersion,
      metadata: { name, creationTimestamp: at, ...(node.metadata.labels ? { labels: node.metadata.labels } : {}) },
      timestamp: at,
      window,
      usage: usageOf({ nanoCores, bytes }),
    };
  };
  return {
    async get(_, name) {
      const node = reader().get('nodes', '', name);
      const found = node && (await metricsOf(node as unknown as Readonly<Node>, podsByNode().get(name) ?? []));
      if (!found) throw newNotFound({ group, resource: 'nodemetrics' }, name);
      return found;
    },
    async list(_, matches) {
      const byNode = podsByNode();
      const out: Readonly<KubeObject>[] = [];
      for (const node of reader().list('nodes')) {
        if (!matches(node.metadata.labels)) continue;
        const metrics = await metricsOf(node as unknown as Readonly<Node>, byNode.get(node.metadata.name!) ?? []);
        if (metrics) out.push(metrics);
      }
      return out;
    },
  };
}
