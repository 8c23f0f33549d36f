import { compareBytes } from '../../apimachinery/index.ts';

/** `app=web,tier=front`, or `<none>`. Upstream: labels.FormatLabels. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort(compareBytes);
  return keys.length === 0 ? '<none>' : keys.map((key) => `${key}=${labels![key]}`).join(',');
}
