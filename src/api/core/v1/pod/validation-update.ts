/** What may change in a pod. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import type { Container, NodeAffinity, Pod, PodSpec, Toleration } from '../../../types.ts';
import { inclusiveRange } from '../../../validation.ts';
import { ephemeralContainerDiff, podSpecDiff } from './go-layout.ts';
import { isMirrorPod, validateAnnotationUpdate, validatePod } from './validation.ts';
import { validatePodResize } from './validation-resize.ts';
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
function withUpdatableRestored(
  spec: Readonly<PodSpec>,
  old: Readonly<PodSpec>,
  errors: FieldErrorList,
): Record<string, unknown> {
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
  if ((old.schedulingGates ?? []).length > 0) restoreNarrowed(restored, spec, old, errors);
  for (const key of Object.keys(restored)) if (restored[key] === undefined) delete restored[key];
  return restored;
}

/** A gated pod may narrow where it can go. */
function restoreNarrowed(
  restored: Record<string, unknown>,
  spec: Readonly<PodSpec>,
  old: Readonly<PodSpec>,
  errors: FieldErrorList,
): void {
  const selector = spec.nodeSelector ?? {};
  if (Object.entries(old.nodeSelector ?? {}).some(([key, value]) => selector[key] !== value)) {
    const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.invalid(specPath.child('nodeSelector'), selector, detail);
  }
  restored['nodeSelector'] = old.nodeSelector;
  const before = old.affinity?.nodeAffinity;
  const now = spec.affinity?.nodeAffinity;
  if (deepEqual(before, now)) return;
  validateNodeTermsNarrowed(now, before, errors);
  const { nodeAffinity: _, ...others } = spec.affinity ?? {};
  const affinity = before === undefined ? others : { ...others, nodeAffinity: before };
  const vanishes = old.affinity === undefined && Object.keys(affinity).length === 0;
  restored['affinity'] = vanishes ? undefined : affinity;
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution';

/** As many terms as before, each with expressions added at its end at most. */
function validateNodeTermsNarrowed(
  now: NodeAffinity | undefined,
  before: NodeAffinity | undefined,
  errors: FieldErrorList,
): void {
  const oldTerms = before?.[required]?.nodeSelectorTerms ?? [];
  const terms = now?.[required]?.nodeSelectorTerms ?? [];
  const path = specPath.child('affinity', 'nodeAffinity', required, 'nodeSelectorTerms');
  if (oldTerms.length > 0 && oldTerms.length !== terms.length) {
    errors.invalid(path, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
    return;
  }
  for (const [index, old] of oldTerms.entries()) {
    const term = terms[index]!;
    const lists = ['matchExpressions', 'matchFields'] as const;
    const wasEmpty = lists.every((list) => (old[list] ?? []).length === 0);
    const onlyAdded = lists.every((list) =>
      deepEqual((term[list] ?? []).slice(0, old[list]?.length ?? 0), old[list] ?? []),
    );
    const filled = wasEmpty && lists.some((list) => (term[list] ?? []).length > 0);
    if (onlyAdded && !filled) continue;
    errors.invalid(path.index(index), term, 'only additions are allowed (no mutations or deletions)');
  }
}

/** A write to the pod itself, or through one of its subresources. */
export function validatePodUpdate(
  pod: Readonly<Pod>,
  old: Readonly<Pod>,
  subresource: string,
  errors: FieldErrorList,
): void {
  if (subresource === 'resize') validatePodResize(pod, old, errors);
  else if (subresource === 'ephemeralcontainers') validateEphemeralContainersUpdate(pod, old, errors);
  else validateOwnUpdate(pod, old, errors);
}

function validateOwnUpdate(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  validatePod(pod, errors, old);
  validateAnnotationUpdate(pod, old, errors);
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
  if (deepEqual(spec, oldSpec)) return;
  const restored = withUpdatableRestored(spec, oldSpec, errors);
  if (deepEqual(restored, oldSpec)) return;
  const difference = podSpecDiff(oldSpec, restored as unknown as PodSpec);
  if (difference === '') return;
  errors.forbidden(specPath, `pod updates may not change fields other than ${updatableFields}\n${difference}`);
}

/** They may be added, and that is all. Upstream: ValidatePodEphemeralContainersUpdate. */
function validateEphemeralContainersUpdate(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  if (isMirrorPod(old)) {
    errors.forbidden(FieldPath.root(''), 'static pods do not support ephemeral containers');
    return;
  }
  validatePod(pod, errors, old);
  validateAnnotationUpdate(pod, old, errors);
  const path = specPath.child('ephemeralContainers');
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const now = pod.spec?.ephemeralContainers?.find(({ name }) => name === before.name);
    const which = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (!now) errors.forbidden(path, `${which} removed\n`);
    else if (!deepEqual(now, before)) {
      errors.forbidden(path, `${which} changed\n${ephemeralContainerDiff(before, now)}`);
    }
  }
}
