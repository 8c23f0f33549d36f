/** Chain names. Upstream: pkg/proxy/iptables/proxier.go portProtoHash and servicePortEndpointChainName. */
import { hash } from 'node:crypto';

const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Standard base32 of the first bytes that `length` characters need. */
export function base32(bytes: Uint8Array, length: number): string {
  let out = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += base32Alphabet[(buffer >>> bits) & 31];
      if (out.length === length) return out;
    }
    buffer &= (1 << bits) - 1;
  }
  return out;
}

export function sha256Base32(text: string, length: number): string {
  return base32(hash('sha256', text, 'buffer'), length);
}

/** `servicePortName` is `ns/svc:port`; `protocol` is written in lower case. */
function portHash(servicePortName: string, protocol: string): string {
  return sha256Base32(servicePortName + protocol.toLowerCase(), 16);
}

/** All chains of a service port, for one hash. */
export function portChains(name: string, protocol: string) {
  const hashed = portHash(name, protocol);
  return {
    cluster: `KUBE-SVC-${hashed}`,
    local: `KUBE-SVL-${hashed}`,
    external: `KUBE-EXT-${hashed}`,
    firewall: `KUBE-FW-${hashed}`,
  };
}

export const clusterPolicyChain = (name: string, protocol: string) => `KUBE-SVC-${portHash(name, protocol)}`;
export const localPolicyChain = (name: string, protocol: string) => `KUBE-SVL-${portHash(name, protocol)}`;
export const externalChain = (name: string, protocol: string) => `KUBE-EXT-${portHash(name, protocol)}`;
export const firewallChain = (name: string, protocol: string) => `KUBE-FW-${portHash(name, protocol)}`;

export function endpointChain(name: string, protocol: string, endpointAddress: string): string {
  return `KUBE-SEP-${sha256Base32(name + protocol.toLowerCase() + endpointAddress, 16)}`;
}
