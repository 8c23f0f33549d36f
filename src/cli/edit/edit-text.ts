/** What stands in the file that is edited. Upstream: kubectl/pkg/cmd/util/editor/editoptions.go, cmd/util/helpers.go. */
import { decodeYaml, isObject, type KubeObject } from '../../apimachinery/index.ts';
import { compactJson } from '../printers/object-printer.ts';

/** Why the file must be edited again. */
export interface EditReason {
  readonly head: string;
  readonly other: readonly string[];
}

export type EditMode = 'edit' | 'create' | 'last-applied';

/** The comment at the top of the file. */
export function headerText(reasons: readonly EditReason[], mode: EditMode): string {
  const head =
    mode === 'last-applied'
      ? "# Please edit the 'last-applied-configuration' annotations below.\n# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.\n#\n"
      : "# Please edit the object below. Lines beginning with a '#' will be ignored,\n# and an empty file will abort the edit. If an error occurs while saving this file will be\n# reopened with the relevant failures.\n#\n";
  const parts = reasons.map(({ head, other }) => {
    const lines = other.map((text) => `# * ${commented(text)}\n`).join('');
    return `# ${commented(head)}${other.length > 0 ? ':' : ''}\n${lines}#\n`;
  });
  return head + parts.join('');
}

/** Further lines of a text become comments too. */
function commented(text: string): string {
  return text.replace(/\n(?=[^#])/g, '\n# ');
}

/** Without the lines that are comments; `#!` is none. */
export function withoutCommentLines(text: string): string {
  const lines = text.split('\n');
  return lines
    .map((line, i) => {
      const trimmed = line.trim();
      if (trimmed.startsWith('#') && !trimmed.startsWith('#!')) return '';
      return i < lines.length - 1 ? `${line}\n` : line;
    })
    .join('');
}

/** What a text says, whatever its comments and layout; of one that is no YAML, its lines. */
export function meaningOf(text: string): string {
  try {
    return compactJson(decodeYaml(text, { file: 'edited-file' })[0]?.value ?? null);
  } catch {
    return withoutCommentLines(text);
  }
}

/** Whether there is anything but comments and blank lines. */
export function hasLines(text: string): boolean {
  return text.split('\n').some((line) => /^\s*[^\s#]/.test(line));
}

/** The objects of an edited text: one, or the items of a List. @throws Error with what is missing. */
export function objectsOf(value: unknown): KubeObject[] {
  if (isObject(value) && Array.isArray(value['items']) && String(value['kind']).endsWith('List')) {
    return value['items'].flatMap(objectsOf);
  }
  const { apiVersion, kind } = (isObject(value) ? value : {}) as { apiVersion?: unknown; kind?: unknown };
  const missing = [!apiVersion && 'apiVersion not set', !kind && 'kind not set'].filter(Boolean);
  if (missing.length > 0) throw new Error(missing.length === 1 ? String(missing[0]) : `[${missing.join(', ')}]`);
  const object = value as unknown as KubeObject;
  return [{ ...object, metadata: object.metadata ?? {} }];
}

export function toCrlf(text: string): string {
  return text.replace(/\r?\n/g, '\r\n');
}
