/** kv's rowid: (main, sub) as one integer in order of revision; `sub` has 20 bits. */
const subs = 2 ** 20;

export function rowId(main: number, sub: number): number {
  return main * subs + sub;
}

export function mainOf(id: number): number {
  return Math.floor(id / subs);
}

export function subOf(id: number): number {
  return id % subs;
}
