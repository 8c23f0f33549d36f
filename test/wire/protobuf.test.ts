import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  always,
  bigUint64,
  bool,
  bytes,
  double,
  exactInt64,
  type Infer,
  int32,
  int64,
  type MessageType,
  map,
  message,
  nested,
  oneof,
  optional,
  repeated,
  repeatedUnpacked,
  string,
  uint32,
} from '../../src/wire/index.ts';

const Inner = message('Inner', { name: string(1), n: int32(2) });
const All = message('All', {
  flag: bool(1),
  text: string(2),
  blob: bytes(3),
  i32: int32(4),
  u32: uint32(5),
  i64: int64(6),
  exact: exactInt64(7),
  big: bigUint64(8),
  real: double(9),
  inner: nested(10, Inner),
  list: repeated(nested(11, Inner)),
  numbers: repeated(int64(12)),
  unpacked: repeatedUnpacked(int32(13)),
  labels: map('string', string(14)),
  maybe: optional(int32(15)),
  written: always(int32(16)),
  ...oneof('choice', { left: string(17), right: nested(18, Inner) }),
});

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

test('the bytes are those of the protobuf specification', () => {
  // The three examples of the encoding guide: varint 150, "testing", packed [3, 270, 86942].
  expect(hex(message('T', { a: int32(1) }).encode({ a: 150 }))).toBe('089601');
  expect(hex(message('T', { b: string(2) }).encode({ b: 'testing' }))).toBe('120774657374696e67');
  expect(hex(message('T', { f: repeated(int32(6)) }).encode({ f: [3, 270, 86942] }))).toBe('3206038e029ea705');
  expect(hex(message('T', { n: int64(1) }).encode({ n: -2 }))).toBe('08feffffffffffffffff01');
});

test('what was encoded is decoded', () => {
  const inner = fc.record({ name: fc.string(), n: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) });
  const value = fc.record({
    flag: fc.boolean(),
    text: fc.string({ unit: 'grapheme' }),
    blob: fc.uint8Array({ maxLength: 300 }),
    i32: fc.integer(),
    u32: fc.nat(),
    i64: fc.maxSafeInteger(),
    exact: fc.maxSafeInteger(),
    big: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    real: fc.double({ noNaN: true }).map((n) => n + 0),
    list: fc.array(inner, { maxLength: 5 }),
    numbers: fc.array(fc.maxSafeInteger(), { maxLength: 5 }),
    unpacked: fc.array(fc.integer(), { maxLength: 5 }),
    labels: fc.dictionary(fc.string(), fc.string(), { maxKeys: 5, noNullPrototype: true }),
    written: fc.integer(),
  });
  fc.assert(
    fc.property(value, fc.option(inner, { nil: undefined }), (v, inner) => {
      const decoded = All.decode(All.encode({ ...v, inner }));
      expect(decoded).toEqual(inner ? { ...v, inner } : v);
    }),
  );
});

test('presence: implicit zeros are left out, optional zeros and always-fields are written', () => {
  expect(hex(All.encode({ i32: 0, text: '', flag: false, blob: new Uint8Array(0) }))).toBe('800100');
  expect(hex(All.encode({ maybe: 0 }))).toBe('7800800100');
  const decoded = All.decode(new Uint8Array(0));
  expect(decoded.maybe).toBeUndefined();
  expect(decoded.inner).toBeUndefined();
  expect(decoded).toMatchObject({ flag: false, text: '', i32: 0, i64: 0, big: 0n, list: [], labels: {} });
});

test('64-bit integers follow their policy at the edge of the safe integers', () => {
  const Longs = message('Longs', { saturating: int64(1), exact: exactInt64(2) });
  const read = (n: bigint) => Longs.decode(message('L', { a: exactInt64(1), b: exactInt64(2) }).encode({ a: n, b: n }));
  for (const n of [0n, 1n, 127n, 128n, 2n ** 48n, 2n ** 49n, 2n ** 53n - 1n, -1n, -(2n ** 53n) + 1n]) {
    expect(read(n)).toEqual({ saturating: Number(n), exact: Number(n) });
  }
  expect(read(2n ** 63n - 1n)).toEqual({ saturating: Number.MAX_SAFE_INTEGER, exact: 2n ** 63n - 1n });
  expect(read(-(2n ** 63n))).toEqual({ saturating: Number.MIN_SAFE_INTEGER, exact: -(2n ** 63n) });
});

test('of a oneof the last member on the wire wins', () => {
  const both = Buffer.concat([All.encode({ left: 'a' }), All.encode({ right: { name: 'b' } })]);
  const decoded = All.decode(both);
  expect(decoded.left).toBeUndefined();
  expect(decoded.right).toEqual({ name: 'b', n: 0 });
});

test('packed and unpacked numbers are read by either reader', () => {
  const Packed = message('P', { n: repeated(int32(1)) });
  const Unpacked = message('U', { n: repeatedUnpacked(int32(1)) });
  expect(Unpacked.decode(Packed.encode({ n: [1, -2, 3] })).n).toEqual([1, -2, 3]);
  expect(Packed.decode(Unpacked.encode({ n: [1, -2, 3] })).n).toEqual([1, -2, 3]);
});

test('maps are written in key order and may hold any key', () => {
  const a = All.encode({ labels: { b: '2', a: '1' } });
  expect(hex(a)).toBe(hex(All.encode({ labels: { a: '1', b: '2' } })));
  const odd = Object.fromEntries([['__proto__', 'x']]);
  expect(Object.entries(All.decode(All.encode({ labels: odd })).labels)).toEqual([['__proto__', 'x']]);
});

test('unknown fields are skipped, whatever their wire type', () => {
  const Wide = message('W', { a: int64(1), b: double(2), c: string(3), d: nested(4, Inner), n: int32(9) });
  const Narrow = message('N', { n: int32(9) });
  expect(Narrow.decode(Wide.encode({ a: 5, b: 1.5, c: 'x', d: { n: 1 }, n: 7 }))).toEqual({ n: 7 });
});

interface Tree {
  label: string;
  children: Tree[];
}
const TreeMessage: MessageType<Tree> = message<Tree>('Tree', {
  label: string(1),
  children: repeated(nested(2, (): MessageType<Tree> => TreeMessage)),
});

test('a message may contain itself, but not without end', () => {
  const tree = { label: 'a', children: [{ label: 'b', children: [{ label: 'c', children: [] }] }] };
  expect(TreeMessage.decode(TreeMessage.encode(tree))).toEqual(tree);
  let deep: Tree = { label: '', children: [] };
  for (let i = 0; i < 400; i++) deep = { label: '', children: [deep] };
  expect(() => TreeMessage.decode(TreeMessage.encode(deep))).toThrowError('maximum recursion depth reached');
});

test('malformed input throws and never reads past its end', () => {
  const good = All.encode({
    text: 'hello',
    inner: { name: 'x' },
    list: [{ n: 5 }],
    numbers: [1, 2, 300],
    labels: { a: 'b' },
  });
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(good.length - 1), fc.nat(255), (cut, at, byte) => {
      const damaged = Uint8Array.from(good);
      damaged[at] = byte;
      for (const input of [good.subarray(0, cut), damaged]) {
        try {
          All.decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
    }),
  );
  expect(() => All.decode(Uint8Array.of(0x12, 0x05, 0x61))).toThrowError();
  expect(() => All.decode(Uint8Array.of(0x00))).toThrowError('illegal tag');
});

test('a failed encode does not spoil the next one', () => {
  expect(() => All.encode({ u32: -1 })).toThrowError();
  expect(hex(Inner.encode({ name: 'ok' }))).toBe('0a026f6b');
});

test('decoded bytes are copies without a Buffer in sight', () => {
  const wire = Buffer.from(All.encode({ blob: Uint8Array.of(1, 2, 3) }));
  const { blob } = All.decode(wire);
  wire.fill(0);
  expect(blob).toEqual(Uint8Array.of(1, 2, 3));
  expect(Buffer.isBuffer(blob)).toBe(false);
});

test('short bytes of a long message are copies too, and none keeps more than a slab', () => {
  const List = message('List', { items: repeated(bytes(1)) });
  const items = Array.from({ length: 100 }, (_, i) => new Uint8Array(i * 97).fill(i));
  const wire = List.encode({ items });
  const found = List.decode(wire).items;
  wire.fill(0xff);
  expect(found).toEqual(items);
  for (const item of found) {
    expect(item.buffer).not.toBe(wire.buffer);
    expect(item.buffer.byteLength).toBeLessThanOrEqual(Math.max(8192, item.length));
  }
  expect(new Set(found.map(({ buffer }) => buffer)).size).toBeLessThan(80);
});

test('types are inferred', () => {
  const value: Infer<typeof Inner> = { name: 'x', n: 1 };
  // @ts-expect-error a number is no string
  value.name = 5;
  expect(value.n).toBe(1);
});

test('a long message can go out in a buffer that is used again; others copy it', () => {
  const Blob = message('Blob', { data: bytes(1) });
  const long = (fill: number) => Blob.encodeOnLoan({ data: new Uint8Array(200_000).fill(fill) }, 5);
  const intact = ({ bytes: found }: { readonly bytes: Uint8Array }, fill: number) =>
    found.length > 200_000 &&
    found.subarray(0, 5).every((byte) => byte === 0) &&
    Blob.decode(found.slice(5)).data.every((byte) => byte === fill);

  expect(Blob.encodeOnLoan({ data: new Uint8Array(100) }, 5).release, 'a short one is a copy').toBeUndefined();
  const [first, second] = [long(1), long(2)];
  expect([first.release, second.release]).toEqual([expect.any(Function), expect.any(Function)]);
  const third = long(3);
  expect(third.release, 'enough is out').toBeUndefined();
  // What is encoded meanwhile does not touch them.
  Blob.encode({ data: new Uint8Array(200_000).fill(4) });
  expect([intact(first, 1), intact(second, 2), intact(third, 3)]).toEqual([true, true, true]);

  first.release!();
  first.release!();
  second.release!();
  const buffers = new Set([first.bytes.buffer, second.bytes.buffer]);
  const again = [long(5), long(6)];
  expect([intact(again[0]!, 5), intact(again[1]!, 6), intact(third, 3)]).toEqual([true, true, true]);
  expect(
    again.some((loan) => buffers.has(loan.bytes.buffer)),
    'one of the buffers is in use again',
  ).toBe(true);
  for (const { release } of again) release!();
});
