/** Times as command lines write them. */

/** `30`, `1.5m`, `2h` in seconds; infinity for what is none. */
export function seconds(text: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text ?? '');
  if (!match) return Number.POSITIVE_INFINITY;
  return Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] || 's']!;
}
