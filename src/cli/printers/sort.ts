/** `--sort-by`. Upstream: kubectl/pkg/cmd/get/sorter.go (1.36). */
import {
  compareBytes,
  compareQuantity,
  FormatError,
  parseJsonPath,
  relaxedJsonPath,
} from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Table } from './table.ts';

/**
 * A sorted copy. Items without the field come first.
 * @throws UserError when no item has the field, or its values have no order.
 */
export function sortBy<T>(items: readonly T[], field: string, dataOf: (item: T) => unknown): T[] {
  const path = relaxed(field);
  const template = parseJsonPath(path);
  const keyed = items.map((item) => ({ item, values: template.find(dataOf(item))[0] ?? [] }));
  if (keyed.length > 0 && keyed.every(({ values }) => values.length === 0)) {
    throw new UserError(`couldn't find any field with path ${JSON.stringify(path)} in the list of objects`);
  }
  const less = (a: (typeof keyed)[number], b: (typeof keyed)[number]): boolean => {
    if (a.values.length === 0) return true;
    if (b.values.length === 0) return false;
    return compareValues(a.values[0], b.values[0], path) < 0;
  };
  if (keyed.length <= insertionSortMax) insertionSort(keyed, less);
  else {
    const rank = (entry: (typeof keyed)[number]) => (entry.values.length === 0 ? 0 : 1);
    keyed.sort((a, b) => rank(a) - rank(b) || (rank(a) === 0 ? 0 : compareValues(a.values[0], b.values[0], path)));
  }
  return keyed.map(({ item }) => item);
}

/**
 * Go sorts short lists by insertion; doing the same puts equal values in kubectl's order. Longer lists are sorted
 * stably, where Go's order of equal values is arbitrary.
 */
const insertionSortMax = 12;

function insertionSort<T>(list: T[], less: (a: T, b: T) => boolean): void {
  for (let i = 1; i < list.length; i++) {
    for (let j = i; j > 0 && less(list[j]!, list[j - 1]!); j--) {
      [list[j], list[j - 1]] = [list[j - 1]!, list[j]!];
    }
  }
}

export function sortTable(table: Table, field: string): Table {
  const rows = table.rows ?? [];
  return rows.length === 0 ? table : { ...table, rows: sortBy(rows, field, (row) => row.object) };
}

function relaxed(field: string): string {
  try {
    return relaxedJsonPath(field);
  } catch (error) {
    if (error instanceof FormatError) return field;
    throw error;
  }
}

/** Numbers by size, quantities by amount, other texts by bytes. */
function compareValues(a: unknown, b: unknown, path: string): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === 'string' && typeof b === 'string') {
    return compareTexts(a, b);
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compareValues(a[i], b[i], path);
      if (order !== 0) return order;
    }
    return 0;
  }
  throw new UserError(`Field ${path} is an unsortable type: ${typeof a}`);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function compareTexts(a: string, b: string): number {
  try {
    return compareQuantity(a, b);
  } catch (error) {
    if (error instanceof FormatError) return compareBytes(a, b);
    throw error;
  }
}
