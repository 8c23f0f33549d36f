import { describe, expect, it } from 'vitest';
import { type KubeObject, parseLabelSelector } from '../../../src/apimachinery/index.ts';
import { ResourceCache } from '../../../src/apiserver/cache/resource-cache.ts';
import type { Selection } from '../../../src/apiserver/cache/watcher.ts';
import { StoredEntry } from '../../../src/apiserver/storage/entry.ts';
import { Prng, VirtualClock } from '../../../src/base/index.ts';

const view = { apiVersion: 'v1', kind: 'ConfigMap' };
const prefix = '/registry/configmaps/';

/** How often objects' labels are looked at, which is what an index is to save. */
let looks = 0;

function entry(namespace: string, name: string, revision: number, labels: Record<string, string>): StoredEntry {
  const metadata = {
    name,
    namespace,
    resourceVersion: String(revision),
    get labels() {
      looks++;
      return labels;
    },
  };
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  return new StoredEntry(`${prefix}${namespace}/${name}`, new Uint8Array(), revision, object);
}

function selection(text: string, under = prefix): Selection {
  const selector = parseLabelSelector(text);
  return {
    prefix: under,
    view,
    labels: selector.requirements,
    matches: (object) => selector.matches(object.metadata.labels),
  };
}

function cacheOf(entries: readonly StoredEntry[]): ResourceCache {
  const cache = new ResourceCache({ clock: new VirtualClock({ startMs: 0 }) }, { prefix });
  cache.load(entries, 1);
  return cache;
}

const padded = (i: number) => String(i).padStart(5, '0');

describe('label selectors on a cache of many objects', () => {
  it('cost what they find, not what there is', () => {
    const objects = Array.from({ length: 5000 }, (_, i) => entry('a', padded(i), 1, { app: `app-${i % 500}` }));
    const cache = cacheOf(objects);
    expect(cache.list(selection('app=app-7')).entries).toHaveLength(10);
    looks = 0;
    const { entries } = cache.list(selection('app in (app-8, app-9),tier!=web'));
    expect(entries.map(({ key }) => key)).toEqual(
      objects.filter((_, i) => i % 500 === 8 || i % 500 === 9).map(({ key }) => key),
    );
    expect(looks).toBeLessThanOrEqual(100);
  });

  it('find the same as a scan, whatever changes and whatever is asked', () => {
    const prng = new Prng('label-index');
    const kept = new Map<string, StoredEntry>();
    const pick = <T>(values: readonly T[]): T => values[Math.floor(prng.float() * values.length)]!;
    const labels = () => {
      const made: Record<string, string> = {};
      for (const key of ['app', 'tier', 'zone', '__proto__x'])
        if (prng.float() < 0.7) made[key] = pick(['a', 'b', 'c', '']);
      return made;
    };
    for (let i = 0; i < 400; i++) {
      const made = entry(pick(['x', 'y']), padded(i), 1, labels());
      kept.set(made.key, made);
    }
    const inOrder = () => [...kept.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const cache = cacheOf(inOrder());
    const texts = ['app=a', 'app in (a,b),tier=c', 'tier notin (a)', 'zone', '!zone,app=', 'app=b,app=c', 'nobody=x'];
    let revision = 1;
    for (let step = 0; step < 600; step++) {
      const namespace = pick(['x', 'y']);
      const name = padded(Math.floor(prng.float() * 450));
      const key = `${prefix}${namespace}/${name}`;
      revision++;
      if (prng.float() < 0.3) {
        kept.delete(key);
        cache.apply(key, revision, undefined);
      } else {
        const changed = entry(namespace, name, revision, labels());
        kept.set(key, changed);
        cache.apply(key, revision, changed);
      }
      const asked = selection(pick(texts), pick([prefix, `${prefix}x/`]));
      const start = prng.float() < 0.3 ? `${prefix}x/${padded(200)}` : undefined;
      const expected = inOrder().filter(
        (one) => one.key.startsWith(asked.prefix) && (!start || one.key >= start) && asked.matches!(one.object),
      );
      const found = cache.list(asked, start === undefined ? {} : { start }).entries;
      expect(found.map((one) => `${one.key}@${one.revision}`)).toEqual(
        expected.map((one) => `${one.key}@${one.revision}`),
      );
    }
  });

  it('go on finding everything when more labels are asked for than are indexed at a time', () => {
    const objects = Array.from({ length: 300 }, (_, i) =>
      entry('a', padded(i), 1, Object.fromEntries(Array.from({ length: 12 }, (_, k) => [`k${k}`, String(i % 3)]))),
    );
    const cache = cacheOf(objects);
    for (let round = 0; round < 3; round++) {
      for (let k = 0; k < 12; k++) expect(cache.list(selection(`k${k}=1`)).entries).toHaveLength(100);
    }
  });
});
