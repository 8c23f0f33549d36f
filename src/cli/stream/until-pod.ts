/** Follows one pod by a watch until it is as it should be. Upstream: client-go/tools/watch/until.go. */
import type { Pod } from '../../api/index.ts';
import { newNotFound } from '../../apimachinery/index.ts';
import { Prng, silentLogger, wallClock } from '../../base/index.ts';
import { Reflector } from '../../client/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';

/**
 * @param wanted what was waited for, undefined while it is not there.
 * @throws StatusError NotFound when the pod is deleted; UserError not in time after `timeoutMs`.
 */
export async function untilPod<T>(
  session: Session,
  { metadata }: Pod,
  wanted: (pod: Pod) => T | undefined,
  timeoutMs = Infinity,
): Promise<{ readonly pod: Pod; readonly found: T }> {
  const calls = session.client.resource<Pod>(await session.resolve('pods')).namespace(metadata.namespace ?? '');
  const finished = new AbortController();
  let result: { pod: Pod; found: T } | undefined;
  let failure: unknown;
  let seen = false;
  const look = (pod: Pod) => {
    seen = true;
    if (finished.signal.aborted) return;
    try {
      const found = wanted(pod);
      if (found === undefined) return;
      result = { pod, found };
    } catch (error) {
      failure = error;
    }
    finished.abort();
  };
  const gone = () => {
    failure ??= newNotFound({ group: '', resource: 'pods' }, metadata.name ?? '');
    finished.abort();
  };
  const signals = [finished.signal, ...(session.signal ? [session.signal] : [])];
  if (timeoutMs !== Infinity) signals.push(AbortSignal.timeout(timeoutMs));
  const reflector = new Reflector(
    calls,
    {
      async replace(pods) {
        if (pods.length > 0) look(pods[0] as Pod);
        else if (seen) gone();
      },
      apply(type, pod) {
        if (type === 'DELETED') gone();
        else look(pod as Pod);
      },
    },
    { clock: wallClock, prng: new Prng('until-pod'), log: silentLogger },
    { fieldSelector: `metadata.name=${metadata.name}` },
  );
  await reflector.run(AbortSignal.any(signals));
  session.signal?.throwIfAborted();
  if (failure !== undefined) throw failure;
  if (!result) throw new UserError('timed out waiting for the condition', exitCodes.notInTime);
  return result;
}
