/** get and list. Upstream: endpoints/handlers/get.go, storage/cacher (list delegation), storage/etcd3/store.go (GetList). */
import { type ResourceDefinition, scalePrinter } from '../../api/index.ts';
import {
  type KubeObject,
  type ListMeta,
  newBadRequest,
  newResourceExpired,
  newTooLargeResourceVersion,
  StatusError,
} from '../../apimachinery/index.ts';
import type { Selection } from '../cache/watcher.ts';
import { passes, selects } from '../cache/watcher.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import { decodeContinue, encodeContinue } from '../storage/continue-token.ts';
import type { Served, StoredEntry } from '../storage/entry.ts';
import { isCompacted, isFutureRevision } from '../storage/errors.ts';
import type { RequestContext, ServerResponse } from '../types.ts';
import { type ListOptions, listOptions, parseResourceVersion } from './options.ts';
import { selectionOf } from './selection.ts';
import {
  type Form,
  includeObject,
  negotiateForm,
  partialBody,
  partialMetadata,
  tableBody,
  tableOf,
} from './transform.ts';

/** Waits until the cache shows what the resourceVersion of a read asks for. @throws StatusError 504 for the future. */
export async function waitForVersion(registry: ResourceRegistry, version: number | undefined): Promise<void> {
  const { hub } = registry.deps;
  if (!registry.cache.loaded) await hub.synced;
  if (!registry.cache.loaded) await hub.load(registry.definition.etcdPrefix);
  if (version === 0) return;
  if (version === undefined) {
    await hub.freshRevision();
    return;
  }
  if (hub.revision >= version) return;
  const current = await hub.freshRevision();
  if (current < version) throw newTooLargeResourceVersion(version, current);
}

/** An answer whose bytes are made only if somebody sends them. */
export function objectResponse(code: number, served: Served): ServerResponse {
  return {
    code,
    body: {
      kind: 'object',
      object: served.object,
      get encoded() {
        return served.encoded();
      },
      get protobuf() {
        return served.protobuf();
      },
    },
  };
}

/** One object in the form that was asked for. */
export function respondWith(
  context: RequestContext,
  registry: ResourceRegistry,
  code: number,
  entry: StoredEntry,
): ServerResponse {
  const served = entry.as(registry.view);
  const form = negotiateForm(context, registry.definition, 'one');
  if (form === 'object') return objectResponse(code, served);
  return transformed(context, registry, code, form, served.object, registry.definition);
}

/** A Scale, which is made for the answer, in the form the client accepts. */
export function respondWithScale(
  context: RequestContext,
  registry: ResourceRegistry,
  scale: Readonly<KubeObject>,
): ServerResponse {
  const form = negotiateForm(context, registry.definition, 'one');
  if (form === 'object') return { code: 200, body: { kind: 'object', object: scale } };
  return transformed(context, registry, 200, form, scale, { printer: scalePrinter });
}

function transformed(
  context: RequestContext,
  { deps }: ResourceRegistry,
  code: number,
  form: Exclude<Form, 'object'>,
  object: Readonly<KubeObject>,
  definition: Pick<ResourceDefinition, 'printer'>,
): ServerResponse {
  if (form === 'partial') return { code, body: { kind: 'object', object: partialMetadata(object) } };
  const { resourceVersion = '' } = object.metadata;
  const options = { include: includeObject(context.request.query), now: deps.clock.now() };
  return { code, body: { kind: 'object', object: tableOf(definition, [object], { resourceVersion }, options) } };
}

export async function readEntry(registry: ResourceRegistry, context: RequestContext): Promise<StoredEntry> {
  const { info, request } = context;
  const key = registry.keyOf(info.namespace, info.name);
  await waitForVersion(registry, parseResourceVersion(request.query.get('resourceVersion') ?? ''));
  const entry = registry.cache.get(key);
  if (!entry) throw registry.notFound(info.name);
  return entry;
}

export async function getHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  return respondWith(context, registry, 200, await readEntry(registry, context));
}

interface ListResult {
  readonly entries: readonly StoredEntry[];
  readonly metadata: ListMeta;
}

export async function listHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  const { query } = context.request;
  const { definition, view } = registry;
  const options = listOptions(query, false);
  const form = negotiateForm(context, definition, 'list');
  const { entries, metadata } = await listEntries(registry, context.info.namespace, options);
  if (form === 'table') {
    const table = { include: includeObject(query), now: registry.deps.clock.now() };
    return { code: 200, body: tableBody(definition, entries, view, metadata, table) };
  }
  if (form === 'partial') {
    return { code: 200, body: partialBody(entries, view, metadata) };
  }
  const head = { kind: definition.listKind, apiVersion: view.apiVersion, metadata };
  const items = view.convert ? entries.map((entry) => entry.as(view)) : entries;
  return { code: 200, body: { kind: 'list', head, items } };
}

/** @throws StatusError */
export async function listEntries(
  registry: ResourceRegistry,
  namespace: string,
  options: ListOptions,
): Promise<ListResult> {
  const selection = selectionOf(registry, namespace, options);
  const { resourceVersion, match, limit } = options;
  let start: string | undefined;
  let exact: number | undefined;
  let wanted = resourceVersion;
  if (options.continue !== '') {
    const from = decodeContinue(options.continue, selection.prefix);
    if (resourceVersion !== undefined && resourceVersion > 0) {
      throw newBadRequest('specifying resource version is not allowed when using continue');
    }
    start = from.startKey;
    if (from.revision > 0) exact = from.revision;
    wanted = undefined;
  } else if (resourceVersion !== undefined && resourceVersion > 0) {
    // A limit without a match asks for that very revision, so that its pages belong together.
    if (match === 'Exact' || (match === '' && limit > 0)) exact = resourceVersion;
  }
  await waitForVersion(registry, exact ?? wanted);
  const { revision } = registry.deps.hub;
  if (exact === undefined || registry.cache.showsRevision(exact, revision)) {
    return fromCache(registry, selection, { limit, start, revision: exact ?? revision });
  }
  return fromStore(registry, selection, { limit, start, revision: exact, token: options.continue });
}

function fromCache(
  registry: ResourceRegistry,
  selection: Selection,
  { limit, start, revision }: { limit: number; start: string | undefined; revision: number },
): ListResult {
  const page = registry.cache.list(selection, { limit, ...(start === undefined ? {} : { start }) });
  const more = page.next === undefined ? undefined : { remaining: page.remaining };
  return { entries: page.entries, metadata: listMeta(selection, page.entries, revision, more) };
}

function listMeta(
  selection: Selection,
  entries: readonly StoredEntry[],
  revision: number,
  more: { remaining: number } | undefined,
): ListMeta {
  if (!more) return { resourceVersion: String(revision) };
  return {
    resourceVersion: String(revision),
    continue: encodeContinue(`${entries.at(-1)!.key}\0`, selection.prefix, revision),
    // With selectors nobody knows how many of the rest will match.
    ...(selection.matches || selection.key !== undefined ? {} : { remainingItemCount: more.remaining }),
  };
}

/** Keys read per request when a selector makes the number of matches unknown. */
const storePage = 500;

/** A list of a past revision. */
async function fromStore(
  registry: ResourceRegistry,
  selection: Selection,
  { limit, start, revision, token }: { limit: number; start: string | undefined; revision: number; token: string },
): Promise<ListResult> {
  const { store } = registry.deps;
  const entries: StoredEntry[] = [];
  const reuse = (key: string, modRevision: number) => {
    const cached = registry.cache.get(key);
    return cached?.revision === modRevision ? cached : undefined;
  };
  let from = start ?? selection.prefix;
  for (;;) {
    const pageLimit = limit === 0 ? 0 : selection.matches ? Math.max(limit, storePage) : limit;
    const page = await store
      .list({ start: from, prefix: selection.prefix, limit: pageLimit, revision }, reuse)
      .catch((error: unknown) => {
        throw expired(error, { revision, token, start, selection, current: registry.deps.hub.revision });
      });
    for (let i = 0; i < page.entries.length; i++) {
      const entry = page.entries[i]!;
      if (!selects(selection, entry.key) || !passes(selection, entry)) continue;
      entries.push(entry);
      if (limit > 0 && entries.length === limit && (page.more || i + 1 < page.entries.length)) {
        const remaining = page.count - (i + 1);
        return { entries, metadata: listMeta(selection, entries, revision, { remaining }) };
      }
    }
    if (!page.more || page.entries.length === 0) {
      return { entries, metadata: listMeta(selection, entries, revision, undefined) };
    }
    from = `${page.entries.at(-1)!.key}\0`;
  }
}

const tooOldToContinue =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** 410 for compacted revisions; with a token, the answer brings one that goes on inconsistently. */
function expired(
  error: unknown,
  at: { revision: number; token: string; start: string | undefined; selection: Selection; current: number },
): unknown {
  if (isFutureRevision(error)) return newTooLargeResourceVersion(at.revision, at.current);
  if (!isCompacted(error)) return error;
  if (at.token === '') return newResourceExpired('The resourceVersion for the provided list is too old.');
  const status = newResourceExpired(tooOldToContinue).status;
  const next = encodeContinue(at.start ?? at.selection.prefix, at.selection.prefix, -1);
  return new StatusError({ ...status, metadata: { continue: next } });
}
