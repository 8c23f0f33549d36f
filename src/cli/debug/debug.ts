/** `klab debug`. Upstream: kubectl/pkg/cmd/debug/debug.go. */
import type { Pod } from '../../api/index.ts';
import {
  createTwoWayStrategicMergePatch,
  isNotFound,
  type KubeObject,
  type StatusError,
} from '../../apimachinery/index.ts';
import { Prng } from '../../base/index.ts';
import { builtinTypeOf } from '../apply/client-side.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { attach } from '../stream/exec.ts';
import { untilPod } from '../stream/until-pod.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { type DebugFlags, type DebugOptions, debugOptions } from './options.ts';
import { copyForDebugging, lacksRoot, type NameSource, nodeDebugPod, withEphemeralContainer } from './pods.ts';
import type { DebugPod } from './profiles.ts';

/** A container to join. */
interface Made {
  readonly pod: Pod;
  /** Undefined: none that was made for debugging. */
  readonly container: string | undefined;
}

/** @returns the exit code of the container that was joined, else 0. */
export async function debug(
  words: readonly string[],
  command: readonly string[],
  flags: DebugFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<number> {
  const options = await debugOptions(words, command, flags, io);
  const manifests = await readFileFlags(flags, 'debugged');
  const opened = await session();
  const prng = Prng.random();
  const names: NameSource = {
    suffix: () => prng.nameSuffix(),
    say: (text) => {
      if (!flags.quiet) io.write(`${text}\n`);
    },
  };
  let code = 0;
  const named = words.map((word) => (word.includes('/') ? word : `pods/${word}`));
  await eachLiveObject(opened, { command: 'debug', words: named, manifests }, async (live) => {
    const { pod, container } = await make(opened, live, options, names, io);
    if (options.attach && container !== undefined) code = await join(opened, pod, container, flags, io);
  });
  return code;
}

async function make(
  session: Session,
  live: LiveObject,
  options: DebugOptions,
  names: NameSource,
  io: WriteIo,
): Promise<Made> {
  const { object } = live;
  if (object.kind === 'Node') return debugNode(session, object, options, names);
  if (object.kind !== 'Pod') {
    const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
    throw new UserError(`${JSON.stringify(`${group}/${version}, Kind=${object.kind}`)} not supported by debug`);
  }
  const pod = object as DebugPod;
  return options.flags['copy-to']
    ? debugCopy(session, live, pod, options, names, io)
    : debugInside(session, live, pod, options, names, io);
}

async function debugNode(session: Session, node: KubeObject, options: DebugOptions, names: NameSource): Promise<Made> {
  const pod = await nodeDebugPod(node, options, names);
  const calls = session.client.resource<Pod>(await session.resolve('pods')).namespace(session.namespace);
  const created = await calls.create(pod as unknown as Pod, { signal: session.signal });
  return { pod: created, container: pod.spec.containers[0]!.name };
}

async function debugInside(
  session: Session,
  live: LiveObject,
  pod: DebugPod,
  options: DebugOptions,
  names: NameSource,
  io: WriteIo,
): Promise<Made> {
  const changed = await withEphemeralContainer(pod, options, names);
  const container = changed.spec.ephemeralContainers!.at(-1)!;
  warnOfUser(changed, container.name, io);
  const type = await builtinTypeOf(live.resource);
  // With the order of the list: the server puts the new one last.
  const patch = createTwoWayStrategicMergePatch(pod, changed, type!.schema, type!.schemas);
  try {
    const { signal } = session;
    const patched = await live.calls.patch(live.name, 'strategic', patch, {
      subresource: 'ephemeralcontainers',
      signal,
    });
    return { pod: patched as Pod, container: container.name };
  } catch (error) {
    // Of a server without the subresource; a pod that is gone is named.
    if (isNotFound(error) && !(error as StatusError).status.details?.name) {
      throw new UserError(
        `ephemeral containers are disabled for this cluster (error from server: ${JSON.stringify((error as Error).message)})`,
      );
    }
    throw error;
  }
}

async function debugCopy(
  session: Session,
  live: LiveObject,
  pod: DebugPod,
  options: DebugOptions,
  names: NameSource,
  io: WriteIo,
): Promise<Made> {
  const { pod: copy, container } = await copyForDebugging(pod, options, names);
  warnOfUser(copy, container, io);
  const { signal } = session;
  const created = (await live.calls.create(copy, { signal })) as Pod;
  if (options.flags.replace) await live.calls.delete(live.name, { gracePeriodSeconds: 0, signal });
  return { pod: created, container };
}

function warnOfUser(pod: DebugPod, container: string | undefined, io: WriteIo): void {
  if (!lacksRoot(pod, container)) return;
  io.say(
    'Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile may not work. Please consider using "--custom" with a custom profile that specifies "securityContext.runAsUser: 0".',
  );
}

/** Waits until the container runs, and joins it; of one that has ended, or cannot be joined, its log is shown. */
async function join(session: Session, made: Pod, container: string, flags: DebugFlags, io: WriteIo): Promise<number> {
  let said = '';
  const { pod, found } = await untilPod(session, made, (pod) => {
    const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
    const status = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(
      ({ name }) => name === container,
    );
    const message = status?.state?.waiting?.message;
    if (message && message !== said && !flags.quiet) {
      said = message;
      io.say(`Warning: container ${container}: ${message}`);
    }
    return status?.state?.running !== undefined || status?.state?.terminated !== undefined ? status : undefined;
  });
  const { name = '', namespace = '' } = made.metadata;
  const logs = async () => {
    const calls = session.client.resource(await session.resolve('pods')).namespace(namespace);
    for await (const chunk of await calls.stream(name, 'log', { container }, session.signal)) {
      process.stdout.write(chunk);
    }
  };
  if (found.state?.terminated) {
    await logs();
    return 0;
  }
  const { stdin, tty, quiet, protocol } = flags;
  try {
    return await attach(session, pod, { container, stdin, tty, quiet, protocol }, io);
  } catch (error) {
    session.signal?.throwIfAborted();
    io.say(`warning: couldn't attach to pod/${name}, falling back to streaming logs: ${(error as Error).message}`);
    await logs();
    return 0;
  }
}
