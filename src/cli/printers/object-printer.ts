/** Objects and lists in every format but tables, one after the other as a watch needs it. */
import {
  encodeYaml,
  FormatError,
  formatJson,
  isObject,
  type KubeObject,
  parseGroupVersion,
} from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { printCustomColumns } from './custom-columns.ts';
import type { OutputFormat } from './output-format.ts';
import { TabWriter, tableTabs } from './tab-writer.ts';

export type ObjectFormat = Exclude<OutputFormat, { kind: 'table' }>;

export interface ObjectPrinterOptions {
  readonly showManagedFields?: boolean;
  readonly noHeaders?: boolean;
}

interface List {
  readonly items: readonly KubeObject[];
}

/** A printer with what it must remember between objects: separators and headers. */
export class ObjectPrinter {
  readonly #format: ObjectFormat;
  readonly #options: ObjectPrinterOptions;
  #printed = 0;

  constructor(format: ObjectFormat, options: ObjectPrinterOptions = {}) {
    this.#format = format;
    this.#options = options;
  }

  /** The text of an object, a list, or (in `-w --output-watch-events`) `{type, object}`. @throws UserError */
  text(value: unknown, kind: 'object' | 'event' = 'object'): string {
    const format = this.#format;
    const first = this.#printed++ === 0;
    switch (format.kind) {
      case 'json':
        if (kind === 'event') {
          const event = value as { type: string; object: unknown };
          return `${eventJson(event.type, event.object)}\n`;
        }
        return `${formatJson(this.#stripped(value))}\n`;
      case 'yaml': {
        const text = encodeYaml(kind === 'event' ? value : this.#stripped(value));
        return first ? text : `---\n${text}`;
      }
      case 'name': {
        const object = kind === 'event' ? (value as { object: unknown }).object : value;
        const objects = isList(object) ? object.items : [object as KubeObject];
        return objects.map((item) => `${objectName(item)}\n`).join('');
      }
      case 'jsonpath':
        return renderJsonPath(format, value);
      case 'custom-columns': {
        const out = new TabWriter(tableTabs);
        const headers = first && !this.#options.noHeaders;
        printCustomColumns(format.columns, isList(value) ? value.items : [value], out, headers);
        return out.flush();
      }
    }
  }

  #stripped(value: unknown): unknown {
    if (this.#options.showManagedFields) return value;
    if (isList(value)) return { ...value, items: value.items.map(withoutManagedFields) };
    return withoutManagedFields(value as KubeObject);
  }
}

/** `pod/web`, `deployment.apps/web`. */
export function objectName(object: Readonly<KubeObject>): string {
  const { group } = parseGroupVersion(object.apiVersion);
  const kind = object.kind.toLowerCase();
  return `${group === '' ? kind : `${kind}.${group}`}/${object.metadata?.name || '<unknown>'}`;
}

/** A v1 List as kubectl prints several objects. */
export function listOf(items: readonly Readonly<KubeObject>[]): object {
  return { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items };
}

function isList(value: unknown): value is List {
  return isObject(value) && Array.isArray(value['items']);
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!object.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function renderJsonPath(format: Extract<ObjectFormat, { kind: 'jsonpath' }>, value: unknown): string {
  try {
    if (!format.asJson) return format.path.render(value);
    return format.path
      .find(value)
      .map((results) => `${formatJson(results)}\n`)
      .join('');
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UserError(
      `error executing jsonpath ${JSON.stringify(format.template)}: Error executing template: ${error.message}`,
    );
  }
}

/** JSON on one line with sorted keys, as Go marshals maps. */
export function compactJson(value: unknown): string {
  // Line breaks inside texts are escaped: every line is one brace, one key with its value, or one item.
  return formatJson(value)
    .split('\n')
    .map((line) => line.trimStart().replace(/^("(?:[^"\\]|\\.)*"): /, '$1:'))
    .join('');
}

/** One watch event on one line. */
export function eventJson(type: string, object: unknown): string {
  return `{"type":${JSON.stringify(type)},"object":${compactJson(object)}}`;
}
