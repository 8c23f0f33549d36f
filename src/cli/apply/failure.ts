/** Why one object could not be applied: the server's words as kubectl prints them, and the places in the file they speak of. */
import { type Status, StatusError } from '../../apimachinery/index.ts';
import { renderError } from '../errors.ts';
import { excerpt, type Manifest, positionText } from '../manifests/manifest.ts';

/** Fields that an answer of the API names, in order, without repeats. */
export function fieldsOf(status: Pick<Status, 'message' | 'details'>): string[] {
  const fields: string[] = [];
  for (const { field } of status.details?.causes ?? []) if (field) fields.push(field.replace(/^\./, ''));
  const message = status.message ?? '';
  // Strict decoding and typed patches say the field in their text only.
  for (const match of message.matchAll(/(?:unknown|duplicate) field "([^"]+)"/g)) fields.push(match[1]!);
  for (const match of message.matchAll(/(?:^|[\s:])\.([^\s:]+): field not declared in schema/g)) fields.push(match[1]!);
  return [...new Set(fields)];
}

/** Typed patches name list items by their keys (`containers[name="web"]`), places need their numbers. */
export function byIndex(object: unknown, path: string): string {
  let node: any = object;
  return path.replace(/([^.[\]]+)|\[([^\]]*)\]/g, (text, field: string | undefined, item: string | undefined) => {
    if (field !== undefined) {
      node = node?.[field];
      return text;
    }
    if (!Array.isArray(node) || /^\d+$/.test(item!)) {
      node = node?.[item!];
      return text;
    }
    const keys = [...item!.matchAll(/(\w+)=("[^"]*"|[^,]*)/g)].map(([, key, value]) => [
      key!,
      value!.replace(/^"(.*)"$/, '$1'),
    ]);
    const index = node.findIndex((entry) => keys.every(([key, value]) => String(entry?.[key!]) === value));
    if (index < 0) return text;
    node = node[index];
    return `[${index}]`;
  });
}

/** Places shown below one error. */
const placesMax = 5;

/** The lines for the user. A field that the file does not have (a default, a missing one) is placed at its parent. */
export function describeFailure(manifest: Manifest, error: unknown): string {
  const { text } = renderError(error);
  const out = [text];
  if (error instanceof StatusError && error.reason === 'Conflict' && error.status.details?.causes?.length) {
    out.push(conflictAdvice);
  }
  const fields = fieldsOf(error instanceof StatusError ? error.status : { message: (error as Error).message });
  const places = fields
    .map((field) => manifest.locate(byIndex(manifest.object, field)))
    .filter((place) => place !== undefined);
  if (places.length === 0) {
    out.push(`  in ${positionText(manifest.position)}`);
    return out.join('\n');
  }
  const seen = new Set<string>();
  for (const place of places) {
    const where = positionText(place);
    if (seen.has(where) || seen.size >= placesMax) continue;
    seen.add(where);
    const line = manifest.line(place.line);
    out.push(`  at ${where}`);
    if (line !== undefined) out.push(excerpt(line, place));
  }
  return out.join('\n');
}

const conflictAdvice = [
  'Another manager owns these fields. To take them over, apply again with --force-conflicts.',
  'To leave them to it, remove them from the manifest; to share them, write the value they have now.',
  'See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts',
].join('\n');
