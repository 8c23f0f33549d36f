/** The promise: same seed, same history. And: every revision tells who made it and what for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ClusterOptions } from '../../src/cluster/options.ts';
import type { HistoryEntry, Provenance } from '../../src/etcd/index.ts';
import { bookshop, bookshopPods, changes, createAll, historyLines, quietCluster, readyPods, until } from './lab.ts';

/** The bookshop from nothing to Running, and a minute more. */
async function bookshopHistory(options: ClusterOptions = {}): Promise<string[]> {
  await using cluster = await quietCluster(options);
  await createAll(cluster, bookshop());
  await until(cluster, 'the bookshop runs', () => readyPods(cluster) === bookshopPods);
  await cluster.clock.advance(60_000);
  return historyLines(cluster);
}

describe('the history of a cluster', () => {
  it('is the same for the same seed, to the last byte', async () => {
    const first = await bookshopHistory();
    expect(first.length).toBeGreaterThan(400);
    expect(await bookshopHistory()).toEqual(first);
  });

  it('is the same on SQLite as in memory', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-history-'));
    try {
      expect(await bookshopHistory({ dir, store: 'sqlite' })).toEqual(await bookshopHistory());
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('is another one for another seed', async () => {
    const names = (lines: string[]) => lines.filter((line) => line.includes(' /registry/pods/')).sort();
    const [one, two] = [await bookshopHistory({ seed: 'one' }), await bookshopHistory({ seed: 'two' })];
    expect(names(one)).not.toEqual(names(two));
  });
});

describe('provenance', () => {
  /** Key of the store of a cause's object: `replicasets.apps/default/web` → `/registry/replicasets/default/web`. */
  const keyOf = (object: string) => {
    const [resource = '', namespace = '', name = ''] = object.split('/');
    const plural = resource.split('.')[0]!;
    const folder = plural === 'nodes' ? 'minions' : plural === 'services' ? 'services/specs' : plural;
    return `/registry/${folder}/${namespace === '' ? '' : `${namespace}/`}${name}`;
  };
  const keyText = (entry: HistoryEntry) => Buffer.from(entry.key).toString('utf8');

  it('leads from a pod through replica set and deployment to the user, and every write of a component has a cause', async () => {
    await using cluster = await quietCluster();
    await createAll(cluster, bookshop());
    await until(cluster, 'the bookshop runs', () => readyPods(cluster) === bookshopPods);
    const all = changes(cluster);
    const at = new Map(all.map((entry) => [`${keyText(entry)}@${entry.revision}`, entry]));

    const chainOf = (entry: HistoryEntry): string[] => {
      const chain: string[] = [];
      for (let link: HistoryEntry | undefined = entry; link; ) {
        const { actor, cause }: Provenance = link.provenance!;
        chain.push(`${keyText(link).replace(/-[a-z0-9]{5,10}(-[a-z0-9]{5})?$/, '')} by ${actor}`);
        link = cause?.object === undefined ? undefined : at.get(`${keyOf(cause.object)}@${cause.revision}`);
        if (cause?.object !== undefined)
          expect(link, `${cause.object}@${cause.revision} is in the history`).toBeDefined();
      }
      return chain;
    };
    const born = all.filter((entry) => entry.version === 1 && keyText(entry).startsWith('/registry/pods/'));
    expect(born).toHaveLength(bookshopPods);
    const catalog = born.find((entry) => keyText(entry).includes('/catalog-'))!;
    expect(chainOf(catalog)).toEqual([
      '/registry/pods/default/catalog by controller:replicaset',
      '/registry/replicasets/default/catalog by controller:deployment',
      '/registry/deployments/default/catalog by user:kubernetes-admin',
    ]);
    for (const entry of born) expect(chainOf(entry).at(-1)).toMatch(/ by user:kubernetes-admin$/);

    // A scheduled pod: bound by the scheduler because of the pod; its status by the kubelet because of the binding.
    const life = all.filter((entry) => keyText(entry) === keyText(catalog));
    expect(life[1]!.provenance).toMatchObject({ actor: 'scheduler', cause: { revision: catalog.revision } });
    expect(life[2]!.provenance!.actor).toMatch(/^kubelet:node-[123]$/);
    expect(life[2]!.provenance!.cause).toMatchObject({ revision: life[1]!.revision });

    const unexplained = all.filter(({ provenance }) => !provenance?.cause && !provenance?.actor.startsWith('user:'));
    expect(unexplained.map((entry) => `${keyText(entry)} by ${entry.provenance?.actor}`)).toEqual([]);
  });
});
