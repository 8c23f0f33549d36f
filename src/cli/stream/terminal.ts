/**
 * Joins this process's terminal to remote streams: raw mode, sizes, and the terminal back as it was however it ends.
 * Upstream: kubectl/pkg/util/term.
 */
import type { Status } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { WriteIo } from '../write/io.ts';
import type { RemoteOptions, RemoteStreams } from './remote.ts';

/**
 * Runs until the remote process ends or the connection does.
 * @returns the remote exit code.
 * @throws UserError when the server could not run it.
 */
export async function joinTerminal(remote: RemoteStreams, options: RemoteOptions, io: WriteIo): Promise<number> {
  const { stdin, stdout } = process;
  const raw = options.tty && options.stdin && stdin.isTTY === true;
  const wasRaw = raw && stdin.isRaw;
  const restore = () => {
    if (raw) stdin.setRawMode(wasRaw);
  };
  const resized = () => remote.resize(stdout.columns, stdout.rows);
  // A terminal that goes away ends our side; the remote process sees the end of its input, and nothing is left raw.
  const hangUp = () => remote.close();
  const onData = (chunk: Buffer) => {
    const full = remote.writeStdin(chunk);
    if (!full) return;
    stdin.pause();
    void full.then(() => stdin.resume());
  };
  const onEnd = () => remote.endStdin();
  io.signal?.addEventListener('abort', hangUp, { once: true });
  process.once('SIGHUP', hangUp);
  process.once('exit', restore);
  try {
    if (raw) stdin.setRawMode(true);
    if (options.tty && stdout.isTTY) {
      resized();
      stdout.on('resize', resized);
    }
    if (options.stdin) stdin.on('data', onData).once('end', onEnd).once('error', onEnd);
    const [status] = await Promise.all([
      textOf(remote.error),
      pipe(remote.stdout, stdout),
      remote.stderr ? pipe(remote.stderr, process.stderr) : undefined,
    ]);
    io.signal?.throwIfAborted();
    return exitCodeOf(status);
  } finally {
    io.signal?.removeEventListener('abort', hangUp);
    process.off('SIGHUP', hangUp).off('exit', restore);
    stdout.off('resize', resized);
    stdin.off('data', onData).off('end', onEnd).off('error', onEnd);
    stdin.pause();
    restore();
    remote.close();
    await remote.over.catch(() => {});
  }
}

export async function pipe(from: AsyncIterable<Uint8Array>, to: NodeJS.WritableStream): Promise<void> {
  for await (const chunk of from) {
    if (!to.write(chunk)) await new Promise<void>((resolve) => to.once('drain', () => resolve()));
  }
}

export async function textOf(from: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of from) parts.push(chunk);
  return Buffer.concat(parts).toString('utf8');
}

/** The exit code in the Status at the end; nothing said means that the connection went away as it should. */
export function exitCodeOf(text: string): number {
  if (text === '') return 0;
  let status: Status;
  try {
    status = JSON.parse(text);
  } catch {
    throw new UserError(`error stream protocol error: ${text}`);
  }
  if (status.status === 'Success') return 0;
  if ((status.reason as string | undefined) === 'NonZeroExitCode') {
    const cause = status.details?.causes?.find(({ reason }) => (reason as string | undefined) === 'ExitCode');
    const code = Number(cause?.message);
    if (Number.isInteger(code)) return code;
  }
  throw new UserError(status.message ?? 'the remote command failed');
}
