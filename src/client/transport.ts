/**
 * The seam between clients and API servers. `client` has an HTTPS transport; `cluster` supplies an in-process one that
 * hands objects straight to the API server's handler chain, with authentication done and no bytes made.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { KubeObject, Status, WatchEvent } from '../apimachinery/index.ts';

/** What triggered the writes of a reconcile; read once per client call from the async context. */
export interface RequestCause {
  /** `<plural>[.<group>]/<namespace>/<name>` of the object whose event triggered the reconcile. */
  readonly object?: string;
  /** Its resourceVersion as a number. */
  readonly revision?: number;
  /** Events merged into the reconcile. */
  readonly count?: number;
  /** `resync`, `retry`, `requeue-after` …, instead of an object. */
  readonly timer?: string;
}

export type ApiMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request by path, as HTTP has it. `query` values are not URL-encoded here. */
export interface ApiRequest {
  readonly method: ApiMethod;
  /** `/api/v1/namespaces/default/pods/web`, not encoded beyond what a path needs. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** An object (the in-process transport takes it over: do not change it afterwards), or a patch. */
  readonly body?: unknown;
  /** For PATCH: `application/apply-patch+yaml`, `application/strategic-merge-patch+json`, … Default `application/json`. */
  readonly contentType?: string;
  /** Default `application/json`. Tables: `application/json;as=Table;v=v1;g=meta.k8s.io,application/json`. */
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: RequestCause;
  readonly signal?: AbortSignal;
}

/** A successful answer (2xx). Failures are thrown as `StatusError`; a server out of reach as `ConnectionError`. */
export interface ApiResponse {
  readonly code: number;
  /** Decoded JSON, or text for endpoints that serve text. Objects from the in-process transport are read-only. */
  readonly body: any;
  /** Warning header texts. */
  readonly warnings: readonly string[];
}

/** A request to leave HTTP; words of a query may repeat, as `command` of exec does. */
export interface UpgradeRequest extends Omit<ApiRequest, 'query' | 'body'> {
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A connection that stopped being HTTP: the answer's headers, the socket, and what was read from it already. */
export interface Upgraded {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: Duplex;
  readonly head: Uint8Array;
}

/** Somebody else's request, handed on as it is but for the credentials that it lacks. */
export interface ForwardRequest {
  readonly method: string;
  /** Path and query as they go over the wire: after the host, not after the path of the server's URL. */
  readonly target: string;
  /** Names in lower case; what is undefined is not sent. */
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Readable;
  readonly signal?: AbortSignal;
}

/** The answer to it, whatever its code. */
export interface Forwarded {
  readonly code: number;
  readonly reason: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
  /** The connection, when it stopped being HTTP (101); `body` is empty then. */
  readonly upgraded?: { readonly socket: Duplex; readonly head: Uint8Array };
}

export interface Transport {
  request(request: ApiRequest): Promise<ApiResponse>;
  /** A watch, already established when the promise resolves. Ends normally when the server ends it or `signal` aborts. */
  watch(request: ApiRequest): Promise<AsyncIterable<WatchEvent<KubeObject | Status>>>;
  /** A streamed text answer (logs with follow). */
  stream(request: ApiRequest): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Asks to leave HTTP (exec, attach, port-forward), with the headers of the request; the caller owns the socket.
   * Absent where there is no connection. A refusal is thrown as by `request`.
   */
  upgrade?(request: UpgradeRequest): Promise<Upgraded>;
  /**
   * Sends a request for a proxy: nothing is decoded, retried or thrown for its code. Absent where there is no connection.
   * @throws ConnectionError
   */
  forward?(request: ForwardRequest): Promise<Forwarded>;
  close(): Promise<void>;
}

/** The server could not be reached: nothing listens, TLS failed, connection lost. Worth a retry. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}
