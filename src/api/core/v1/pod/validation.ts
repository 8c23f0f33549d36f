/** Pods and pod templates. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  FieldPath,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  nameIsDnsSubdomain,
  validateAnnotations,
  validateLabels,
} from '../../../../apimachinery/index.ts';
import { isLegacyIp } from '../../../addresses.ts';
import type { Pod, PodResourceClaim, PodSpec, PodTemplateSpec } from '../../../types.ts';
import { inclusiveRange, invalidEach, validateEnum, validateOptionalEnum } from '../../../validation.ts';
import { containersOf } from './containers.ts';
import {
  type ContainerContext,
  validateContainers,
  validateEphemeralContainers,
  validateId,
  validateImageTrimmed,
  validateInitContainers,
} from './validation-containers.ts';
import { validateHostname, validateHostProcesses, validateHostUsers, validateOs } from './validation-host.ts';
import {
  appArmorPrefix,
  validateAppArmorProfile,
  validateProfileAnnotations,
  validateProfilesMatchAnnotations,
  validateSeccompProfile,
  validateWindowsOptions,
} from './validation-profiles.ts';
import { validatePodLevelResources, validateResourceRequirements } from './validation-resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './validation-scheduling.ts';
import { validateVolumes } from './validation-volumes.ts';

export const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const maxInt32 = 2 ** 31 - 1;
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
const tolerationsAnnotation = 'scheduler.alpha.kubernetes.io/tolerations';
const noClaims: ReadonlySet<string> = new Set();

export interface PodSpecOptions {
  /** Name of the pod; templates have none. */
  readonly podName?: string;
  readonly isPod?: boolean;
  /** A pod that a kubelet runs from a file, seen through the API. */
  readonly isMirror?: boolean;
  /** Before an update: it may keep what older servers took. */
  readonly old?: Readonly<PodSpec> | undefined;
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
    invalidEach(isLegacyIp(server), server, path.child('nameservers').index(index), errors);
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

function validateSecurityContext(
  spec: Readonly<PodSpec>,
  { old }: PodSpecOptions,
  path: FieldPath,
  errors: FieldErrorList,
): void {
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
  const toleratesHostSysctls = old?.securityContext?.sysctls?.some(({ name }) => hostSysctlProblem(name ?? '', old));
  for (const [index, sysctl] of (context.sysctls ?? []).entries()) {
    const at = path.child('sysctls').index(index);
    if (!sysctl.name) errors.required(at.child('name'));
    else if (!isSysctlName(sysctl.name)) {
      const detail = `must have at most 253 characters and match regex ${sysctlPattern.source}`;
      errors.invalid(at.child('name'), sysctl.name, detail);
    } else if (names.has(sysctl.name)) errors.duplicate(at.child('name'), sysctl.name);
    const problem = toleratesHostSysctls ? undefined : hostSysctlProblem(sysctl.name ?? '', spec);
    if (problem !== undefined) errors.invalid(at.child('name'), sysctl.name, problem);
    names.add(sysctl.name);
  }
  const changePolicies = ['Always', 'OnRootMismatch'];
  validateOptionalEnum(context.fsGroupChangePolicy, changePolicies, path.child('fsGroupChangePolicy'), errors);
  validateSeccompProfile(context.seccompProfile, path.child('seccompProfile'), errors);
  validateWindowsOptions(context.windowsOptions, path.child('windowsOptions'), errors);
  validateAppArmorProfile(context.appArmorProfile, path.child('appArmorProfile'), errors);
  validateOptionalEnum(
    context.supplementalGroupsPolicy,
    ['Merge', 'Strict'],
    path.child('supplementalGroupsPolicy'),
    errors,
  );
  validateOptionalEnum(
    context.seLinuxChangePolicy,
    ['MountOption', 'Recursive'],
    path.child('seLinuxChangePolicy'),
    errors,
  );
}

const ipcSysctls = new Set(
  ['sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced', 'shm', 'msgmax', 'msgmnb', 'msgmni', 'msg'].map(
    (name) => `kernel.${name}`,
  ),
);

/** A sysctl of a namespace that the pod shares with its host. */
function hostSysctlProblem(name: string, spec: Readonly<PodSpec>): string | undefined {
  const separator = /[./]/.exec(name)?.[0];
  const swapped = separator === '/' ? name.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.')) : name;
  const plain = swapped.split('*')[0]!;
  if (spec.hostNetwork && plain.startsWith('net.')) return "may not be specified when 'hostNetwork' is true";
  const isIpc = ipcSysctls.has(plain) || plain.startsWith('fs.mqueue.');
  return spec.hostIPC && isIpc ? "may not be specified when 'hostIPC' is true" : undefined;
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

function validateSubdomain(spec: Readonly<PodSpec>, field: NameField, path: FieldPath, errors: FieldErrorList): void {
  const name = spec[field];
  if (name) invalidEach(nameIsDnsSubdomain(name, false), name, path.child(field), errors);
}

type NameField = 'serviceAccountName' | 'nodeName' | 'priorityClassName' | 'runtimeClassName';

function validateResourceClaims(
  claims: readonly PodResourceClaim[] | undefined,
  isMirror: boolean,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const names = new Set<string>();
  for (const [index, claim] of (claims ?? []).entries()) {
    if (isMirror) {
      errors.forbidden(FieldPath.root(''), 'static pods do not support resource claims');
      continue;
    }
    const at = path.index(index);
    if (!claim.name) errors.required(at.child('name'));
    else if (names.has(claim.name)) errors.duplicate(at.child('name'), claim.name);
    else invalidEach(isDns1123Label(claim.name), claim.name, at.child('name'), errors);
    names.add(claim.name);
    const { resourceClaimName: claimName, resourceClaimTemplateName: templateName } = claim;
    if (claimName !== undefined && templateName !== undefined) {
      const detail = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.invalid(at, claim, detail);
    }
    if (claimName === undefined && templateName === undefined) {
      errors.invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    }
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const name = claim[field];
      if (name !== undefined) invalidEach(nameIsDnsSubdomain(name, false), name, at.child(field), errors);
    }
  }
}

/** Files as sources of variables live in volumes that die with the pod. */
function validateEnvFiles(spec: Readonly<PodSpec>, path: FieldPath, errors: FieldErrorList): void {
  for (const [container, place] of containersOf(spec, path)) {
    for (const [index, variable] of (container.env ?? []).entries()) {
      const reference = variable.valueFrom?.fileKeyRef;
      if (!reference) continue;
      const at = place.child('env').index(index).child('valueFrom', 'fileKeyRef', 'volumeName');
      const volume = spec.volumes?.find(({ name }) => name === reference.volumeName);
      if (volume === undefined) errors.notFound(at, reference.volumeName ?? '');
      else if (!volume.emptyDir) errors.invalid(at, reference.volumeName, 'referenced volume must be of type emptyDir');
    }
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
    invalidEach(isLegacyIp(alias.ip ?? ''), alias.ip ?? '', path.index(index).child('ip'), errors);
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
  if (spec.terminationGracePeriodSeconds === undefined) errors.required(path.child('terminationGracePeriodSeconds'));
  const context: ContainerContext = {
    volumes: validateVolumes(spec.volumes, options, path.child('volumes'), errors),
    claimNames: new Set((spec.resourceClaims ?? []).map((claim) => claim.name).filter((name) => name !== '')),
    spec,
    old: options.old,
  };
  validateResourceClaims(spec.resourceClaims, options.isMirror === true, path.child('resourceClaims'), errors);
  validateContainers(spec.containers, context, path.child('containers'), errors);
  validateInitContainers(spec.initContainers, context, path.child('initContainers'), errors);
  validateEphemeralContainers(spec.ephemeralContainers, context, path.child('ephemeralContainers'), errors);
  validatePodLevelResources(spec, { claimNames: context.claimNames }, path.child('resources'), errors);
  validateHostNetworkPorts(spec, options.isPod === true, path.child('containers'), errors);
  validateEnum(spec.restartPolicy, restartPolicies, path.child('restartPolicy'), errors);
  validateEnum(spec.dnsPolicy, dnsPolicies, path.child('dnsPolicy'), errors);
  validateLabels(spec.nodeSelector, path.child('nodeSelector'), errors);
  validateSecurityContext(spec, options, path.child('securityContext'), errors);
  validateAffinity(spec.affinity, path.child('affinity'), errors);
  validateDnsConfig(spec, path.child('dnsConfig'), errors);
  validateGates(spec, path, errors);
  validateTopologySpread(spec.topologySpreadConstraints, path.child('topologySpreadConstraints'), errors);
  validateHostProcesses(spec, path, errors);
  validateHostUsers(spec, options, path, errors);
  validateHostname(spec, path, errors);
  validateSubdomain(spec, 'serviceAccountName', path, errors);
  validateSubdomain(spec, 'nodeName', path, errors);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32)) {
    errors.invalid(path.child('activeDeadlineSeconds'), deadline, inclusiveRange(1, maxInt32));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field];
    if (name) invalidEach(isDns1123Label(name), name, path.child(field), errors);
  }
  validateTolerations(spec.tolerations, path.child('tolerations'), errors);
  validateHostAliases(spec, path.child('hostAliases'), errors);
  validateSubdomain(spec, 'priorityClassName', path, errors);
  validateSubdomain(spec, 'runtimeClassName', path, errors);
  const preemption = ['PreemptLowerPriority', 'Never'];
  if (spec.preemptionPolicy !== undefined) {
    validateEnum(spec.preemptionPolicy, preemption, path.child('preemptionPolicy'), errors);
  }
  if (spec.overhead) {
    const requirements = { limits: spec.overhead };
    validateResourceRequirements(requirements, { claimNames: noClaims }, path.child('overhead'), errors);
  }
  validateOs(spec, path, errors);
  if (spec.schedulingGroup) {
    const name = spec.schedulingGroup.podGroupName;
    const at = path.child('schedulingGroup', 'podGroupName');
    if (name === undefined) errors.invalid(at, null, 'must specify one of: `podGroupName`');
    else invalidEach(nameIsDnsSubdomain(name, false), name, at, errors);
  }
  validateEnvFiles(spec, path, errors);
}

type Annotations = Readonly<Record<string, string>>;

const isDeletionCost = (cost: string): boolean =>
  /^(0|-?[1-9]\d*)$/.test(cost) && Number(cost) >= -(2 ** 31) && Number(cost) <= maxInt32;

/** Annotations that the API server itself reads. `old`: before an update. */
export function validatePodAnnotations(
  annotations: Annotations = {},
  spec: Readonly<PodSpec>,
  path: FieldPath,
  errors: FieldErrorList,
  old?: Annotations,
): void {
  const mirror = annotations[mirrorAnnotation];
  if (mirror !== undefined && !spec.nodeName) {
    errors.invalid(path.key(mirrorAnnotation), mirror, 'must set spec.nodeName if mirror pod annotation is set');
  }
  const tolerations = annotations[tolerationsAnnotation];
  if (tolerations) {
    try {
      validateTolerations(JSON.parse(tolerations), path.child(tolerationsAnnotation), errors);
    } catch (error) {
      errors.invalid(path, tolerationsAnnotation, (error as Error).message);
    }
  }
  const cost = annotations[deletionCostAnnotation];
  const oldCost = old?.[deletionCostAnnotation];
  const tolerated = oldCost !== undefined && !isDeletionCost(oldCost);
  if (cost !== undefined && !tolerated && !isDeletionCost(cost)) {
    errors.invalid(path.key(deletionCostAnnotation), cost, 'must be a 32bit integer');
  }
  validateProfileAnnotations(annotations, spec, path, errors);
}

export function validatePodTemplate(
  template: Readonly<PodTemplateSpec>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  validateLabels(template.metadata?.labels, path.child('labels'), errors);
  validateAnnotations(template.metadata?.annotations, path.child('annotations'), errors);
  const spec: PodSpec = template.spec ?? { containers: [] };
  validatePodAnnotations(template.metadata?.annotations, spec, path.child('annotations'), errors);
  validatePodSpec(spec, {}, path.child('spec'), errors);
  if ((spec.ephemeralContainers ?? []).length > 0) {
    const detail = 'ephemeral containers not allowed in pod template';
    errors.forbidden(path.child('spec', 'ephemeralContainers'), detail);
  }
}

export const isMirrorPod = (pod: Readonly<Pod>): boolean => pod.metadata.annotations?.[mirrorAnnotation] !== undefined;

/** What holds at creation and at every update. Metadata is the registry's. */
export function validatePod(pod: Readonly<Pod>, errors: FieldErrorList, old?: Readonly<Pod>): void {
  const spec = pod.spec ?? { containers: [] };
  const annotationsPath = FieldPath.root('metadata', 'annotations');
  validatePodAnnotations(pod.metadata.annotations, spec, annotationsPath, errors, old?.metadata.annotations);
  const path = FieldPath.root('spec');
  const options = { podName: pod.metadata.name, isPod: true, isMirror: isMirrorPod(pod), old: old?.spec };
  validatePodSpec(spec, options, path, errors);
  if (!spec.serviceAccountName) {
    const detail = 'must not be specified when serviceAccountName is not set';
    for (const [index, volume] of (spec.volumes ?? []).entries()) {
      for (const [source, projection] of (volume.projected?.sources ?? []).entries()) {
        if (!projection.serviceAccountToken) continue;
        const at = path.child('volumes').index(index).child('projected', 'sources').index(source);
        errors.forbidden(at.child('serviceAccountToken'), detail);
      }
    }
  }
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      validateImageTrimmed(container, path.child(list).index(index), errors);
    }
  }
}

/** Neither annotations of profiles nor the mark of mirror pods come, go or change. */
export function validateAnnotationUpdate(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  const path = FieldPath.root('metadata', 'annotations');
  const [now, before] = [pod.metadata.annotations ?? {}, old.metadata.annotations ?? {}];
  const refuse = (key: string, verb: string) => {
    if (key.startsWith(appArmorPrefix)) errors.forbidden(path.key(key), `may not ${verb} AppArmor annotations`);
    if (key === mirrorAnnotation) errors.forbidden(path.key(key), `may not ${verb} mirror pod annotation`);
  };
  for (const key of Object.keys(before)) if (now[key] !== before[key]) refuse(key, 'remove or update');
  for (const key of Object.keys(now)) if (!(key in before)) refuse(key, 'add');
}

export function validatePodCreate(pod: Readonly<Pod>, errors: FieldErrorList): void {
  validatePod(pod, errors);
  const path = FieldPath.root('spec');
  const spec = pod.spec ?? { containers: [] };
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.forbidden(path.child('ephemeralContainers'), 'cannot be set on create');
  }
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0) {
    errors.forbidden(path.child('nodeName'), 'cannot be set until all schedulingGates have been cleared');
  }
  validateProfilesMatchAnnotations(pod.metadata.annotations ?? {}, spec, path, errors);
}
