/** What may change in a pod. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isObject,
  isQualifiedName,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import type { Container, ContainerStatus, Pod, PodSpec, Toleration } from '../../../types.ts';
import { inclusiveRange, invalidEach, validateImmutable } from '../../../validation.ts';
import { validatePod } from './validation.ts';
import { validateTolerations } from './validation-scheduling.ts';

const specPath = FieldPath.root('spec');
const maxInt32 = 2 ** 31 - 1;

const updatableFields = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** False when the comparison cannot go on. */
function validateContainerCount(
  containers: readonly Container[] | undefined,
  old: readonly Container[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): boolean {
  if ((containers ?? []).length === (old ?? []).length) return true;
  errors.forbidden(path, 'pod updates may not add or remove containers');
  return false;
}

function validateTolerationChange(
  tolerations: readonly Toleration[],
  old: readonly Toleration[],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration) => rest;
  for (const before of old) {
    if (tolerations.some((now) => deepEqual(withoutSeconds(now), withoutSeconds(before)))) continue;
    errors.forbidden(path, 'existing toleration can not be modified except its tolerationSeconds');
    return;
  }
  validateTolerations(tolerations, path, errors);
}

function validateDeadline(spec: Readonly<PodSpec>, old: Readonly<PodSpec>, errors: FieldErrorList): boolean {
  const path = specPath.child('activeDeadlineSeconds');
  const now = spec.activeDeadlineSeconds;
  const before = old.activeDeadlineSeconds;
  if (now === undefined) {
    if (before !== undefined) {
      errors.invalid(path, null, 'must not update from a positive integer to nil value');
    }
    return true;
  }
  if (now < 0 || now > maxInt32) errors.invalid(path, now, inclusiveRange(0, maxInt32));
  else if (before !== undefined && before < now) {
    errors.invalid(path, now, 'must be less than or equal to previous value');
  } else return true;
  return false;
}

function withOldImages(containers: readonly Container[] | undefined, old: readonly Container[] | undefined) {
  return containers?.map((container, index) => ({ ...container, image: old?.[index]?.image }));
}

/** The new spec with everything that may change put back: whatever still differs is forbidden. */
function withUpdatableRestored(spec: Readonly<PodSpec>, old: Readonly<PodSpec>): Record<string, unknown> {
  const restored: Record<string, unknown> = {
    ...spec,
    containers: withOldImages(spec.containers, old.containers),
    initContainers: withOldImages(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    restored['terminationGracePeriodSeconds'] = old.terminationGracePeriodSeconds;
  }
  if ((old.schedulingGates ?? []).length > 0) restoreNarrowed(restored, spec, old);
  for (const key of Object.keys(restored)) if (restored[key] === undefined) delete restored[key];
  return restored;
}

/** A gated pod may narrow where it can go. */
function restoreNarrowed(restored: Record<string, unknown>, spec: Readonly<PodSpec>, old: Readonly<PodSpec>): void {
  const selector = spec.nodeSelector ?? {};
  const onlyAdded = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => selector[key] === value);
  if (onlyAdded) restored['nodeSelector'] = old.nodeSelector;
  const before = old.affinity?.nodeAffinity;
  if (before?.requiredDuringSchedulingIgnoredDuringExecution === undefined && spec.affinity) {
    const affinity: Record<string, unknown> = { ...spec.affinity, nodeAffinity: before };
    if (before === undefined) delete affinity['nodeAffinity'];
    restored['affinity'] = Object.keys(affinity).length === 0 ? old.affinity : affinity;
  }
}

/** Paths that differ, one line each. Upstream prints a Go diff here. */
function differences(before: unknown, now: unknown, path: string, lines: string[]): string[] {
  if (deepEqual(before, now)) return lines;
  if (isObject(before) && isObject(now)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      differences((before as any)[key], (now as any)[key], path === '' ? key : `${path}.${key}`, lines);
    }
  } else if (Array.isArray(before) && Array.isArray(now) && before.length === now.length) {
    for (const [index, item] of before.entries()) differences(item, now[index], `${path}[${index}]`, lines);
  } else {
    if (before !== undefined) lines.push(`- ${path}: ${JSON.stringify(before)}`);
    if (now !== undefined) lines.push(`+ ${path}: ${JSON.stringify(now)}`);
  }
  return lines;
}

/** Through `/ephemeralcontainers` and `/resize` prepareForUpdate has already restored everything else. */
export function validatePodUpdate(
  pod: Readonly<Pod>,
  old: Readonly<Pod>,
  subresource: string,
  errors: FieldErrorList,
): void {
  validatePod(pod, errors);
  const spec: PodSpec = pod.spec ?? { containers: [] };
  const oldSpec: PodSpec = old.spec ?? { containers: [] };
  for (const list of ['containers', 'initContainers'] as const) {
    if (!validateContainerCount(spec[list], oldSpec[list], specPath.child(list), errors)) return;
  }
  if (!validateDeadline(spec, oldSpec, errors)) return;
  validateTolerationChange(spec.tolerations ?? [], oldSpec.tolerations ?? [], specPath.child('tolerations'), errors);
  const oldGates = new Set((oldSpec.schedulingGates ?? []).map((gate) => gate.name));
  for (const [index, gate] of (spec.schedulingGates ?? []).entries()) {
    if (oldGates.has(gate.name)) continue;
    const detail = `only deletion is allowed, but found new scheduling gate '${gate.name}'`;
    errors.forbidden(specPath.child('schedulingGates').index(index).child('name'), detail);
  }
  if (subresource === 'ephemeralcontainers') validateEphemeralContainersKept(spec, oldSpec, errors);
  const restored = withUpdatableRestored(spec, oldSpec);
  if (subresource !== '' || deepEqual(restored, oldSpec)) return;
  const lines = differences(oldSpec, restored, '', []);
  errors.forbidden(specPath, `pod updates may not change fields other than ${updatableFields}\n${lines.join('\n')}\n`);
}

/** They may be added, and that is all. Upstream: ValidatePodEphemeralContainersUpdate. */
function validateEphemeralContainersKept(spec: PodSpec, oldSpec: PodSpec, errors: FieldErrorList): void {
  const path = specPath.child('ephemeralContainers');
  for (const before of oldSpec.ephemeralContainers ?? []) {
    const now = spec.ephemeralContainers?.find(({ name }) => name === before.name);
    const which = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (!now) errors.forbidden(path, `${which} removed\n`);
    else if (!deepEqual(now, before)) {
      errors.forbidden(path, `${which} changed\n${differences(before, now, '', []).join('\n')}\n`);
    }
  }
}

function mayRestart(pod: Readonly<Pod>, name: string, exitCode: number): boolean {
  const policy = pod.spec?.containers.find((container) => container.name === name)?.restartPolicy;
  const effective = policy ?? pod.spec?.restartPolicy;
  return effective === 'Always' || (effective === 'OnFailure' && exitCode !== 0);
}

function validateStateTransitions(
  statuses: readonly ContainerStatus[],
  old: readonly ContainerStatus[],
  pod: Readonly<Pod>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [index, before] of old.entries()) {
    const ended = before.state?.terminated;
    if (!ended || mayRestart(pod, before.name, ended.exitCode)) continue;
    const now = statuses.find((status) => status.name === before.name);
    if (now === undefined || now.state?.terminated) continue;
    errors.forbidden(path.index(index).child('state'), 'may not be transitioned to non-terminated state');
  }
}

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

export function validatePodStatusUpdate(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  const path = FieldPath.root('status');
  for (const [index, condition] of (pod.status?.conditions ?? []).entries()) {
    if (systemConditions.has(condition.type)) continue;
    const at = path.child('conditions').index(index).child('Type');
    invalidEach(isQualifiedName(condition.type), condition.type, at, errors);
  }
  const nominated = pod.status?.nominatedNodeName;
  if (nominated && nominated !== old.status?.nominatedNodeName) {
    invalidEach(nameIsDnsSubdomain(nominated, false), nominated, path.child('nominatedNodeName'), errors);
  }
  validateImmutable(pod.status?.qosClass, old.status?.qosClass, path.child('qosClass'), errors);
  validateStateTransitions(
    pod.status?.containerStatuses ?? [],
    old.status?.containerStatuses ?? [],
    old,
    path.child('containerStatuses'),
    errors,
  );
}
