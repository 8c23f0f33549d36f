/**
 * YAML manifests with the place of every field. `yaml` reads them: its errors say exactly where, and each document
 * fails by itself. What plain scalars mean is kubectl's table. Only very large files go through the faster event
 * reader, which gives the same values.
 */
import {
  decodeJson,
  decodeYaml,
  FormatError,
  type SourcePosition,
  type YamlDocument,
} from '../../apimachinery/index.ts';

/** `yaml` needs some 2 ms a kB. */
const largeFileBytes = 256 * 1024;
/** What is wrong with one document, and where. */
export interface YamlProblem {
  readonly position: SourcePosition;
  readonly reason: string;
}

export interface ReadYaml {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly YamlProblem[];
}

/** Reads all documents of a file; those that cannot be read are problems, one each. Empty ones are left out. */
export async function readYaml(text: string, file: string): Promise<ReadYaml> {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  if (/^\s*\{/.test(source)) {
    const json = readJson(source, file);
    if (json) return { documents: [json], problems: [] };
  }
  if (source.length <= largeFileBytes) {
    const { readDocuments } = await import('./yaml-documents.ts');
    return readDocuments(source, file);
  }
  try {
    return { documents: decodeYaml(source, { file }), problems: [] };
  } catch (error) {
    if (!(error instanceof FormatError) || !error.position) throw error;
    const { position } = error;
    const prefix = `${position.file}:${position.line}:${position.column}: `;
    const reason = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
    return { documents: [], problems: [{ position, reason }] };
  }
}

/** A JSON object as kubectl's JSON decoder takes it; undefined when it is not one (flow YAML looks alike). */
function readJson(text: string, file: string): YamlDocument | undefined {
  try {
    const { value, duplicates } = decodeJson(text);
    let placed: YamlDocument | undefined;
    const start = text.search(/\S/);
    const line = text.slice(0, start).split('\n');
    return {
      value,
      duplicates,
      position: { file, line: line.length, column: line.at(-1)!.length + 1 },
      locate: (path) => {
        // Tabs make some JSON unreadable as YAML; then the document's start must do.
        try {
          placed ??= decodeYaml(text, { file })[0]!;
          return placed.locate(path);
        } catch {
          return { file, line: line.length, column: line.at(-1)!.length + 1 };
        }
      },
    };
  } catch {
    return undefined;
  }
}
