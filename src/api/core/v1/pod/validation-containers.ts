/** Containers of a pod spec. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import { type FieldErrorList, type FieldPath, isDns1123Label } from '../../../../apimachinery/index.ts';
import type { Container, EphemeralContainer, PodSpec, SecurityContext, Volume, VolumeMount } from '../../../types.ts';
import { inclusiveRange, invalidEach, validateEnum, validateOptionalEnum } from '../../../validation.ts';
import type { AnyContainer } from './containers.ts';
import { isRestartableInitContainer } from './status.ts';
import { validateEnv, validateEnvFrom } from './validation-env.ts';
import { validateDescendingPath } from './validation-files.ts';
import { validateContainerPorts, validateHostPortConflicts, validateRunningContainer } from './validation-probe.ts';
import { validateAppArmorProfile, validateSeccompProfile, validateWindowsOptions } from './validation-profiles.ts';
import { validateContainerResources } from './validation-resources.ts';

/** What the containers of one spec share. */
export interface ContainerContext {
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claimNames: ReadonlySet<string>;
  readonly spec: Readonly<PodSpec>;
  /** Before an update. */
  readonly old?: Readonly<PodSpec> | undefined;
}

const maxId = 2 ** 31 - 1;
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const propagationModes = ['Bidirectional', 'HostToContainer', 'None'];
const onlySidecars = 'may not be set for init containers without restartPolicy=Always';

export function validateId(id: number | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (id !== undefined && (id < 0 || id > maxId)) errors.invalid(path, id, inclusiveRange(0, maxId));
}

function validateVolumeMounts(
  container: AnyContainer,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const mountPaths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = path.index(index);
    if (!mount.name) errors.required(at.child('name'));
    if (!context.volumes.has(mount.name)) errors.notFound(at.child('name'), mount.name ?? '');
    if (!mount.mountPath) errors.required(at.child('mountPath'));
    if (mountPaths.has(mount.mountPath)) errors.invalid(at.child('mountPath'), mount.mountPath, 'must be unique');
    mountPaths.add(mount.mountPath);
    if (devices.some((device) => device.name === mount.name)) {
      errors.invalid(at.child('name'), mount.name, 'must not already exist in volumeDevices');
    }
    if (devices.some((device) => device.devicePath === mount.mountPath)) {
      errors.invalid(at.child('mountPath'), mount.mountPath, 'must not already exist as a path in volumeDevices');
    }
    if (mount.subPath) validateDescendingPath(mount.subPath, path.child('subPath'), errors);
    if (mount.subPathExpr) {
      if (mount.subPath) {
        errors.invalid(at.child('subPathExpr'), mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
      }
      validateDescendingPath(mount.subPathExpr, path.child('subPathExpr'), errors);
    }
    const propagation = mount.mountPropagation;
    validateOptionalEnum(propagation, propagationModes, path.child('mountPropagation'), errors);
    if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      const detail = 'Bidirectional mount propagation is available only to privileged containers';
      errors.forbidden(path.child('mountPropagation'), detail);
    }
    validateRecursiveReadOnly(mount, path.child('recursiveReadOnly'), errors);
  }
}

function validateRecursiveReadOnly(mount: VolumeMount, path: FieldPath, errors: FieldErrorList): void {
  const mode = mount.recursiveReadOnly;
  if (mode === undefined || mode === 'Disabled') return;
  const modes = ['Disabled', 'Enabled', 'IfPossible'];
  if (!modes.includes(mode)) {
    errors.notSupported(path, mode, modes);
    return;
  }
  if (!mount.readOnly) errors.forbidden(path, 'may only be specified when readOnly is true');
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None') {
    errors.forbidden(path, 'may only be specified when mountPropagation is None or not specified');
  }
}

function validateVolumeDevices(
  container: AnyContainer,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  for (const [index, device] of (container.volumeDevices ?? []).entries()) {
    const at = path.index(index);
    const volume = context.volumes.get(device.name);
    if (!device.name) errors.required(at.child('name'));
    if (names.has(device.name)) errors.invalid(at.child('name'), device.name, 'must be unique');
    if (volume === undefined) errors.notFound(at.child('name'), device.name ?? '');
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const detail = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.invalid(at.child('name'), device.name, detail);
    }
    if (!device.devicePath) errors.required(at.child('devicePath'));
    if (paths.has(device.devicePath)) errors.invalid(at.child('devicePath'), device.devicePath, 'must be unique');
    if ((device.devicePath ?? '').split('/').includes('..')) {
      errors.invalid(at.child('devicePath'), device.devicePath, "can not contain backsteps ('..')");
    }
    if (mounts.some((mount) => mount.name === device.name)) {
      errors.invalid(at.child('name'), device.name, 'must not already exist in volumeMounts');
    }
    if (mounts.some((mount) => mount.mountPath === device.devicePath)) {
      errors.invalid(at.child('devicePath'), device.devicePath, 'must not already exist as a path in volumeMounts');
    }
    names.add(device.name);
    paths.add(device.devicePath);
  }
}

function validateSecurityContext(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!context) return;
  validateId(context.runAsUser, path.child('runAsUser'), errors);
  validateId(context.runAsGroup, path.child('runAsGroup'), errors);
  validateOptionalEnum(context.procMount, ['Default', 'Unmasked'], path.child('procMount'), errors);
  if (hostUsers && context.procMount === 'Unmasked') {
    errors.invalid(path.child('procMount'), context.procMount, '`hostUsers` must be false to use `Unmasked`');
  }
  validateSeccompProfile(context.seccompProfile, path.child('seccompProfile'), errors);
  if (context.allowPrivilegeEscalation === false) {
    const clash = (what: string) =>
      errors.invalid(path, context, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`);
    if (context.privileged === true) clash('`privileged` to true');
    for (const name of context.capabilities?.add ?? []) {
      if (name === 'CAP_SYS_ADMIN') clash('`capabilities.Add` CAP_SYS_ADMIN');
    }
  }
  validateWindowsOptions(context.windowsOptions, path.child('windowsOptions'), errors);
  validateAppArmorProfile(context.appArmorProfile, path.child('appArmorProfile'), errors);
}

function validateResizePolicy(
  container: AnyContainer,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const seen = new Set<string>();
  for (const [index, policy] of (container.resizePolicy ?? []).entries()) {
    if (seen.has(policy.resourceName)) errors.duplicate(path.index(index), policy.resourceName);
    seen.add(policy.resourceName);
    validateEnum(policy.resourceName, ['cpu', 'memory'], path, errors);
    validateEnum(policy.restartPolicy, ['NotRequired', 'RestartContainer'], path, errors);
    if (context.spec.restartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired') {
      const detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
      errors.invalid(path, policy.restartPolicy, detail);
    }
  }
}

function validateCommon(
  container: AnyContainer,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!container.name) errors.required(path.child('name'));
  else invalidEach(isDns1123Label(container.name), container.name, path.child('name'), errors);
  if (!container.image) errors.required(path.child('image'));
  const messagePolicies = ['File', 'FallbackToLogsOnError'];
  validateEnum(container.terminationMessagePolicy, messagePolicies, path.child('terminationMessagePolicy'), errors);
  validateContainerPorts(container.ports, path.child('ports'), errors);
  validateEnv(container.env, path.child('env'), errors);
  validateEnvFrom(container.envFrom, path.child('envFrom'), errors);
  validateVolumeMounts(container, context, path.child('volumeMounts'), errors);
  validateVolumeDevices(container, context, path.child('volumeDevices'), errors);
  validateEnum(container.imagePullPolicy, pullPolicies, path.child('imagePullPolicy'), errors);
  validateContainerResources(container.resources, context, path.child('resources'), errors);
  validateResizePolicy(container, context, path.child('resizePolicy'), errors);
  const hostUsers = context.spec.hostUsers !== false;
  validateSecurityContext(container.securityContext, hostUsers, path.child('securityContext'), errors);
}

function validateRestartPolicy(container: AnyContainer, path: FieldPath, errors: FieldErrorList): void {
  const policies = ['Always', 'Never', 'OnFailure'];
  const rules = container.restartPolicyRules ?? [];
  if (container.restartPolicy === undefined) {
    if (rules.length > 0) {
      errors.required(path.child('restartPolicy'), 'must specify restartPolicy when restart rules are used');
    }
  } else if (!policies.includes(container.restartPolicy)) {
    errors.notSupported(path.child('restartPolicy'), container.restartPolicy, policies);
  }
  if (rules.length > 20) errors.tooMany(path.child('restartPolicyRules'), rules.length, 20);
  for (const [index, rule] of rules.entries()) {
    const at = path.child('restartPolicyRules').index(index);
    validateOptionalEnum(rule.action ?? '', ['Restart', 'RestartAllContainers'], at.child('action'), errors);
    if (!rule.exitCodes) {
      errors.required(at.child('exitCodes'), 'must be specified');
      continue;
    }
    validateOptionalEnum(rule.exitCodes.operator ?? '', ['In', 'NotIn'], at.child('exitCodes', 'operator'), errors);
    const { values = [] } = rule.exitCodes;
    if (values.length > 255) errors.tooMany(at.child('exitCodes', 'values'), values.length, 255);
  }
}

export function validateContainers(
  containers: readonly Container[] | undefined,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const list = containers ?? [];
  if (list.length === 0) {
    errors.required(path);
    return;
  }
  const names = new Set<string>();
  for (const [index, container] of list.entries()) {
    const at = path.index(index);
    validateCommon(container, context, at, errors);
    if (names.has(container.name)) errors.duplicate(at.child('name'), container.name);
    names.add(container.name);
    validateRunningContainer(container, context.spec, at, errors);
    validateRestartPolicy(container, at, errors);
  }
  validateHostPortConflicts(list, path, errors);
}

export function validateInitContainers(
  containers: readonly Container[] | undefined,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const names = new Set((context.spec.containers ?? []).map((container) => container.name));
  for (const [index, container] of (containers ?? []).entries()) {
    const at = path.index(index);
    validateCommon(container, context, at, errors);
    validateRestartPolicy(container, at, errors);
    if (names.has(container.name)) errors.duplicate(at.child('name'), container.name);
    else if (container.name) names.add(container.name);
    validateHostPortConflicts([container], path, errors);
    if (isRestartableInitContainer(container)) {
      validateRunningContainer(container, context.spec, at, errors);
    } else {
      for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
        if (container[field]) errors.forbidden(at.child(field), onlySidecars);
      }
      validateInitResizePolicy(container, context, at, errors);
    }
  }
}

/** What ran once cannot be restarted; pods from before 1.36 may keep it. */
function validateInitResizePolicy(
  container: Container,
  { old }: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const restarts = ({ restartPolicy }: { restartPolicy?: string }) => restartPolicy === 'RestartContainer';
  const tolerated = (old?.initContainers ?? []).some(
    (before) => !isRestartableInitContainer(before) && before.resizePolicy?.some(restarts),
  );
  if (tolerated) return;
  const detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
  for (const [index, policy] of (container.resizePolicy ?? []).entries()) {
    if (!restarts(policy)) continue;
    errors.invalid(path.child('resizePolicy').index(index).child('restartPolicy'), policy.restartPolicy, detail);
  }
}

/** In the order of upstream's struct. */
const ephemeralForbidden = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

export const untrimmedImage = 'must not have leading or trailing whitespace';

/** In pods, not in templates. */
export function validateImageTrimmed(container: AnyContainer, path: FieldPath, errors: FieldErrorList): void {
  const image = container.image ?? '';
  if (image !== image.trim()) errors.invalid(path.child('image'), image, untrimmedImage);
}

export function validateEphemeralContainers(
  containers: readonly EphemeralContainer[] | undefined,
  context: ContainerContext,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const others = [...(context.spec.containers ?? []), ...(context.spec.initContainers ?? [])];
  const otherNames = new Set(others.map((container) => container.name));
  const names = new Set(otherNames);
  for (const [index, container] of (containers ?? []).entries()) {
    const at = path.index(index);
    validateCommon(container, context, at, errors);
    validateImageTrimmed(container, at, errors);
    if (names.has(container.name)) errors.duplicate(at.child('name'), container.name);
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !otherNames.has(target)) errors.notFound(at.child('targetContainerName'), target);
    const detail = 'cannot be set for an Ephemeral Container';
    for (const field of ephemeralForbidden) {
      const value: unknown = container[field];
      const isEmpty = value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0);
      if (!isEmpty) errors.forbidden(at.child(field), detail);
    }
    for (const [mountIndex, mount] of (container.volumeMounts ?? []).entries()) {
      const place = at.child('volumeMounts').index(mountIndex);
      if (mount.subPath) errors.forbidden(place.child('subPath'), detail);
      if (mount.subPathExpr) errors.forbidden(place.child('subPathExpr'), detail);
    }
  }
}
