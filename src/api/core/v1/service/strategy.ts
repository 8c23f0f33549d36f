/** Upstream: pkg/registry/core/service/strategy.go (1.36). */
import { deepEqual, isDns1123Label, type KubeObject } from '../../../../apimachinery/index.ts';
import { ipWarning } from '../../../addresses.ts';
import type { Strategy, StrategyContext } from '../../../definition.ts';
import type { Service, ServiceSpec } from '../../../types.ts';
import { defaultService, isExternallyAccessible, needsHealthCheck } from './defaults.ts';
import { validateServiceStatus } from './status-validation.ts';
import { validateService, validateServiceUpdate } from './validation.ts';
import { serviceWarnings } from './warnings.ts';

const needsClusterIp = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName';
const needsNodePort = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

const nodePorts = (spec: ServiceSpec): number[] => (spec.ports ?? []).map((port) => port.nodePort ?? 0);

/** Fields a client did not touch and that no longer apply after a change of type, each with its own condition. */
function dropTypeDependentFields(spec: ServiceSpec, old: ServiceSpec): void {
  const untouched = (field: keyof ServiceSpec) => deepEqual(spec[field], old[field]);
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    if (untouched('clusterIP') && untouched('clusterIPs')) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (untouched('ipFamilies')) delete spec.ipFamilies;
    if (untouched('ipFamilyPolicy')) delete spec.ipFamilyPolicy;
  }
  if (needsNodePort(old) && !needsNodePort(spec) && deepEqual(nodePorts(old), nodePorts(spec))) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheck(old) && !needsHealthCheck(spec) && untouched('healthCheckNodePort')) {
    delete spec.healthCheckNodePort;
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (untouched('allocateLoadBalancerNodePorts')) delete spec.allocateLoadBalancerNodePorts;
    if (untouched('loadBalancerClass')) delete spec.loadBalancerClass;
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec) && untouched('externalTrafficPolicy')) {
    delete spec.externalTrafficPolicy;
  }
}

/** clusterIP and clusterIPs say the same; older clients only know the first. Upstream: patchAllocatedValues, normalizeClusterIPs. */
function normalizeClusterIps(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  if (spec.type === 'ExternalName') return;
  if (old !== undefined) keepAllocated(spec, old);
  if (old === undefined || old.clusterIP === spec.clusterIP) {
    if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  // The client changed clusterIP and left clusterIPs as it read it.
  if (deepEqual(old.clusterIPs, spec.clusterIPs)) {
    if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
    else delete spec.clusterIPs;
  }
}

/** A client that replaces the object without its addresses and ports means to keep them. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && needsClusterIp(spec)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && spec.clusterIP === old.clusterIP && old.clusterIPs) {
      spec.clusterIPs = old.clusterIPs;
    }
  }
  if (needsNodePort(old) && needsNodePort(spec)) {
    const used = new Set(nodePorts(spec).filter((port) => port !== 0));
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue;
      const before = old.ports?.find((other) => other.port === port.port && other.protocol === port.protocol);
      if (before?.nodePort && !used.has(before.nodePort)) port.nodePort = before.nodePort;
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(spec) && !spec.healthCheckNodePort && old.healthCheckNodePort) {
    spec.healthCheckNodePort = old.healthCheckNodePort;
  }
}

function prepareForUpdate(object: KubeObject, old: Readonly<KubeObject>, context: StrategyContext): void {
  if (context.subresource !== '') return;
  const service = object as Service;
  service.spec ??= {};
  const spec = service.spec;
  const oldSpec = (old as Readonly<Service>).spec ?? {};
  normalizeClusterIps(spec, oldSpec);
  dropTypeDependentFields(spec, oldSpec);
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} };
}

export const serviceStrategy: Strategy = {
  allowCreateOnUpdate: true,
  validateName: (name, prefix) => isDns1123Label(prefix ? name.replace(/-$/, 'a') : name),
  applyDefaults: (object) => defaultService(object as Service),
  prepareForCreate: (object) => normalizeClusterIps((object as Service).spec ?? {}, undefined),
  prepareForUpdate,
  validate: (object, errors) => validateService(object as Readonly<Service>, errors),
  validateUpdate: (object, old, errors) =>
    validateServiceUpdate(object as Readonly<Service>, old as Readonly<Service>, errors),
  validateStatusUpdate: (object, old, errors) =>
    validateServiceStatus(object as Readonly<Service>, old as Readonly<Service>, errors),
  warnings: (object) => serviceWarnings(object as Readonly<Service>),
  statusWarnings: (object) =>
    ((object as Readonly<Service>).status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
      ip ? ipWarning(`status.loadBalancer.ingress[${index}]`, ip) : [],
    ),
};
