/**
 * Unified diffs as Go's difflib writes them: three lines of context, no file names. What matches what is decided as
 * Python's difflib does, popular lines and all, so that messages come out the same as upstream's.
 */

interface Match {
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

type Tag = 'equal' | 'replace' | 'delete' | 'insert';
type OpCode = readonly [tag: Tag, fromA: number, toA: number, fromB: number, toB: number];

const context = 3;
/** From this length on, lines that make up more than a hundredth of the text anchor no match. */
const popularFrom = 200;

/** Where each line of `b` stands, popular ones left out. */
function indexLines(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, line] of b.entries()) {
    const known = places.get(line);
    if (known === undefined) places.set(line, [index]);
    else known.push(index);
  }
  if (b.length < popularFrom) return places;
  const most = Math.floor(b.length / 100) + 1;
  for (const [line, indexes] of places) if (indexes.length > most) places.delete(line);
  return places;
}

class Matcher {
  readonly #a: readonly string[];
  readonly #b: readonly string[];
  readonly #places: Map<string, number[]>;

  constructor(a: readonly string[], b: readonly string[]) {
    this.#a = a;
    this.#b = b;
    this.#places = indexLines(b);
  }

  #longest(fromA: number, toA: number, fromB: number, toB: number): Match {
    let [a, b, size] = [fromA, fromB, 0];
    let lengths = new Map<number, number>();
    for (let i = fromA; i < toA; i++) {
      const next = new Map<number, number>();
      for (const j of this.#places.get(this.#a[i]!) ?? []) {
        if (j < fromB) continue;
        if (j >= toB) break;
        const length = (lengths.get(j - 1) ?? 0) + 1;
        next.set(j, length);
        if (length > size) [a, b, size] = [i - length + 1, j - length + 1, length];
      }
      lengths = next;
    }
    // Popular lines extend a match, though they begin none.
    while (a > fromA && b > fromB && this.#a[a - 1] === this.#b[b - 1]) [a, b, size] = [a - 1, b - 1, size + 1];
    while (a + size < toA && b + size < toB && this.#a[a + size] === this.#b[b + size]) size++;
    return { a, b, size };
  }

  #matches(fromA: number, toA: number, fromB: number, toB: number, found: Match[]): Match[] {
    const match = this.#longest(fromA, toA, fromB, toB);
    if (match.size === 0) return found;
    if (fromA < match.a && fromB < match.b) this.#matches(fromA, match.a, fromB, match.b, found);
    found.push(match);
    const [endA, endB] = [match.a + match.size, match.b + match.size];
    if (endA < toA && endB < toB) this.#matches(endA, toA, endB, toB, found);
    return found;
  }

  opCodes(): OpCode[] {
    const [lengthA, lengthB] = [this.#a.length, this.#b.length];
    const codes: OpCode[] = [];
    let [i, j] = [0, 0];
    let equal: [number, number, number] | undefined;
    const flush = () => {
      if (equal !== undefined) codes.push(['equal', equal[0], equal[0] + equal[2], equal[1], equal[1] + equal[2]]);
      equal = undefined;
    };
    for (const match of [...this.#matches(0, lengthA, 0, lengthB, []), { a: lengthA, b: lengthB, size: 0 }]) {
      if (i < match.a || j < match.b) {
        flush();
        const tag = i < match.a && j < match.b ? 'replace' : i < match.a ? 'delete' : 'insert';
        codes.push([tag, i, match.a, j, match.b]);
      }
      // Matches that touch are one.
      if (equal !== undefined) equal[2] += match.size;
      else if (match.size > 0) equal = [match.a, match.b, match.size];
      [i, j] = [match.a + match.size, match.b + match.size];
    }
    flush();
    return codes;
  }
}

/** Changes with their context; those far from each other in groups of their own. */
function* groups(codes: OpCode[]): Generator<OpCode[]> {
  let group: OpCode[] = [];
  for (const [index, [tag, a1, a2, b1, b2]] of codes.entries()) {
    if (tag !== 'equal') {
      group.push([tag, a1, a2, b1, b2]);
      continue;
    }
    const isFirst = index === 0;
    const isLast = index === codes.length - 1;
    if (!isFirst && (isLast || a2 - a1 > 2 * context)) {
      group.push(['equal', a1, Math.min(a2, a1 + context), b1, Math.min(b2, b1 + context)]);
      yield group;
      group = [];
    }
    if (!isLast && (isFirst || a2 - a1 > 2 * context)) {
      group.push(['equal', Math.max(a1, a2 - context), a2, Math.max(b1, b2 - context), b2]);
    } else if (!isFirst && !isLast) {
      group.push(['equal', a1, a2, b1, b2]);
    }
  }
  if (group.some(([tag]) => tag !== 'equal')) yield group;
}

function range(start: number, stop: number): string {
  const length = stop - start;
  if (length === 1) return String(start + 1);
  return `${length === 0 ? start : start + 1},${length}`;
}

/** Empty when both are the same. */
export function unifiedDiff(before: string, after: string): string {
  if (before === after) return '';
  const [a, b] = [before.split('\n'), after.split('\n')];
  let text = '';
  for (const group of groups(new Matcher(a, b).opCodes())) {
    const [first, last] = [group[0]!, group.at(-1)!];
    text += `@@ -${range(first[1], last[2])} +${range(first[3], last[4])} @@\n`;
    for (const [tag, a1, a2, b1, b2] of group) {
      if (tag === 'equal') for (const line of a.slice(a1, a2)) text += ` ${line}\n`;
      if (tag === 'replace' || tag === 'delete') for (const line of a.slice(a1, a2)) text += `-${line}\n`;
      if (tag === 'replace' || tag === 'insert') for (const line of b.slice(b1, b2)) text += `+${line}\n`;
    }
  }
  return text;
}
