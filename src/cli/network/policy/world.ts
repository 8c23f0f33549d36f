/** What policy rules are made from, read from a cluster's API. */
import type { NetworkPolicy } from '../../../api/index.ts';
import type { KubeObject } from '../../../apimachinery/index.ts';
import type { PolicyPod, PolicyWorld } from '../../../net/index.ts';
import { byName, listAll } from '../../proxy/world.ts';
import type { Session } from '../../session.ts';

export interface PolicyClusterWorld extends PolicyWorld {
  /** Sorted by name. */
  readonly nodes: readonly string[];
}

/** `revision`: as it was then. @throws StatusError 410 when the store does not know any more. */
export async function readPolicyWorld(session: Session, revision?: string): Promise<PolicyClusterWorld> {
  const [nodes = [], pods = [], policies = [], namespaces = []] = await Promise.all(
    ['nodes', 'pods', 'networkpolicies.networking.k8s.io', 'namespaces'].map((word) =>
      listAll(session, word, revision),
    ),
  );
  return {
    ...policyWorld(pods, policies, namespaces),
    nodes: nodes.sort(byName).map(({ metadata }) => metadata.name!),
  };
}

export function policyWorld(
  pods: readonly Readonly<KubeObject>[],
  policies: readonly Readonly<KubeObject>[],
  namespaces: readonly Readonly<KubeObject>[],
): PolicyWorld {
  const labels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
  return {
    pods: pods.flatMap((pod) => policyPod(pod) ?? []),
    policies: policies as readonly Readonly<NetworkPolicy>[],
    namespaceLabels: (name) => labels.get(name) ?? {},
  };
}

/** Undefined for what no policy sees: pods on their node's network, pods that have ended (their address may be another's). */
function policyPod(pod: Readonly<KubeObject>): PolicyPod | undefined {
  const { namespace = '', name = '', labels = {} } = pod.metadata;
  const spec = pod['spec'] ?? {};
  const status = pod['status'] ?? {};
  const ips: string[] = status.podIPs?.map(({ ip }: { ip: string }) => ip) ?? (status.podIP ? [status.podIP] : []);
  if (spec.hostNetwork || ips.length === 0 || status.phase === 'Succeeded' || status.phase === 'Failed')
    return undefined;
  const namedPorts = ((spec.containers ?? []) as any[]).flatMap((container) =>
    ((container.ports ?? []) as any[])
      .filter((port) => port.name)
      .map((port) => ({ name: port.name, port: port.containerPort, protocol: port.protocol ?? 'TCP' })),
  );
  return { namespace, name, labels, ips, namedPorts, ...(spec.nodeName === undefined ? {} : { node: spec.nodeName }) };
}
