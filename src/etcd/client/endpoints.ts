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
import { EtcdError } from '../kv.ts';
import { toEtcdError } from '../v3/errors.ts';
import { authService } from '../v3/services.ts';

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
  /** An account of that etcd; its token is fetched with the first call, and again when it has expired. */
  readonly user?: { readonly name: string; readonly password: string };
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
  readonly #user: EndpointsOptions['user'];
  #token: Promise<string> | undefined;
  #current = 0;

  constructor(options: EndpointsOptions) {
    if (options.endpoints.length === 0) throw new TypeError('no etcd endpoints given');
    this.#clock = options.clock ?? wallClock;
    this.#callTimeoutMs = options.callTimeoutMs;
    this.#user = options.user;
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
    return this.#asUser(context, (known) => this.#onSome(options, (channel) => channel.unary(method, request, known)));
  }

  /** Opens a stream on an endpoint that can be reached. */
  async open<Req, Res>(method: Method<Req, Res>, context: CallContext): Promise<ClientStream<Req, Res>> {
    const options = { signal: context.signal, repeatable: true };
    return this.#asUser(context, (known) => this.#onSome(options, (channel) => channel.open(method, known)));
  }

  /** Adds the account's token. Upstream: client/v3 retry_interceptor.go, credentials. */
  async #asUser<T>(context: CallContext, work: (context: CallContext) => Promise<T>): Promise<T> {
    if (!this.#user) return work(context);
    for (let attempt = 1; ; attempt++) {
      this.#token ??= this.#authenticate(this.#user, context);
      const asked = this.#token;
      let token: string;
      try {
        token = await asked;
      } catch (error) {
        if (this.#token === asked) this.#token = undefined;
        throw error;
      }
      try {
        return await work(token === '' ? context : { ...context, metadata: { ...context.metadata, token } });
      } catch (error) {
        const expired = error instanceof EtcdError && error.message === 'etcdserver: invalid auth token';
        if (!expired || attempt > 1) throw error;
        if (this.#token === asked) this.#token = undefined;
      }
    }
  }

  /** An empty token when accounts are disabled there: everybody may do everything. */
  async #authenticate(
    user: { readonly name: string; readonly password: string },
    context: CallContext,
  ): Promise<string> {
    try {
      const answer = await this.#onSome({ signal: context.signal, repeatable: true }, (channel) =>
        channel.unary(authService.authenticate, user, { signal: context.signal, timeoutMs: this.#callTimeoutMs }),
      );
      return answer.token;
    } catch (error) {
      if (error instanceof EtcdError && error.message === 'etcdserver: authentication is not enabled') return '';
      throw error;
    }
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
