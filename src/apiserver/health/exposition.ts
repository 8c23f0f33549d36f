/** Prometheus' text format, version 0.0.4. */

/** Upstream's, in seconds, for requests at the API server and at its store. */
export const latencyBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

export type Labels = Readonly<Record<string, string>>;

/** `name{a="b"} 1`; labels in the order given. */
export function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${formatValue(value)}`;
}

/** A family with its help and type; empty without samples. */
export function family(
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: readonly string[],
): string {
  return samples.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('\n')}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function formatValue(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}

/** Counts by upper bound, without locks or labels of its own: one is kept a set of labels. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Uint32Array;
  #sum = 0;

  /** `bounds` ascend; what is beyond the last is counted as well. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Uint32Array(bounds.length + 1);
  }

  observe(value: number): void {
    this.#sum += value;
    let i = 0;
    while (i < this.#bounds.length && value > this.#bounds[i]!) i++;
    this.#counts[i]!++;
  }

  samples(name: string, labels: Labels): string[] {
    const out: string[] = [];
    let total = 0;
    this.#counts.forEach((count, i) => {
      total += count;
      const le = formatValue(this.#bounds[i] ?? Number.POSITIVE_INFINITY);
      out.push(sample(`${name}_bucket`, { ...labels, le }, total));
    });
    return [...out, sample(`${name}_sum`, labels, this.#sum), sample(`${name}_count`, labels, total)];
  }
}
