/** The same bare gRPC calls on any etcd: what it answers, word for word, without what differs from one cluster to the next. */
import { type ClientStream, GrpcChannel, GrpcError, type MessageInput, type Method } from '../../src/wire/index.ts';

export interface RawCall {
  readonly title: string;
  readonly differs?: Difference;
  /** The answer as one line: `ok {…}` or `<code number>: <message>`. */
  run(channel: GrpcChannel, memory: Map<string, unknown>): Promise<string>;
}

/** Where Debian's etcd 3.4 is no model. */
export interface Difference {
  /** What klab answers. */
  readonly klab: string;
  /** What etcd 3.4 answers; absent when the call ends its process, so that it is not made. */
  readonly etcd?: string;
  readonly why: string;
}

export interface RawOptions {
  readonly differs?: Difference;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Remembers this field of the response under the same name, for `from`. */
  readonly keep?: string;
  /** Leaves the header out: etcd 3.4 gives none to alarms. */
  readonly bare?: boolean;
  /** Says only that it worked: its answer differs from one cluster to the next. */
  readonly quiet?: boolean;
}

type Memory = ReadonlyMap<string, unknown>;
type Input<Req> = MessageInput<Req> | ((memory: Memory) => MessageInput<Req>);
type Metadata = Readonly<Record<string, string>> | ((memory: Memory) => Readonly<Record<string, string>>);

/** A unary call. */
export function call<Req, Res>(
  title: string,
  method: Method<Req, Res>,
  request: Input<Req>,
  options: Omit<RawOptions, 'metadata'> & { readonly metadata?: Metadata } = {},
): RawCall {
  return {
    title,
    differs: options.differs,
    run: async (channel, memory) => {
      const input = typeof request === 'function' ? (request as (m: Memory) => MessageInput<Req>)(memory) : request;
      const metadata = typeof options.metadata === 'function' ? options.metadata(memory) : options.metadata;
      try {
        const response = await channel.unary(method, input, { timeoutMs: 8000, metadata });
        if (options.keep) memory.set(options.keep, (response as Record<string, unknown>)[options.keep]);
        return options.quiet ? 'ok' : `ok ${shown(options.bare ? { ...response, header: undefined } : response)}`;
      } catch (error) {
        return failure(error);
      }
    },
  };
}

/** A stream: sends all requests one after the other, and says what comes until nothing has for `quietMs` or it ends. */
export function stream<Req, Res>(
  title: string,
  method: Method<Req, Res>,
  requests: readonly MessageInput<Req>[],
  options: RawOptions & { readonly responses: number },
): RawCall {
  return {
    title,
    differs: options.differs,
    run: async (channel) => {
      const said: string[] = [];
      let open: ClientStream<Req, Res> | undefined;
      try {
        open = await channel.open(method, { timeoutMs: 3000, metadata: options.metadata });
        for (const request of requests) open.write(request);
        while (said.length < options.responses) {
          const response = await open.next();
          if (response === undefined) break;
          said.push(shown(response));
        }
      } catch (error) {
        said.push(failure(error));
      } finally {
        open?.cancel();
      }
      return said.join('\n');
    },
  };
}

function failure(error: unknown): string {
  if (!(error instanceof GrpcError)) throw error;
  // Whose clock is first, the client's (4) or a server's that takes it for an error of its own (2), is chance.
  if (error.message === 'context deadline exceeded') return `4: ${error.message}`;
  return `${error.code}: ${error.message}`;
}

/** Of a header only the revision, lists that are empty left out; bytes as text. */
function shown(response: unknown): string {
  return JSON.stringify(response, (key, value) => {
    // etcd 3.4 does not say it.
    if (key === 'hashRevision') return undefined;
    // A header inside of a transaction's answer says the revision and nothing else.
    if (key === 'header') return value && (value.clusterId === 0n ? `only ${value.revision}` : value.revision);
    if (value && typeof value === 'object' && value.type === 'Buffer' && Array.isArray(value.data)) {
      return Buffer.from(value.data).toString('latin1');
    }
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
    return typeof value === 'bigint' ? `${value}` : value;
  });
}

/** What an etcd answers to all of them, in order. `is` says which of the two it is. */
export async function transcript(is: 'klab' | 'etcd', address: string, calls: readonly RawCall[]): Promise<string[]> {
  const channel = new GrpcChannel(address);
  const memory = new Map<string, unknown>();
  const out: string[] = [];
  try {
    for (const { title, differs, run } of calls) {
      let answer = is === 'etcd' && differs && differs.etcd === undefined ? '' : await run(channel, memory);
      // 3.4 loses track of its own leadership on a busy machine, and a promotion then waits for a leader for ever.
      for (let again = 0; is === 'etcd' && answer === '4: context deadline exceeded' && again < 3; again++) {
        answer = await run(channel, memory);
      }
      // What differs is checked against what was written down, each on its side.
      out.push(`${title}\n  ${differs && answer === (differs[is] ?? '') ? 'as expected' : answer}`);
    }
  } finally {
    channel.close();
  }
  return out;
}
