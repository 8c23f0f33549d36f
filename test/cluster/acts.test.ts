/** Every kind of discovery, with everything turned on: either something acts on it, or the server says that nothing does. */
import { beforeAll, describe, expect, it } from 'vitest';
import { allResources } from '../../src/api/index.ts';
import { VirtualClock } from '../../src/base/index.ts';
import { describeResources } from '../../src/cli/describe/describe.ts';
import { Session } from '../../src/cli/session.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import { acts, stored } from '../api/acts.ts';
import { Printed } from '../helpers/cli-session.ts';
import { FakeApi } from '../helpers/fake-api.ts';
import { startMs } from './lab.ts';

interface Served {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** As a client finds them: group by group, version by version. */
async function discover(cluster: Cluster): Promise<Served[]> {
  const { groups }: any = await cluster.client.raw('/apis');
  const roots = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...groups.flatMap(({ name, versions }: any) =>
      versions.map(({ version }: any) => ({ group: name, version, path: `/apis/${name}/${version}` })),
    ),
  ];
  const served: Served[] = [];
  for (const { group, version, path } of roots) {
    const { resources }: any = await cluster.client.raw(path);
    for (const { name, kind, namespaced, verbs } of resources) {
      if (!name.includes('/')) served.push({ group, version, plural: name, kind, namespaced, verbs });
    }
  }
  return served;
}

describe('every kind of discovery', () => {
  let cluster: Cluster;
  let byDefault: Served[];
  let all: Served[];

  beforeAll(async () => {
    const quiet = { clock: new VirtualClock({ startMs }), seed: 'acts', api: false, etcd: false, nodes: 0 } as const;
    {
      await using plain = await createCluster(quiet);
      byDefault = await discover(plain);
    }
    cluster = await createCluster({
      ...quiet,
      clock: new VirtualClock({ startMs }),
      flags: { 'runtime-config': 'api/all=true', 'feature-gates': 'AllAlpha=true,AllBeta=true' },
    });
    all = await discover(cluster);
    return () => cluster.stop();
  });

  it('is on the page: by default, and with everything turned on', () => {
    const names = (served: readonly Served[]) =>
      [...new Set(served.map(({ kind, group }) => `${kind}.${group}`))].sort();
    const metrics = (name: string) => !name.endsWith('.metrics.k8s.io');
    const page = [...Object.keys(acts), ...Object.keys(stored)].sort();
    expect(
      names(byDefault)
        .filter(metrics)
        .filter((name) => !page.includes(name)),
    ).toEqual([]);
    expect(names(all).filter(metrics)).toEqual(page);
  });

  it('is warned of by the server when nothing acts on it, and only then', async () => {
    const told: string[] = [];
    const wanted: string[] = [];
    for (const { group, version, plural, kind, namespaced, verbs } of all) {
      if (!verbs.includes('create')) continue;
      const warnings: string[] = [];
      const root = group === '' ? '/api/v1' : `/apis/${group}/${version}`;
      // Whether it is valid is not the question: warnings are sent with refusals too.
      await cluster.server
        .handle({
          method: 'POST',
          path: `${root}${namespaced ? '/namespaces/default' : ''}/${plural}`,
          query: new URLSearchParams({ dryRun: 'All' }),
          headers: {},
          body: {
            object: { apiVersion: group === '' ? version : `${group}/${version}`, kind, metadata: { name: 'x' } },
          } as never,
          user: { name: 'kubernetes-admin', groups: ['system:masters'] },
          signal: new AbortController().signal,
          warnings,
        })
        .catch(() => undefined);
      const where = `${kind}.${group}/${version}`;
      if (`${kind}.${group}` in stored) {
        wanted.push(`${where} klab: nothing acts on ${kind} yet, it is only stored: ${stored[`${kind}.${group}`]}`);
      }
      told.push(...warnings.filter((text) => text.startsWith('klab:')).map((text) => `${where} ${text}`));
    }
    expect(told.sort()).toEqual(wanted.sort());
    expect(wanted.length).toBeGreaterThan(20);
  });

  it('says in klab describe when nothing acts on it, and only then', async () => {
    const client = new FakeApi(new VirtualClock({ startMs }), allResources).client();
    const session = new Session(client, { server: {} as NonNullable<Session['server']> });
    const wrong: string[] = [];
    for (const [key, kind] of [...Object.keys(stored), ...Object.keys(acts)].map((name) => [
      name,
      name.split('.')[0]!,
    ])) {
      const rows = allResources.filter((row) => `${row.kind}.${row.group}` === key && !row.virtual);
      for (const { group, version, plural, namespaced } of rows) {
        const io = new Printed();
        const name = `x-${version}`;
        await client.resource(group === '' ? plural : `${plural}.${version}.${group}`).create({
          apiVersion: group === '' ? version : `${group}/${version}`,
          kind: kind!,
          metadata: { name, ...(namespaced ? { namespace: 'default' } : {}) },
        });
        const word = group === '' ? plural : `${plural}.${version}.${group}`;
        await describeResources(session, { words: [word, name] }, io).catch((error: Error) => {
          io.err(error.message);
        });
        const note = `Note:  nothing acts on ${kind} yet, klab only stores it: ${stored[key!]}\n`;
        if (io.stdout.includes(key! in stored ? note : 'nothing acts on') !== key! in stored)
          wrong.push(`${word}: ${io.stdout}${io.stderr}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
