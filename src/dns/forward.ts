/** Asking other name servers, as CoreDNS' forward plugin does. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { StoppedError, wallClock } from '../base/index.ts';

export interface DnsUpstream {
  readonly address: string;
  /** Default 53. */
  readonly port?: number;
}

/** Upstream: forward's default read timeout. */
const answerWithinMs = 2000;

/** The machine's own name servers. */
export function systemUpstreams(path = '/etc/resolv.conf'): DnsUpstream[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, address]) =>
    isIP(address!) ? [{ address: address! }] : [],
  );
}

/**
 * Sends a query as it is and gives back the first answer with its id, from one server after the other.
 * @throws Error of the last one when none answers
 */
export async function exchange(
  query: Buffer,
  upstreams: readonly DnsUpstream[],
  { protocol, signal }: { readonly protocol: 'udp' | 'tcp'; readonly signal: AbortSignal },
): Promise<Buffer> {
  let problem: unknown = new Error('no name server to ask');
  for (const upstream of upstreams) {
    try {
      return await (protocol === 'udp' ? overUdp : overTcp)(query, upstream, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      problem = error;
    }
  }
  throw problem;
}

type Finish = (error: Error | undefined, answer?: Buffer) => void;

/** One attempt that ends by an answer, an error, the time limit, or the signal; `begin` returns what lets go of it. */
function attempt(signal: AbortSignal, upstream: DnsUpstream, begin: (finish: Finish) => () => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new StoppedError());
      return;
    }
    let release: (() => void) | undefined;
    let ended = false;
    const finish: Finish = (error, answer) => {
      if (ended) return;
      ended = true;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      release?.();
      if (answer) resolve(answer);
      else reject(error ?? new Error(`${upstream.address} gave no answer`));
    };
    const onAbort = () => finish(new StoppedError());
    const timer = wallClock.schedule(answerWithinMs, () =>
      finish(new Error(`${upstream.address} did not answer within ${answerWithinMs / 1000} s`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    release = begin(finish);
    if (ended) release();
  });
}

function overUdp(query: Buffer, upstream: DnsUpstream, signal: AbortSignal): Promise<Buffer> {
  return attempt(signal, upstream, (finish) => {
    const socket = createSocket(isIP(upstream.address) === 6 ? 'udp6' : 'udp4');
    socket.once('error', finish);
    socket.on('message', (bytes) => {
      if (bytes.length >= 12 && bytes.readUInt16BE(0) === query.readUInt16BE(0)) finish(undefined, bytes);
    });
    // Connected: only that server's datagrams arrive, and its refusal is an error.
    socket.connect(upstream.port ?? 53, upstream.address, () => socket.send(query));
    return () => socket.close();
  });
}

function overTcp(query: Buffer, upstream: DnsUpstream, signal: AbortSignal): Promise<Buffer> {
  return attempt(signal, upstream, (finish) => {
    const socket = connect(upstream.port ?? 53, upstream.address);
    let held: Buffer = Buffer.alloc(0);
    socket.once('error', finish);
    socket.once('end', () => finish(new Error(`${upstream.address} closed the connection`)));
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      if (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        finish(undefined, held.subarray(2, 2 + held.readUInt16BE(0)));
      }
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    return () => socket.destroy();
  });
}
