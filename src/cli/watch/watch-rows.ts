/**
 * Everything that happens to the objects of one kind, as rows of the server's table or as objects, for as long as
 * somebody listens: what is there, then every change, over lost connections and expired versions.
 */
import { isResourceExpired, type KubeObject, type WatchEvent } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { ConnectionError, type ResourceDescription, resourcePath, statusOfEvent } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import { fetchTarget, itemsOf } from '../get/fetch.ts';
import { type ColumnDefinition, isTable, type Table, type TableRow, tableAccept } from '../printers/table.ts';
import { type ResourceTarget, selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';

export interface WatchRequest {
  /** `pods`, `pods web`, `pod/web`. */
  readonly words: readonly string[];
  readonly allNamespaces?: boolean;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export type WatchChange =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      readonly row: TableRow;
      readonly columns: readonly ColumnDefinition[];
    }
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK' | 'ERROR'; readonly object: unknown }
  /** All that was there has been told. */
  | { readonly type: 'SYNCED' }
  /** The server cannot be reached; it is tried again. */
  | { readonly type: 'LOST'; readonly message: string };

/** What a watch is about, known before it starts. */
export interface WatchSubject {
  readonly resource: ResourceDescription;
  readonly target: ResourceTarget;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

/** @throws UserError, NoMatchError */
export async function watchSubject(session: Session, request: WatchRequest): Promise<WatchSubject> {
  const { targets, labelSelector, fieldSelector } = await selectResources(session, request.words, {
    command: 'watch',
    kindAlone: true,
    singleType: true,
    allNamespaces: request.allNamespaces,
    labelSelector: request.labelSelector,
    fieldSelector: request.fieldSelector,
  });
  const [target] = targets;
  if (!target || targets.length !== 1) {
    throw new UserError('watch takes one kind, and at most one name; use labels (-l) to choose several objects');
  }
  const byName = target.name === undefined ? undefined : `metadata.name=${target.name}`;
  return { resource: target.resource, target, labelSelector, fieldSelector: byName ?? fieldSelector };
}

/** Retries after a lost connection. */
const retryMs = 1000;

/**
 * Ends when `signal` aborts.
 * @throws StatusError when the server refuses (forbidden, no such kind); never for a lost connection once it has begun.
 */
export async function* watchChanges(
  session: Session,
  subject: WatchSubject,
  options: { readonly tables: boolean; readonly signal: AbortSignal },
): AsyncGenerator<WatchChange, void, void> {
  const { signal } = options;
  /** uid → resourceVersion and what was last told of it, to find out what happened while nobody listened. */
  const known = new Map<string, { readonly version: string; readonly change: WatchChange }>();
  const follow = new Follower(options.tables);
  let begun = false;
  while (!signal.aborted) {
    try {
      const seen = new Set<string>();
      let resourceVersion = '';
      for await (const body of pages(session, subject, options)) {
        resourceVersion = body.metadata?.resourceVersion ?? resourceVersion;
        for (const change of follow.listed(body)) {
          const { uid, version } = identityOf(change);
          seen.add(uid);
          const before = known.get(uid)?.version;
          known.set(uid, { version, change });
          if (before === undefined) yield change;
          else if (before !== version) yield { ...change, type: 'MODIFIED' } as WatchChange;
        }
      }
      for (const [uid, { change }] of known) {
        if (seen.has(uid)) continue;
        known.delete(uid);
        yield { ...change, type: 'DELETED' } as WatchChange;
      }
      begun = true;
      yield { type: 'SYNCED' };
      for await (const change of followFrom(session, subject, resourceVersion, options, follow)) {
        if ('row' in change || (change.type !== 'BOOKMARK' && change.type !== 'ERROR' && 'object' in change)) {
          const { uid, version } = identityOf(change);
          if (change.type === 'DELETED') known.delete(uid);
          else known.set(uid, { version, change });
        }
        yield change;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!begun || !(error instanceof ConnectionError)) throw error;
      yield { type: 'LOST', message: error.message };
      await wallClock.sleep(retryMs, signal).catch(() => undefined);
    }
  }
}

async function* pages(
  session: Session,
  subject: WatchSubject,
  options: { readonly tables: boolean },
): AsyncGenerator<any> {
  // Also one object is listed: its absence is no error, it may come.
  const { name: _, ...target } = subject.target;
  const selectors = { labelSelector: subject.labelSelector, fieldSelector: subject.fieldSelector };
  for await (const { body } of fetchTarget(session, target, { ...selectors, tables: options.tables, chunkSize: 500 })) {
    yield body;
  }
}

/** Watches again from the last version whenever the server ends a watch in peace; returns when that version is gone. */
async function* followFrom(
  session: Session,
  subject: WatchSubject,
  resourceVersion: string,
  options: { readonly tables: boolean; readonly signal: AbortSignal },
  follow: Follower,
): AsyncGenerator<WatchChange, void, void> {
  const { signal, tables } = options;
  let from = resourceVersion;
  while (!signal.aborted) {
    const request = session.client.prepare({
      method: 'GET',
      path: resourcePath(subject.resource, subject.target.namespace),
      query: {
        watch: 'true',
        allowWatchBookmarks: 'true',
        labelSelector: subject.labelSelector || undefined,
        fieldSelector: subject.fieldSelector || undefined,
        resourceVersion: from,
      },
      accept: tables ? tableAccept : undefined,
      signal,
    });
    let events: AsyncIterable<WatchEvent<any>>;
    try {
      events = await session.client.transport.watch(request);
    } catch (error) {
      if (isResourceExpired(error)) return;
      throw error;
    }
    for await (const event of events) {
      const failure = statusOfEvent(event);
      if (failure) {
        yield { type: 'ERROR', object: event.object };
        if (isResourceExpired(failure)) return;
        throw failure;
      }
      from = versionOf(event.object) ?? from;
      yield* follow.happened(event);
    }
  }
}

/** Turns answers into changes; keeps the columns, which only the first event of a watch carries. */
class Follower {
  readonly #tables: boolean;
  #columns: readonly ColumnDefinition[] = [];

  constructor(tables: boolean) {
    this.#tables = tables;
  }

  listed(body: any): WatchChange[] {
    if (isTable(body)) return this.#rows('ADDED', body);
    return (itemsOf(body) ?? [body]).map((object) => this.#plain('ADDED', object));
  }

  happened({ type, object }: WatchEvent<any>): WatchChange[] {
    if (type === 'BOOKMARK' || type === 'ERROR') return [{ type, object }];
    return isTable(object) ? this.#rows(type, object) : [this.#plain(type, object)];
  }

  #rows(type: 'ADDED' | 'MODIFIED' | 'DELETED', table: Table): WatchChange[] {
    if (table.columnDefinitions?.length) this.#columns = table.columnDefinitions;
    return (table.rows ?? []).map((row) => ({ type, row, columns: this.#columns }));
  }

  /** An object from a server that makes no tables becomes a row of its name and time. */
  #plain(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): WatchChange {
    if (!this.#tables) return { type, object };
    const cells = [object.metadata.name ?? '', object.metadata.creationTimestamp ?? ''];
    return { type, row: { cells, object }, columns: plainColumns };
  }
}

const plainColumns: readonly ColumnDefinition[] = [
  { name: 'Name', type: 'string', format: 'name' },
  { name: 'Created At', type: 'date' },
];

function versionOf(object: any): string | undefined {
  return object?.metadata?.resourceVersion || object?.rows?.at(-1)?.object?.metadata?.resourceVersion || undefined;
}

function identityOf(change: WatchChange): { readonly uid: string; readonly version: string } {
  const object = 'row' in change ? change.row.object : 'object' in change ? (change.object as KubeObject) : undefined;
  const { uid, name = '', namespace = '', resourceVersion = '' } = object?.metadata ?? {};
  return { uid: uid ?? `${namespace}/${name}`, version: resourceVersion };
}
