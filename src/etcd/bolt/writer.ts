import {
  BoltError,
  branchElementSize,
  bucketFlag,
  bucketHeaderSize,
  defaultPageSize,
  leafElementSize,
  pageFlag,
  pageHeaderSize,
  writeMeta,
  writePageHeader,
} from './format.ts';

interface Child {
  /** First key of the page. */
  readonly key: Buffer;
  readonly page: number;
}

/** The element count of a page is 16 bits wide. */
const mostElements = 0xfffe;

/**
 * Writes a bbolt database from front to back: pages leave in order from page 2 on; what `finish` returns belongs in front
 * of them. Nothing is kept but the pages' first keys, so a database of any size passes through.
 */
export class BoltWriter {
  readonly #out: (pages: Uint8Array) => void;
  readonly #pageSize: number;
  readonly #buckets: { readonly name: Buffer; readonly root: number }[] = [];
  /** The next page to be written. */
  #next = 2;
  #open: BucketWriter | undefined;

  /** @param out takes one or more whole pages. */
  constructor(out: (pages: Uint8Array) => void, options: { readonly pageSize?: number } = {}) {
    this.#out = out;
    this.#pageSize = options.pageSize ?? defaultPageSize;
  }

  /** Begins a bucket, after the one before has ended. Names ascend. @throws BoltError */
  bucket(name: string): BucketWriter {
    if (this.#open) throw new BoltError('the bucket before is still open');
    const bytes = Buffer.from(name);
    const last = this.#buckets.at(-1)?.name;
    if (last && Buffer.compare(last, bytes) >= 0) throw new BoltError(`bucket ${name} comes after ${last.toString()}`);
    this.#open = new BucketWriter(this.#pageSize, {
      write: (flags, elements) => this.#write(flags, elements),
      end: (root) => {
        this.#buckets.push({ name: bytes, root });
        this.#open = undefined;
      },
    });
    return this.#open;
  }

  /** Pages 0 and 1. The database is as long as these and all that was given to `out`. @throws BoltError */
  finish(): Uint8Array {
    if (this.#open) throw new BoltError('a bucket is still open');
    const root = this.#write(
      pageFlag.leaf,
      this.#buckets.map(({ name, root }) => ({ flags: bucketFlag, key: name, value: bucketValue(root) })),
    );
    const freelist = this.#next++;
    const free = Buffer.alloc(this.#pageSize);
    writePageHeader(free, { id: freelist, flags: pageFlag.freelist, count: 0, overflow: 0 });
    this.#out(free);
    const metas = Buffer.alloc(2 * this.#pageSize);
    for (const id of [0, 1]) {
      const page = metas.subarray(id * this.#pageSize, (id + 1) * this.#pageSize);
      writePageHeader(page, { id, flags: pageFlag.meta, count: 0, overflow: 0 });
      writeMeta(page, { pageSize: this.#pageSize, root, freelist, pages: this.#next, txid: id });
    }
    return metas;
  }

  #write(flags: number, elements: readonly Element[]): number {
    const id = this.#next;
    const size = sizeOf(elements);
    const pages = Math.max(1, Math.ceil(size / this.#pageSize));
    const page = Buffer.alloc(pages * this.#pageSize);
    writePageHeader(page, { id, flags, count: elements.length, overflow: pages - 1 });
    let at = pageHeaderSize;
    let data = pageHeaderSize + elements.length * leafElementSize;
    for (const element of elements) {
      const { key, value } = element;
      if (flags === pageFlag.leaf) {
        page.writeUInt32LE(element.flags, at);
        page.writeUInt32LE(data - at, at + 4);
        page.writeUInt32LE(key.length, at + 8);
        page.writeUInt32LE(value.length, at + 12);
      } else {
        page.writeUInt32LE(data - at, at);
        page.writeUInt32LE(key.length, at + 4);
        page.writeBigUInt64LE(BigInt(element.flags), at + 8);
      }
      page.set(key, data);
      page.set(value, data + key.length);
      data += key.length + value.length;
      at += leafElementSize;
    }
    this.#next += pages;
    this.#out(page);
    return id;
  }
}

/** Of a leaf: key, value and flags. Of a branch: the first key of a child, whose page stands in `flags`. */
interface Element {
  readonly flags: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface PageSink {
  /** Writes one page (with overflow, if need be) and returns its id. */
  write(flags: number, elements: readonly Element[]): number;
  end(root: number): void;
}

const nothing = Buffer.alloc(0);

function sizeOf(elements: readonly Element[]): number {
  return elements.reduce((size, { key, value }) => size + leafElementSize + key.length + value.length, pageHeaderSize);
}

function bucketValue(root: number): Buffer {
  const value = Buffer.alloc(bucketHeaderSize);
  value.writeBigUInt64LE(BigInt(root), 0);
  return value;
}

/** One bucket's entries, in ascending order of their keys. */
export class BucketWriter {
  readonly #pageSize: number;
  readonly #sink: PageSink;
  readonly #leaves: Child[] = [];
  #elements: Element[] = [];
  #size = pageHeaderSize;
  #last: Buffer | undefined;

  constructor(pageSize: number, sink: PageSink) {
    this.#pageSize = pageSize;
    this.#sink = sink;
  }

  /** Keeps `value` until the page is full. @throws BoltError when the key is empty or does not come after the one before. */
  add(key: Uint8Array, value: Uint8Array): void {
    if (key.length === 0) throw new BoltError('key required');
    const bytes = Buffer.from(key);
    if (this.#last && Buffer.compare(this.#last, bytes) >= 0) throw new BoltError('keys must ascend');
    this.#last = bytes;
    const size = leafElementSize + bytes.length + value.length;
    if (this.#elements.length > 0 && (this.#size + size > this.#pageSize || this.#elements.length === mostElements)) {
      this.#leaf();
    }
    this.#elements.push({ flags: 0, key: bytes, value });
    this.#size += size;
  }

  /** Writes what is left, and the branches above it. */
  end(): void {
    if (this.#elements.length > 0 || this.#leaves.length === 0) this.#leaf();
    let level = this.#leaves;
    while (level.length > 1) level = this.#branches(level);
    this.#sink.end(level[0]!.page);
  }

  #leaf(): void {
    const page = this.#sink.write(pageFlag.leaf, this.#elements);
    this.#leaves.push({ key: Buffer.from(this.#elements[0]?.key ?? nothing), page });
    this.#elements = [];
    this.#size = pageHeaderSize;
  }

  #branches(children: readonly Child[]): Child[] {
    const parents: Child[] = [];
    let group: Child[] = [];
    let size = pageHeaderSize;
    const close = () => {
      const elements = group.map(({ key, page }) => ({ flags: page, key, value: nothing }));
      parents.push({ key: group[0]!.key, page: this.#sink.write(pageFlag.branch, elements) });
      group = [];
      size = pageHeaderSize;
    };
    for (const child of children) {
      const more = branchElementSize + child.key.length;
      // Two at least, or a level would be as long as the one below.
      if (group.length > 1 && (size + more > this.#pageSize || group.length === mostElements)) close();
      group.push(child);
      size += more;
    }
    close();
    return parents;
  }
}
