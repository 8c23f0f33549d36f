/** Upstream: pkg/registry/batch/job/strategy.go, pkg/apis/batch/{v1/defaults,validation/validation}.go (1.36). */
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { Job, JobSpec } from '../../../types.ts';
import { validateJob, validateJobUpdate } from './validation.ts';
import { validateJobStatusUpdate } from './validation-status.ts';
import { jobWarnings } from './warnings.ts';

const maxInt32 = 2 ** 31 - 1;

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
  ...rules(validateJob, validateJobUpdate, validateJobStatusUpdate),
  warnings: jobWarnings(['spec']),
};
