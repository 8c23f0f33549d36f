/** `create service clusterip|nodeport|loadbalancer|externalname`. Upstream: kubectl/pkg/cmd/create/create_service.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';

export interface ServiceFlags {
  readonly tcp?: readonly string[];
  readonly clusterip?: string;
  readonly 'node-port'?: number;
  readonly 'external-name'?: string;
}

export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';

/** `80`, `80:8080`, `80:http` → port and target. */
function parseTcp(text: string): { port: number; target: number | string } {
  const parts = text.split(':');
  if (parts.length > 2) throw new UserError(`invalid port: ${text}`);
  const port = Number(parts[0]);
  if (!/^\d+$/.test(parts[0]!) || port < 1 || port > 65535) {
    throw new UserError(`strconv.Atoi: parsing ${JSON.stringify(parts[0])}: invalid syntax`);
  }
  const [, to] = parts;
  return { port, target: to === undefined ? port : /^\d+$/.test(to) ? Number(to) : to };
}

export function service(name: string, type: ServiceType, flags: ServiceFlags): KubeObject {
  const tcp = flags.tcp ?? [];
  const headless = flags.clusterip === 'None';
  if (type !== 'ExternalName' && !headless && tcp.length === 0) {
    throw new UserError('at least one tcp port specifier must be provided');
  }
  const nodePort = flags['node-port'] ?? 0;
  const ports = tcp.map((text) => {
    const { port, target } = parseTcp(text);
    return {
      name: text.replace(':', '-'),
      protocol: 'TCP',
      port,
      targetPort: target,
      ...(type === 'NodePort' && nodePort > 0 && { nodePort }),
    };
  });
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name, labels: { app: name } },
    spec: {
      ...(ports.length > 0 && { ports }),
      selector: { app: name },
      ...(flags.clusterip && { clusterIP: flags.clusterip }),
      type,
      ...(type === 'ExternalName' && { externalName: flags['external-name'] }),
    },
    status: { loadBalancer: {} },
  } as KubeObject;
}
