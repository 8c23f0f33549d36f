/** The difference of two texts by lines. */
export interface DiffLine {
  readonly mark: ' ' | '+' | '-';
  readonly text: string;
}

/** Middles with more pairs of lines than this are shown as replaced whole. */
const pairsMax = 4_000_000;

/** All lines of both, common ones once: the shortest edit after common ends are set apart. */
export function diffLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  const same = (lines: readonly string[]) => lines.map((text): DiffLine => ({ mark: ' ', text }));
  return [
    ...same(before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ];
}

function middle(before: readonly string[], after: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ mark: '-', text });
  const added = (text: string): DiffLine => ({ mark: '+', text });
  const [rows, columns] = [before.length, after.length];
  if (rows * columns > pairsMax) return [...before.map(removed), ...after.map(added)];
  // Length of the longest common subsequence of what follows each pair of positions.
  const width = columns + 1;
  const common = new Uint32Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      common[i * width + j] =
        before[i] === after[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const out: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < rows && j < columns) {
    if (before[i] === after[j]) {
      out.push({ mark: ' ', text: before[i++]! });
      j++;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) out.push(removed(before[i++]!));
    else out.push(added(after[j++]!));
  }
  return [...out, ...before.slice(i).map(removed), ...after.slice(j).map(added)];
}

/** Changed lines with `context` common ones around; gaps are undefined. */
export function hunks(lines: readonly DiffLine[], context: number): (DiffLine | undefined)[] {
  const keep = new Uint8Array(lines.length);
  lines.forEach(({ mark }, i) => {
    if (mark !== ' ') keep.fill(1, Math.max(0, i - context), i + context + 1);
  });
  const out: (DiffLine | undefined)[] = [];
  lines.forEach((line, i) => {
    if (keep[i]) out.push(line);
    else if (out.length > 0 && out.at(-1) !== undefined) out.push(undefined);
  });
  if (out.at(-1) === undefined) out.pop();
  return out;
}
