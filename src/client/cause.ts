/**
 * Provenance on the client side (DESIGN section 6): what triggered the reconcile that is running now. The only place
 * where the async context is read is KubeClient, once per call; below it the cause is an explicit part of the request.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { KubeObject } from '../apimachinery/index.ts';
import type { RequestCause } from './transport.ts';

const storage = new AsyncLocalStorage<RequestCause>();

/** Runs `fn`; every KubeClient call made in its async context carries `cause`. */
export function withCause<R>(cause: RequestCause | undefined, fn: () => R): R {
  return cause === undefined ? fn() : storage.run(cause, fn);
}

export function currentCause(): RequestCause | undefined {
  return storage.getStore();
}

/** The cause "this object's event": `<plural>[.<group>]/<namespace>/<name>` at its resourceVersion. */
export function causeOf(
  resource: { readonly group: string; readonly plural: string },
  object: Readonly<KubeObject>,
): RequestCause {
  const { namespace = '', name = '', resourceVersion } = object.metadata;
  const type = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
  return { object: `${type}/${namespace}/${name}`, revision: Number(resourceVersion ?? 0), count: 1 };
}

/** One cause out of two: the newest object revision (an object outranks a timer), counts added. */
export function mergeCauses(a: RequestCause | undefined, b: RequestCause | undefined): RequestCause | undefined {
  if (a === undefined || a === b) return b;
  if (b === undefined) return a;
  const count = (a.count ?? 1) + (b.count ?? 1);
  const newer = rank(b) >= rank(a) ? b : a;
  return { ...newer, count };
}

function rank(cause: RequestCause): number {
  return cause.object === undefined ? -1 : (cause.revision ?? 0);
}
