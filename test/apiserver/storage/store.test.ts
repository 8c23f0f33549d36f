import { describe, expect, it } from 'vitest';
import { encodeProtobuf } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { runCompactor } from '../../../src/apiserver/storage/compactor.ts';
import { decodeContinue, encodeContinue } from '../../../src/apiserver/storage/continue-token.ts';
import { encodeForStorage, StoredEntry } from '../../../src/apiserver/storage/entry.ts';
import { keyBytes, prefixEnd } from '../../../src/apiserver/storage/keys.ts';
import { ObjectStore } from '../../../src/apiserver/storage/store.ts';
import { silentLogger, VirtualClock } from '../../../src/base/index.ts';
import { MemoryKV } from '../memory-kv.ts';

const provenance = { actor: 'test' };
const key = '/registry/configmaps/default/a';
const object = (data: Record<string, unknown>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'default' },
  data,
});

describe('entries', () => {
  it('encode with the resourceVersion put into the stored bytes', () => {
    const value = encodeForStorage({ ...object({ x: 'ü' }), metadata: { name: 'a', resourceVersion: '3' } });
    const entry = new StoredEntry(key, value, 7);
    expect(JSON.parse(Buffer.from(entry.encoded()).toString())).toEqual(entry.object);
    expect(entry.object.metadata.resourceVersion).toBe('7');
  });

  it('encode right whatever shape a foreign writer stored', () => {
    for (const text of [
      '{"kind":"ConfigMap","data":{"resourceVersion":"9"},"metadata":{"name":"a"},"apiVersion":"v1"}',
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"1"}}',
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}',
    ]) {
      const entry = new StoredEntry(key, Buffer.from(text), 7);
      const sent = JSON.parse(Buffer.from(entry.encoded()).toString());
      expect(sent).toEqual(entry.object);
      expect(sent.metadata.resourceVersion).toBe('7');
    }
  });

  it('keep integers beyond 2^53', () => {
    const entry = new StoredEntry(key, Buffer.from('{"metadata":{"name":"a"},"n":9007199254740993}'), 7);
    expect(entry.object['n']).toBe(9007199254740993n);
    expect(Buffer.from(entry.encoded()).toString()).toContain('"n":9007199254740993');
    expect(Buffer.from(encodeForStorage(entry.object)).toString()).toContain('"n":9007199254740993');
  });

  it('read what another API server stored as protobuf', () => {
    const stored = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: 'v' } };
    const entry = new StoredEntry(key, encodeProtobuf(stored), 7);
    expect(entry.object).toEqual({ ...stored, metadata: { name: 'a', resourceVersion: '7' } });
    expect(JSON.parse(Buffer.from(entry.encoded()).toString())).toEqual(entry.object);
  });

  it('are stored as protobuf when told to, but for kinds that have no message', async () => {
    const kv = new MemoryKV();
    const store = new ObjectStore({ kv }, { mediaType: 'application/vnd.kubernetes.protobuf' });
    const written = await store.create(key, object({ k: 'v' }), { provenance });
    const stored = (await kv.range({ key: keyBytes(key) })).kvs[0]!;
    expect(Buffer.from(stored.value).subarray(0, 4).toString('latin1')).toBe('k8s\0');
    expect(new StoredEntry(key, stored.value, stored.modRevision).object).toEqual(written.object);
    const custom = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' } };
    expect(Buffer.from(encodeForStorage(custom, 'application/vnd.kubernetes.protobuf')).toString()).toContain('Widget');
  });

  it('say what they cannot read', () => {
    for (const value of ['k8s\0...', '{']) {
      const entry = new StoredEntry(key, Buffer.from(value), 7);
      expect(() => entry.object).toThrow(`${key} at revision 7 cannot be decoded: `);
    }
  });
});

describe('guaranteedUpdate', () => {
  it('believes an error of the update only against fresh state', async () => {
    const kv = new MemoryKV();
    const store = new ObjectStore({ kv });
    const stale = await store.create(key, object({ n: '1' }), { provenance });
    await store.guaranteedUpdate(key, () => object({ n: '2' }), { provenance });
    const seen: unknown[] = [];
    const attempt = store.guaranteedUpdate(
      key,
      (current) => {
        seen.push(current?.object['data'].n);
        throw new Error('no');
      },
      { provenance, cached: stale },
    );
    await expect(attempt).rejects.toThrow('no');
    expect(seen).toEqual(['1', '2']);
  });

  it('writes on the state that won when it lost a race', async () => {
    const kv = new MemoryKV();
    const store = new ObjectStore({ kv });
    const cached = await store.create(key, object({ a: '1' }), { provenance });
    let raced = false;
    kv.beforeTxn = async () => {
      if (raced) return;
      raced = true;
      await kv.put({ key: keyBytes(key), value: encodeForStorage(object({ b: '2' })) });
    };
    const { entry } = await store.guaranteedUpdate(key, (current) => object({ ...current!.object['data'], c: '3' }), {
      provenance,
      cached,
    });
    expect(entry.object['data']).toEqual({ b: '2', c: '3' });
  });

  it('checks a no-op against the store before it says that nothing changed', async () => {
    const kv = new MemoryKV();
    const store = new ObjectStore({ kv });
    const stale = await store.create(key, object({ n: '1' }), { provenance });
    await store.guaranteedUpdate(key, () => object({ n: '2' }), { provenance });
    const back = await store.guaranteedUpdate(key, () => object({ n: '1' }), { provenance, cached: stale });
    expect([back.changed, back.entry.revision]).toEqual([true, 4]);
  });
});

describe('continue tokens', () => {
  const prefix = '/registry/pods/';

  it('round-trip', () => {
    const token = encodeContinue('/registry/pods/default/a\0', prefix, 12);
    expect(decodeContinue(token, prefix)).toEqual({ startKey: '/registry/pods/default/a\0', revision: 12 });
  });

  it('do not lead out of the prefix, whoever made them', () => {
    const make = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const start of ['../secrets/x', 'default/../../secrets', '', 'a//b', './a']) {
      const token = make({ v: 'meta.k8s.io/v1', rv: 5, start });
      expect(() => decodeContinue(token, prefix)).toThrow('invalid continue token: continue key is not valid: ');
    }
    expect(decodeContinue(make({ v: 'meta.k8s.io/v1', rv: 5, start: '/a' }), prefix).startKey).toBe('/registry/pods/a');
    expect(() => decodeContinue(make({ v: 'v9', rv: 5, start: 'a' }), prefix)).toThrow(
      'server does not recognize this encoded version v9',
    );
    expect(() => decodeContinue('%%%', prefix)).toThrow('illegal base64 data at input byte 0');
  });
});

describe('ranges', () => {
  it('end where the prefix ends', () => {
    expect([...prefixEnd(new Uint8Array([1, 2]))]).toEqual([1, 3]);
    expect([...prefixEnd(new Uint8Array([1, 0xff]))]).toEqual([2]);
    expect([...prefixEnd(new Uint8Array([0xff]))]).toEqual([0]);
  });
});

describe('compactor', () => {
  it('compacts to the revision of one interval ago, in turns with other servers', async () => {
    const kv = new MemoryKV();
    const clock = new VirtualClock({ startMs: 0 });
    const abort = new AbortController();
    const compactors = [1, 2].map(() => runCompactor({ kv, clock, log: silentLogger }, abort.signal));
    const write = () => kv.put({ key: keyBytes('/x'), value: keyBytes('y') });
    await write();
    await clock.advance(300_000);
    expect(kv.compacted).toBe(0);
    const first = kv.revision;
    await write();
    await clock.advance(300_000);
    expect(kv.compacted).toBeGreaterThan(0);
    expect(kv.compacted).toBeLessThanOrEqual(first);
    abort.abort();
    await Promise.all(compactors);
  });
});
