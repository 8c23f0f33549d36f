import { validateServiceClusterIps } from '../../api/index.ts';
import { FieldErrorList, FieldPath, type KubeObject, newInvalid } from '../../apimachinery/index.ts';
import { type IpFamily, ipFamilyOf } from './service-cidr.ts';

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

/** The families a cluster gives to its services; the first is that of services that ask for none. */
export type ServiceFamilies = readonly IpFamily[];

/**
 * Fills ipFamilyPolicy and ipFamilies, and refuses what the cluster cannot give. Upstream: alloc.go initIPFamilyFields.
 */
export function initIpFamilies(service: KubeObject, families: ServiceFamilies, old?: Readonly<KubeObject>): void {
  const { spec } = service;
  if (spec.type === 'ExternalName' || keepsPreferredDualStack(service, old)) return;
  const headless = spec.clusterIP === noClusterIp;
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? (headless && selectorless ? 'RequireDualStack' : 'SingleStack');

  const errors = new FieldErrorList();
  const path = FieldPath.root('spec');
  validateServiceClusterIps(spec, errors);
  throwIfAny(service, errors);

  trimOrRefuseReduction(spec, old?.spec, path.child('ipFamilyPolicy'), errors);
  const ips: string[] = spec.clusterIPs ?? [];
  for (const [i, ip] of ips.entries()) {
    if (ip === noClusterIp) break;
    if (i < (spec.ipFamilies ?? []).length) continue;
    const family = ipFamilyOf(ip);
    if (families.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else errors.invalid(path.child('clusterIPs').index(i), ips, `${family} is not configured on this cluster`);
  }
  throwIfAny(service, errors);

  if (headless && selectorless) {
    // Somebody else makes the endpoints, of whatever family: nothing here must be configured.
    if (!spec.ipFamilies?.length) spec.ipFamilies = [families[0]];
    if (spec.ipFamilyPolicy !== 'SingleStack') addOtherFamily(spec);
    return;
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    errors.invalid(
      path.child('ipFamilyPolicy'),
      spec.ipFamilyPolicy,
      'this cluster is not configured for dual-stack services',
    );
  }
  (spec.ipFamilies ?? []).forEach((family: IpFamily, i: number) => {
    if (families.includes(family)) return;
    errors.invalid(path.child('ipFamilies').index(i), family, 'not configured on this cluster');
  });
  throwIfAny(service, errors);
  if (!spec.ipFamilies?.length) spec.ipFamilies = [families[0]];
  if (spec.ipFamilyPolicy !== 'SingleStack' && families.length === 2) addOtherFamily(spec);
}

/**
 * An update that says nothing about families leaves a PreferDualStack service as it is, also where the cluster got its
 * second family later. Upstream: isMatchingPreferDualStackClusterIPFields.
 */
export function keepsPreferredDualStack(service: Readonly<KubeObject>, old: Readonly<KubeObject> | undefined): boolean {
  if (!old) return false;
  const { spec } = service;
  const before = old.spec;
  const prefers = (policy: string | undefined) => policy === undefined || policy === 'PreferDualStack';
  return (
    spec.ipFamilyPolicy !== undefined &&
    before.type === spec.type &&
    ['ClusterIP', 'NodePort', 'LoadBalancer'].includes(spec.type) &&
    prefers(spec.ipFamilyPolicy) &&
    prefers(before.ipFamilyPolicy) &&
    sameItems(before.clusterIPs, spec.clusterIPs) &&
    sameItems(before.ipFamilies, spec.ipFamilies)
  );
}

/** SingleStack gives up the second address and family that the client did not touch; the others may not lose them. */
function trimOrRefuseReduction(spec: any, before: any, path: FieldPath, errors: FieldErrorList): void {
  const single = spec.ipFamilyPolicy === 'SingleStack';
  if (before && single) {
    if (sameItems(before.clusterIPs, spec.clusterIPs) && spec.clusterIPs?.length > 1) {
      spec.clusterIPs = spec.clusterIPs.slice(0, 1);
    }
    if (sameItems(before.ipFamilies, spec.ipFamilies) && spec.ipFamilies?.length > 1) {
      spec.ipFamilies = spec.ipFamilies.slice(0, 1);
    }
  } else if (before) {
    const reduced = (now: readonly string[] = [], then: readonly string[] = []) =>
      now.length === 1 && then.length === 2 && now[0] === then[0];
    if (reduced(spec.clusterIPs, before.clusterIPs)) {
      errors.invalid(path, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP");
    }
    if (reduced(spec.ipFamilies, before.ipFamilies)) {
      errors.invalid(path, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family");
    }
  }
  if (!single) return;
  const needs = (what: string) => `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
  if (spec.clusterIPs?.length === 2) errors.invalid(path, spec.ipFamilyPolicy, needs('cluster IPs'));
  if (spec.ipFamilies?.length === 2) errors.invalid(path, spec.ipFamilyPolicy, needs('IP families'));
}

function addOtherFamily(spec: any): void {
  if (spec.ipFamilies.length !== 1) return;
  spec.ipFamilies = [...spec.ipFamilies, spec.ipFamilies[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
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
