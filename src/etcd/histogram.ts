/** What Prometheus calls a histogram, over etcd's bounds for its disk: 1 ms, doubled thirteen times. */
export class Histogram {
  /** Upper bounds, seconds. */
  readonly bounds: readonly number[] = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);
  /** Observations up to each bound that are above the one before; the last: above all. */
  readonly counts: number[] = new Array(15).fill(0);
  sum = 0;

  observe(seconds: number): void {
    this.sum += seconds;
    let i = 0;
    while (i < this.bounds.length && seconds > this.bounds[i]!) i++;
    this.counts[i]!++;
  }
}
