import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoltReader } from '../../../src/etcd/bolt/reader.ts';
import { BoltWriter } from '../../../src/etcd/bolt/writer.ts';

type Entries = readonly (readonly [Buffer, Buffer])[];

function written(buckets: Readonly<Record<string, Entries>>, pageSize = 4096): Buffer {
  const pages: Uint8Array[] = [];
  const writer = new BoltWriter((page) => pages.push(Buffer.from(page)), { pageSize });
  for (const [name, entries] of Object.entries(buckets)) {
    const bucket = writer.bucket(name);
    for (const [key, value] of entries) bucket.add(key, value);
    bucket.end();
  }
  return Buffer.concat([writer.finish(), ...pages]);
}

const reader = (file: Buffer) => new BoltReader((offset, length) => file.subarray(offset, offset + length));

function contentOf(file: Buffer): Record<string, [string, string][]> {
  const from = reader(file);
  return Object.fromEntries(
    from.buckets.map((name) => [
      name,
      [...from.entries(name)].map(({ key, value }) => [key.toString('hex'), value.toString('hex')]),
    ]),
  );
}

const numbered = (count: number, valueSize: number): Entries =>
  Array.from({ length: count }, (_, i) => [
    Buffer.from(`key-${String(i).padStart(8, '0')}`),
    Buffer.alloc(valueSize, i % 251),
  ]);

describe('a bbolt file', () => {
  it('holds what was written: empty buckets, one page, many levels, values over many pages', () => {
    const buckets = {
      alarm: [],
      few: numbered(3, 10),
      key: numbered(20_000, 40),
      large: [...numbered(2, 50_000), [Buffer.from('z'), Buffer.alloc(0)] as const],
    };
    const file = written(buckets);
    expect(file.length % 4096).toBe(0);
    const read = contentOf(file);
    expect(Object.keys(read)).toEqual(['alarm', 'few', 'key', 'large']);
    for (const [name, entries] of Object.entries(buckets)) {
      expect(read[name]).toEqual(entries.map(([key, value]) => [key.toString('hex'), value.toString('hex')]));
    }
    expect(reader(file).size).toBe(file.length);
  });

  it('holds whatever is written, for any keys and any size of pages', () => {
    const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(bytes(1, 40), bytes(0, 3000)), { maxLength: 60 }),
        fc.constantFrom(1024, 4096, 16384),
        (entries, pageSize) => {
          const byKey = new Map(entries.map(([key, value]) => [Buffer.from(key).toString('hex'), Buffer.from(value)]));
          const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
          const file = written({ any: sorted.map(([key, value]) => [Buffer.from(key, 'hex'), value]) }, pageSize);
          expect(contentOf(file)['any']).toEqual(sorted.map(([key, value]) => [key, value.toString('hex')]));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is refused by name when a byte of its structure is wrong', () => {
    const file = written({ key: numbered(500, 20) });
    const broken = (change: (copy: Buffer) => void) => () => {
      const copy = Buffer.from(file);
      change(copy);
      return contentOf(copy);
    };
    expect(broken((copy) => copy.fill(0))).toThrow('invalid database');
    expect(broken((copy) => copy.subarray(4096 + 16).writeUInt32LE(0))).not.toThrow();
    expect(
      broken((copy) => {
        copy[40]!++;
        copy[4096 + 40]!++;
      }),
    ).toThrow('checksum error');
    expect(broken((copy) => copy.writeUInt32LE(0xffff, 2 * 4096 + 16 + 4))).toThrow('page 2: an entry lies outside');
    expect(broken((copy) => copy.writeUInt16LE(0x40, 2 * 4096 + 8))).toThrow('page 2: neither leaf nor branch');
    expect(() => contentOf(file.subarray(0, 4 * 4096))).toThrow(/page \d+: the file ends before it/);
  });

  it('takes keys only in order, one bucket at a time', () => {
    const writer = new BoltWriter(() => {});
    const bucket = writer.bucket('b');
    bucket.add(Buffer.from('b'), Buffer.alloc(0));
    expect(() => bucket.add(Buffer.from('a'), Buffer.alloc(0))).toThrow('keys must ascend');
    expect(() => bucket.add(Buffer.alloc(0), Buffer.alloc(0))).toThrow('key required');
    expect(() => writer.bucket('c')).toThrow('still open');
    bucket.end();
    expect(() => writer.bucket('a')).toThrow('bucket a comes after b');
  });
});
