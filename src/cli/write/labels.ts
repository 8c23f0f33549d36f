import { type KubeObject, parseLabelSelector } from '../../apimachinery/index.ts';

/** `-l` on objects of files: those that match are meant. */
export function matchesSelector(selector: string, object: Readonly<KubeObject>): boolean {
  return parseLabelSelector(selector).matches(object.metadata.labels);
}
