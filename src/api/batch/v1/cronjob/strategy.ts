/** Upstream: pkg/registry/batch/cronjob/strategy.go, pkg/apis/batch/{v1/defaults,validation/validation}.go (1.36). */
import { type FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { CronJob, CronJobSpec, JobSpec } from '../../../types.ts';
import { validateEnum, validateNonNegative } from '../../../validation.ts';
import { defaultPodFailurePolicy, validateJobTemplateSpec } from '../job/strategy.ts';
import { cronProblem } from './schedule.ts';

const specPath = FieldPath.root('spec');
/** Jobs are named after the cron job and eleven more characters. */
const maxName = 52;

function validateSpec(spec: Readonly<CronJobSpec>, errors: FieldErrorList): void {
  const schedulePath = specPath.child('schedule');
  if (!spec.schedule) errors.required(schedulePath);
  else {
    const problem = cronProblem(spec.schedule);
    if (problem !== undefined) errors.invalid(schedulePath, spec.schedule, problem);
    if (spec.schedule.includes('TZ')) {
      const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
      errors.invalid(schedulePath, spec.schedule, detail);
    }
  }
  if (spec.timeZone !== undefined) validateTimeZone(spec.timeZone, errors);
  validateNonNegative(spec.startingDeadlineSeconds, specPath.child('startingDeadlineSeconds'), errors);
  validateEnum(spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'], specPath.child('concurrencyPolicy'), errors);
  const template = spec.jobTemplate?.spec ?? ({} as JobSpec);
  const templatePath = specPath.child('jobTemplate', 'spec');
  validateJobTemplateSpec(template, templatePath, errors);
  if (template.manualSelector) errors.notSupported(templatePath.child('manualSelector'), true, ['nil', 'false']);
  validateNonNegative(spec.successfulJobsHistoryLimit, specPath.child('successfulJobsHistoryLimit'), errors);
  validateNonNegative(spec.failedJobsHistoryLimit, specPath.child('failedJobsHistoryLimit'), errors);
}

function validateTimeZone(zone: string, errors: FieldErrorList): void {
  const path = specPath.child('timeZone');
  if (zone === '') errors.invalid(path, zone, 'timeZone must be nil or non-empty string');
  else if (zone.toLowerCase() === 'local') {
    errors.invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
  } else {
    try {
      new Intl.DateTimeFormat('en', { timeZone: zone });
    } catch {
      errors.invalid(path, zone, `unknown time zone ${zone}`);
    }
  }
}

export const cronJobStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    const typed = object as CronJob;
    typed.spec ??= {} as CronJobSpec;
    const spec = typed.spec;
    setIfZero(spec, 'concurrencyPolicy', 'Allow');
    setIfAbsent(spec, 'suspend', false);
    setIfAbsent(spec, 'successfulJobsHistoryLimit', 3);
    setIfAbsent(spec, 'failedJobsHistoryLimit', 1);
    spec.jobTemplate ??= {};
    setIfAbsent(spec.jobTemplate, 'metadata', {});
    spec.jobTemplate.spec ??= {} as JobSpec;
    spec.jobTemplate.spec.template ??= {};
    defaultPodTemplate(spec.jobTemplate.spec.template);
    defaultPodFailurePolicy(spec.jobTemplate.spec);
  },
  validate(object, errors) {
    const name = object.metadata.name ?? '';
    validateSpec((object as Readonly<CronJob>).spec ?? ({} as CronJobSpec), errors);
    if (name.length > maxName) {
      errors.invalid(FieldPath.root('metadata', 'name'), name, 'must be no more than 52 characters');
    }
  },
  validateUpdate: (object, _old, errors) =>
    validateSpec((object as Readonly<CronJob>).spec ?? ({} as CronJobSpec), errors),
};
