/**
 * Why a pod shows the STATUS it shows: phase, conditions and container states in the order they are looked at, the word
 * they lead to, and one sentence on what to do.
 */
import { type ContainerStatus, type Event, type Pod, podStatus } from '../../api/index.ts';
import { humanDuration } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { eventAge, eventTime } from '../events/events.ts';
import { describeTabs, TabWriter } from '../printers/tab-writer.ts';

export interface StatusStep {
  /** Field that was looked at. */
  readonly field: string;
  readonly says: string;
  /** STATUS as it stood after this field. */
  readonly word: string;
}

export interface StatusExplanation {
  readonly word: string;
  readonly ready: string;
  readonly restarts: number;
  readonly steps: readonly StatusStep[];
  /** The message that came with the deciding field. */
  readonly why: string | undefined;
  readonly advice: string;
}

export function explainStatus(pod: Readonly<Pod>, now: number): StatusExplanation {
  const summary = podStatus(pod);
  const steps: StatusStep[] = [];
  let conditionsShown = false;
  for (const { field, value, word } of summary.steps) {
    // Conditions come between what the pod says of itself and what its containers say.
    if (!conditionsShown && /ontainerStatuses|deletionTimestamp/.test(field)) {
      steps.push(...conditionSteps(pod, steps.at(-1)?.word ?? ''));
      conditionsShown = true;
    }
    steps.push({ field, says: value || '<nothing>', word });
  }
  if (!conditionsShown) steps.push(...conditionSteps(pod, steps.at(-1)?.word ?? ''));
  const why =
    [...summary.steps].reverse().find((step) => step.message)?.message ??
    pod.status?.conditions?.find((condition) => condition.status === 'False' && condition.message)?.message;
  return {
    word: summary.word,
    ready: `${summary.readyContainers}/${summary.totalContainers}`,
    restarts: summary.restarts,
    steps,
    why: summary.word === 'Running' && summary.readyContainers === summary.totalContainers ? undefined : why,
    advice: adviceFor(pod, summary.word, now),
  };
}

/** The newest; of several at one time the one that was told last. */
function lastEvent(events: readonly Event[]): Event | undefined {
  let last: Event | undefined;
  for (const event of events) if (!last || eventTime(event) >= eventTime(last)) last = event;
  return last;
}

/** The section of `klab describe pod`. */
export function statusExplainedText(pod: Readonly<Pod>, now: number, events: readonly Event[] = []): string {
  const explained = explainStatus(pod, now);
  const out = new TabWriter(describeTabs);
  out.write('Status explained:\n');
  out.write('  Field\tSays\tStatus so far\n  -----\t----\t-------------\n');
  for (const { field, says, word } of explained.steps) out.write(`  ${field}\t${says}\t${word}\n`);
  let text = out.flush();
  const restarts =
    explained.restarts === 0 ? '' : `, ${explained.restarts} restart${explained.restarts === 1 ? '' : 's'}`;
  out.write(`  Shown:\t${explained.word} (${explained.ready} containers ready${restarts})\n`);
  if (explained.why) out.write(`  Because:\t${explained.why.replace(/\s+/g, ' ').trim()}\n`);
  const last = lastEvent(events);
  if (last) {
    const message = (last.message ?? '').replace(/\s+/g, ' ').trim();
    out.write(`  Last event:\t${last.type} ${last.reason}, age ${eventAge(last, now)}: ${message}\n`);
  }
  out.write(`  What to do:\t${explained.advice}\n`);
  text += out.flush();
  return text;
}

/** Conditions that are not met. */
function conditionSteps(pod: Readonly<Pod>, word: string): StatusStep[] {
  return (pod.status?.conditions ?? [])
    .filter((condition) => condition.status !== 'True' && condition.reason !== 'SchedulingGated')
    .map((condition) => ({
      field: `status.conditions[${condition.type}]`,
      says: condition.reason ? `${condition.status} (${condition.reason})` : condition.status,
      word,
    }));
}

/** `-n shop web-0 -c app`, the arguments that name a container for another command. */
function named(pod: Readonly<Pod>, container?: string): string {
  const { namespace = 'default', name = '' } = pod.metadata;
  const place = namespace === 'default' ? name : `${name} -n ${namespace}`;
  return container && (pod.spec?.containers?.length ?? 0) > 1 ? `${place} -c ${container}` : place;
}

function adviceFor(pod: Readonly<Pod>, word: string, now: number): string {
  // What the node did to the pod counts for more than how its containers took it.
  const { reason } = pod.status ?? {};
  if (pod.status?.phase === 'Failed' && (reason === 'Evicted' || reason === 'DeadlineExceeded')) {
    return simpleAdvice(pod, reason, undefined, now)!;
  }
  if (word.startsWith('Init:')) return initAdvice(pod, word.slice('Init:'.length), now);
  const { containerStatuses = [] } = pod.status ?? {};
  const waiting = containerStatuses.find((status) => status.state?.waiting?.reason === word);
  const simple = simpleAdvice(pod, word, waiting?.name, now);
  if (simple !== undefined) return simple;
  const ended = containerStatuses.find((status) => (status.state?.terminated?.exitCode ?? 0) !== 0);
  if (ended && (pod.status?.phase === 'Failed' || word === 'Error' || /^(ExitCode|Signal):/.test(word))) {
    return `container ${ended.name} ${endOf(ended)}; its log says why: klab logs ${named(pod, ended.name)}`;
  }
  return `see what the kubelet reports: klab events --for pod/${named(pod)}`;
}

function simpleAdvice(
  pod: Readonly<Pod>,
  word: string,
  container: string | undefined,
  now: number,
): string | undefined {
  const { spec, metadata } = pod;
  const at = container ?? spec?.containers?.[0]?.name ?? '';
  switch (word) {
    case 'Running':
      return runningAdvice(pod);
    case 'Completed':
    case 'Succeeded':
      return 'nothing; all containers have ended with exit code 0';
    case 'Pending':
      return pendingAdvice(pod);
    case 'SchedulingGated':
      return `remove the scheduling gates (${(spec?.schedulingGates ?? []).map((gate) => gate.name).join(', ')}); until then no node is looked for`;
    case 'ContainerCreating':
    case 'PodInitializing':
      return 'wait; the node pulls images, mounts volumes and starts containers, and events below tell how far it is';
    case 'CrashLoopBackOff':
      return crashAdvice(pod, container);
    case 'ImagePullBackOff':
    case 'ErrImagePull':
      return `check name and tag of image ${imageOf(pod, at)}, that its registry can be reached, and imagePullSecrets; the kubelet tries again by itself, waiting up to 5 minutes between attempts`;
    case 'ErrImageNeverPull':
      return `image ${imageOf(pod, at)} is not on the node and imagePullPolicy is Never: load it there or change the policy`;
    case 'InvalidImageName':
      return `write a valid image name; "${imageOf(pod, at)}" cannot be parsed`;
    case 'CreateContainerConfigError':
      return 'create the ConfigMap or Secret (or the key in it) that the container refers to; the kubelet tries again by itself';
    case 'PostStartHookError':
      return `the postStart hook of container ${at} failed, and the kubelet killed the container for it: correct lifecycle.postStart; what the container did meanwhile: klab logs ${named(pod, at)} --previous`;
    case 'ContainerStatusUnknown':
      return `the node cannot tell how container ${at} ended, as after a restart or an eviction; look at what the pod was to do, then delete it`;
    case 'CreateContainerError':
    case 'RunContainerError':
    case 'ContainerCannotRun':
    case 'StartError':
      return `check command, args and mounts of container ${at}: the runtime could not start it`;
    case 'OOMKilled':
      return `raise resources.limits.memory of container ${oomKilled(pod)?.name ?? at}, or make it use less: it went over its limit and was killed`;
    case 'Evicted':
      return `delete the pod, it does not come back by itself${metadata.ownerReferences ? ' (its controller has made another)' : ''}; ${evictionCause(pod)}`;
    case 'DeadlineExceeded':
      return 'raise activeDeadlineSeconds, or make the pod finish sooner; it was ended when the time was over';
    case 'Terminating':
      return terminatingAdvice(pod, now);
    case 'NotReady':
      return `some containers have ended and others run: klab logs ${named(pod)} --all-containers`;
    case 'Unknown':
    case 'NodeLost':
      return `see why node ${spec?.nodeName ?? ''} does not report: klab describe node ${spec?.nodeName ?? ''}`;
    case 'NodeAffinity':
    case 'TaintToleration':
    case 'PodOSNotSupported':
    case 'PodOSSelectorNodeLabelDoesNotMatch':
    case 'UnexpectedAdmissionError':
      return refusedAdvice(pod);
    default:
      return word.startsWith('OutOf') ? refusedAdvice(pod) : undefined;
  }
}

function evictionCause({ spec, status }: Readonly<Pod>): string {
  if (/^(Usage of EmptyDir|Container .* exceeded|Pod ephemeral)/.test(status?.message ?? '')) {
    return 'it wrote more to its disk than it may: raise the limit that the message names, or write less';
  }
  return `the node was short of resources: klab describe node ${spec?.nodeName ?? ''}`.trimEnd();
}

function refusedAdvice({ metadata }: Readonly<Pod>): string {
  const replaced = metadata.ownerReferences ? ' (its controller has made another)' : ' and create it again';
  return `the node refused the pod after it was assigned to it, and it never runs: delete it${replaced}`;
}

function pendingAdvice(pod: Readonly<Pod>): string {
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    return `make room or change what the pod asks for; every node's verdict: klab scheduler explain pod ${named(pod)}`;
  }
  if (!pod.spec?.nodeName)
    return 'wait for the scheduler; if nothing happens, see whether one runs and serves spec.schedulerName';
  return `wait; node ${pod.spec.nodeName} has not reported the pod yet`;
}

function runningAdvice(pod: Readonly<Pod>): string {
  const notReady = (pod.status?.containerStatuses ?? []).filter((status) => !status.ready).map(({ name }) => name);
  if (notReady.length === 0) {
    const gate = pod.status?.conditions?.find((c) => c.type === 'Ready' && c.status !== 'True');
    return gate
      ? `wait for the readiness gates: ${gate.message ?? gate.reason ?? ''}`
      : 'nothing; it runs and is ready';
  }
  return `container ${notReady.join(', ')} runs but is not ready, so services leave the pod out; see its readiness probe and klab logs ${named(pod, notReady[0])}`;
}

function crashAdvice(pod: Readonly<Pod>, container: string | undefined): string {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
  const log = `klab logs ${named(pod, container)} --previous`;
  if (status?.lastState?.terminated?.reason === 'OOMKilled') {
    return `raise resources.limits.memory of container ${container}: each time it went over its limit and was killed (${log})`;
  }
  const end = status ? ` (last time it ${endOf(status, 'lastState')})` : '';
  return `container ${container} ends again and again${end}, and the kubelet waits longer before each restart, up to 5 minutes; find out why it ends: ${log}`;
}

function initAdvice(pod: Readonly<Pod>, rest: string, now: number): string {
  const { initContainerStatuses = [] } = pod.status ?? {};
  const current = initContainerStatuses.find((status) => {
    const { terminated } = status.state ?? {};
    return !(terminated && terminated.exitCode === 0) && !(status.started && status.ready);
  });
  const name = current?.name ?? '';
  const log = `klab logs ${named(pod)} -c ${name}`;
  if (/^\d+\/\d+$/.test(rest)) {
    return `init containers run one after the other before the app starts; "${name}" is next or at work: ${log}`;
  }
  if (rest === 'CrashLoopBackOff' || rest === 'Error' || /^(ExitCode|Signal):/.test(rest)) {
    const previous = rest === 'CrashLoopBackOff' ? ' --previous' : '';
    const status = current ? endOf(current, current.state?.terminated ? 'state' : 'lastState') : 'fails';
    return `init container ${name} ${status}, and the app starts only when it succeeds: ${log}${previous}`;
  }
  return simpleAdvice(pod, rest, name, now) ?? `see init container ${name}: ${log}`;
}

function terminatingAdvice(pod: Readonly<Pod>, now: number): string {
  const { deletionTimestamp = '', deletionGracePeriodSeconds = 0, finalizers = [] } = pod.metadata;
  const late = now - parseTime(deletionTimestamp);
  if (finalizers.length > 0) {
    return `wait for whoever owns the finalizers ${finalizers.join(', ')}; the object stays until they are removed`;
  }
  if (late <= 0) {
    return `wait; containers have ${deletionGracePeriodSeconds}s to stop, ${humanDuration(-late)} of it left`;
  }
  const node = pod.spec?.nodeName ?? '';
  return `the grace period was over ${humanDuration(late)} ago and node ${node} has not confirmed that the containers are gone: klab describe node ${node}; klab delete pod ${named(pod)} --grace-period=0 --force gives up waiting`;
}

function imageOf(pod: Readonly<Pod>, container: string): string {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers].find(({ name }) => name === container)?.image ?? '';
}

function oomKilled(pod: Readonly<Pod>): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.find((status) => status.state?.terminated?.reason === 'OOMKilled');
}

/** `ended with exit code 1 (Error)`. */
function endOf(status: ContainerStatus, which: 'state' | 'lastState' = 'state'): string {
  const end = status[which]?.terminated;
  if (!end) return 'has ended';
  if (end.signal) return `was ended by signal ${end.signal}`;
  const reason = end.reason && end.reason !== 'Error' && end.reason !== 'Completed' ? ` (${end.reason})` : '';
  return `ended with exit code ${end.exitCode}${reason}`;
}
