/** Requests that the API server sends to itself, as its loopback client does upstream. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { apiserverUser } from '../bootstrap/ensure-bootstrap.ts';
import type { ServerCore, ServerResponse } from '../types.ts';

export interface OwnRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly object?: object;
  readonly contentType?: string;
  readonly query?: Record<string, string>;
  /** What sends it, for `klab why`. */
  readonly timer: string;
  readonly signal?: AbortSignal;
}

/** Throws StatusError. */
export function sendOwn(core: Pick<ServerCore, 'handle'>, request: OwnRequest): Promise<ServerResponse> {
  const { method, path, object, contentType, query = {}, timer, signal } = request;
  return core.handle({
    method,
    path,
    query: new URLSearchParams(query),
    headers: { 'user-agent': 'klab-apiserver', ...(contentType ? { 'content-type': contentType } : {}) },
    ...(object ? { body: { object: object as KubeObject } } : {}),
    signal: signal ?? new AbortController().signal,
    user: apiserverUser,
    provenance: { actor: 'apiserver', cause: { timer } },
  });
}

/** The object of an answer that has one. */
export function objectOf<T extends KubeObject>({ body }: ServerResponse): Readonly<T> {
  return (body as unknown as { readonly object: Readonly<T> }).object;
}
