/** Which differences concern some services only. */
import {
  clusterPolicyChain,
  endpointChain,
  externalChain,
  firewallChain,
  localPolicyChain,
} from '../iptables/names.ts';
import type { ServicePort } from '../service-ports.ts';
import type { Difference } from './rule-set.ts';

/**
 * A test for differences that name one of the services: by its chains, its name in comments and names of chains, or its
 * addresses. `names` are `ns/svc`, also of those that have no port any more.
 */
export function mentions(names: readonly string[], ports: readonly ServicePort[]): (found: Difference) => Difference[] {
  const chains = new Set<string>();
  const addresses = new Set<string>();
  for (const { name, protocol, clusterIP, externalIPs, loadBalancerVIPs, endpoints } of ports) {
    for (const chain of [clusterPolicyChain, localPolicyChain, externalChain, firewallChain]) {
      chains.add(chain(name, protocol));
    }
    for (const { address } of endpoints) chains.add(endpointChain(name, protocol, address));
    for (const ip of [clusterIP, ...externalIPs, ...loadBalancerVIPs]) addresses.add(ip);
  }
  const words = (text: string) => text.split(/[\s",]+/);
  const ours = (text: string): boolean =>
    names.some((name) => words(text).some((word) => named(word, name))) ||
    words(text).some((word) => chains.has(word) || addresses.has(word.replace(/\/(32|128)$/, '')));
  return (found) => {
    const [kind, place = ''] = found.place.split(' ', 2);
    const whole = ours(place) || (kind === 'ipvs' && [...addresses].some((ip) => found.place.includes(ip)));
    if (whole) return [found];
    const items = found.items.filter(({ text }) => ours(text));
    return items.length === 0 ? [] : [{ ...found, items }];
  };
}

/** `ns/svc`, `ns/svc:port`, or `service-HASH-ns/svc/tcp/port`. */
function named(word: string, name: string): boolean {
  const at = word.indexOf(name);
  if (at < 0) return false;
  const before = word[at - 1];
  const after = word[at + name.length];
  return (before === undefined || before === '-') && (after === undefined || after === ':' || after === '/');
}
