/** Who answers on a node itself, where kube-proxy does: health checks of load balancers. */
import type { Trace } from '../../proxy/index.ts';
import type { TraceWorld } from './trace-ends.ts';

/** In words; undefined when kube-proxy does not listen there. */
export async function proxyListener(
  outcome: Trace['outcomes'][number],
  world: TraceWorld,
): Promise<string | undefined> {
  const { end, destination } = outcome;
  if (end.kind !== 'node') return undefined;
  const { healthCheckOf, healthzPort, nodeView, serviceHealthAnswer, servicePorts } = await import(
    '../../proxy/index.ts'
  );
  const port = Number(/\d+$/.exec(destination)![0]);
  if (port === healthzPort) return 'kube-proxy tells its own health there (/healthz, /livez)';
  const node = world.nodes.find(({ metadata }) => metadata.name === end.name);
  const service = world.services.find((each) => each['spec']?.healthCheckNodePort === port);
  if (!node || !service) return undefined;
  const { namespace, name } = service.metadata;
  const slices = world.endpointSlices.filter(
    ({ metadata }) => metadata.namespace === namespace && metadata.labels?.['kubernetes.io/service-name'] === name,
  );
  const family = destination.startsWith('[') ? 'IPv6' : 'IPv4';
  const check = healthCheckOf(servicePorts([service], slices, family, nodeView(node)));
  if (!check) return undefined;
  const { status } = serviceHealthAnswer(check, true);
  const has = check.localEndpoints === 1 ? '1 ready endpoint' : `${check.localEndpoints} ready endpoints`;
  return `kube-proxy answers load balancers there (healthCheckNodePort): Service ${namespace}/${name} has ${has} on ${end.name}, so HTTP ${status}`;
}
