/** Asking other name servers, as CoreDNS' forward plugin does. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { type Prng, StoppedError, wallClock } from '../base/index.ts';
import { type ForwardSettings, isBelow } from './corefile/settings.ts';
import { flag } from './message.ts';

export interface DnsUpstream {
  readonly address: string;
  /** Default 53. */
  readonly port?: number;
}

/** Upstream: forward's read timeout, and the time after which it tries no further server. */
const answerWithinMs = 2000;
const allWithinMs = 5000;
/** A server that failed too often is let alone until the next health check. Upstream: hcInterval. */
const restMs = 500;

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

interface Upstream {
  readonly address: string;
  readonly port: number;
  fails: number;
  restsUntil: number;
}

/** More questions under way than `max_concurrent` lets. */
export class TooManyQuestions extends Error {
  override readonly name = 'TooManyQuestions';
}

/** One `forward` of a server block. */
export class Forwarder {
  readonly settings: ForwardSettings;
  readonly #upstreams: readonly Upstream[];
  readonly #prng: Prng;
  #underWay = 0;
  #turn = 0;

  constructor(settings: ForwardSettings, prng: Prng) {
    this.settings = settings;
    this.#upstreams = settings.upstreams.map((each) => ({ ...each, fails: 0, restsUntil: 0 }));
    this.#prng = prng;
  }

  /** Whether a name, in lower case and without its last dot, is this one's to ask for. */
  takes(name: string): boolean {
    const { zone, except } = this.settings;
    return isBelow(name, zone) && !except.some((each) => isBelow(name, each));
  }

  /**
   * The first answer that a server gives, over the client's protocol unless the settings say otherwise.
   * @throws TooManyQuestions, or the last server's Error when none answers
   */
  async ask(query: Buffer, client: 'udp' | 'tcp', signal: AbortSignal): Promise<Buffer> {
    const { forceTcp, preferUdp, maxConcurrent } = this.settings;
    if (maxConcurrent > 0 && this.#underWay >= maxConcurrent) {
      throw new TooManyQuestions(`concurrent queries exceeded maximum ${maxConcurrent}`);
    }
    const protocol = forceTcp ? 'tcp' : preferUdp ? 'udp' : client;
    this.#underWay++;
    try {
      return await this.#askInTurn(query, protocol, preferUdp && client === 'tcp', signal);
    } finally {
      this.#underWay--;
    }
  }

  async #askInTurn(
    query: Buffer,
    protocol: 'udp' | 'tcp',
    againOverTcp: boolean,
    signal: AbortSignal,
  ): Promise<Buffer> {
    let problem: unknown = new Error('no name server to ask');
    const end = wallClock.monotonic() + allWithinMs;
    const order = this.#order();
    const { maxFails } = this.settings;
    const rested = order.filter(({ restsUntil }) => restsUntil <= wallClock.monotonic());
    // When all are down, any may be up again.
    for (const upstream of rested.length > 0 ? rested : order) {
      if (wallClock.monotonic() >= end) break;
      try {
        let answer = await (protocol === 'udp' ? overUdp : overTcp)(query, upstream, signal);
        if (againOverTcp && (answer.readUInt16BE(2) & flag.truncated) !== 0)
          answer = await overTcp(query, upstream, signal);
        upstream.fails = 0;
        return answer;
      } catch (error) {
        if (signal.aborted) throw error;
        problem = error;
        if (++upstream.fails >= maxFails && maxFails > 0) upstream.restsUntil = wallClock.monotonic() + restMs;
      }
    }
    throw problem;
  }

  #order(): readonly Upstream[] {
    const all = this.#upstreams;
    if (all.length < 2 || this.settings.policy === 'sequential') return all;
    const first = this.settings.policy === 'round_robin' ? this.#turn++ % all.length : this.#prng.int(all.length);
    return [...all.slice(first), ...all.slice(0, first)];
  }
}

type Finish = (error: Error | undefined, answer?: Buffer) => void;

/** One attempt that ends by an answer, an error, the time limit, or the signal; `begin` returns what lets go of it. */
function attempt(
  signal: AbortSignal,
  protocol: string,
  { address, port }: Upstream,
  begin: (finish: Finish) => () => void,
): Promise<Buffer> {
  const server = `${address.includes(':') ? `[${address}]` : address}:${port}`;
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
      else reject(error ?? new Error(`read ${protocol} ${server}: no answer`));
    };
    const onAbort = () => finish(new StoppedError());
    const timer = wallClock.schedule(answerWithinMs, () =>
      finish(new Error(`read ${protocol} ${server}: i/o timeout`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    release = begin((error, answer) =>
      finish(error && 'code' in error ? new Error(`read ${protocol} ${server}: ${said(error)}`) : error, answer),
    );
    if (ended) release();
  });
}

function said(error: Error): string {
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'connection refused' : error.message;
}

function overUdp(query: Buffer, upstream: Upstream, signal: AbortSignal): Promise<Buffer> {
  return attempt(signal, 'udp', upstream, (finish) => {
    const socket = createSocket(isIP(upstream.address) === 6 ? 'udp6' : 'udp4');
    socket.once('error', finish);
    socket.on('message', (bytes) => {
      if (bytes.length >= 12 && bytes.readUInt16BE(0) === query.readUInt16BE(0)) finish(undefined, bytes);
    });
    // Connected: only that server's datagrams arrive, and its refusal is an error.
    socket.connect(upstream.port, upstream.address, () => socket.send(query));
    return () => socket.close();
  });
}

function overTcp(query: Buffer, upstream: Upstream, signal: AbortSignal): Promise<Buffer> {
  return attempt(signal, 'tcp', upstream, (finish) => {
    const socket = connect(upstream.port, upstream.address);
    let held: Buffer = Buffer.alloc(0);
    socket.on('error', finish);
    socket.once('end', () => finish(new Error(`${upstream.address} closed the connection`)));
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return;
      const answer = held.subarray(2, 2 + held.readUInt16BE(0));
      if (answer.length >= 12) finish(undefined, answer);
      else finish(new Error(`${upstream.address} gave no DNS answer`));
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    return () => socket.destroy();
  });
}
