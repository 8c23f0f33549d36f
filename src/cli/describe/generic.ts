/** Any object: its fields as they are, with labels made of their names. Upstream: genericDescriber (1.36). */
import { compareBytes, isObject, type KubeObject } from '../../apimachinery/index.ts';
import { goValue } from '../printers/go-value.ts';
import type { DescribeContext } from './context.ts';
import { describeEvents } from './events.ts';
import type { DescribeWriter } from './writer.ts';

const shownAbove = new Set([
  '.metadata.managedFields',
  '.metadata.name',
  '.metadata.namespace',
  '.metadata.labels',
  '.metadata.annotations',
]);

export async function describeAny(
  w: DescribeWriter,
  object: Readonly<KubeObject>,
  context: DescribeContext,
): Promise<void> {
  const { metadata } = object;
  const events = await context.events(object);
  w.line(0, 'Name:', metadata.name);
  w.line(0, 'Namespace:', metadata.namespace);
  w.labels('Labels', metadata.labels);
  w.annotations('Annotations', metadata.annotations);
  describeFields(w, 0, object, '');
  describeEvents(w, events);
}

function describeFields(w: DescribeWriter, level: number, fields: Readonly<Record<string, unknown>>, at: string): void {
  for (const field of Object.keys(fields).sort(compareBytes)) {
    const path = `${at}.${field}`;
    const value = fields[field];
    if (value === undefined || shownAbove.has(path)) continue;
    const label = `${fieldLabel(field)}:`;
    if (Array.isArray(value)) {
      w.line(level, label);
      for (const item of value) {
        if (isObject(item)) describeFields(w, level + 1, item, path);
        else w.line(level + 1, goValue(item));
      }
    } else if (isObject(value)) {
      w.line(level, label);
      describeFields(w, level + 1, value, path);
    } else w.line(level, label, goValue(value));
  }
}

const acronyms = new Set(['API', 'URL', 'UID', 'GUID']);

/** `resourceVersion` → `Resource Version`, `uid` → `UID`; names with other characters stay. */
export function fieldLabel(field: string): string {
  if (/[^\p{L}-]/u.test(field)) return field;
  const parts = mergeAcronyms(camelCaseParts(field));
  return parts
    .map((part) => {
      if (acronyms.has(part.toUpperCase())) return part.toUpperCase();
      return part === part.toLowerCase() ? part.charAt(0).toUpperCase() + part.slice(1) : part;
    })
    .join(' ');
}

/** Runs of lower case, of capitals and of others; the last capital of a run belongs to the word that follows. */
function camelCaseParts(text: string): string[] {
  const runs = text.match(/\p{Ll}+|\p{Lu}+|[^\p{Ll}\p{Lu}]+/gu) ?? [];
  for (let i = 0; i < runs.length - 1; i++) {
    const [run, next] = [runs[i]!, runs[i + 1]!];
    if (!/^\p{Lu}/u.test(run) || !/^\p{Ll}/u.test(next)) continue;
    runs[i] = run.slice(0, -1);
    runs[i + 1] = run.slice(-1) + next;
  }
  return runs.filter((run) => run !== '');
}

/** `UR` `Ls` is `URLs`. */
function mergeAcronyms(parts: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const next = parts[i + 1];
    if (parts[i]!.length >= 2 && /^\p{Lu}+$/u.test(parts[i]!) && next && /^\p{Lu}/u.test(next)) {
      out.push(parts[i]! + next);
      i++;
    } else out.push(parts[i]!);
  }
  return out;
}
