/** `FOO_SERVICE_HOST` and its kin. Upstream: pkg/kubelet/envvars/envvars.go, kubelet_pods.go getServiceEnvVarMap. */

/** Variables of the services a container of `namespace` sees; the API server's own always among them. */
export function serviceEnvironment(
  namespaceServices: readonly any[],
  masterServices: readonly any[],
  enableServiceLinks: boolean,
): Map<string, string> {
  const chosen = new Map<string, any>();
  for (const service of masterServices) {
    if (service.metadata.name === 'kubernetes' && hasClusterIP(service)) chosen.set('kubernetes', service);
  }
  if (enableServiceLinks) {
    for (const service of namespaceServices) if (hasClusterIP(service)) chosen.set(service.metadata.name, service);
  }
  const env = new Map<string, string>();
  for (const service of chosen.values()) addService(env, service);
  return env;
}

function hasClusterIP(service: any): boolean {
  const ip = service.spec?.clusterIP;
  return ip !== undefined && ip !== '' && ip !== 'None';
}

function addService(env: Map<string, string>, service: any): void {
  const prefix = variableName(service.metadata.name);
  const { clusterIP, ports = [] } = service.spec;
  const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
  env.set(`${prefix}_SERVICE_HOST`, clusterIP);
  if (ports.length === 0) return;
  env.set(`${prefix}_SERVICE_PORT`, String(ports[0].port));
  for (const port of ports) {
    if (port.name) env.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
  }
  for (const [i, port] of ports.entries()) {
    const protocol = port.protocol ?? 'TCP';
    const link = `${prefix}_PORT_${port.port}_${protocol}`;
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
    if (i === 0) env.set(`${prefix}_PORT`, url);
    env.set(link, url);
    env.set(`${link}_PROTO`, protocol.toLowerCase());
    env.set(`${link}_PORT`, String(port.port));
    env.set(`${link}_ADDR`, clusterIP);
  }
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
