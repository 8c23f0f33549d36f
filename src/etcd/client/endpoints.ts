import { Backoff, type Clock, wallClock } from '../../base/index.ts';
import {
  type CallContext,
  type ClientStream,
  GrpcChannel,
  GrpcError,
  grpcCode,
  type MessageInput,
  type Method,
  type TlsOptions,
} from '../../wire/index.ts';
import { toEtcdError } from '../v3/errors.ts';

export interface EndpointsOptions {
  /** `https://host:2379`, `host:2379`; tried in order, from the one that answered last. */
  readonly endpoints: readonly string[];
  /** Client certificate and key and the server's CA; PEM or paths. */
  readonly tls?: TlsOptions;
  readonly userAgent?: string;
  /** How long a connection may take. Default 2 s, etcdctl's dial timeout. */
  readonly dialTimeoutMs?: number;
  /** Deadline of every unary call. Default none. */
  readonly callTimeoutMs?: number;
  /** Default the wall clock: what is waited for is a network. */
  readonly clock?: Clock;
}

/** How often all endpoints are tried before a call fails with Unavailable. */
const rounds = 3;
const backoffOptions = { initialMs: 25, maxMs: 500 };

/**
 * Connections to the members of one cluster. As etcd's client: a call that may be repeated is repeated on the next
 * endpoint when one is unavailable; a write only when it certainly was not sent.
 */
export class Endpoints {
  readonly #channels: readonly GrpcChannel[];
  readonly #clock: Clock;
  readonly #callTimeoutMs: number | undefined;
  #current = 0;

  constructor(options: EndpointsOptions) {
    if (options.endpoints.length === 0) throw new TypeError('no etcd endpoints given');
    this.#clock = options.clock ?? wallClock;
    this.#callTimeoutMs = options.callTimeoutMs;
    this.#channels = options.endpoints.map(
      (endpoint) =>
        new GrpcChannel(endpoint, {
          tls: options.tls,
          userAgent: options.userAgent,
          connectTimeoutMs: options.dialTimeoutMs ?? 2000,
        }),
    );
  }

  /** One unary call. Throws EtcdError, or the signal's reason. */
  async call<Req, Res>(
    method: Method<Req, Res>,
    request: MessageInput<Req>,
    options: { readonly signal?: AbortSignal; readonly repeatable: boolean },
  ): Promise<Res> {
    const context: CallContext = { signal: options.signal, timeoutMs: this.#callTimeoutMs };
    return this.#onSome(options, (channel) => channel.unary(method, request, context));
  }

  /** Opens a stream on an endpoint that can be reached. */
  async open<Req, Res>(method: Method<Req, Res>, context: CallContext): Promise<ClientStream<Req, Res>> {
    return this.#onSome({ signal: context.signal, repeatable: true }, (channel) => channel.open(method, context));
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
  }

  async #onSome<T>(
    options: { readonly signal?: AbortSignal; readonly repeatable: boolean },
    call: (channel: GrpcChannel) => Promise<T>,
  ): Promise<T> {
    const backoff = new Backoff(backoffOptions);
    for (let attempt = 1; ; attempt++) {
      const index = this.#current;
      try {
        return await call(this.#channels[index]!);
      } catch (error) {
        if (!(error instanceof GrpcError) || error.code !== grpcCode.unavailable) throw toEtcdError(error);
        // Another call may have moved on already.
        if (this.#current === index) this.#current = (index + 1) % this.#channels.length;
        const again = options.repeatable || error.unsent;
        if (!again || attempt >= rounds * this.#channels.length) throw toEtcdError(error);
        if (attempt % this.#channels.length === 0) await backoff.wait(this.#clock, options.signal);
      }
    }
  }
}
