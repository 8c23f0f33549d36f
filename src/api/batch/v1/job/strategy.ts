/** Upstream: pkg/registry/batch/job/strategy.go, pkg/apis/batch/{v1/defaults,validation/validation}.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  selectorFromLabelSelector,
  validateLabelSelector,
} from '../../../../apimachinery/index.ts';
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { validatePodTemplate } from '../../../core/v1/pod/validation.ts';
import { validateSelectorMatches } from '../../../core/v1/podtemplate/validation.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Job, JobSpec } from '../../../types.ts';
import { validateImmutable, validateNonNegative, validateOptionalEnum } from '../../../validation.ts';

const specPath = FieldPath.root('spec');
const emptySpec = {} as JobSpec;
const maxInt32 = 2 ** 31 - 1;
const maxIndexedParallelism = 100_000;
const needsIndexed = 'requires indexed completion mode';

export function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  setIfAbsent(spec, 'parallelism', 1);
  setIfAbsent(spec, 'backoffLimit', spec.backoffLimitPerIndex === undefined ? 6 : maxInt32);
  setIfAbsent(spec, 'completionMode', 'NonIndexed');
  setIfAbsent(spec, 'suspend', false);
  setIfAbsent(spec, 'podReplacementPolicy', spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed');
  setIfAbsent(spec, 'manualSelector', false);
  defaultPodFailurePolicy(spec);
}

/** Conditions of a failure policy mean True unless they say otherwise. */
export function defaultPodFailurePolicy(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) setIfZero(pattern, 'status', 'True');
  }
}

const nameLabels = ['batch.kubernetes.io/job-name', 'job-name'];
const uidLabels = ['batch.kubernetes.io/controller-uid', 'controller-uid'];

/** Without a manual selector a job selects its pods by its own uid. */
function generateSelector(job: Job): void {
  const { spec, metadata } = job;
  if (!spec || spec.manualSelector) return;
  const labels: Record<string, string> = {};
  for (const label of nameLabels) labels[label] = metadata.name ?? '';
  for (const label of uidLabels) labels[label] = metadata.uid ?? '';
  spec.template.metadata = { ...spec.template.metadata, labels: { ...labels, ...spec.template.metadata?.labels } };
  const matchLabels = { [uidLabels[0]!]: metadata.uid ?? '', ...spec.selector?.matchLabels };
  spec.selector = { ...spec.selector, matchLabels };
}

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

function validateIndexing(spec: Readonly<JobSpec>, path: FieldPath, errors: FieldErrorList): void {
  validateOptionalEnum(spec.completionMode, ['Indexed', 'NonIndexed'], path.child('completionMode'), errors);
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    errors.required(path.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified');
  }
  if (spec.completionMode === 'Indexed') {
    if (completions === undefined) errors.required(path.child('completions'), 'when completion mode is Indexed');
    if ((parallelism ?? 0) > maxIndexedParallelism) {
      const detail = `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`;
      errors.invalid(path.child('parallelism'), parallelism, detail);
    }
    if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
      errors.invalid(path.child('maxFailedIndexes'), maxFailedIndexes, 'must be less than or equal to completions');
    }
    return;
  }
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const) {
    if (spec[field] !== undefined) errors.invalid(path.child(field), spec[field], needsIndexed);
  }
}

/** Without the selector: also the template of a CronJob. */
export function validateJobTemplateSpec(spec: Readonly<JobSpec>, path: FieldPath, errors: FieldErrorList): void {
  for (const field of counts) validateNonNegative(spec[field], path.child(field), errors);
  validateIndexing(spec, path, errors);
  const replacement = ['Failed', 'TerminatingOrFailed'];
  validateOptionalEnum(spec.podReplacementPolicy, replacement, path.child('podReplacementPolicy'), errors);
  const template = spec.template ?? {};
  validatePodTemplate(template, path.child('template'), errors);
  const restartPolicy: string = template.spec?.restartPolicy ?? '';
  const restartPath = path.child('template', 'spec', 'restartPolicy');
  if (restartPolicy === 'Always' || restartPolicy === '') {
    errors.required(restartPath, 'valid values: "OnFailure", "Never"');
  } else if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    errors.notSupported(restartPath, restartPolicy, ['OnFailure', 'Never']);
  } else if (spec.podFailurePolicy && restartPolicy !== 'Never') {
    errors.invalid(restartPath, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified');
  }
}

function validateJobSpec(spec: Readonly<JobSpec>, errors: FieldErrorList): void {
  validateJobTemplateSpec(spec, specPath, errors);
  const before = errors.length;
  if (!spec.selector) errors.required(specPath.child('selector'));
  else validateLabelSelector(spec.selector, specPath.child('selector'), errors);
  if (errors.length > before) return;
  const selector = selectorFromLabelSelector(spec.selector);
  validateSelectorMatches(spec.template ?? {}, selector, specPath.child('template'), errors);
}

/** A suspended job that has not started may still change where and with what its pods run. */
function templateIsMutable(old: Readonly<Job>): boolean {
  return old.spec?.suspend === true && old.status?.startTime === undefined;
}

const fixedFields = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

export const jobStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    const job = object as Job;
    job.spec ??= {} as JobSpec;
    job.spec.template ??= {};
    defaultJobSpec(job.spec);
    defaultPodTemplate(job.spec.template);
    const labels = job.spec.template.metadata?.labels;
    if (labels && Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...labels };
  },
  prepareForCreate: (object) => generateSelector(object as Job),
  validate: (object, errors) => validateJobSpec((object as Readonly<Job>).spec ?? emptySpec, errors),
  validateUpdate(object, old, errors) {
    const spec = (object as Readonly<Job>).spec ?? emptySpec;
    const before = (old as Readonly<Job>).spec ?? emptySpec;
    validateJobSpec(spec, errors);
    // Indexed jobs may be resized as a whole.
    const resized = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
    if (!resized) validateImmutable(spec.completions, before.completions, specPath.child('completions'), errors);
    for (const field of fixedFields) validateImmutable(spec[field], before[field], specPath.child(field), errors);
    if (!deepEqual(spec.template, before.template) && !templateIsMutable(old as Readonly<Job>)) {
      validateImmutable(spec.template, before.template, specPath.child('template'), errors);
    }
  },
};
