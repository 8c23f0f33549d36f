/** Tables and partial metadata. Upstream: apiserver/pkg/endpoints/handlers/response.go, registry/rest/table.go. */
import { apiVersionOf, type Column, encodeMessage, hasProtobuf, type ResourceDefinition } from '../../api/index.ts';
import {
  FieldErrorList,
  FieldPath,
  type KubeObject,
  type ListMeta,
  newInvalid,
  type Status,
  toJson,
} from '../../apimachinery/index.ts';
import { PlainEvent } from '../cache/event.ts';
import { type Negotiated, negotiate } from '../http/negotiate.ts';
import type { StoredEntry, View } from '../storage/entry.ts';
import type { EncodedWatchEvent, RequestContext, ResponseBody } from '../types.ts';

export type Form = 'object' | 'table' | 'partial';

const metaVersions: ReadonlySet<string> = new Set(['v1', 'v1beta1']);

/** The form of the answer that the Accept header asks for first and that can be made. @throws StatusError 406 */
export function negotiateForm(
  context: RequestContext,
  definition: ResourceDefinition,
  what: 'one' | 'list' | 'watch',
): Form {
  const accept = context.request.headers['accept'];
  if (accept === undefined || accept === 'application/json') return 'object';
  const served = { apiVersion: apiVersionOf(definition), kind: definition.kind };
  const partial = what === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  const negotiated: Negotiated = negotiate(accept, {
    stream: what === 'watch',
    allowConvert: ({ kind, group, version }) =>
      (definition.virtual !== true || definition.verbs.includes('get')) &&
      group === 'meta.k8s.io' &&
      metaVersions.has(version) &&
      (kind === 'Table' || kind === partial),
    // Metadata is a message whatever it is of; Tables are none.
    allowProtobuf: (convert) => (convert ? convert.kind !== 'Table' : hasProtobuf(served)),
  });
  if (!negotiated.convert) return 'object';
  return negotiated.convert.kind === 'Table' ? 'table' : 'partial';
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** @throws StatusError 422 */
export function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') || 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  const errors = new FieldErrorList();
  errors.invalid(FieldPath.root('includeObject'), value, `must be 'Metadata', 'Object', 'None', or empty`);
  throw newInvalid({ group: 'meta.k8s.io', kind: 'TableOptions' }, '', errors.errors);
}

export const partialKind = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' } as const;

export function partialMetadata(object: Readonly<KubeObject>): KubeObject {
  return { ...partialKind, metadata: object.metadata };
}

/** All that upstream prints of a column, with its zero values. */
function columnDefinition(column: Column): object {
  const { name, type, format = '', description = '', priority = 0 } = column;
  return { name, type, format, description, priority };
}

export interface TableOptions {
  readonly include: IncludeObject;
  /** Cluster-clock ms. */
  readonly now: number;
  /** Leaves columnDefinitions empty: later events of a watch. */
  readonly noHeaders?: boolean;
}

export function tableOf(
  definition: Pick<ResourceDefinition, 'printer'>,
  objects: readonly Readonly<KubeObject>[],
  metadata: ListMeta,
  options: TableOptions,
): object {
  return {
    ...tableHead(definition, metadata, options),
    rows: objects.map((object) => rowOf(definition, object, options)),
  };
}

function tableHead(definition: Pick<ResourceDefinition, 'printer'>, metadata: ListMeta, options: TableOptions) {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: options.noHeaders ? [] : definition.printer.columns.map(columnDefinition),
  };
}

function rowOf(
  { printer }: Pick<ResourceDefinition, 'printer'>,
  object: Readonly<KubeObject>,
  { include, now }: TableOptions,
): object {
  return {
    cells: printer.cells(object, { now }),
    object: include === 'None' ? null : include === 'Object' ? object : partialMetadata(object),
  };
}

type ListBody = Extract<ResponseBody, { kind: 'list' }>;

/** A long list as a table, each row made when it is sent: ten thousand at once would hold up all other requests. */
export function tableBody(
  definition: ResourceDefinition,
  entries: readonly StoredEntry[],
  view: View,
  metadata: ListMeta,
  options: TableOptions,
): ListBody {
  return {
    kind: 'list',
    head: tableHead(definition, metadata, options),
    field: 'rows',
    items: entries.map((entry) => new LazyItem(() => rowOf(definition, entry.as(view).object, options))),
  };
}

/** The same for metadata alone. */
export function partialBody(entries: readonly StoredEntry[], view: View, metadata: ListMeta): ListBody {
  return {
    kind: 'list',
    head: { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata },
    items: entries.map((entry) => new LazyItem(() => partialMetadata(entry.as(view).object))),
  };
}

/** Made, encoded and forgotten. */
class LazyItem {
  readonly #make: () => object;

  constructor(make: () => object) {
    this.#make = make;
  }

  get object(): object {
    return this.#make();
  }

  encoded(): Uint8Array {
    return toJson(this.object);
  }

  protobuf(): Uint8Array {
    return encodeMessage(this.object as KubeObject);
  }
}

/** The events of a watch, each object replaced by its table or its metadata. */
export async function* transformEvents(
  events: AsyncIterable<EncodedWatchEvent>,
  form: Exclude<Form, 'object'>,
  definition: ResourceDefinition,
  table: { readonly include: IncludeObject; now(): number },
): AsyncGenerator<EncodedWatchEvent, void, void> {
  let noHeaders = false;
  for await (const { event } of events) {
    if (event.type === 'ERROR') {
      yield new PlainEvent('ERROR', event.object as Status);
      continue;
    }
    const object = event.object as KubeObject;
    if (form === 'partial') {
      yield new PlainEvent(event.type, partialMetadata(object));
      continue;
    }
    const metadata = { resourceVersion: object.metadata.resourceVersion ?? '' };
    if (event.type === 'BOOKMARK') {
      // A bookmark has no fields to print: its row carries the metadata alone.
      const bookmark = tableOf(definition, [], metadata, { include: 'None', now: 0, noHeaders }) as { rows: object[] };
      bookmark.rows = [{ cells: definition.printer.columns.map(() => null), object: partialMetadata(object) }];
      yield new PlainEvent('BOOKMARK', bookmark);
    } else {
      yield new PlainEvent(
        event.type,
        tableOf(definition, [object], metadata, { include: table.include, now: table.now(), noHeaders }),
      );
    }
    noHeaders = true;
  }
}
