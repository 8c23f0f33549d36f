/** `klab exec` and `klab attach`. Upstream: kubectl/pkg/cmd/{exec,attach}. */
import type { Pod } from '../../api/index.ts';
import { resourcePath } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { containerOf, podTarget } from './pod-target.ts';
import { openRemote, type RemoteOptions, type RemoteStreams, streamProtocol } from './remote.ts';
import { joinTerminal } from './terminal.ts';

export interface StreamFlags {
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly quiet?: boolean;
  readonly protocol?: string;
  /** How long a workload may take to have a pod. */
  readonly 'pod-running-timeout'?: string;
}

/** A terminal is only asked for when there is one here. */
function remoteOptions(flags: StreamFlags, io: WriteIo): RemoteOptions {
  const stdin = flags.stdin ?? false;
  let tty = flags.tty ?? false;
  if (tty && !(stdin && process.stdin.isTTY)) {
    if (!flags.quiet) io.say('Unable to use a TTY - input is not a terminal or the right kind of file');
    tty = false;
  }
  return { stdin, tty, stderr: !tty };
}

/** The streams of a command in a container. */
export async function openExec(
  session: Session,
  pod: Pod,
  container: string,
  command: readonly string[],
  options: RemoteOptions,
  protocol: string | undefined,
): Promise<RemoteStreams> {
  return open(session, pod, 'exec', { container, command }, options, protocol);
}

function open(
  session: Session,
  { metadata }: Pod,
  verb: 'exec' | 'attach',
  query: { readonly container: string; readonly command?: readonly string[] },
  options: RemoteOptions,
  protocol: string | undefined,
): Promise<RemoteStreams> {
  const pods = { group: '', version: 'v1', plural: 'pods', namespaced: true };
  const path = resourcePath(pods, metadata.namespace ?? 'default', metadata.name!, verb);
  const { stdin, stderr, tty } = options;
  const flag = (value: boolean) => (value ? 'true' : undefined);
  const asked = { ...query, stdin: flag(stdin), stdout: 'true', stderr: flag(stderr), tty: flag(tty) };
  return openRemote(
    session.client.transport,
    { path, query: asked, signal: session.signal },
    options,
    streamProtocol(protocol),
  );
}

/** @returns the exit code of the remote command. */
export async function execInPod(
  session: () => Promise<Session>,
  words: readonly string[],
  command: readonly string[],
  flags: StreamFlags,
  io: WriteIo,
): Promise<number> {
  streamProtocol(flags.protocol);
  const opened = await session();
  const { pod } = await podTarget(opened, words[0]!, 'exec', flags['pod-running-timeout']);
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') {
    throw new UserError(`cannot exec into a container in a completed pod; current phase is ${phase}`);
  }
  const container = containerOf(pod, flags.container, flags.quiet ? () => {} : io.say);
  const options = remoteOptions(flags, io);
  const remote = await openExec(opened, pod, container, command, options, flags.protocol);
  const code = await joinTerminal(remote, options, io);
  if (code !== 0) io.say(`command terminated with exit code ${code}`);
  return code;
}

export async function attachToPod(
  session: () => Promise<Session>,
  words: readonly string[],
  flags: StreamFlags,
  io: WriteIo,
): Promise<number> {
  const opened = await session();
  const { pod } = await podTarget(
    opened,
    words.length > 1 ? words.slice(0, 2).join('/') : words[0]!,
    'attach',
    flags['pod-running-timeout'],
  );
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') {
    throw new UserError(`cannot attach a container in a completed pod; current phase is ${phase}`);
  }
  return attach(opened, pod, flags, io);
}

export async function attach(session: Session, pod: Pod, flags: StreamFlags, io: WriteIo): Promise<number> {
  const name = containerOf(pod, flags.container, flags.quiet ? () => {} : io.say);
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const container = [...containers, ...initContainers, ...ephemeralContainers].find((one) => one.name === name);
  let wanted = flags;
  if (flags.tty && container && !container.tty) {
    if (!flags.quiet) io.say(`error: Unable to use a TTY - container ${name} did not allocate one`);
    wanted = { ...flags, tty: false };
  } else if (container?.tty && flags.stdin && process.stdin.isTTY) wanted = { ...flags, tty: true };
  const options = remoteOptions(wanted, io);
  if (!flags.quiet) {
    io.say(
      'All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.',
    );
    io.say("If you don't see a command prompt, try pressing enter.");
  }
  const remote = await open(session, pod, 'attach', { container: name }, options, flags.protocol);
  return joinTerminal(remote, options, io);
}
