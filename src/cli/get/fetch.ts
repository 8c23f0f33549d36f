/** Requests of `get`: pages of lists and single objects, as tables or as objects. */
import { isObject, type KubeObject, type Status, StatusError } from '../../apimachinery/index.ts';
import { type ResourceDescription, resourcePath } from '../../client/index.ts';
import { tableAccept } from '../printers/table.ts';
import type { ResourceTarget } from '../resource-args.ts';
import type { Session } from '../session.ts';

export interface FetchOptions {
  /** Ask for tables; a server that makes none answers objects. */
  readonly tables?: boolean;
  /** Rows carry whole objects (sorting looks into them). */
  readonly wholeRows?: boolean;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects in one page; 0 = everything at once. */
  readonly chunkSize?: number;
  readonly subresource?: string;
}

/** One answer: a page of a list, or one object. */
export interface Fetched {
  readonly resource: ResourceDescription;
  /** A Table, a list, or an object. */
  readonly body: any;
}

/** Pages of a target, in order. @throws StatusError */
export async function* fetchTarget(
  session: Session,
  target: ResourceTarget,
  options: FetchOptions,
): AsyncGenerator<Fetched> {
  const { resource, namespace, name } = target;
  const includeObject = options.tables && options.wholeRows ? 'Object' : undefined;
  const accept = options.tables ? tableAccept : undefined;
  const { signal } = session;
  if (name !== undefined) {
    const path = resourcePath(resource, namespace, name, options.subresource);
    const request = { method: 'GET', path, query: { includeObject }, accept, signal } as const;
    yield { resource, body: (await session.client.request(request)).body };
    return;
  }
  const path = resourcePath(resource, namespace);
  let token: string | undefined;
  do {
    const query = {
      labelSelector: options.labelSelector || undefined,
      fieldSelector: options.fieldSelector || undefined,
      limit: options.chunkSize ? String(options.chunkSize) : undefined,
      continue: token,
      includeObject,
    };
    let body: any;
    try {
      body = (await session.client.request({ method: 'GET', path, query, accept, signal })).body;
    } catch (error) {
      throw enhanceListError(error, resource, options);
    }
    yield { resource, body };
    token = body.metadata?.continue || undefined;
  } while (token);
}

/** Objects of a list answer with their apiVersion and kind, which typed lists leave out. */
export function itemsOf(body: any): KubeObject[] | undefined {
  if (!isObject(body) || !Array.isArray(body['items'])) return undefined;
  const apiVersion = body['apiVersion'] as string;
  const kind = String(body['kind']).replace(/List$/, '');
  return (body['items'] as KubeObject[]).map((item) => (item.kind ? item : { ...item, apiVersion, kind }));
}

/** Upstream: cli-runtime/pkg/resource EnhanceListError. */
function enhanceListError(error: unknown, resource: ResourceDescription, options: FetchOptions): unknown {
  if (!(error instanceof StatusError)) return error;
  const { reason, message } = error.status;
  if (reason !== 'BadRequest' && reason !== 'NotFound') return error;
  const what = `"${resource.group}/${resource.version}, Resource=${resource.plural}"`;
  const { labelSelector = '', fieldSelector = '' } = options;
  const text =
    labelSelector === '' && fieldSelector === ''
      ? `Unable to list ${what}: ${message}`
      : `Unable to find ${what} that match label selector ${JSON.stringify(labelSelector)}, field selector ${JSON.stringify(fieldSelector)}: ${message}`;
  return new StatusError({ ...(error.status as Status), message: text });
}
