/** Status of jobs: what controllers may write. Upstream: pkg/apis/batch/validation, pkg/registry/batch/job (1.36). */
import { parseTime } from '../../../../base/index.ts';
import type { Place } from '../../../place.ts';
import { countIndexes, firstOverlap } from './indexes.ts';

type Fields = Readonly<Record<string, any>>;

function isTrue(job: Fields, type: string): boolean {
  const conditions: Fields[] = job['status']?.conditions ?? [];
  return conditions.some((condition) => condition['type'] === type && condition['status'] === 'True');
}

/** Pairs that exclude each other. */
const exclusive = [
  ['Complete', 'Failed', 'cannot set Complete=True and Failed=true conditions'],
  ['Complete', 'FailureTarget', 'cannot set Complete=True and FailureTarget=true conditions'],
  ['SuccessCriteriaMet', 'Failed', 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
  ['SuccessCriteriaMet', 'FailureTarget', 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
] as const;

/** The second must come before or with the first. */
const implied = [
  ['Failed', 'FailureTarget', 'cannot set Failed=True condition without the FailureTarget=true condition'],
  [
    'Complete',
    'SuccessCriteriaMet',
    'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
  ],
] as const;

function validateUncounted(pods: Place): void {
  const seen = new Set<string>();
  for (const uid of [...pods.items('succeeded'), ...pods.items('failed')]) {
    if (uid.text === '') uid.invalid('must not be empty', '');
    else if (seen.has(uid.text)) uid.duplicate();
    seen.add(uid.text);
  }
}

function validateIndexes(job: Place, status: Place): void {
  const { completions, completionMode, backoffLimitPerIndex } = job.value.spec ?? {};
  const [completed, failed] = [status.child('completedIndexes'), status.child('failedIndexes')];
  if (completions !== undefined) {
    const lists = backoffLimitPerIndex === undefined ? [completed] : [completed, failed];
    for (const list of lists) {
      const total = countIndexes(list.text, completions);
      const name = list.path.toString().split('.').at(-1);
      if (typeof total === 'string') list.invalid(`error parsing ${name}: ${total}`);
    }
  }
  if (completed.text !== '' && completionMode !== 'Indexed') {
    completed.invalid('cannot set non-empty completedIndexes when non-indexed completion mode');
  }
  if (failed.isSet && backoffLimitPerIndex === undefined) {
    failed.invalid('cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  }
  if (completions === undefined || !failed.isSet) return;
  const overlap = firstOverlap(completed.text, failed.text, completions);
  if (overlap !== undefined) failed.invalid(`failedIndexes and completedIndexes overlap at index: ${overlap}`);
}

function validateFinished(job: Place, status: Place): void {
  const complete = isTrue(job.value, 'Complete');
  const finished = complete || isTrue(job.value, 'Failed');
  const [completion, start, active, uncounted, terminating] = [
    'completionTime',
    'startTime',
    'active',
    'uncountedTerminatedPods',
    'terminating',
  ].map((name) => status.child(name)) as [Place, Place, Place, Place, Place];
  if (completion.isSet && !complete) {
    completion.invalid('cannot set completionTime when there is no Complete=True condition');
  }
  if (!completion.isSet && complete) completion.required('completionTime is required for Complete jobs');
  if (start.isSet && completion.isSet && parseTime(completion.text) < parseTime(start.text)) {
    completion.invalid('must be equal to or after `startTime`');
  }
  if (!finished) return;
  if (active.number > 0) active.invalid('active>0 is invalid for finished job');
  if (!start.isSet) start.required('startTime is required for finished job');
  if (uncounted.items('failed').length + uncounted.items('succeeded').length > 0) {
    uncounted.invalid('must be empty for finished job');
  }
  if (terminating.number > 0) terminating.invalid('terminating>0 is invalid for finished job');
}

/** Rules hold for what changes: a status that was stored with a flaw can still be written. */
export function validateJobStatusUpdate(job: Place, old: Fields): void {
  const status = job.child('status');
  const before: Fields = old['status'] ?? {};
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating']) status.child(field).nonNegative();
  validateUncounted(status.child('uncountedTerminatedPods'));
  const conditions = status.child('conditions');
  const [is, was] = [(type: string) => isTrue(job.value, type), (type: string) => isTrue(old, type)];
  for (const [first, second, detail] of exclusive) {
    if (is(first) && is(second) && !(was(first) && was(second))) conditions.wrong(detail);
  }
  validateFinished(job, status);
  for (const [first, second, detail] of implied) if (is(first) && !is(second) && !was(first)) conditions.wrong(detail);
  validateIndexes(job, status);
  const ready = status.child('ready');
  if (ready.isSet && ready.number > status.child('active').number) {
    ready.invalid('cannot set more ready pods than active');
  }
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (was(type) && !is(type)) conditions.wrong(`cannot disable the terminal ${type}=True condition`);
  }
  for (const field of ['failed', 'succeeded']) {
    const { number } = status.child(field);
    if (number < (before[field] ?? 0)) status.child(field).invalid(`cannot decrease the ${field} counter`, number);
  }
  const [completion, start] = [status.child('completionTime'), status.child('startTime')];
  if (completion.isSet && before['completionTime'] !== undefined && completion.value !== before['completionTime']) {
    completion.invalid('field is immutable');
  }
  const restarted = before['startTime'] !== undefined && before['startTime'] !== start.value;
  if (restarted && job.value.spec?.suspend !== true) {
    start.invalid('field is immutable for unsuspended job once set', start.value ?? null);
  }
  if (was('SuccessCriteriaMet') && !is('SuccessCriteriaMet')) {
    conditions.wrong('cannot disable the SuccessCriteriaMet=True condition');
  }
  if (was('Complete') && !was('SuccessCriteriaMet') && is('SuccessCriteriaMet')) {
    conditions.wrong('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
  }
}
