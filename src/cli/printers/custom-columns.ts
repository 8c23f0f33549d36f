/** `-o custom-columns`. Upstream: kubectl/pkg/cmd/get/customcolumn.go (1.36). */
import { FormatError, type JsonPath, parseJsonPath, relaxedJsonPath } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { escapeTerminal, goValue } from './go-value.ts';
import type { TabWriter } from './tab-writer.ts';

export interface CustomColumns {
  readonly headers: readonly string[];
  readonly paths: readonly JsonPath[];
}

/** `NAME:.metadata.name,IMAGE:.spec.containers[*].image`. @throws UserError */
export function parseCustomColumns(spec: string): CustomColumns {
  const headers: string[] = [];
  const paths: JsonPath[] = [];
  for (const part of spec.split(',')) {
    const colon = part.indexOf(':');
    if (colon < 0) {
      throw new UserError(`unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>`);
    }
    headers.push(part.slice(0, colon));
    paths.push(columnPath(part.slice(colon + 1)));
  }
  return { headers, paths };
}

/** Two lines: headers, and below each its path. @throws UserError */
export function readCustomColumns(template: string): CustomColumns {
  const expected = 'Expected format is one line of space separated headers, one line of space separated column specs.';
  const lines = template.split(/\r?\n/);
  const words = (line: string) => line.split(/\s+/).filter((word) => word !== '');
  if (template === '') throw new UserError(`invalid template, missing header line. ${expected}`);
  if (lines.length < 2 || (lines.length === 2 && lines[1] === '')) {
    throw new UserError(`invalid template, missing spec line. ${expected}`);
  }
  const headers = words(lines[0]!);
  const specs = words(lines[1]!);
  if (headers.length !== specs.length) {
    throw new UserError(`number of headers (${headers.length}) and field specifications (${specs.length}) don't match`);
  }
  return { headers, paths: specs.map(columnPath) };
}

export function printCustomColumns(
  columns: CustomColumns,
  objects: readonly unknown[],
  out: TabWriter,
  headers: boolean,
): void {
  if (headers) out.write(`${columns.headers.join('\t')}\n`);
  for (const object of objects) {
    const cells = columns.paths.map((path) => {
      const results = path.find(object);
      const values = results.flat().map((value) => escapeTerminal(goValue(value)));
      if (results.length === 0 || results[0]!.length === 0) values.unshift('<none>');
      return values.join(',');
    });
    out.write(`${cells.join('\t')}\n`);
  }
}

function columnPath(spec: string): JsonPath {
  try {
    return parseJsonPath(relaxedJsonPath(spec));
  } catch (error) {
    if (error instanceof FormatError) throw new UserError(error.message);
    throw error;
  }
}
