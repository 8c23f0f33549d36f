/** Sizes as command lines write them. */

const factors: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `150M`, `64k`, `1Gi` in bytes; undefined for what is none. */
export function byteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b?)$/i.exec(text);
  return match ? Math.round(Number(match[1]) * factors[match[2]!.toLowerCase()]!) : undefined;
}
