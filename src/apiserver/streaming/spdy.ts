/** Exec and attach over a SPDY/3.1 upgrade. Upstream: cri-streaming/pkg/streaming/remotecommand/httpstream.go. */
import type { Status } from '../../apimachinery/index.ts';
import { type ByteStream, SpdyConnection, SpdyError, type SpdyStream } from '../../wire/index.ts';
import type { UpgradedDoor } from '../types.ts';
import { type Conversation, type StreamChoice, statusText, terminalSizes } from './conversation.ts';

/** Newest first, as clients list them. */
export const remoteCommandProtocols = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const;
export type RemoteCommandProtocol = (typeof remoteCommandProtocols)[number];

/** Upstream: DefaultStreamCreationTimeout. */
export const streamCreationTimeoutMs = 30_000;

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** The first protocol of the client that the server speaks; clients that name none speak the oldest. */
export function negotiateStreamProtocol<T extends string>(
  asked: string | undefined,
  accepted: readonly T[],
): T | undefined {
  if (asked === undefined || asked.trim() === '') return accepted.at(-1);
  const offers = asked.split(',').map((name) => name.trim());
  return offers.find((offer): offer is T => (accepted as readonly string[]).includes(offer));
}

/** Waits for the streams the client must open. Undefined: it did not, in time or at all. */
export async function openSpdyConversation(
  bytes: ByteStream,
  door: UpgradedDoor,
  choice: StreamChoice,
  protocol: RemoteCommandProtocol,
): Promise<Conversation | undefined> {
  const withResize = protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io';
  const wanted = new Set<StreamType>(['error']);
  for (const type of ['stdin', 'stdout', 'stderr'] as const) if (choice[type]) wanted.add(type);
  if (choice.tty && withResize) wanted.add('resize');

  const gone = new AbortController();
  const onAbort = () => gone.abort(door.signal.reason);
  door.signal.addEventListener('abort', onAbort, { once: true });
  const streams = new Map<StreamType, SpdyStream>();
  let complete: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const connection = new SpdyConnection(bytes, {
    role: 'server',
    // Kubernetes' clients never update windows.
    enforceWindows: false,
    onStream: (stream) => {
      const type = stream.headers['streamtype'] as StreamType;
      if (!wanted.has(type) || streams.has(type)) throw new Error(`unexpected stream type: ${type}`);
      streams.set(type, stream);
      if (streams.size === wanted.size) complete?.();
    },
  });
  const session = connection
    .run()
    .catch((error: unknown) => {
      if (!(error instanceof SpdyError)) throw error;
    })
    .finally(() => {
      door.signal.removeEventListener('abort', onAbort);
      gone.abort(new Error('the client is gone'));
      complete?.();
    });
  const timer = door.wallClock.schedule(streamCreationTimeoutMs, () => complete?.());
  await opened;
  timer.cancel();
  if (streams.size !== wanted.size) {
    connection.close();
    return undefined;
  }
  session.catch(() => {});

  const stdin = streams.get('stdin');
  const resize = streams.get('resize');
  const error = streams.get('error')!;
  return {
    streams: {
      ...(stdin ? { stdin } : {}),
      stdout: (chunk) => streams.get('stdout')?.write(chunk),
      stderr: (chunk) => streams.get('stderr')?.write(chunk),
      tty: choice.tty,
      ...(resize ? { resize: terminalSizes(resize) } : {}),
    },
    signal: gone.signal,
    writeStatus: (status: Status) => {
      const text = protocol === 'v4.channel.k8s.io' ? JSON.stringify(status) : statusText(status);
      return text === '' ? undefined : error.write(Buffer.from(text));
    },
    finish: () => {
      for (const stream of streams.values()) stream.end();
      connection.close();
    },
  };
}
