/** Pieces of the table printers. Upstream: pkg/printers/internalversion/printers.go (1.36). */
import {
  creationTimeOf,
  formatLabelSelector,
  humanDuration,
  type KubeObject,
  type LabelSelectorObject,
} from '../apimachinery/index.ts';
import { parseTime } from '../base/index.ts';
import { describeColumns } from './column-docs.ts';
import type { Column, PrintContext, TablePrinter } from './definition.ts';

type Printable = Readonly<KubeObject>;

/** Cells of one object; the server always fills the wide columns too, clients choose. */
type CellsOf = (object: Printable, context: PrintContext) => unknown[];

/**
 * Columns in short form: `Name:name, Desired:integer, Age, Images*`. After the colon `name` (format), `integer`,
 * `boolean` or `date` (type, default string); `*` marks columns of `-o wide`.
 */
export function columns(text: string): readonly Column[] {
  return text.split(', ').map((item) => {
    const wide = item.endsWith('*');
    const [name = '', type] = (wide ? item.slice(0, -1) : item).split(':');
    return {
      name,
      type: type === undefined || type === 'name' ? 'string' : (type as Column['type']),
      format: type === 'name' ? 'name' : '',
      description: '',
      priority: wide ? 1 : 0,
    };
  });
}

export function printer(columnText: string, cells: CellsOf): TablePrinter {
  return { columns: columns(columnText), cells };
}

/** Age of a time string: `5m`, `<unknown>` without one. */
export function since(time: string | undefined | null, context: PrintContext): string {
  return time ? humanDuration(context.now - parseTime(time)) : '<unknown>';
}

export function ageOf(object: Printable, context: PrintContext): string {
  const created = creationTimeOf(object);
  return created === undefined ? '<unknown>' : humanDuration(context.now - created);
}

export function nameOfRow(object: Printable): string {
  return object.metadata.name ?? '';
}

/** What kinds without own columns show. Upstream: apiserver/pkg/registry/rest/table.go. */
export const defaultPrinter: TablePrinter = {
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
    { name: 'Created At', type: 'date', format: '', description: '', priority: 0 },
  ],
  cells: (object) => [nameOfRow(object), object.metadata.creationTimestamp ?? null],
};

/** `Name` and `Age` only. */
export const nameAgePrinter: TablePrinter = printer('Name:name, Age', (object, context) => [
  nameOfRow(object),
  ageOf(object, context),
]);

/** Comma-joined names and images. */
export function containerCells(containers: readonly { name?: string; image?: string }[] | undefined): [string, string] {
  const list = containers ?? [];
  return [list.map((item) => item.name ?? '').join(','), list.map((item) => item.image ?? '').join(',')];
}

/** `a=b,c=d`, or `<none>`. */
export function labelText(labels: Readonly<Record<string, string>> | undefined | null): string {
  const keys = Object.keys(labels ?? {}).sort();
  return keys.length === 0 ? '<none>' : keys.map((key) => `${key}=${labels?.[key]}`).join(',');
}

export function selectorText(selector: LabelSelectorObject | undefined | null): string {
  return formatLabelSelector(selector);
}

/** At most `max` entries of `list`, `<empty>` for none, and how many more there are. */
export function listWithMore(list: readonly string[], max: number, empty: string): string {
  const shown = list.slice(0, max).join(',');
  if (list.length > max) return `${shown} + ${list.length - max} more...`;
  return shown === '' ? empty : shown;
}

export function count(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return value !== null && typeof value === 'object' ? Object.keys(value).length : 0;
}

/** Go's bools in a string column. */
export function boolText(value: boolean | undefined): string {
  if (value === undefined) return '<unset>';
  return value ? 'True' : 'False';
}

const scaleTable = printer('Name, Desired:integer, Available:integer, Age', (scale, context) => [
  nameOfRow(scale),
  scale['spec']?.replicas ?? 0,
  scale['status']?.replicas ?? 0,
  ageOf(scale, context),
]);

/** What a Scale shows, whatever it is of. */
export const scalePrinter: TablePrinter = { ...scaleTable, columns: describeColumns('Scale', scaleTable.columns) };
