/** Tables and partial metadata. Upstream: apiserver/pkg/endpoints/handlers/response.go, registry/rest/table.go. */
import { apiVersionOf, type Column, type ResourceDefinition } from '../../api/index.ts';
import {
  FieldErrorList,
  FieldPath,
  type KubeObject,
  type ListMeta,
  newInvalid,
  type Status,
} from '../../apimachinery/index.ts';
import { PlainEvent } from '../cache/event.ts';
import { type Negotiated, negotiate } from '../http/negotiate.ts';
import { hasProtobuf } from '../serializer/protobuf/envelope.ts';
import type { EncodedWatchEvent, RequestContext } from '../types.ts';

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
      definition.virtual !== true &&
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
  definition: ResourceDefinition,
  objects: readonly Readonly<KubeObject>[],
  metadata: ListMeta,
  options: TableOptions,
): object {
  const { printer } = definition;
  const context = { now: options.now };
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: options.noHeaders ? [] : printer.columns.map(columnDefinition),
    rows: objects.map((object) => ({
      cells: printer.cells(object, context),
      object: options.include === 'None' ? null : options.include === 'Object' ? object : partialMetadata(object),
    })),
  };
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
