/** Which of a node's pods have host ports, as the kubelet hands them to the CNI plugin. Upstream: kubecontainer.MakePortMappings. */
import type { KubeObject } from '../../apimachinery/index.ts';
import {
  familyOf,
  type HostPort,
  type HostPortPod,
  type HostPortRules,
  hostPortRules,
  type IpFamily,
  parseCidr,
} from '../../net/index.ts';

/** The name of the pod network: klab's own, where nobody can read a node's configuration. */
const network = 'klab';

/** Rules of portmap on a node, in one family; undefined when no pod there has a host port. */
export function nodeHostPortRules(
  pods: readonly KubeObject[],
  node: KubeObject,
  family: IpFamily,
): HostPortRules | undefined {
  const mapped = pods
    .filter((pod) => pod['spec']?.nodeName === node.metadata.name)
    .flatMap((pod) => podOf(pod, node, family));
  return hostPortRules(network, mapped);
}

function podOf(pod: KubeObject, node: KubeObject, family: IpFamily): HostPortPod[] {
  const { spec = {}, status = {} } = pod as any;
  // Pods on the host network have the ports themselves; those that are over have no sandbox.
  if (spec.hostNetwork || ['Succeeded', 'Failed'].includes(status.phase)) return [];
  const ip = ((status.podIPs ?? []) as { ip: string }[]).find((each) => familyOf(each.ip) === family)?.ip;
  if (ip === undefined) return [];
  const sidecars = ((spec.initContainers ?? []) as any[]).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...(spec.containers ?? []), ...sidecars].flatMap(portsOf);
  if (ports.length === 0) return [];
  // In a runtime it is the sandbox's ID; the pod's UID stands in for what the API does not know.
  return [{ id: pod.metadata.uid ?? pod.metadata.name ?? '', address: `${ip}/${prefixOf(node, family)}`, ports }];
}

function portsOf(container: any): HostPort[] {
  return ((container.ports ?? []) as any[])
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => ({
      hostPort,
      containerPort,
      protocol: protocol.toLowerCase(),
      ...(hostIP ? { hostIP } : {}),
    }));
}

/** host-local gives addresses with the prefix of the node's range. */
function prefixOf(node: KubeObject, family: IpFamily): number {
  const { podCIDRs = [], podCIDR } = (node['spec'] ?? {}) as { podCIDRs?: string[]; podCIDR?: string };
  const ranges = [...podCIDRs, ...(podCIDR === undefined ? [] : [podCIDR])].flatMap((range) => parseCidr(range) ?? []);
  return ranges.find((range) => range.family === family)?.prefix ?? (family === 'IPv6' ? 128 : 32);
}
