/** `klab run`: one pod, joined to this terminal with -i, -t or --attach. Upstream: kubectl/pkg/cmd/run/run.go. */
import type { Pod } from '../../api/index.ts';
import { isNotFound, type KubeObject } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { overridden } from '../change/expose.ts';
import { UserError } from '../exit-codes.ts';
import { podRunningTimeout } from '../flag-values.ts';
import type { Session, SessionRequest } from '../session.ts';
import { attach } from '../stream/exec.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import { usageError } from '../write/usage.ts';

export interface RunFlags extends WriteFlags, SessionRequest {
  readonly image: string;
  readonly annotations?: readonly string[];
  readonly attach?: boolean;
  readonly command?: boolean;
  readonly env?: readonly string[];
  readonly expose?: boolean;
  readonly 'image-pull-policy'?: string;
  readonly labels?: string;
  readonly 'override-type'?: string;
  readonly overrides?: string;
  readonly 'pod-running-timeout'?: string;
  readonly port?: string;
  readonly privileged?: boolean;
  readonly protocol?: string;
  readonly quiet?: boolean;
  readonly restart?: string;
  readonly rm?: boolean;
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** How often a starting pod is looked at. */
const lookEveryMs = 250;

function pairs(texts: readonly string[], what: string): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) throw new UserError(`unexpected ${what} spec: ${text}`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** The pod that the flags describe. */
export function podOf(name: string, args: readonly string[], flags: RunFlags): KubeObject {
  const { image, port, restart = 'Always', stdin = false, tty = false } = flags;
  const env = (flags.env ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at <= 0) throw new UserError(`invalid env: ${text}`);
    return { name: text.slice(0, at), ...(text.length > at + 1 && { value: text.slice(at + 1) }) };
  });
  const annotations = pairs(flags.annotations ?? [], 'annotation');
  const policy = flags['image-pull-policy'];
  const pod = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      labels: flags.labels ? pairs(flags.labels.split(','), 'label') : { run: name },
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: {
      containers: [
        {
          name,
          image,
          ...(args.length > 0 && (flags.command ? { command: args } : { args })),
          ...(port && { ports: [{ containerPort: Number(port) }] }),
          ...(env.length > 0 && { env }),
          resources: {},
          ...(policy && { imagePullPolicy: policy }),
          ...(flags.privileged && { securityContext: { privileged: true } }),
          ...(stdin && { stdin, stdinOnce: true }),
          ...(tty && { tty }),
        },
      ],
      restartPolicy: restart,
      dnsPolicy: 'ClusterFirst',
    },
    status: {},
  } as unknown as KubeObject;
  return flags.overrides ? overridden(pod, flags.overrides, flags['override-type'] ?? 'merge') : pod;
}

function exposing(name: string, port: string, labels: Record<string, string>, defaulted: boolean): KubeObject {
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name, ...(!defaulted && { labels }) },
    spec: { ports: [{ protocol: 'TCP', port: Number(port), targetPort: Number(port) }], selector: labels },
    status: { loadBalancer: {} },
  } as unknown as KubeObject;
}

/** @returns the exit code of an attached container, else 0. */
export async function runPod(
  words: readonly string[],
  afterDash: readonly string[],
  flags: RunFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<number> {
  if (words.length === 0) throw usageError('run', 'NAME is required for run');
  const [name = '', ...rest] = words;
  const args = [...rest, ...afterDash];
  const dryRun = parseDryRun(flags['dry-run']);
  const attached = flags.attach || flags.stdin || flags.tty || false;
  if (flags.rm && !attached) throw usageError('run', '--rm should only be used for attached containers');
  if (attached && dryRun !== 'none') {
    throw usageError(
      'run',
      "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
    );
  }
  if (flags.tty && !flags.stdin) throw usageError('run', '-i/--stdin is required for containers with -t/--tty=true');
  if (flags.expose && !flags.port) throw usageError('run', '--port must be set when exposing a service');
  if (!['Always', 'OnFailure', 'Never'].includes(flags.restart ?? 'Always')) {
    throw usageError('run', `invalid restart policy: ${flags.restart}`);
  }
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const pod = podOf(name, args, flags);
  const opened = dryRun === 'client' ? undefined : await session();
  const place = (object: KubeObject) => {
    if (flags.namespace !== undefined) object.metadata.namespace = flags.namespace;
  };
  const send = async (object: KubeObject, word: string) => {
    place(object);
    if (!opened) return object;
    const calls = opened.client.resource(await opened.resolve(word)).namespace(opened.namespace);
    return calls.create(object, {
      fieldManager: flags['field-manager'],
      dryRun: dryRun === 'server',
      signal: opened.signal,
    });
  };
  if (flags.expose) {
    const labels = pod.metadata.labels ?? {};
    printer.print(await send(exposing(name, flags.port!, labels, !flags.labels), 'services'), 'created');
  }
  const created = await send(pod, 'pods');
  if (!attached) {
    printer.print(created, 'created');
    return 0;
  }
  return joined(opened!, created as Pod, flags, io);
}

async function joined(session: Session, pod: Pod, flags: RunFlags, io: WriteIo): Promise<number> {
  const { name = '', namespace = '' } = pod.metadata;
  const calls = session.client.resource<Pod>(await session.resolve('pods')).namespace(namespace);
  const deadline = wallClock.monotonic() + podRunningTimeout(flags['pod-running-timeout'] ?? '1m0s');
  const until = async (done: (phase: string) => boolean): Promise<Pod> => {
    for (;;) {
      const live = (await calls.get(name, { signal: session.signal })) as Pod;
      if (done(live.status?.phase ?? '')) return live;
      if (wallClock.monotonic() > deadline) throw new UserError('timed out waiting for the condition');
      await wallClock.sleep(lookEveryMs, session.signal);
    }
  };
  const over = (phase: string) => phase === 'Succeeded' || phase === 'Failed';
  try {
    let live = await until((phase) => phase === 'Running' || over(phase));
    if (over(live.status?.phase ?? '')) {
      for await (const chunk of await calls.stream(name, 'log', {}, session.signal)) process.stdout.write(chunk);
    } else await attach(session, live, flags, io);
    if ((flags.restart ?? 'Always') === 'Always') return 0;
    live = await until(over);
    const status = live.status?.containerStatuses?.find((one) => one.name === name);
    const code = status?.state?.terminated?.exitCode ?? 0;
    if (code !== 0)
      throw new RemoteExit(`pod ${namespace}/${name} terminated (${status?.state?.terminated?.reason})`, code);
    return 0;
  } catch (error) {
    if (!(error instanceof RemoteExit)) throw error;
    io.say(error.message);
    return error.code;
  } finally {
    if (flags.rm) {
      try {
        await calls.delete(name, {});
        if (!flags.quiet) io.write(`pod ${JSON.stringify(name)} deleted from ${namespace} namespace\n`);
      } catch (error) {
        if (!isNotFound(error)) io.say(`error: ${(error as Error).message}`);
      }
    }
  }
}

class RemoteExit extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}
