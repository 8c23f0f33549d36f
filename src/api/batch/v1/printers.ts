import { humanDuration } from '../../../apimachinery/index.ts';
import { parseTime } from '../../../base/index.ts';
import type { PrintContext } from '../../definition.ts';
import { ageOf, boolText, containerCells, count, nameOfRow, printer, selectorText, since } from '../../printing.ts';
import type { CronJob, Job } from '../../types.ts';

/** Conditions that give STATUS, in the order they are looked for; deletion stands between Failed and Suspended. */
function jobStatus(job: Readonly<Job>): string {
  const has = (type: string) =>
    job.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running';
}

function jobCompletions(job: Readonly<Job>): string {
  const succeeded = job.status?.succeeded ?? 0;
  const { completions, parallelism = 0 } = job.spec ?? {};
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration(job: Readonly<Job>, context: PrintContext): string {
  const { startTime, completionTime } = job.status ?? {};
  if (!startTime) return '';
  return humanDuration((completionTime ? parseTime(completionTime) : context.now) - parseTime(startTime));
}

export const jobPrinter = printer(
  'Name:name, Status, Completions, Duration, Age, Containers*, Images*, Selector*',
  (object, context) => {
    const job = object as Readonly<Job>;
    return [
      nameOfRow(object),
      jobStatus(job),
      jobCompletions(job),
      jobDuration(job, context),
      ageOf(object, context),
      ...containerCells(job.spec?.template.spec?.containers),
      selectorText(job.spec?.selector),
    ];
  },
);

export const cronJobPrinter = printer(
  'Name:name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, Containers*, Images*, Selector*',
  (object, context) => {
    const { spec, status } = object as Readonly<CronJob>;
    return [
      nameOfRow(object),
      spec?.schedule ?? '',
      spec?.timeZone ?? '<none>',
      boolText(spec?.suspend),
      count(status?.active),
      status?.lastScheduleTime ? since(status.lastScheduleTime, context) : '<none>',
      ageOf(object, context),
      ...containerCells(spec?.jobTemplate.spec?.template.spec?.containers),
      selectorText(spec?.jobTemplate.spec?.selector),
    ];
  },
);
