/** One object of a manifest and the place it came from. */
import type { KubeObject, SourcePosition, YamlDocument } from '../../apimachinery/index.ts';

export interface Manifest {
  readonly object: KubeObject;
  /** Where the object starts. */
  readonly position: SourcePosition;
  /** `duplicate field "spec.foo"`. */
  readonly duplicates: readonly string[];
  /** Place of a field path (`spec.containers[0].image`), or of its nearest ancestor; undefined for generated objects. */
  locate(path: string): SourcePosition | undefined;
  /** Text of a line of its file, for showing it below an error. */
  line(line: number): string | undefined;
}

/** `web.yaml:7:12`. */
export function positionText({ file, line, column }: SourcePosition): string {
  return `${file}:${line}:${column}`;
}

/** The offending line with a caret below the column, as compilers show it. */
export function excerpt(line: string, position: SourcePosition): string {
  const number = String(position.line);
  const margin = ' '.repeat(number.length);
  // A tab stays a tab, so that the caret stands below its character whatever a tab's width is.
  const lead = line.slice(0, position.column - 1).replace(/[^\t]/g, ' ');
  return `  ${number} | ${line}\n  ${margin} | ${lead}^`;
}

/** Objects of a document: itself, or the items of a List. Positions are the items' own. */
export function manifestsOf(document: YamlDocument, lineOf: (line: number) => string | undefined): Manifest[] {
  const { value } = document;
  const items = (value as { items?: unknown }).items;
  if (!Array.isArray(items) || !/List$/.test(String((value as KubeObject).kind ?? ''))) {
    return [
      {
        object: value as KubeObject,
        position: document.position,
        duplicates: document.duplicates,
        locate: (path) => document.locate(path),
        line: lineOf,
      },
    ];
  }
  return items.map((item, i) => ({
    object: item as KubeObject,
    position: document.locate(['items', i]),
    duplicates: document.duplicates
      .filter((text) => text.startsWith(`duplicate field "items[${i}].`))
      .map((text) => text.replace(`items[${i}].`, '')),
    locate: (path) => document.locate(`items[${i}].${path}`),
    line: lineOf,
  }));
}
