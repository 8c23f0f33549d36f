/** Deployments, replica sets, stateful sets, daemon sets, jobs, cron jobs and replication controllers. */
import type {
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  LabelSelector,
  Pod,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../../api/index.ts';
import {
  canonicalQuantity,
  controllerOf,
  deepEqual,
  formatLabelSelector,
  humanDuration,
  isControlledBy,
  type KubeObject,
} from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { goValue } from '../printers/go-value.ts';
import { labelsText } from '../printers/labels.ts';
import { describePodTemplate } from './containers.ts';
import type { DescribeContext } from './context.ts';
import { describeEvents } from './events.ts';
import { describeController } from './pod.ts';
import { boolText, type DescribeWriter, timeText } from './writer.ts';

interface Conditioned {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

export async function describeDeployment(
  w: DescribeWriter,
  deployment: Readonly<Deployment>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = deployment;
  const [events, sets] = await Promise.all([
    context.events(deployment),
    context.list<ReplicaSet>('replicasets.apps', metadata.namespace ?? '', {
      labelSelector: selectorText(spec?.selector),
    }),
  ]);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'CreationTimestamp:', timeText(metadata.creationTimestamp));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Selector:', selectorText(spec?.selector));
  const counts = [
    `${spec?.replicas ?? 0} desired`,
    `${status?.updatedReplicas ?? 0} updated`,
    `${status?.replicas ?? 0} total`,
    `${status?.availableReplicas ?? 0} available`,
    `${status?.unavailableReplicas ?? 0} unavailable`,
  ];
  w.line(0, 'Replicas:', counts.join(' | '));
  w.line(0, 'StrategyType:', spec?.strategy?.type);
  w.line(0, 'MinReadySeconds:', spec?.minReadySeconds ?? 0);
  const rolling = spec?.strategy?.rollingUpdate;
  if (rolling) {
    w.line(0, 'RollingUpdateStrategy:', `${rolling.maxUnavailable} max unavailable, ${rolling.maxSurge} max surge`);
  }
  describePodTemplate(w, spec?.template);
  describeConditions(w, status?.conditions);
  const owned = (sets ?? []).filter((set) => isControlledBy(set, deployment));
  if (owned.length > 0) {
    const current = newReplicaSet(deployment, owned);
    const old = owned.filter((set) => set !== current);
    w.line(0, 'OldReplicaSets:', replicaSetsText(old));
    w.line(0, 'NewReplicaSet:', replicaSetsText(current ? [current] : []));
  }
  describeEvents(w, events);
}

/** The oldest of those made from the template as it is now. */
function newReplicaSet(deployment: Readonly<Deployment>, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec?.template);
  const age = (set: ReplicaSet) => parseTime(set.metadata.creationTimestamp ?? '') || 0;
  return [...sets]
    .sort((a, b) => age(a) - age(b) || (a.metadata.name! < b.metadata.name! ? -1 : 1))
    .find((set) => deepEqual(withoutHash(set.spec?.template), wanted));
}

function withoutHash(template: NonNullable<ReplicaSet['spec']>['template']): unknown {
  const { 'pod-template-hash': _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

function replicaSetsText(sets: readonly ReplicaSet[]): string {
  const texts = sets.map(
    ({ metadata, status, spec }) =>
      `${metadata.name} (${status?.replicas ?? 0}/${spec?.replicas ?? 0} replicas created)`,
  );
  return texts.join(', ') || '<none>';
}

export async function describeReplicaSet(
  w: DescribeWriter,
  set: Readonly<ReplicaSet>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = set;
  const [events, pods] = await Promise.all([
    context.events(set),
    podsStatus(set, selectorText(spec?.selector), context),
  ]);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'Selector:', formatLabelSelector(spec?.selector));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  describeController(w, set);
  w.line(0, 'Replicas:', `${status?.replicas ?? 0} current / ${spec?.replicas ?? 0} desired`);
  w.line(0, 'Pods Status:', pods);
  describePodTemplate(w, spec?.template);
  describeConditions(w, status?.conditions);
  describeEvents(w, events);
}

export async function describeReplicationController(
  w: DescribeWriter,
  controller: Readonly<ReplicationController>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = controller;
  const selector = labelsText(spec?.selector);
  const [events, pods] = await Promise.all([context.events(controller), podsStatus(controller, selector, context)]);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'Selector:', selector);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Replicas:', `${status?.replicas ?? 0} current / ${spec?.replicas ?? 0} desired`);
  w.line(0, 'Pods Status:', pods);
  describePodTemplate(w, spec?.template);
  describeConditions(w, status?.conditions);
  describeEvents(w, events);
}

export async function describeStatefulSet(
  w: DescribeWriter,
  set: Readonly<StatefulSet>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = set;
  const [events, pods] = await Promise.all([
    context.events(set),
    podsStatus(set, selectorText(spec?.selector), context),
  ]);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'CreationTimestamp:', timeText(metadata.creationTimestamp));
  w.line(0, 'Selector:', selectorText(spec?.selector));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Replicas:', `${spec?.replicas ?? 0} desired | ${status?.replicas ?? 0} total`);
  w.line(0, 'Update Strategy:', spec?.updateStrategy?.type);
  const rolling = spec?.updateStrategy?.rollingUpdate;
  if (rolling?.partition !== undefined) {
    w.line(1, 'Partition:', rolling.partition);
    if (rolling.maxUnavailable !== undefined) w.line(1, 'MaxUnavailable:', rolling.maxUnavailable);
  }
  w.line(0, 'Pods Status:', pods);
  describePodTemplate(w, spec?.template);
  describeClaimTemplates(w, spec?.volumeClaimTemplates ?? []);
  describeEvents(w, events);
}

function describeClaimTemplates(
  w: DescribeWriter,
  templates: NonNullable<NonNullable<StatefulSet['spec']>['volumeClaimTemplates']>,
): void {
  if (templates.length === 0) {
    w.line(0, 'Volume Claims:', '<none>');
    return;
  }
  w.line(0, 'Volume Claims:');
  for (const { metadata, spec } of templates) {
    w.line(1, 'Name:', metadata?.name);
    w.line(1, 'StorageClass:', spec?.storageClassName);
    w.labels('Labels', metadata?.labels, '  ');
    w.labels('Annotations', metadata?.annotations, '  ');
    const storage = spec?.resources?.requests?.['storage'];
    w.line(1, 'Capacity:', storage === undefined ? '<default>' : canonicalQuantity(storage));
    w.line(1, 'Access Modes:', goValue(spec?.accessModes ?? []));
  }
}

export async function describeDaemonSet(
  w: DescribeWriter,
  set: Readonly<DaemonSet>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = set;
  const [events, pods] = await Promise.all([
    context.events(set),
    podsStatus(set, selectorText(spec?.selector), context),
  ]);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'Selector:', selectorText(spec?.selector));
  w.line(0, 'Node-Selector:', labelsText(spec?.template?.spec?.nodeSelector));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, `Desired Number of Nodes Scheduled: ${status?.desiredNumberScheduled ?? 0}`);
  w.line(0, `Current Number of Nodes Scheduled: ${status?.currentNumberScheduled ?? 0}`);
  w.line(0, `Number of Nodes Scheduled with Up-to-date Pods: ${status?.updatedNumberScheduled ?? 0}`);
  w.line(0, `Number of Nodes Scheduled with Available Pods: ${status?.numberAvailable ?? 0}`);
  w.line(0, `Number of Nodes Misscheduled: ${status?.numberMisscheduled ?? 0}`);
  w.line(0, 'Pods Status:', pods);
  describePodTemplate(w, spec?.template);
  describeEvents(w, events);
}

export async function describeJob(w: DescribeWriter, job: Readonly<Job>, context: DescribeContext): Promise<void> {
  const { metadata, spec, status } = job;
  const events = await context.events(job);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.line(0, 'Selector:', selectorText(spec?.selector));
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  describeController(w, job);
  if (spec?.parallelism !== undefined) w.line(0, 'Parallelism:', spec.parallelism);
  w.line(0, 'Completions:', spec?.completions ?? '<unset>');
  if (spec?.completionMode) w.line(0, 'Completion Mode:', spec.completionMode);
  if (spec?.suspend !== undefined) w.line(0, 'Suspend:', spec.suspend);
  if (spec?.backoffLimit !== undefined) w.line(0, 'Backoff Limit:', spec.backoffLimit);
  if (spec?.ttlSecondsAfterFinished !== undefined)
    w.line(0, 'TTL Seconds After Finished:', spec.ttlSecondsAfterFinished);
  if (status?.startTime) w.line(0, 'Start Time:', timeText(status.startTime));
  if (status?.completionTime) w.line(0, 'Completed At:', timeText(status.completionTime));
  if (status?.startTime && status.completionTime) {
    w.line(0, 'Duration:', humanDuration(parseTime(status.completionTime) - parseTime(status.startTime)));
  }
  if (spec?.activeDeadlineSeconds !== undefined)
    w.line(0, 'Active Deadline Seconds:', `${spec.activeDeadlineSeconds}s`);
  const ready = status?.ready === undefined ? '' : ` (${status.ready} Ready)`;
  w.line(
    0,
    'Pods Statuses:',
    `${status?.active ?? 0} Active${ready} / ${status?.succeeded ?? 0} Succeeded / ${status?.failed ?? 0} Failed`,
  );
  if (spec?.completionMode === 'Indexed') w.line(0, 'Completed Indexes:', indexesText(status?.completedIndexes));
  describePodTemplate(w, spec?.template);
  describeEvents(w, events);
}

function indexesText(indexes = ''): string {
  if (indexes === '') return '<none>';
  const comma = indexes.indexOf(',', 50);
  return comma < 0 ? indexes : `${indexes.slice(0, comma + 1)}...`;
}

export async function describeCronJob(
  w: DescribeWriter,
  cronJob: Readonly<CronJob>,
  context: DescribeContext,
): Promise<void> {
  const { metadata, spec, status } = cronJob;
  const events = await context.events(cronJob);
  const orUnset = (value: string | number | undefined, unit = '') =>
    value === undefined ? '<unset>' : `${value}${unit}`;
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  w.line(0, 'Schedule:', spec?.schedule);
  w.line(0, 'Concurrency Policy:', spec?.concurrencyPolicy);
  w.line(0, 'Suspend:', spec?.suspend === undefined ? '<unset>' : boolText(spec.suspend));
  w.line(0, 'Time Zone:', orUnset(spec?.timeZone));
  w.line(0, 'Successful Job History Limit:', orUnset(spec?.successfulJobsHistoryLimit));
  w.line(0, 'Failed Job History Limit:', orUnset(spec?.failedJobsHistoryLimit));
  w.line(0, 'Starting Deadline Seconds:', orUnset(spec?.startingDeadlineSeconds, 's'));
  const job = spec?.jobTemplate?.spec;
  w.line(0, 'Selector:', job?.selector ? selectorText(job.selector) : '<unset>');
  w.line(0, 'Parallelism:', orUnset(job?.parallelism));
  w.line(0, 'Completions:', orUnset(job?.completions));
  if (job?.activeDeadlineSeconds !== undefined) w.line(0, 'Active Deadline Seconds:', `${job.activeDeadlineSeconds}s`);
  describePodTemplate(w, job?.template);
  w.line(0, 'Last Schedule Time:', status?.lastScheduleTime ? timeText(status.lastScheduleTime) : '<unset>');
  w.line(0, 'Active Jobs:', (status?.active ?? []).map(({ name }) => name).join(', ') || '<none>');
  describeEvents(w, events);
}

function describeConditions(w: DescribeWriter, conditions: readonly Conditioned[] | undefined): void {
  if (!conditions || conditions.length === 0) return;
  w.raw('Conditions:\n  Type\tStatus\tReason\n');
  w.line(1, '----', '------', '------');
  for (const { type, status, reason } of conditions) w.line(1, `${type} `, status, reason);
}

/** An empty selector selects everything and prints nothing. */
function selectorText(selector: LabelSelector | undefined): string {
  const text = formatLabelSelector(selector);
  return text === '<none>' ? '' : text;
}

/** `2 Running / 1 Waiting / 0 Succeeded / 0 Failed`, of the pods that the object controls. */
async function podsStatus(
  object: Readonly<KubeObject>,
  labelSelector: string,
  context: DescribeContext,
): Promise<string> {
  const pods = await context.list<Pod>('pods', object.metadata.namespace ?? '', { labelSelector });
  if (!pods) return 'error in fetching pods: they may not be listed';
  const own = pods.filter((pod) => controllerOf(pod)?.uid === object.metadata.uid);
  const inPhase = (phase: string) => own.filter((pod) => pod.status?.phase === phase).length;
  return `${inPhase('Running')} Running / ${inPhase('Pending')} Waiting / ${inPhase('Succeeded')} Succeeded / ${inPhase('Failed')} Failed`;
}
