/**
 * Tables of custom resources. Upstream: apiextensions-apiserver/pkg/apiserver/helpers.go,
 * pkg/registry/customresource/tableconvertor.
 */
import { type JsonPath, parseJsonPath, printJsonPathResult } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
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

const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: '',
  jsonPath: '.metadata.creationTimestamp',
};

const nameColumn: Column = { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 };

/** A path that cannot be read leaves the table with names alone. */
export function customPrinter(given: readonly PrinterColumn[] | undefined): TablePrinter {
  const additional = given && given.length > 0 ? given : [ageColumn];
  let paths: JsonPath[];
  try {
    paths = additional.map(({ jsonPath }) => parseJsonPath(`{${jsonPath}}`));
  } catch {
    return { columns: [nameColumn], cells: (object) => [nameOfRow(object)] };
  }
  const columns = additional.map(
    ({ name, type, format = '', description, jsonPath, priority = 0 }): Column => ({
      name,
      type: type as Column['type'],
      format,
      description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
      priority: priority as 0 | 1,
    }),
  );
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
