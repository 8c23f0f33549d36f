/** Writes of a pod's status. Upstream: ValidatePodStatusUpdate of pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  FieldPath,
  isDns1123Label,
  isQualifiedName,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import { isLegacyIp, parseAddress } from '../../../addresses.ts';
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '../../../types.ts';
import { invalidEach, validateImmutable } from '../../../validation.ts';
import { validateAnnotationUpdate, validatePodAnnotations } from './validation.ts';
import { validateId } from './validation-containers.ts';

const statusPath = FieldPath.root('status');
const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);
const notNegative = 'must be a non-negative integer';

const matchesExitCode = (rule: RestartRule, exitCode: number): boolean => {
  const { operator, values = [] } = rule.exitCodes ?? {};
  if (operator === 'In') return values.includes(exitCode);
  return operator === 'NotIn' && !values.includes(exitCode);
};

type RestartRule = NonNullable<Container['restartPolicyRules']>[number];

/** Rules first, then the container's own policy, then the pod's. Upstream: podutil.ContainerShouldRestart. */
function shouldRestart(container: Container, spec: Readonly<PodSpec>, exitCode: number): boolean {
  for (const rule of container.restartPolicyRules ?? []) {
    if (matchesExitCode(rule, exitCode)) return rule.action === 'Restart' || rule.action === 'RestartAllContainers';
  }
  const policy = container.restartPolicy ?? spec.restartPolicy;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** One container that may restart all lets every other leave its end. */
function allCouldRestart(spec: Readonly<PodSpec>): boolean {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])].some((container) =>
    container.restartPolicyRules?.some((rule) => rule.action === 'RestartAllContainers'),
  );
}

/** What has ended stays so, unless `mayLeave` says that it starts again. */
function validateTransitions(
  now: readonly ContainerStatus[] = [],
  old: readonly ContainerStatus[] = [],
  mayLeave: (name: string, exitCode: number) => boolean,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [index, before] of old.entries()) {
    const ended = before.state?.terminated;
    const status = ended && now.find(({ name }) => name === before.name);
    if (!ended || !status || status.state?.terminated || mayLeave(before.name, ended.exitCode)) continue;
    errors.forbidden(path.index(index).child('state'), 'may not be transitioned to non-terminated state');
  }
}

function validateAddresses(
  addresses: readonly { ip?: string }[] = [],
  old: readonly { ip?: string }[] = [],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const known = new Set(old.map(({ ip }) => ip));
  for (const [index, { ip = '' }] of addresses.entries()) {
    if (!known.has(ip)) invalidEach(isLegacyIp(ip), ip, path.index(index), errors);
  }
  if (addresses.length < 2) return;
  const families = new Set(addresses.map(({ ip = '' }) => parseAddress(ip)?.family));
  if (addresses.length > 2 || families.size < 2) {
    errors.invalid(path, addresses, 'may specify no more than one IP for each IP family');
  }
}

function validateConditions(conditions: PodStatus['conditions'], errors: FieldErrorList): void {
  for (const [index, condition] of (conditions ?? []).entries()) {
    const at = statusPath.child('conditions').index(index);
    const generation = condition.observedGeneration ?? 0;
    if (generation < 0) errors.invalid(at.child('observedGeneration'), generation, notNegative);
    if (systemConditions.has(condition.type)) continue;
    invalidEach(isQualifiedName(condition.type), condition.type, at.child('Type'), errors);
  }
}

function validateClaimStatuses(pod: Readonly<Pod>, errors: FieldErrorList): void {
  const claims = new Set((pod.spec?.resourceClaims ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  for (const [index, { name, resourceClaimName }] of (pod.status?.resourceClaimStatuses ?? []).entries()) {
    const at = statusPath.child('resourceClaimStatuses').index(index);
    if (!claims.has(name)) {
      errors.invalid(at.child('name'), name, 'must match the name of an entry in `spec.resourceClaims`');
    }
    if (seen.has(name)) errors.duplicate(at.child('name'), name);
    seen.add(name);
    if (resourceClaimName === undefined) continue;
    const messages = nameIsDnsSubdomain(resourceClaimName, false);
    invalidEach(messages, resourceClaimName, at.child('resourceClaimName'), errors);
  }
}

function validateExtendedClaim(pod: Readonly<Pod>, errors: FieldErrorList): void {
  const status = pod.status?.extendedResourceClaimStatus;
  if (!status) return;
  const path = statusPath.child('extendedResourceClaimStatus');
  const mappings = status.requestMappings ?? [];
  if (mappings.length === 0) {
    errors.required(path.child('requestMappings'), 'at least one request mapping is required');
  }
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const seen = new Set<string>();
  for (const [index, { containerName, resourceName, requestName }] of mappings.entries()) {
    const at = path.child('requestMappings').index(index);
    const container = containers.findLast(({ name }) => name === containerName);
    if (container === undefined) {
      const detail = 'must match the name of an entry in spec.initContainers.name or spec.containers.name';
      errors.invalid(at.child('containerName'), containerName, detail);
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const lists = 'spec.initContainers.resources.requests or spec.containers.resources.requests';
      const detail = `must match the extended resource name of an entry in ${lists}`;
      errors.invalid(at.child('resourceName'), resourceName, detail);
    }
    invalidEach(isDns1123Label(requestName), requestName, path.child('requestName'), errors);
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key)) {
      errors.duplicate(at.child('containerName'), containerName);
      errors.duplicate(at.child('resourceName'), resourceName);
      errors.duplicate(at.child('requestName'), requestName);
    }
    seen.add(key);
  }
  const name = status.resourceClaimName ?? '';
  if (name === '') errors.required(path.child('resourceClaimName'));
  else invalidEach(nameIsDnsSubdomain(name, false), name, path.child('resourceClaimName'), errors);
}

function validateUsers(
  statuses: readonly ContainerStatus[] = [],
  os: PodSpec['os'],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [index, { user }] of statuses.entries()) {
    if (!user?.linux) continue;
    const at = path.index(index).child('user', 'linux');
    if (os?.name === 'windows') {
      errors.forbidden(at, 'cannot be set for a windows pod');
      continue;
    }
    validateId(user.linux.uid ?? 0, at.child('uid'), errors);
    validateId(user.linux.gid ?? 0, at.child('gid'), errors);
    for (const [group, id] of (user.linux.supplementalGroups ?? []).entries()) {
      validateId(id, at.child('supplementalGroups').index(group), errors);
    }
  }
}

const healths = ['Healthy', 'Unhealthy', 'Unknown'];
const maxHealthMessage = 1024;

/** Health of devices: of resources that the container asks for, each device once. */
function validateAllocatedResources(
  statuses: readonly ContainerStatus[] = [],
  containers: readonly Container[] = [],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [index, status] of statuses.entries()) {
    const container = containers.find(({ name }) => name === status.name);
    for (const [j, allocated] of (status.allocatedResourcesStatus ?? []).entries()) {
      const at = path.index(index).child('allocatedResourcesStatus').index(j);
      const isClaim = allocated.name.startsWith('claim:');
      const claims = (container?.resources?.claims ?? []).map(
        ({ name, request }) => `claim:${name}${request ? `/${request}` : ''}`,
      );
      const requests = Object.keys(container?.resources?.requests ?? {});
      if (container && !(isClaim ? claims : requests).includes(allocated.name)) {
        const detail = isClaim
          ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
          : "must match one of the container's resource requests";
        errors.invalid(at.child('name'), allocated.name, detail);
      }
      validateDevices(allocated.resources, at.child('resources'), errors);
    }
  }
}

type Devices = NonNullable<NonNullable<ContainerStatus['allocatedResourcesStatus']>[number]['resources']>;

function validateDevices(devices: Devices = [], path: FieldPath, errors: FieldErrorList): void {
  const seen = new Set<string>();
  for (const [index, device] of devices.entries()) {
    const { resourceID: id, health = '' } = device;
    const message = (device as { message?: string }).message;
    const at = path.index(index);
    if (!healths.includes(health)) errors.notSupported(at.child('health'), health, healths);
    if (message === '') errors.required(at.child('message'), 'must be non-empty if specified');
    else if (message !== undefined && message.length > maxHealthMessage) {
      errors.tooLong(at.child('message'), maxHealthMessage);
    }
    if (seen.has(id)) errors.duplicate(at.child('resourceID'), id);
    seen.add(id);
  }
}

function validateNomination(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  const nominated = pod.status?.nominatedNodeName;
  if (!nominated || nominated === old.status?.nominatedNodeName) return;
  const path = statusPath.child('nominatedNodeName');
  invalidEach(nameIsDnsSubdomain(nominated, false), nominated, path, errors);
  if (old.spec?.nodeName) errors.forbidden(path, 'may not be set on pods that are already bound to a node');
}

export function validatePodStatusUpdate(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  const spec: PodSpec = old.spec ?? { containers: [] };
  const status: PodStatus = pod.status ?? {};
  const before: PodStatus = old.status ?? {};
  const annotationsPath = FieldPath.root('metadata', 'annotations');
  validateAnnotationUpdate(pod, old, errors);
  validatePodAnnotations(pod.metadata.annotations, spec, annotationsPath, errors, old.metadata.annotations);
  validateConditions(status.conditions, errors);
  validateNomination(pod, old, errors);
  const generation = status.observedGeneration ?? 0;
  if (generation < 0) errors.invalid(statusPath.child('observedGeneration'), generation, notNegative);
  validateImmutable(status.qosClass, before.qosClass, statusPath.child('qosClass'), errors);
  const every = allCouldRestart(spec);
  for (const [field, list] of [
    ['containerStatuses', spec.containers],
    ['initContainerStatuses', spec.initContainers],
    ['ephemeralContainerStatuses', undefined],
  ] as const) {
    const mayLeave = (name: string, exitCode: number): boolean => {
      if (list !== undefined && every) return true;
      const container = list?.find((item) => item.name === name);
      return container !== undefined && shouldRestart(container, spec, exitCode);
    };
    validateTransitions(status[field], before[field], mayLeave, statusPath.child(field), errors);
  }
  validateClaimStatuses(pod, errors);
  validateExtendedClaim(pod, errors);
  validateAddresses(status.podIPs, before.podIPs, statusPath.child('podIPs'), errors);
  const [hostIp] = status.hostIPs ?? [];
  if (hostIp !== undefined && hostIp.ip !== (status.hostIP ?? '')) {
    errors.invalid(statusPath.child('hostIPs').index(0).child('ip'), hostIp.ip, 'must be equal to `hostIP`');
  }
  validateAddresses(status.hostIPs, before.hostIPs, statusPath.child('hostIPs'), errors);
  for (const field of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const) {
    validateUsers(status[field], spec.os, statusPath.child(field), errors);
  }
  const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = status;
  validateAllocatedResources(containerStatuses, spec.containers, statusPath.child('containerStatuses'), errors);
  const initPath = statusPath.child('initContainerStatuses');
  validateAllocatedResources(initContainerStatuses, spec.initContainers, initPath, errors);
  for (const [index, { allocatedResourcesStatus = [] }] of (ephemeralContainerStatuses ?? []).entries()) {
    if (allocatedResourcesStatus.length === 0) continue;
    const at = statusPath.child('ephemeralContainerStatuses').index(index).child('allocatedResourcesStatus');
    errors.forbidden(at, 'must not be specified in container status');
  }
}
