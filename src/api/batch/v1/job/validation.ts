/** Upstream: pkg/apis/batch/validation/validation.go (1.36). */
import {
  deepEqual,
  FormatError,
  isDns1123Label,
  type Selector,
  selectorFromLabelSelector,
  validateLabelSelector,
} from '../../../../apimachinery/index.ts';
import { validatePodTemplate } from '../../../core/v1/pod/validation.ts';
import type { Place } from '../../../place.ts';
import type { JobSpec } from '../../../types.ts';
import { countIndexes } from './indexes.ts';

type Fields = Readonly<Record<string, any>>;

const maxIndexed = 100_000;
/** With so many completions and a limit for each index there are tighter bounds. */
const manyCompletions = 100_000;
const maxWithMany = 10_000;
const maxRules = 20;
const maxExitCodes = 255;
const maxManagedBy = 63;
const maxIndexesText = 64 * 1024;
const needsIndexed = 'requires indexed completion mode';
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const conditionStatus = ['False', 'True', 'Unknown'];

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** Go's %q of a list. */
const valid = (values: readonly string[]): string => `valid values: [${values.map((value) => `"${value}"`).join(' ')}]`;

function validateIndexing(spec: Place): void {
  const [completions, parallelism, maxFailed, perIndex] = [
    'completions',
    'parallelism',
    'maxFailedIndexes',
    'backoffLimitPerIndex',
  ].map((name) => spec.child(name)) as [Place, Place, Place, Place];
  if (maxFailed.isSet && !perIndex.isSet) perIndex.required('when maxFailedIndexes is specified');
  spec.child('completionMode').maybeOneOf(['Indexed', 'NonIndexed']);
  const mode = spec.value.completionMode;
  if (mode === 'Indexed') {
    if (!completions.isSet) completions.required('when completion mode is Indexed');
    if (parallelism.number > maxIndexed) {
      parallelism.invalid(`must be less than or equal to ${maxIndexed} when completion mode is Indexed`);
    }
    if (completions.isSet && maxFailed.number > completions.number) {
      maxFailed.invalid('must be less than or equal to completions');
    }
    if (maxFailed.number > maxIndexed) maxFailed.invalid(`must be less than or equal to ${maxIndexed}`);
    if (completions.number > manyCompletions && perIndex.isSet) {
      const detail = `must be less than or equal to ${maxWithMany} when completions are above ${manyCompletions} and used with backoff limit per index`;
      if (!maxFailed.isSet) maxFailed.required(`must be specified when completions is above ${manyCompletions}`);
      if (parallelism.number > maxWithMany) parallelism.invalid(detail);
      if (maxFailed.number > maxWithMany) maxFailed.invalid(detail);
    }
  } else if (mode === undefined || mode === 'NonIndexed') {
    if (perIndex.isSet) perIndex.invalid(needsIndexed);
    if (maxFailed.isSet) maxFailed.invalid(needsIndexed);
  }
}

function validateExitCodes(codes: Place, containers: ReadonlySet<string>): void {
  const [operator, container, values] = ['operator', 'containerName', 'values'].map((name) => codes.child(name));
  operator!.oneOf(['In', 'NotIn'], valid(['In', 'NotIn']));
  if (container!.isSet && !containers.has(container!.text)) {
    container!.invalid('must be one of the container or initContainer names in the pod template');
  }
  if (values!.list.length === 0) values!.invalid('at least one value is required', values!.value ?? null);
  else values!.atMost(maxExitCodes);
  const seen = new Set<number>();
  let ordered = true;
  for (const [index, value] of values!.items().entries()) {
    if (operator!.text === 'In' && value.value === 0) value.invalid('must not be 0 for the In operator');
    if (seen.has(value.value)) value.duplicate();
    seen.add(value.value);
    if (index > 0 && values!.list[index - 1] > value.value) ordered = false;
  }
  if (!ordered) values!.invalid('must be ordered');
}

function validateFailurePolicy(spec: Place): void {
  const rules = spec.child('podFailurePolicy', 'rules');
  rules.atMost(maxRules);
  const { containers = [], initContainers = [] } = spec.value.template?.spec ?? {};
  const names = new Set<string>([...containers, ...initContainers].map((container) => container.name));
  for (const rule of rules.items()) {
    const [action, codes, conditions] = ['action', 'onExitCodes', 'onPodConditions'].map((name) => rule.child(name));
    if (action!.oneOf(actions, valid(actions)) && action!.text === 'FailIndex') {
      if (spec.value.backoffLimitPerIndex === undefined) {
        action!.invalid('requires the backoffLimitPerIndex to be set');
      }
    }
    if (codes!.isSet) validateExitCodes(codes!, names);
    conditions!.atMost(maxRules);
    for (const pattern of conditions!.items()) {
      pattern.child('type').qualified();
      pattern.child('status').oneOf(conditionStatus, valid(conditionStatus));
    }
    const both = [codes!.isSet, conditions!.list.length > 0];
    if (both.every((is) => is)) rule.wrong('specifying both OnExitCodes and OnPodConditions is not supported');
    if (!both.some((is) => is)) rule.wrong('specifying one of OnExitCodes and OnPodConditions is required');
  }
}

function validateSuccessPolicy(spec: Place): void {
  const policy = spec.child('successPolicy');
  if (spec.value.completionMode !== 'Indexed') {
    policy.invalid(needsIndexed);
    return;
  }
  const completions: number = spec.value.completions ?? 0;
  const rules = policy.child('rules');
  if (rules.list.length === 0) {
    rules.required('at least one rules must be specified when the successPolicy is specified');
  }
  rules.atMost(maxRules);
  for (const rule of rules.items()) {
    const [indexes, count] = [rule.child('succeededIndexes'), rule.child('succeededCount')];
    if (!indexes.isSet && !count.isSet) {
      rule.required('at least one of succeededCount or succeededIndexes must be specified');
    }
    if (indexes.text.length > maxIndexesText) indexes.tooLong(maxIndexesText);
    const total = countIndexes(indexes.text, completions);
    if (typeof total === 'string') indexes.invalid(`error parsing succeededIndexes: ${total}`);
    if (!count.isSet) continue;
    count.nonNegative();
    if (count.number > completions) {
      count.invalid(`must be less than or equal to ${completions} (the number of specified completions)`);
    }
    const listed = typeof total === 'string' ? 0 : total;
    if (indexes.isSet && count.number > listed) {
      count.invalid(
        `must be less than or equal to ${listed} (the number of indexes in the specified succeededIndexes field)`,
      );
    }
  }
}

/** Without the selector: also the template of a CronJob. */
export function validateJobTemplateSpec(spec: Place): void {
  const { value } = spec as { value: JobSpec };
  for (const field of counts) spec.child(field).nonNegative();
  const manager = spec.child('managedBy');
  if (manager.isSet) {
    manager.domainPath();
    if (manager.text.length > maxManagedBy) manager.tooLong(maxManagedBy);
  }
  validateIndexing(spec);
  if (value.podFailurePolicy) validateFailurePolicy(spec);
  if (value.successPolicy) validateSuccessPolicy(spec);
  spec
    .child('podReplacementPolicy')
    .maybeOneOf(value.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']);
  const template = spec.child('template');
  validatePodTemplate(template.value ?? {}, template.path, template.errors);
  const policy = template.child('spec', 'restartPolicy');
  if (policy.text === 'Always' || policy.text === '') policy.required('valid values: "OnFailure", "Never"');
  else if (policy.text !== 'OnFailure' && policy.text !== 'Never') policy.notSupported(['OnFailure', 'Never']);
  else if (value.podFailurePolicy && policy.text !== 'Never') {
    policy.invalid('only "Never" is supported when podFailurePolicy is specified');
  }
}

function validateJobSpec(spec: Place): void {
  validateJobTemplateSpec(spec.as(spec.value ?? {}));
  const selector = spec.child('selector');
  const before = spec.errors.length;
  if (!selector.isSet) selector.required();
  else validateLabelSelector(selector.value, selector.path, selector.errors);
  if (spec.errors.length > before) return;
  const labels = spec.child('template', 'metadata', 'labels');
  if (!selectorFromLabelSelector(selector.value).matches(labels.value ?? {})) {
    labels.invalid('`selector` does not match template `labels`', labels.value ?? null);
  }
}

/** The selector and labels that the server makes are as it makes them. */
function validateGeneratedSelector(job: Place): void {
  const { spec, metadata } = job.value;
  if (spec?.manualSelector === true || !spec?.selector) return;
  if (!metadata.uid) job.child('metadata', 'uid').required();
  const labels = job.child('spec', 'template', 'metadata', 'labels');
  const expected: Record<string, string> = {
    'controller-uid': metadata.uid ?? '',
    'job-name': metadata.name ?? '',
    'batch.kubernetes.io/controller-uid': metadata.uid ?? '',
    'batch.kubernetes.io/job-name': metadata.name ?? '',
  };
  for (const [name, value] of Object.entries(expected)) {
    const actual: string | undefined = labels.value?.[name];
    if (actual === undefined) labels.key(name).required(`must be '${value}'`);
    else if (actual !== value) labels.key(name).invalid(`must be '${value}'`, labels.value);
  }
  if (selectorOf(spec.selector)?.matches(expected) === false) {
    job.child('spec', 'selector').invalid('`selector` not auto-generated');
  }
}

/** Undefined for what is no selector, which is told elsewhere. */
function selectorOf(selector: Parameters<typeof selectorFromLabelSelector>[0]): Selector | undefined {
  try {
    return selectorFromLabelSelector(selector);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

export function validateJob(job: Place): void {
  validateGeneratedSelector(job);
  validateJobSpec(job.child('spec'));
  const { completionMode, completions = 0 } = job.value.spec ?? {};
  if (completionMode !== 'Indexed' || completions <= 0) return;
  const name = job.child('metadata', 'name');
  const hostname = `${name.text}-${completions - 1}`;
  if (isDns1123Label(hostname).length > 0) {
    name.invalid(`will not able to create pod with invalid DNS label: ${hostname}`);
  }
}

const fixedFields = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

const condition = (old: Fields, type: string): boolean =>
  ((old['status']?.conditions ?? []) as Fields[]).some((item) => item['type'] === type && item['status'] === 'True');

/** Where its pods may run can change while a suspended job has none; their resources while it is suspended. */
function withMutableParts(template: Fields, old: Fields, resources: boolean, scheduling: boolean): Fields {
  const spec = { ...old['spec'] };
  const now: Fields = template['spec'] ?? {};
  let metadata = old['metadata'];
  if (scheduling) {
    for (const field of ['nodeSelector', 'tolerations', 'schedulingGates']) spec[field] = now[field];
    const affinity = { ...old['spec']?.affinity, nodeAffinity: now['affinity']?.nodeAffinity };
    spec.affinity = Object.values(affinity).some((value) => value !== undefined) ? affinity : now['affinity'];
    const { labels, annotations } = template['metadata'] ?? {};
    metadata = { ...metadata, labels, annotations };
  }
  for (const list of resources ? ['containers', 'initContainers'] : []) {
    const [before, after]: Fields[][] = [spec[list] ?? [], now[list] ?? []];
    if (before!.length !== after!.length || before!.length === 0) continue;
    spec[list] = before!.map((container, index) =>
      container['name'] === after![index]!['name']
        ? { ...container, resources: after![index]!['resources'] }
        : container,
    );
  }
  return { ...old, metadata, spec };
}

const dropUnset = (value: any): any => {
  if (Array.isArray(value)) return value.map(dropUnset);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  return Object.fromEntries(entries.map(([key, child]) => [key, dropUnset(child)]));
};

export function validateJobUpdate(job: Place, old: Fields): void {
  const spec = job.child('spec');
  const before: Fields = old['spec'] ?? {};
  validateJobSpec(spec);
  const completions = spec.child('completions');
  if (spec.value?.completionMode !== 'Indexed') completions.immutable(before['completions']);
  else if (completions.isSet && completions.value !== before['completions']) {
    if (completions.value !== spec.value.parallelism) {
      completions.invalid('can only be modified in tandem with spec.parallelism');
    }
  }
  spec.child('selector').immutable(before['selector']);
  const template = spec.child('template');
  const suspended = before['suspend'] === true;
  const idle = suspended && (condition(old, 'Suspended') || old['status']?.startTime === undefined);
  const allowed = withMutableParts(template.value ?? {}, before['template'] ?? {}, suspended, idle);
  if (!deepEqual(template.value, before['template']) && !deepEqual(dropUnset(template.value), dropUnset(allowed))) {
    template.invalid('field is immutable');
  }
  for (const field of fixedFields) spec.child(field).immutable(before[field]);
}
