/**
 * Tables of custom resources. Upstream: apiextensions-apiserver/pkg/apiserver/helpers.go,
 * pkg/registry/customresource/tableconvertor.
 */
import { type JsonPath, parseJsonPath, printJsonPathResult } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { describeColumns } from '../column-docs.ts';
import type { Column, PrintContext, TablePrinter } from '../definition.ts';
import { nameOfRow, since } from '../printing.ts';

/** `additionalPrinterColumns[*]`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

/** Both say of themselves what they say for built-in kinds. */
const [nameColumn, ageColumn] = describeColumns('', [
  { name: 'Name', type: 'string', format: 'name', priority: 0 },
  { name: 'Age', type: 'date', format: '', priority: 0 },
]) as [Column, Column];

const creationTime = '.metadata.creationTimestamp';

function columnOf({ name, type, format = '', description, jsonPath, priority = 0 }: PrinterColumn): Column {
  return {
    name,
    type: type as Column['type'],
    format,
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority as 0 | 1,
  };
}

/** A path that cannot be read leaves the table with names alone. */
export function customPrinter(given: readonly PrinterColumn[] = []): TablePrinter {
  const columns = given.length > 0 ? given.map(columnOf) : [ageColumn];
  let paths: JsonPath[];
  try {
    const texts = given.length > 0 ? given.map(({ jsonPath }) => jsonPath) : [creationTime];
    paths = texts.map((text) => parseJsonPath(`{${text}}`));
  } catch {
    return { columns: [nameColumn], cells: (object) => [nameOfRow(object)] };
  }
  return {
    columns: [nameColumn, ...columns],
    cells: (object, context) => [
      nameOfRow(object),
      ...columns.map(({ type }, i) => cellOf(type, firstOf(paths[i]!, object), context)),
    ],
  };
}

function firstOf(path: JsonPath, object: unknown): unknown {
  try {
    return path.find(object)[0]?.[0];
  } catch {
    return undefined;
  }
}

function cellOf(type: string, value: unknown, context: PrintContext): unknown {
  if (value === undefined) return null;
  if (type === 'string') return printJsonPathResult(value);
  if (value === null) return null;
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  if (type === 'integer' && isNumber) return typeof value === 'number' ? Math.trunc(value) : value;
  if (type === 'number' && isNumber) return value;
  if (type === 'boolean' && typeof value === 'boolean') return value;
  if (type !== 'date' || typeof value !== 'string') return null;
  return value !== '' && Number.isNaN(parseTime(value)) ? '<invalid>' : since(value, context);
}
