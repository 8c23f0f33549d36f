/** What load balancers hear at a Service's health-check node port. Upstream: pkg/proxy/healthcheck/service_health.go. */
import type { ServicePort } from '../service-ports.ts';

export interface HealthAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One Service with externalTrafficPolicy Local, as a node sees it. */
export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  /** `spec.healthCheckNodePort`. */
  readonly port: number;
  /** Ready endpoints on the node, each address once. Those that terminate do not count, even if they serve. */
  readonly localEndpoints: number;
}

export const jsonAnswer = (
  status: number,
  body: string,
  more: Readonly<Record<string, string>> = {},
): HealthAnswer => ({
  status,
  headers: { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff', ...more },
  body,
});

/** `ports`: all of one Service. Undefined when load balancers ask for nothing there. */
export function healthCheckOf(ports: readonly ServicePort[]): HealthCheck | undefined {
  const [first] = ports;
  if (!first || first.healthCheckNodePort === 0) return undefined;
  const local = ports.flatMap(({ endpoints }) => endpoints.filter(({ isLocal, ready }) => isLocal && ready));
  return {
    namespace: first.namespace,
    name: first.service,
    port: first.healthCheckNodePort,
    localEndpoints: new Set(local.map(({ ip }) => ip)).size,
  };
}

/** 200 when the node has endpoints and its proxy keeps up, else 503; on any path. */
export function serviceHealthAnswer(check: HealthCheck, proxyHealthy: boolean): HealthAnswer {
  const { namespace, name, localEndpoints } = check;
  const body = {
    service: { namespace, name },
    localEndpoints,
    serviceProxyHealthy: proxyHealthy,
  };
  return jsonAnswer(localEndpoints > 0 && proxyHealthy ? 200 : 503, JSON.stringify(body, null, '\t'), {
    'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
  });
}
