/** Templates of controllers that keep pods running. Upstream: pkg/apis/apps/validation/validation.go (1.36). */
import type { FieldErrorList, FieldPath, Selector } from '../../../../apimachinery/index.ts';
import type { PodTemplateSpec } from '../../../types.ts';
import { validatePodTemplate } from '../pod/validation.ts';

export interface ReplicatedTemplateOptions {
  /** Kind as upstream's message names it. */
  readonly kind: string;
  /** Absent when it was found malformed: then its match is not checked. */
  readonly selector?: Selector | undefined;
}

const selectorDiffers = '`selector` does not match template `labels`';

export function validateSelectorMatches(
  template: Readonly<PodTemplateSpec>,
  selector: Selector | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const labels = template.metadata?.labels;
  if (selector === undefined || selector.empty || selector.matches(labels)) return;
  errors.invalid(path.child('metadata', 'labels'), labels ?? {}, selectorDiffers);
}

/** Restart policy Always, no deadline. */
export function validateLongRunning(
  template: Readonly<PodTemplateSpec>,
  kind: string,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const spec = template.spec;
  if (spec?.restartPolicy !== 'Always') {
    errors.notSupported(path.child('spec', 'restartPolicy'), spec?.restartPolicy ?? '', ['Always']);
  }
  if (spec?.activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.forbidden(path.child('spec', 'activeDeadlineSeconds'), detail);
  }
}

export function validateReplicatedTemplate(
  template: Readonly<PodTemplateSpec> | undefined,
  options: ReplicatedTemplateOptions,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!template) {
    errors.required(path);
    return;
  }
  validateSelectorMatches(template, options.selector, path, errors);
  validatePodTemplate(template, path, errors);
  validateLongRunning(template, options.kind, path, errors);
}
