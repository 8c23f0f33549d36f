/** Writes through `/resize`. Upstream: ValidatePodResize of pkg/apis/core/validation/validation.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import type { Container, Pod, PodSpec } from '../../../types.ts';
import { podQosClass } from './resources.ts';
import { isRestartableInitContainer } from './status.ts';
import { isMirrorPod, validatePod } from './validation.ts';

type Resources = NonNullable<Container['resources']>;
type List = Readonly<Record<string, unknown>>;

const specPath = FieldPath.root('spec');

const hasRemoved = (now: List = {}, before: List = {}): boolean => Object.keys(before).some((name) => !(name in now));

/** What may change put back: cpu and memory of limits and requests. */
function withOldAmounts(now: Readonly<Resources>, before: Readonly<Resources> | undefined): Record<string, List> {
  const restored: Record<string, List> = {};
  for (const list of ['limits', 'requests'] as const) {
    const { cpu: _, memory: __, ...others } = (now[list] ?? {}) as Record<string, unknown>;
    const amounts: Record<string, unknown> = { ...others };
    for (const name of ['cpu', 'memory']) {
      if (before?.[list]?.[name] !== undefined) amounts[name] = before[list][name];
    }
    if (Object.keys(amounts).length > 0) restored[list] = amounts;
  }
  return restored;
}

/** Without the empty lists that Go does not tell from absent ones. */
function compact(resources: Readonly<Resources> | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(resources ?? {}).filter(([, value]) => Object.keys(value ?? {}).length > 0));
}

/** Differs in more than resources that may change. The claims of a container count as a change, as upstream. */
function changedOtherwise(now: Readonly<Container>, before: Readonly<Container>): boolean {
  const restored = { ...now, resources: withOldAmounts(now.resources ?? {}, before.resources) };
  return !deepEqual(restored, { ...before, resources: compact(before.resources) });
}

function validateOrder(spec: Readonly<PodSpec>, old: Readonly<PodSpec>, errors: FieldErrorList): boolean {
  const before = errors.length;
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, then] = [spec[list] ?? [], old[list] ?? []];
    if (now.length !== then.length) {
      errors.forbidden(specPath.child(list), `${list} may not be added or removed on resize`);
      continue;
    }
    for (const [index, { name }] of then.entries()) {
      if (now[index]!.name === name) continue;
      errors.forbidden(
        specPath.child(list).index(index).child('name'),
        `${list} may not be renamed or reordered on resize`,
      );
    }
  }
  return errors.length === before;
}

function validatePodLevel(spec: Readonly<PodSpec>, old: Readonly<PodSpec>, errors: FieldErrorList): void {
  const amounts = ({ resources }: Readonly<PodSpec>) =>
    Object.keys(resources?.limits ?? {}).length + Object.keys(resources?.requests ?? {}).length;
  if (amounts(spec) === 0 && amounts(old) === 0) return;
  const path = specPath.child('resources');
  if (old.resources && !spec.resources) {
    errors.forbidden(path, 'pod-level resources cannot be removed');
    return;
  }
  if (hasRemoved(spec.resources?.requests, old.resources?.requests)) {
    errors.forbidden(path.child('requests'), 'pod-level resource requests cannot be removed');
  }
  if (hasRemoved(spec.resources?.limits, old.resources?.limits)) {
    errors.forbidden(path.child('limits'), 'pod-level resource limits cannot be removed');
  }
  const restored = compact({
    ...spec.resources,
    ...{ limits: {}, requests: {} },
    ...withOldAmounts(spec.resources ?? {}, old.resources),
  });
  if (!deepEqual(restored, compact(old.resources))) {
    errors.forbidden(specPath, 'only cpu and memory resources are mutable at pod-level');
  }
}

function validateInitContainer(
  now: Readonly<Container>,
  before: Readonly<Container>,
  index: number,
  errors: FieldErrorList,
): void {
  const path = specPath.child('initContainers').index(index);
  if (changedOtherwise(now, before)) {
    errors.forbidden(path, 'only cpu and memory resources for init or sidecar containers are mutable');
  }
  if (isRestartableInitContainer(now) || deepEqual(now, before)) return;
  for (const policy of now.resizePolicy ?? []) {
    if (policy.restartPolicy !== 'RestartContainer') continue;
    const detail = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized';
    errors.forbidden(path, detail);
  }
}

/** The kubelet of a pod that runs reports resources once it can change them. */
function nodeCanResize(pod: Readonly<Pod>): boolean {
  const running = (pod.status?.containerStatuses ?? []).find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

export function validatePodResize(pod: Readonly<Pod>, old: Readonly<Pod>, errors: FieldErrorList): void {
  if (isMirrorPod(old)) {
    errors.forbidden(FieldPath.root(''), 'static pods cannot be resized');
    return;
  }
  if (old.spec?.os?.name === 'windows') {
    errors.forbidden(FieldPath.root(''), 'windows pods cannot be resized');
    return;
  }
  validatePod(pod, errors, old);
  const spec: PodSpec = pod.spec ?? { containers: [] };
  const oldSpec: PodSpec = old.spec ?? { containers: [] };
  if ((old.status?.qosClass ?? podQosClass(old)) !== podQosClass(pod)) {
    errors.invalid(specPath, pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing');
  }
  if (!nodeCanResize(old)) errors.forbidden(specPath, 'Pod running on node without support for resize');
  validatePodLevel(spec, oldSpec, errors);
  if (
    (
      old.status?.['nodeAllocatableResourceClaimStatuses' as keyof typeof old.status] as unknown as
        | unknown[]
        | undefined
    )?.length
  ) {
    errors.forbidden(specPath, 'pods with node allocatable resource claims cannot be resized');
  }
  if (!validateOrder(spec, oldSpec, errors)) return;
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, before] of (oldSpec[list] ?? []).entries()) {
      const now = spec[list]![index]!;
      const path = specPath.child(list).index(index).child('resources');
      if (hasRemoved(now.resources?.requests, before.resources?.requests)) {
        errors.forbidden(path.child('requests'), 'resource requests cannot be removed');
      }
      if (hasRemoved(now.resources?.limits, before.resources?.limits)) {
        errors.forbidden(path.child('limits'), 'resource limits cannot be removed');
      }
    }
  }
  for (const [index, before] of oldSpec.containers.entries()) {
    if (changedOtherwise(spec.containers[index]!, before)) {
      errors.forbidden(specPath, 'only cpu and memory resources are mutable');
    }
  }
  for (const [index, before] of (oldSpec.initContainers ?? []).entries()) {
    validateInitContainer(spec.initContainers![index]!, before, index, errors);
  }
}
