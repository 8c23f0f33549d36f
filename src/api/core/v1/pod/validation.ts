/** Pods and pod templates. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  FieldPath,
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isQualifiedName,
  nameIsDnsSubdomain,
  validateAnnotations,
  validateLabels,
} from '../../../../apimachinery/index.ts';
import type { Pod, PodSpec, PodTemplateSpec } from '../../../types.ts';
import { inclusiveRange, invalidEach, validateEnum, validateOptionalEnum } from '../../../validation.ts';
import {
  type ContainerContext,
  validateContainers,
  validateEphemeralContainers,
  validateId,
  validateInitContainers,
  validateSeccompProfile,
} from './validation-containers.ts';
import { validateResourceRequirements } from './validation-resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './validation-scheduling.ts';
import { validateVolumes } from './validation-volumes.ts';

export const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const maxInt32 = 2 ** 31 - 1;
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const noClaims: ReadonlySet<string> = new Set();

export interface PodSpecOptions {
  /** Name of the pod; templates have none. */
  readonly podName?: string;
  readonly isPod?: boolean;
}

function validateDnsConfig(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None') {
    if (!config) {
      errors.required(path, 'must provide `dnsConfig` when `dnsPolicy` is None');
      return;
    }
    if ((config.nameservers ?? []).length === 0) {
      const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      errors.required(path.child('nameservers'), detail);
      return;
    }
  }
  if (!config) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > 3) {
    errors.invalid(path.child('nameservers'), nameservers, 'must not have more than 3 nameservers');
  }
  for (const [index, server] of nameservers.entries()) {
    invalidEach(isIpAddress(server), server, path.child('nameservers').index(index), errors);
  }
  if (searches.length > 32) {
    errors.invalid(path.child('searches'), searches, 'must not have more than 32 search paths');
  }
  if (searches.join(' ').length > 2048) {
    const detail = 'must not have more than 2048 characters (including spaces) in the search list';
    errors.invalid(path.child('searches'), searches, detail);
  }
  for (const [index, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.replace(/\.$/, '');
    // Underscores are allowed in search domains.
    invalidEach(isDns1123Subdomain(name.replaceAll('_', 'x')), name, path.child('searches').index(index), errors);
  }
  for (const [index, option] of options.entries()) {
    if (!option.name) errors.required(path.child('options').index(index), 'must not be empty');
  }
}

function validateSecurityContext(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  const context = spec.securityContext;
  if (!context) return;
  validateId(context.fsGroup, path.child('fsGroup'), errors);
  validateId(context.runAsUser, path.child('runAsUser'), errors);
  validateId(context.runAsGroup, path.child('runAsGroup'), errors);
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    validateId(group, path.child('supplementalGroups').index(index), errors);
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.invalid(path.child('shareProcessNamespace'), true, detail);
  }
  const names = new Set<string>();
  for (const [index, sysctl] of (context.sysctls ?? []).entries()) {
    const at = path.child('sysctls').index(index);
    if (!sysctl.name) errors.required(at.child('name'));
    else if (!isSysctlName(sysctl.name)) {
      const detail = `must have at most 253 characters and match regex ${sysctlPattern.source}`;
      errors.invalid(at.child('name'), sysctl.name, detail);
    } else if (names.has(sysctl.name)) errors.duplicate(at.child('name'), sysctl.name);
    names.add(sysctl.name);
  }
  const changePolicies = ['Always', 'OnRootMismatch'];
  validateOptionalEnum(context.fsGroupChangePolicy, changePolicies, path.child('fsGroupChangePolicy'), errors);
  validateOptionalEnum(
    context.supplementalGroupsPolicy,
    ['Merge', 'Strict'],
    path.child('supplementalGroupsPolicy'),
    errors,
  );
  validateSeccompProfile(context.seccompProfile, path.child('seccompProfile'), errors);
}

const sysctlPattern = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const isSysctlName = (name: string): boolean => name.length <= 253 && sysctlPattern.test(name);

function validateHostNetworkPorts(
  spec: Readonly<PodSpec>,
  isPod: boolean,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!spec.hostNetwork) return;
  for (const [index, container] of (spec.containers ?? []).entries()) {
    for (const [portIndex, port] of (container.ports ?? []).entries()) {
      const hostPort = port.hostPort ?? 0;
      if (hostPort === port.containerPort || (!isPod && hostPort === 0)) continue;
      const at = path.index(index).child('ports').index(portIndex).child('hostPort');
      errors.invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    }
  }
}

function validateNames(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  for (const field of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const name = spec[field];
    if (name) invalidEach(nameIsDnsSubdomain(name, false), name, path.child(field), errors);
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field];
    if (name) invalidEach(isDns1123Label(name), name, path.child(field), errors);
  }
}

function validateGates(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  for (const [index, gate] of (spec.readinessGates ?? []).entries()) {
    const at = path.child('readinessGates').index(index).child('conditionType');
    invalidEach(isQualifiedName(gate.conditionType), gate.conditionType, at, errors);
  }
  const seen = new Set<string>();
  for (const [index, gate] of (spec.schedulingGates ?? []).entries()) {
    const at = path.child('schedulingGates').index(index);
    invalidEach(isQualifiedName(gate.name), gate.name, at, errors);
    if (seen.has(gate.name)) errors.duplicate(at, gate.name);
    seen.add(gate.name);
  }
}

function validateHostAliases(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    invalidEach(isIpAddress(alias.ip ?? ''), alias.ip, path.index(index).child('ip'), errors);
    for (const [nameIndex, name] of (alias.hostnames ?? []).entries()) {
      invalidEach(isDns1123Subdomain(name), name, path.index(index).child('hostnames').index(nameIndex), errors);
    }
  }
}

export function validatePodSpec(
  spec: Readonly<PodSpec>,
  options: PodSpecOptions,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const context: ContainerContext = {
    volumes: validateVolumes(spec.volumes, options, path.child('volumes'), errors),
    claimNames: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
    spec,
  };
  validateContainers(spec.containers, context, path.child('containers'), errors);
  validateInitContainers(spec.initContainers, context, path.child('initContainers'), errors);
  validateEphemeralContainers(spec.ephemeralContainers, context, path.child('ephemeralContainers'), errors);
  validateResourceRequirements(spec.resources, context.claimNames, path.child('resources'), errors);
  validateHostNetworkPorts(spec, options.isPod === true, path.child('containers'), errors);
  validateEnum(spec.restartPolicy, restartPolicies, path.child('restartPolicy'), errors);
  validateEnum(spec.dnsPolicy, dnsPolicies, path.child('dnsPolicy'), errors);
  validateLabels(spec.nodeSelector, path.child('nodeSelector'), errors);
  validateSecurityContext(spec, path.child('securityContext'), errors);
  validateAffinity(spec.affinity, path.child('affinity'), errors);
  validateDnsConfig(spec, path.child('dnsConfig'), errors);
  validateGates(spec, path, errors);
  validateTopologySpread(spec.topologySpreadConstraints, path.child('topologySpreadConstraints'), errors);
  validateNames(spec, path, errors);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32)) {
    errors.invalid(path.child('activeDeadlineSeconds'), deadline, inclusiveRange(1, maxInt32));
  }
  validateTolerations(spec.tolerations, path.child('tolerations'), errors);
  validateHostAliases(spec, path.child('hostAliases'), errors);
  const preemption = ['Never', 'PreemptLowerPriority'];
  validateOptionalEnum(spec.preemptionPolicy, preemption, path.child('preemptionPolicy'), errors);
  if (spec.overhead) {
    validateResourceRequirements({ limits: spec.overhead }, noClaims, path.child('overhead'), errors);
  }
  if (spec.os) validateEnum(spec.os.name, ['linux', 'windows'], path.child('os', 'name'), errors);
}

/** Annotations that the API server itself reads. */
function validatePodAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const cost = annotations?.[deletionCostAnnotation];
  if (cost === undefined) return;
  const valid = /^(0|-?[1-9]\d*)$/.test(cost) && Number(cost) >= -(2 ** 31) && Number(cost) <= maxInt32;
  if (!valid) errors.invalid(path.key(deletionCostAnnotation), cost, 'must be a 32bit integer');
}

export function validatePodTemplate(
  template: Readonly<PodTemplateSpec>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  validateLabels(template.metadata?.labels, path.child('labels'), errors);
  validateAnnotations(template.metadata?.annotations, path.child('annotations'), errors);
  validatePodAnnotations(template.metadata?.annotations, path.child('annotations'), errors);
  const spec = template.spec;
  validatePodSpec(spec ?? { containers: [] }, {}, path.child('spec'), errors);
  if ((spec?.ephemeralContainers ?? []).length > 0) {
    const detail = 'ephemeral containers not allowed in pod template';
    errors.forbidden(path.child('spec', 'ephemeralContainers'), detail);
  }
}

/** What holds at creation and at every update. Metadata is the registry's. */
export function validatePod(pod: Readonly<Pod>, errors: FieldErrorList): void {
  validatePodAnnotations(pod.metadata.annotations, FieldPath.root('metadata', 'annotations'), errors);
  const spec = pod.spec ?? { containers: [] };
  const path = FieldPath.root('spec');
  validatePodSpec(spec, { podName: pod.metadata.name, isPod: true }, path, errors);
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const image = container.image ?? '';
      if (image === image.trim()) continue;
      errors.invalid(path.child(list).index(index).child('image'), image, untrimmedImage);
    }
  }
}

export const untrimmedImage = 'must not have leading or trailing whitespace';

export function validatePodCreate(pod: Readonly<Pod>, errors: FieldErrorList): void {
  validatePod(pod, errors);
  const path = FieldPath.root('spec');
  if ((pod.spec?.ephemeralContainers ?? []).length > 0) {
    errors.forbidden(path.child('ephemeralContainers'), 'cannot be set on create');
  }
  if (pod.spec?.nodeName && (pod.spec.schedulingGates ?? []).length > 0) {
    errors.forbidden(path.child('nodeName'), 'cannot be set until all schedulingGates have been cleared');
  }
}
