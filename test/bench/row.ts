/** Lines of the benchmark's table, and how they are printed. */

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly klab: number;
  /** The same on the program klab is compared with, in the same run. */
  readonly peer?: number;
  readonly peerName?: string;
  /** Above 1 means klab is better. */
  readonly ratio?: number;
}

export interface Peer {
  readonly name: string;
  readonly value: number;
}

/** A row whose ratio says by how much klab is better; `moreIsBetter` for rates, not for times and sizes. */
export function row(name: string, unit: string, klab: number, moreIsBetter: boolean, peer?: Peer): Row {
  if (!peer) return { name, unit, klab };
  const ratio = moreIsBetter ? klab / peer.value : peer.value / klab;
  return { name, unit, klab, peer: peer.value, peerName: peer.name, ratio };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median and best of some runs, as two rows. */
export function medianAndBest(
  name: string,
  unit: string,
  klab: readonly number[],
  peer?: { readonly name: string; readonly values: readonly number[] },
): Row[] {
  const of = (pick: (values: readonly number[]) => number) => peer && { name: peer.name, value: pick(peer.values) };
  const best = (values: readonly number[]) => Math.min(...values);
  return [
    row(`${name}, median of ${klab.length}`, unit, median(klab), false, of(median)),
    row(`${name}, best`, unit, best(klab), false, of(best)),
  ];
}

function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A Markdown table, columns lined up. */
export function markdown(rows: readonly Row[]): string {
  const cells = rows.map(({ name, unit, klab, peer, peerName, ratio }) => [
    name,
    unit,
    figure(klab),
    peer === undefined ? '' : `${figure(peer)} (${peerName})`,
    ratio === undefined ? '' : `${figure(ratio)}×`,
  ]);
  const table = [['what', 'unit', 'klab', 'peer', 'klab is better by'], ...cells];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)));
  const print = (line: readonly string[]) =>
    `| ${line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i < 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [print(table[0]!), rule, ...cells.map(print)].join('\n');
}
