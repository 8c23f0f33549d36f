import { FieldErrorList, FieldPath, type KubeObject, newInvalid } from '../../apimachinery/index.ts';
import { parseIpv4 } from './ip-range.ts';

export const noClusterIp = 'None';

/** Keeps `clusterIP` and `clusterIPs` in step, whichever of them a client knows. Upstream: storage.go normalizeClusterIPs. */
export function normalizeClusterIps(service: KubeObject, old?: Readonly<KubeObject>): void {
  const { spec } = service;
  if (!old) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const before = old.spec;
  if (before.clusterIPs?.length && !spec.clusterIPs?.length && (before.clusterIP ?? '') === (spec.clusterIP ?? '')) {
    spec.clusterIPs = [...before.clusterIPs];
  }
  if ((before.clusterIP ?? '') !== (spec.clusterIP ?? '') && sameItems(before.clusterIPs, spec.clusterIPs)) {
    if (before.clusterIP && !spec.clusterIP) delete spec.clusterIPs;
    else spec.clusterIPs = [spec.clusterIP];
  }
}

/** Clients that update without knowing what was allocated keep it. Upstream: storage.go patchAllocatedValues. */
export function patchAllocatedValues(service: KubeObject, old: Readonly<KubeObject>): void {
  const { spec } = service;
  const before = old.spec;
  if (before.type !== 'ExternalName' && spec.type !== 'ExternalName') {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
    if (!spec.clusterIPs?.length && before.clusterIPs?.length) spec.clusterIPs = [...before.clusterIPs];
  }
  if (usesNodePorts(before) && usesNodePorts(spec)) {
    const taken = new Set(nodePortsOf(spec));
    const kept = new Set(nodePortsOf(before).filter((port) => taken.has(port)));
    const byName = new Map<string, number>();
    for (const port of before.ports ?? []) byName.set(port.name ?? '', port.nodePort ?? 0);
    for (const port of spec.ports ?? []) {
      const known = byName.get(port.name ?? '') ?? 0;
      if (!port.nodePort && known !== 0 && !kept.has(known)) port.nodePort = known;
    }
  }
  if (needsHealthCheck(before) && needsHealthCheck(spec) && !spec.healthCheckNodePort) {
    spec.healthCheckNodePort = before.healthCheckNodePort;
  }
}

/**
 * Fills ipFamilyPolicy and ipFamilies for a cluster with IPv4 services, and refuses what such a cluster cannot give.
 * Upstream: alloc.go initIPFamilyFields.
 */
export function initIpFamilies(service: KubeObject, old?: Readonly<KubeObject>): void {
  const { spec } = service;
  if (spec.type === 'ExternalName') return;
  const headless = spec.clusterIP === noClusterIp;
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (headless && selectorless ? 'RequireDualStack' : 'SingleStack');

  const errors = new FieldErrorList();
  const path = FieldPath.root('spec');
  const ips: string[] = spec.clusterIPs ?? [];
  validateClusterIps(ips, spec.clusterIP, path, errors);
  throwIfAny(service, errors);

  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (old && sameItems(old.spec.clusterIPs, ips) && ips.length > 1) ips.splice(1);
    if (old && sameItems(old.spec.ipFamilies, spec.ipFamilies) && spec.ipFamilies?.length > 1)
      spec.ipFamilies.splice(1);
    const policy = path.child('ipFamilyPolicy');
    const needs = (what: string) =>
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
    if (ips.length === 2) errors.invalid(policy, spec.ipFamilyPolicy, needs('cluster IPs'));
    if (spec.ipFamilies?.length === 2) errors.invalid(policy, spec.ipFamilyPolicy, needs('IP families'));
  }
  ips.forEach((ip, i) => {
    if (ip === noClusterIp || i < (spec.ipFamilies ?? []).length) return;
    if (ip.includes(':')) {
      errors.invalid(path.child('clusterIPs').index(i), ips, 'IPv6 is not configured on this cluster');
    } else spec.ipFamilies = [...(spec.ipFamilies ?? []), 'IPv4'];
  });
  throwIfAny(service, errors);

  if (headless && selectorless) {
    if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
    if (spec.ipFamilies.length < 2 && spec.ipFamilyPolicy !== 'SingleStack') {
      spec.ipFamilies = [...spec.ipFamilies, spec.ipFamilies[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
    }
    return;
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    errors.invalid(
      path.child('ipFamilyPolicy'),
      spec.ipFamilyPolicy,
      'this cluster is not configured for dual-stack services',
    );
  }
  (spec.ipFamilies ?? []).forEach((family: string, i: number) => {
    if (family !== 'IPv4') errors.invalid(path.child('ipFamilies').index(i), family, 'not configured on this cluster');
  });
  throwIfAny(service, errors);
  if (!spec.ipFamilies?.length) spec.ipFamilies = ['IPv4'];
}

function validateClusterIps(ips: string[], first: string | undefined, path: FieldPath, errors: FieldErrorList): void {
  ips.forEach((ip, i) => {
    if (ip === noClusterIp && i === 0) {
      if (ips.length > 1) {
        errors.invalid(path.child('clusterIPs'), ips, "'None' must be the first and only value");
      }
    } else if (parseIpv4(ip) === undefined && !/^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(ip)) {
      errors.invalid(
        path.child('clusterIPs').index(i),
        ip,
        'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      );
    }
  });
  if (ips.length > 0 && first !== undefined && ips[0] !== first) {
    errors.invalid(path.child('clusterIPs').index(0), ips[0], 'must be the same as `spec.clusterIP`');
  }
}

export function throwIfAny(service: KubeObject, errors: FieldErrorList): void {
  if (errors.length > 0) {
    throw newInvalid({ group: '', kind: 'Service' }, service.metadata.name ?? '', errors.errors);
  }
}

/** Node ports are handed out to these; a load balancer can do without. */
export function usesNodePorts(spec: any): boolean {
  if (spec.type === 'NodePort') return true;
  return spec.type === 'LoadBalancer' && (spec.allocateLoadBalancerNodePorts ?? true);
}

export function needsHealthCheck(spec: any): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

export function nodePortsOf(spec: any): number[] {
  return (spec.ports ?? []).map((port: any) => port.nodePort ?? 0).filter((port: number) => port !== 0);
}

function sameItems(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return (a ?? []).length === (b ?? []).length && (a ?? []).every((item, i) => item === b![i]);
}
