/** `klab rollout history|undo`. Upstream: kubectl/pkg/polymorphichelpers/{history,rollback}.go. */
import type { PodTemplateSpec } from '../../api/index.ts';
import {
  applyStrategicMergePatch,
  deepCopy,
  deepEqual,
  formatLabelSelector,
  isControlledBy,
  type KubeObject,
} from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { builtinTypeOf } from '../apply/client-side.ts';
import { describePodTemplate } from '../describe/containers.ts';
import { DescribeWriter } from '../describe/writer.ts';
import { UserError } from '../exit-codes.ts';
import { describeTabs, TabWriter } from '../printers/tab-writer.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { needWords } from './change.ts';

export interface HistoryFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly selector?: string;
  readonly revision?: number;
}

export interface UndoFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly selector?: string;
  readonly 'to-revision'?: number;
}

/** What one revision was: for a deployment a replica set, for the others a patch kept in a ControllerRevision. */
interface Revision {
  readonly number: number;
  /** The replica set, or the workload as it was. */
  readonly object: KubeObject;
  readonly template: PodTemplateSpec;
  readonly cause: string | undefined;
  /** The stored patch; undefined for a deployment's. */
  readonly data: object | undefined;
}

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const causeAnnotation = 'kubernetes.io/change-cause';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Annotations that are the deployment's own and do not go back with a revision. */
const ownAnnotations = new Set([
  lastAppliedAnnotation,
  revisionAnnotation,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
]);
const hashLabel = 'pod-template-hash';

const followed = new Set(['Deployment', 'DaemonSet', 'StatefulSet']);
/** Kinds that upstream knows as workloads, without a history. */
const withoutHistory = new Set(['Job', 'Pod', 'ReplicaSet', 'ReplicationController', 'CronJob']);

/** @throws UserError for kinds without revisions; `what` is what upstream wanted for them. */
function needHistory({ resource: { group, kind } }: LiveObject, what: 'history' | 'rollbacker'): void {
  if (followed.has(kind) && group === 'apps') return;
  const name = group === '' ? kind : `${kind}.${group}`;
  const quoted = JSON.stringify(name);
  throw new UserError(
    withoutHistory.has(kind)
      ? `no ${what === 'history' ? 'history viewer' : what} has been implemented for ${quoted}`
      : `error retrieving ${what} for ${quoted}, no visitor method exists for {${group} ${kind}}`,
  );
}

/** In the order of their numbers. */
async function revisionsOf(session: Session, live: LiveObject): Promise<Revision[]> {
  const { object, namespace, resource } = live;
  const ofDeployment = object.kind === 'Deployment';
  const word = ofDeployment ? 'replicasets.apps' : 'controllerrevisions.apps';
  const calls = session.client.resource(await session.resolve(word)).namespace(namespace);
  const labelSelector = formatLabelSelector((object as any).spec?.selector);
  const owned: any[] = [];
  for await (const page of calls.pages({ labelSelector, signal: session.signal })) {
    owned.push(...page.items.filter((item) => isControlledBy(item, object)));
  }
  const type = ofDeployment ? undefined : await builtinTypeOf(resource);
  const revisions = owned.map((item): Revision => {
    const cause = item.metadata.annotations?.[causeAnnotation];
    if (ofDeployment) {
      const number = Number(item.metadata.annotations?.[revisionAnnotation] ?? Number.NaN);
      const typed = { apiVersion: 'apps/v1', kind: 'ReplicaSet', ...item };
      return { number, object: typed, template: item.spec.template, cause, data: undefined };
    }
    const was = applyStrategicMergePatch(object, item.data, type!.schema, type!.schemas);
    return { number: item.revision, object: was, template: (was as any).spec.template, cause, data: item.data };
  });
  return revisions.filter(({ number }) => !Number.isNaN(number)).sort((a, b) => a.number - b.number);
}

/** A template as `describe` has it, its columns not aligned: upstream prints it through no tab writer. */
function templateText(template: PodTemplateSpec, cause?: string): string {
  const w = new DescribeWriter(wallClock.now(), false);
  const { metadata } = template;
  describePodTemplate(
    w,
    cause
      ? { ...template, metadata: { ...metadata, annotations: { ...metadata?.annotations, [causeAnnotation]: cause } } }
      : template,
  );
  return w.text();
}

function historyText(live: LiveObject, revisions: readonly Revision[], wanted: number): string {
  if (revisions.length === 0) return 'No rollout history found.';
  if (wanted > 0) {
    const { template, cause } = revisionNamed(revisions, wanted);
    return templateText(template, live.object.kind === 'Deployment' ? cause : undefined);
  }
  const table = new TabWriter(describeTabs);
  table.write('REVISION\tCHANGE-CAUSE\n');
  for (const { number, cause } of revisions) table.write(`${number}\t${cause || '<none>'}\n`);
  return table.flush();
}

function revisionNamed(revisions: readonly Revision[], wanted: number): Revision {
  const found = revisions.find(({ number }) => number === wanted);
  if (!found) throw new UserError('unable to find the specified revision');
  return found;
}

export async function rolloutHistory(
  words: readonly string[],
  flags: HistoryFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  needWords(words, flags);
  const { revision: wanted = 0 } = flags;
  if (wanted < 0) throw new UserError(`revision must be a positive integer: ${wanted}`);
  const printer = new ResultPrinter(flags, 'none', io.write);
  const manifests = await readFileFlags(flags, 'shown', io.signal);
  const opened = await session();
  const request = { command: 'rollout history', words, manifests, selector: flags.selector, kindAlone: true };
  await eachLiveObject(opened, request, async (live) => {
    needHistory(live, 'history');
    const revisions = await revisionsOf(opened, live);
    if (printer.plain) {
      const which = wanted > 0 ? `with revision #${wanted}` : '';
      printer.print(live.object, `${which}\n${historyText(live, revisions, wanted)}`);
    } else if (wanted > 0) printer.print(revisionNamed(revisions, wanted).object, '');
    else for (const { object } of revisions) printer.print(object, '');
  });
}

export async function undoRollout(
  words: readonly string[],
  flags: UndoFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  needWords(words, flags);
  const dryRun = parseDryRun(flags['dry-run']);
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'rolled back', io.signal);
  const opened = await session();
  const request = { command: 'rollout undo', words, manifests, selector: flags.selector, kindAlone: true };
  await eachLiveObject(opened, request, async (live) => {
    if (live.object.metadata.annotations?.[lastAppliedAnnotation] !== undefined) {
      const { group, plural } = live.resource;
      io.say(
        `Warning: resource ${plural}${group === '' ? '' : `.${group}`}/${live.name} was previously managed with 'klab apply'. ` +
          `Rolling back will not update the ${lastAppliedAnnotation} annotation, which may cause unexpected behavior on future ` +
          `'klab apply' operations. Consider using 'klab apply' with your previous configuration file instead.`,
      );
    }
    needHistory(live, 'rollbacker');
    printer.print(live.object, await undo(opened, live, flags['to-revision'] ?? 0, dryRun));
  });
}

/** @returns what was done, as a participle. */
async function undo(session: Session, live: LiveObject, to: number, dryRun: string): Promise<string> {
  const notThere = () => new UserError(`unable to find specified revision ${to} in history`);
  if (to < 0) throw notThere();
  const revisions = await revisionsOf(session, live);
  const ofDeployment = live.object.kind === 'Deployment';
  if (to === 0 && revisions.length < 2) {
    throw new UserError(
      ofDeployment
        ? `no rollout history found for deployment ${JSON.stringify(live.name)}`
        : 'no last revision to roll back to',
    );
  }
  const target = to === 0 ? revisions.at(-2) : revisions.find(({ number }) => number === to);
  if (!target) throw notThere();
  if (dryRun === 'client') {
    return ofDeployment ? templateText(target.template) : `will roll back to ${templateText(target.template)}`;
  }
  const { spec, metadata } = live.object as any;
  if (ofDeployment && spec.paused) {
    throw new UserError(
      "you cannot rollback a paused deployment; resume it first with 'klab rollout resume' and try again",
    );
  }
  const template = withoutHash(target.template);
  if (deepEqual(template, withoutHash(spec.template))) {
    return `skipped rollback (current template already matches revision ${to})`;
  }
  const options = { dryRun: dryRun === 'server', signal: session.signal };
  try {
    if (ofDeployment) {
      const kept = Object.entries(metadata.annotations ?? {}).filter(([key]) => ownAnnotations.has(key));
      const back = Object.entries(target.object.metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key));
      const patch = [
        { op: 'replace', path: '/spec/template', value: template },
        { op: 'replace', path: '/metadata/annotations', value: Object.fromEntries([...kept, ...back]) },
      ];
      await live.calls.patch(live.name, 'json', patch, options);
    } else {
      await live.calls.patch(live.name, 'strategic', target.data!, options);
    }
  } catch (error) {
    session.signal?.throwIfAborted();
    throw new UserError(`failed restoring revision ${to}: ${(error as Error).message}`);
  }
  return 'rolled back';
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const copy = deepCopy(template);
  if (copy.metadata?.labels) delete copy.metadata.labels[hashLabel];
  return copy;
}
