import {
  BoltError,
  branchElementSize,
  bucketFlag,
  bucketHeaderSize,
  defaultPageSize,
  leafElementSize,
  type Meta,
  type PageHeader,
  pageFlag,
  pageHeaderSize,
  readMeta,
  readPageHeader,
} from './format.ts';

/** A tree deeper than this is a circle: 2^64 keys need less. */
const deepest = 64;

interface Page extends PageHeader {
  readonly bytes: Buffer;
}

/** Reads a bbolt database page by page. Whatever is wrong with the file is a BoltError that names the page. */
export class BoltReader {
  readonly #read: (offset: number, length: number) => Buffer;
  readonly #meta: Meta;
  /** Where each top-level bucket's tree begins: a page, or the page itself when it is inline. */
  readonly #buckets = new Map<string, number | Page>();

  /**
   * @param read gives exactly the bytes asked for, or fewer at the end of the file.
   * @throws BoltError when neither meta page is whole
   */
  constructor(read: (offset: number, length: number) => Buffer) {
    this.#read = read;
    this.#meta = this.#newestMeta();
    for (const { flags, key, value } of this.#elements(this.#meta.root)) {
      if ((flags & bucketFlag) === 0) continue;
      if (value.length < bucketHeaderSize) throw new BoltError(`bucket ${key.toString()} has no header`);
      const root = Number(value.readBigUInt64LE(0));
      this.#buckets.set(key.toString(), root === 0 ? pageOf(value.subarray(bucketHeaderSize), 'inline bucket') : root);
    }
  }

  /** Names of the top-level buckets, in order. */
  get buckets(): readonly string[] {
    return [...this.#buckets.keys()];
  }

  get pageSize(): number {
    return this.#meta.pageSize;
  }

  /** Bytes of all pages in use. */
  get size(): number {
    return this.#meta.pages * this.#meta.pageSize;
  }

  /** A bucket's keys and values in order; nothing when there is no such bucket. Nested buckets are left out. */
  *entries(bucket: string): Generator<{ readonly key: Buffer; readonly value: Buffer }> {
    const root = this.#buckets.get(bucket);
    if (root === undefined) return;
    for (const { flags, key, value } of this.#elements(root)) if ((flags & bucketFlag) === 0) yield { key, value };
  }

  *#elements(
    root: number | Page,
    depth = 0,
  ): Generator<{ readonly flags: number; readonly key: Buffer; readonly value: Buffer }> {
    const page = typeof root === 'number' ? this.#page(root) : root;
    if (depth > deepest) throw new BoltError(`page ${page.id}: the tree is deeper than any can be`);
    if (page.flags & pageFlag.leaf) {
      for (let i = 0; i < page.count; i++) {
        const at = pageHeaderSize + i * leafElementSize;
        const flags = u32(page, at);
        const key = part(page, at + u32(page, at + 4), u32(page, at + 8));
        const value = part(page, at + u32(page, at + 4) + key.length, u32(page, at + 12));
        yield { flags, key, value };
      }
      return;
    }
    if (!(page.flags & pageFlag.branch)) throw new BoltError(`page ${page.id}: neither leaf nor branch`);
    for (let i = 0; i < page.count; i++) {
      const at = pageHeaderSize + i * branchElementSize;
      if (at + branchElementSize > page.bytes.length) throw new BoltError(`page ${page.id}: cut off`);
      yield* this.#elements(Number(page.bytes.readBigUInt64LE(at + 8)), depth + 1);
    }
  }

  #page(id: number): Page {
    const { pageSize, pages } = this.#meta;
    if (id < 2 || id >= pages) throw new BoltError(`page ${id}: beyond the ${pages} pages of the database`);
    const first = this.#read(id * pageSize, pageSize);
    if (first.length < pageHeaderSize) throw new BoltError(`page ${id}: the file ends before it`);
    const header = readPageHeader(first);
    if (header.id !== id) throw new BoltError(`page ${id}: says that it is page ${header.id}`);
    if (id + header.overflow >= pages) throw new BoltError(`page ${id}: ends beyond the database`);
    if (header.overflow === 0) return { ...header, bytes: first };
    return { ...header, bytes: this.#read(id * pageSize, (header.overflow + 1) * pageSize) };
  }

  /** The meta page of the newest transaction that is whole. The second one's place depends on the size of pages. */
  #newestMeta(): Meta {
    let newest: Meta | undefined;
    let problem: unknown;
    const look = (offset: number) => {
      try {
        const meta = readMeta(this.#read(offset, 512));
        if (!newest || meta.txid > newest.txid) newest = meta;
      } catch (error) {
        problem ??= error;
      }
    };
    look(0);
    if (newest) look(newest.pageSize);
    else for (let size = 1024; size <= 16 * defaultPageSize; size *= 2) look(size);
    if (!newest) throw problem;
    return newest;
  }
}

function pageOf(bytes: Buffer, what: string): Page {
  if (bytes.length < pageHeaderSize) throw new BoltError(`${what}: cut off`);
  return { ...readPageHeader(bytes), bytes };
}

function u32(page: Page, at: number): number {
  if (at + 4 > page.bytes.length) throw new BoltError(`page ${page.id}: cut off`);
  return page.bytes.readUInt32LE(at);
}

function part(page: Page, at: number, length: number): Buffer {
  if (at + length > page.bytes.length) throw new BoltError(`page ${page.id}: an entry lies outside`);
  return page.bytes.subarray(at, at + length);
}
