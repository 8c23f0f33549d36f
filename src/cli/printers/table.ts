/**
 * Tables as the server computes them, as kubectl prints them. Upstream: cli-runtime/pkg/printers/tableprinter.go (1.36).
 */
import { ageSince, deepEqual, isObject, type KubeObject } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { escapeTerminal, goValue } from './go-value.ts';
import { labelsText } from './labels.ts';
import type { TabWriter } from './tab-writer.ts';

/** meta.k8s.io/v1 Table, the parts that are printed. */
export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly columnDefinitions?: readonly ColumnDefinition[];
  readonly rows?: readonly TableRow[] | null;
}

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly priority?: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  /** PartialObjectMetadata, or the whole object with includeObject=Object. */
  readonly object?: any;
}

/** What kubectl asks for when it prints a table. */
export const tableAccept =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

export function isTable(value: unknown): value is Table {
  return isObject(value) && value['kind'] === 'Table' && String(value['apiVersion']).startsWith('meta.k8s.io/');
}

export interface TableOptions {
  readonly wide?: boolean;
  readonly noHeaders?: boolean;
  readonly withNamespace?: boolean;
  /** `deployment.apps`: names are printed as `deployment.apps/web`. */
  readonly kindPrefix?: string;
  readonly labelColumns?: readonly string[];
  readonly showLabels?: boolean;
}

/** Headers and cells that are shown, before alignment. */
export interface ShownTable {
  readonly headers: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Adds namespace and label columns, drops columns that only `wide` shows, and turns cells into text. */
export function showTable(
  columns: readonly ColumnDefinition[],
  rows: readonly TableRow[],
  options: TableOptions,
): ShownTable {
  const { wide = false, withNamespace = false, kindPrefix, labelColumns = [], showLabels = false } = options;
  const shown = columns.flatMap((column, i) => (wide || !column.priority ? [i] : []));
  const nameColumn = kindPrefix ? columns.findIndex((c) => c.format === 'name' && c.type === 'string') : -1;
  const headers = shown.map((i) => columns[i]!.name.toUpperCase());
  if (withNamespace) headers.unshift('NAMESPACE');
  for (const label of labelColumns) headers.push(label.slice(label.lastIndexOf('/') + 1).toUpperCase());
  if (showLabels) headers.push('LABELS');
  const text = rows.map((row) => {
    const cells: string[] = [];
    const metadata = row.object?.metadata;
    if (withNamespace) cells.push(metadata?.namespace ?? '');
    for (const i of shown) {
      if (i >= row.cells.length) break;
      const cell = cellText(row.cells[i]);
      cells.push(i === nameColumn ? `${kindPrefix}/${cell}` : cell);
    }
    const width = shown.length + (withNamespace ? 1 : 0);
    if (labelColumns.length > 0 || showLabels) while (cells.length < width) cells.push('');
    for (const label of labelColumns) cells.push(escapeTerminal(metadata?.labels?.[label] ?? ''));
    if (showLabels) cells.push(metadata ? labelsText(metadata.labels) : '');
    return cells;
  });
  return { headers, rows: text };
}

/** One line: what follows a line break is replaced by dots. */
function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'string') return escapeTerminal(goValue(cell));
  const end = cell.search(/[\f\n\r]/);
  return end < 0 ? escapeTerminal(cell) : `${escapeTerminal(cell.slice(0, end))}...`;
}

const eventTexts: Readonly<Record<string, string>> = {
  ADDED: 'ADDED   ',
  MODIFIED: 'MODIFIED',
  DELETED: 'DELETED ',
  ERROR: 'ERROR   ',
};

/** Events' types, all of one width. */
export function eventText(type: string): string {
  return eventTexts[type] ?? type;
}

/** Prints tables one after the other; headers come when the columns change. */
export class TablePrinter {
  readonly #options: TableOptions;
  #columns: readonly ColumnDefinition[] = [];
  #printedHeaders = false;
  #plainHeaders = false;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** `eventType` puts an EVENT column first. */
  print(table: Table, out: TabWriter, eventType?: string): void {
    const definitions = table.columnDefinitions ?? [];
    const rows = table.rows ?? [];
    // Events of a watch leave their columns out: they are those of the first one.
    const sameColumns = definitions.length === 0 || deepEqual(definitions, this.#columns);
    const noHeaders = this.#options.noHeaders || (this.#printedHeaders && sameColumns);
    if (!sameColumns) {
      this.#columns = definitions;
      this.#printedHeaders = false;
    }
    if (rows.length === 0) return;
    this.#printedHeaders = true;
    const shown = showTable(this.#columns, rows, this.#options);
    this.#write(shown, out, noHeaders, eventType);
  }

  /** Objects of a server that makes no tables: their names and ages. */
  printPlain(objects: readonly KubeObject[], out: TabWriter, eventType?: string): void {
    const columns = [
      { name: 'Name', type: 'string', format: 'name' },
      { name: 'Age', type: 'string' },
    ];
    const now = wallClock.now();
    const rows = objects.map((object) => ({
      cells: [object.metadata?.name ?? '', ageSince(object.metadata?.creationTimestamp, now)],
      object,
    }));
    if (rows.length === 0) return;
    const noHeaders = this.#options.noHeaders || this.#plainHeaders;
    this.#plainHeaders = true;
    this.#write(showTable(columns, rows, this.#options), out, noHeaders, eventType);
  }

  #write(shown: ShownTable, out: TabWriter, noHeaders: boolean, eventType?: string): void {
    const event = eventType === undefined ? undefined : eventText(eventType);
    const line = (cells: readonly string[]) => out.write(`${cells.join('\t')}\n`);
    if (!noHeaders) line(event === undefined ? shown.headers : ['EVENT', ...shown.headers]);
    for (const row of shown.rows) line(event === undefined ? row : [event, ...row]);
  }
}
