/** Chain and set names. Upstream: pkg/proxy/nftables/proxier.go hashAndTruncate (1.36). */
import { sha256Base32 } from '../iptables/names.ts';
import type { Endpoint, ServicePort } from '../service-ports.ts';

/** nft allows 128 characters in a set's name on old kernels; upstream keeps all names to 240. */
const nameLengthMax = 240;

function hashed(prefix: string, name: string): string {
  const full = `${prefix}-${sha256Base32(name, 8)}-${name}`;
  return full.length > nameLengthMax ? `${full.slice(0, nameLengthMax - 3)}...` : full;
}

/** `ns1/svc1/tcp/p80`; the last part is empty for a port without a name. */
function serviceName(port: ServicePort): string {
  return `${port.namespace}/${port.service}/${port.protocol.toLowerCase()}/${port.portName}`;
}

/** `ns1/svc1/tcp/p80__10.180.0.1/80`. A colon may not stand in a name, so IPv6 addresses have dots. */
function endpointName(port: ServicePort, endpoint: Endpoint): string {
  return `${serviceName(port)}__${endpoint.ip.replaceAll(':', '.')}/${endpoint.port}`;
}

export const serviceChain = (port: ServicePort) => hashed('service', serviceName(port));
export const localChain = (port: ServicePort) => hashed('local', serviceName(port));
export const externalChain = (port: ServicePort) => hashed('external', serviceName(port));
export const firewallChain = (port: ServicePort) => hashed('firewall', serviceName(port));
export const endpointChain = (port: ServicePort, endpoint: Endpoint) =>
  hashed('endpoint', endpointName(port, endpoint));
export const affinitySet = (port: ServicePort, endpoint: Endpoint) => hashed('affinity', endpointName(port, endpoint));
