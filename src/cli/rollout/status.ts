/** `klab rollout status`: how far a rollout is, until it is done. Upstream: kubectl/pkg/polymorphichelpers/rollout_status.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { Prng, silentLogger, wallClock } from '../../base/index.ts';
import { Reflector } from '../../client/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { FileFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { needWords } from './change.ts';

export interface StatusFlags extends FileFlags, SessionRequest {
  readonly selector?: string;
  readonly watch?: boolean;
  readonly timeout?: string;
  readonly revision?: number;
}

export interface RolloutState {
  readonly text: string;
  readonly done: boolean;
}

const revisionAnnotation = 'deployment.kubernetes.io/revision';

/** `ReplicaSet.apps`, `Pod`. */
function groupKindOf({ apiVersion, kind }: KubeObject): string {
  return apiVersion.includes('/') ? `${kind}.${apiVersion.split('/')[0]}` : kind;
}

/** One look at a workload. @throws UserError when it failed, or cannot be followed. */
export function rolloutState(object: KubeObject, revision = 0): RolloutState {
  const { name = '' } = object.metadata;
  const quoted = JSON.stringify(name);
  const spec = (object['spec'] ?? {}) as any;
  const status = (object['status'] ?? {}) as any;
  const seen = (status.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
  switch (object.kind) {
    case 'Deployment': {
      if (revision > 0) {
        const has = Number(object.metadata.annotations?.[revisionAnnotation] ?? NaN);
        if (Number.isNaN(has))
          throw new UserError(`cannot get the revision of deployment ${quoted}: revision annotation is missing`);
        if (has !== revision)
          throw new UserError(`desired revision (${revision}) is different from the running revision (${has})`);
      }
      if (!seen) return { text: 'Waiting for deployment spec update to be observed...\n', done: false };
      const progressing = status.conditions?.find(({ type }: { type: string }) => type === 'Progressing');
      if (progressing?.reason === 'ProgressDeadlineExceeded') {
        throw new UserError(`deployment ${quoted} exceeded its progress deadline`);
      }
      const { updatedReplicas: updated = 0, replicas = 0, availableReplicas: available = 0 } = status;
      const wanted = spec.replicas;
      const waiting = `Waiting for deployment ${quoted} rollout to finish:`;
      if (wanted !== undefined && updated < wanted) {
        return { text: `${waiting} ${updated} out of ${wanted} new replicas have been updated...\n`, done: false };
      }
      if (replicas > updated) {
        return { text: `${waiting} ${replicas - updated} old replicas are pending termination...\n`, done: false };
      }
      if (available < updated) {
        return { text: `${waiting} ${available} of ${updated} updated replicas are available...\n`, done: false };
      }
      return { text: `deployment ${quoted} successfully rolled out\n`, done: true };
    }
    case 'DaemonSet': {
      if (spec.updateStrategy?.type !== 'RollingUpdate') {
        throw new UserError('rollout status is only available for RollingUpdate strategy type');
      }
      if (!seen) return { text: 'Waiting for daemon set spec update to be observed...\n', done: false };
      const { updatedNumberScheduled: updated = 0, desiredNumberScheduled: wanted = 0, numberAvailable = 0 } = status;
      const waiting = `Waiting for daemon set ${quoted} rollout to finish:`;
      if (updated < wanted) {
        return { text: `${waiting} ${updated} out of ${wanted} new pods have been updated...\n`, done: false };
      }
      if (numberAvailable < wanted) {
        return { text: `${waiting} ${numberAvailable} of ${wanted} updated pods are available...\n`, done: false };
      }
      return { text: `daemon set ${quoted} successfully rolled out\n`, done: true };
    }
    case 'StatefulSet': {
      const { type, rollingUpdate } = spec.updateStrategy ?? {};
      if (type !== 'RollingUpdate') {
        throw new UserError('rollout status is only available for RollingUpdate strategy type');
      }
      if (status.observedGeneration === undefined || !seen) {
        return { text: 'Waiting for statefulset spec update to be observed...\n', done: false };
      }
      const { readyReplicas: ready = 0, updatedReplicas: updated = 0, currentRevision, updateRevision } = status;
      if (spec.replicas !== undefined && ready < spec.replicas) {
        return { text: `Waiting for ${spec.replicas - ready} pods to be ready...\n`, done: false };
      }
      if (rollingUpdate?.partition !== undefined && rollingUpdate.partition > 0) {
        const wanted = spec.replicas - rollingUpdate.partition;
        if (updated < wanted) {
          return {
            text: `Waiting for partitioned roll out to finish: ${updated} out of ${wanted} new pods have been updated...\n`,
            done: false,
          };
        }
        return { text: `partitioned roll out complete: ${updated} new pods have been updated...\n`, done: true };
      }
      if (updateRevision !== currentRevision) {
        return {
          text: `waiting for statefulset rolling update to complete ${updated} pods at revision ${updateRevision}...\n`,
          done: false,
        };
      }
      const current = status.currentReplicas ?? 0;
      return {
        text: `statefulset rolling update complete ${current} pods at revision ${currentRevision}...\n`,
        done: true,
      };
    }
    default:
      throw new UserError(`no status viewer has been implemented for ${groupKindOf(object)}`);
  }
}

export async function rolloutStatus(
  words: readonly string[],
  flags: StatusFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  needWords(words, flags);
  if ((flags.revision ?? 0) < 0) throw new UserError(`revision must be a positive integer: ${flags.revision}`);
  const timeoutMs = durationFlag('timeout', flags.timeout ?? '0s');
  const manifests = await readFileFlags(flags, 'followed', io.signal);
  const opened = await session();
  const request = { command: 'rollout status', words, manifests, selector: flags.selector, kindAlone: true };
  const count = await eachLiveObject(opened, request, (live) => follow(opened, live, flags, timeoutMs, io));
  if (count === 0) io.say(`No resources found in ${opened.namespace} namespace.`);
}

async function follow(
  session: Session,
  live: LiveObject,
  flags: StatusFlags,
  timeoutMs: number,
  io: WriteIo,
): Promise<void> {
  const first = rolloutState(live.object, flags.revision);
  io.write(first.text);
  if (first.done || flags.watch === false) return;
  const finished = new AbortController();
  let failure: Error | undefined;
  let said = first.text;
  const look = (object: Readonly<KubeObject>) => {
    if (finished.signal.aborted) return;
    try {
      const state = rolloutState({ ...object, kind: live.object.kind } as KubeObject, flags.revision);
      if (state.text !== said) io.write(state.text);
      said = state.text;
      if (state.done) finished.abort();
    } catch (error) {
      failure = error as Error;
      finished.abort();
    }
  };
  const deadline = new AbortController();
  const signal = AbortSignal.any([finished.signal, deadline.signal, ...(session.signal ? [session.signal] : [])]);
  if (timeoutMs > 0)
    void wallClock.sleep(timeoutMs, signal).then(
      () => deadline.abort(),
      () => {},
    );
  let known = false;
  const gone = () => {
    failure = new UserError('object has been deleted');
    finished.abort();
  };
  const reflector = new Reflector(
    live.calls,
    {
      async replace(objects) {
        if (objects.length > 0) look(objects[0]!);
        else if (known) gone();
        known = true;
      },
      apply(type, object) {
        if (type === 'DELETED') gone();
        else look(object as Readonly<KubeObject>);
      },
    },
    { clock: wallClock, prng: new Prng('rollout-status'), log: silentLogger },
    { fieldSelector: `metadata.name=${live.name}` },
  );
  await reflector.run(signal);
  session.signal?.throwIfAborted();
  if (failure) throw failure;
  if (!finished.signal.aborted) throw new UserError('timed out waiting for the condition', exitCodes.notInTime);
}
