/** Upstream: pkg/registry/batch/cronjob/strategy.go, pkg/apis/batch/{v1/defaults,validation/validation}.go (1.36). */
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { type Place, rules } from '../../../place.ts';
import type { CronJob, CronJobSpec, JobSpec } from '../../../types.ts';
import { defaultPodFailurePolicy } from '../job/strategy.ts';
import { validateJobTemplateSpec } from '../job/validation.ts';
import { jobWarnings } from '../job/warnings.ts';
import { cronProblem } from './schedule.ts';

/** Jobs are named after the cron job and eleven more characters. */
const maxName = 52;
const zonePart = /^[A-Za-z.\-_0-9+]{1,14}$/;

function validateTimeZone(zone: Place): void {
  const { text } = zone;
  if (text === '') {
    zone.invalid('timeZone must be nil or non-empty string', '');
    return;
  }
  const unknown = `unknown time zone ${text}`;
  if (text.split('/').some((part) => part === '.' || part === '..' || part.startsWith('-') || !zonePart.test(part))) {
    zone.invalid(unknown);
    return;
  }
  if (text.toLowerCase() === 'local') {
    zone.invalid('timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
    return;
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
  } catch {
    zone.invalid(unknown);
  }
}

function validateSchedule(schedule: Place, zone: Place, hadZone: boolean): void {
  if (schedule.text === '') {
    schedule.required();
    return;
  }
  const problem = cronProblem(schedule.text);
  if (problem !== undefined) schedule.invalid(problem);
  if (!schedule.text.includes('TZ')) return;
  if (!hadZone) schedule.invalid('cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  else if (zone.isSet) schedule.invalid('cannot use both timeZone field and TZ or CRON_TZ in schedule');
}

function validateSpec(spec: Place, old?: Readonly<Record<string, any>>): void {
  const zone = spec.child('timeZone');
  validateSchedule(spec.child('schedule'), zone, old?.['schedule']?.includes('TZ') === true);
  spec.child('startingDeadlineSeconds').nonNegative();
  if (zone.isSet && zone.value !== old?.['timeZone']) validateTimeZone(zone);
  spec.child('concurrencyPolicy').oneOf(['Allow', 'Forbid', 'Replace']);
  const template = spec.child('jobTemplate', 'spec');
  validateJobTemplateSpec(template.as(template.value ?? {}));
  if (template.child('selector').isSet) template.child('selector').invalid('`selector` will be auto-generated');
  if (template.value?.manualSelector) template.child('manualSelector').notSupported(['nil', 'false']);
  spec.child('successfulJobsHistoryLimit').nonNegative();
  spec.child('failedJobsHistoryLimit').nonNegative();
}

const ofJob = jobWarnings(['spec', 'jobTemplate', 'spec']);
/** The path is upstream's. */
const zoneInSchedule =
  'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';

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
  ...rules(
    (object) => {
      validateSpec(object.child('spec'));
      const name = object.child('metadata', 'name');
      if (name.text.length > maxName) name.invalid('must be no more than 52 characters');
    },
    (object, old) => validateSpec(object.child('spec'), old['spec'] ?? {}),
  ),
  warnings(object, old) {
    const warnings = ofJob(object, old);
    const hasZone = (object as Readonly<CronJob>).spec?.schedule?.includes('TZ') === true;
    return old !== undefined && hasZone ? [...warnings, zoneInSchedule] : warnings;
  },
};
