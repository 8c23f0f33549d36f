/** Binary heap whose items can be found and removed by key. */
export class KeyedHeap<T> {
  readonly #key: (item: T) => string;
  readonly #before: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #index = new Map<string, number>();

  constructor(key: (item: T) => string, before: (a: T, b: T) => boolean) {
    this.#key = key;
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  get(key: string): T | undefined {
    const i = this.#index.get(key);
    return i === undefined ? undefined : this.#items[i];
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** All items, in no order. */
  values(): readonly T[] {
    return this.#items;
  }

  /** Adds an item, or puts a changed one in its place. */
  push(item: T): void {
    const key = this.#key(item);
    const at = this.#index.get(key);
    const i = at ?? this.#items.length;
    this.#items[i] = item;
    this.#index.set(key, i);
    this.#up(i);
    this.#down(this.#index.get(key)!);
  }

  pop(): T | undefined {
    const top = this.#items[0];
    if (top !== undefined) this.delete(this.#key(top));
    return top;
  }

  delete(key: string): T | undefined {
    const i = this.#index.get(key);
    if (i === undefined) return undefined;
    const item = this.#items[i]!;
    const last = this.#items.pop()!;
    this.#index.delete(key);
    if (i < this.#items.length) {
      this.#items[i] = last;
      this.#index.set(this.#key(last), i);
      this.#up(i);
      this.#down(this.#index.get(this.#key(last))!);
    }
    return item;
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b]!, items[a]!];
    this.#index.set(this.#key(items[a]!), a);
    this.#index.set(this.#key(items[b]!), b);
  }

  #up(start: number): void {
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(this.#items[i]!, this.#items[parent]!)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(start: number): void {
    let i = start;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= this.#items.length) return;
      const right = left + 1;
      const child = right < this.#items.length && this.#before(this.#items[right]!, this.#items[left]!) ? right : left;
      if (!this.#before(this.#items[child]!, this.#items[i]!)) return;
      this.#swap(i, child);
      i = child;
    }
  }
}
