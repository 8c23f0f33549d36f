/** After the API server was away, everybody who watched goes on where he was: nobody lists anew, nothing is missed. */
import { expect, it } from 'vitest';
import type { Dispatch, ServerRequest } from '../../src/apiserver/index.ts';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster, readyPods, until } from './lab.ts';

interface Seen {
  readonly who: string;
  readonly path: string;
  readonly watch: boolean;
  readonly from: string | null;
}

/** Notes lists and watches of components, and the last version that each watch has brought. */
class Witness {
  seen: Seen[] = [];
  readonly last = new Map<string, string>();

  readonly interpose =
    (dispatch: Dispatch): Dispatch =>
    async (request) => {
      const response = await dispatch(request);
      const { body } = response;
      if (request.method !== 'GET' || (body.kind !== 'watch' && body.kind !== 'list')) return response;
      const who = request.user?.name ?? '';
      const key = keyOf(who, request);
      this.seen.push({
        who,
        path: request.path,
        watch: body.kind === 'watch',
        from: request.query.get('resourceVersion'),
      });
      if (body.kind === 'list') {
        this.last.set(key, (body.head as any).metadata.resourceVersion);
        return response;
      }
      const { last } = this;
      const events: typeof body.events = {
        async *[Symbol.asyncIterator]() {
          for await (const each of body.events) {
            const version = (each.event.object as any).metadata?.resourceVersion;
            if (version !== undefined) last.set(key, version);
            yield each;
          }
        },
      };
      return { ...response, body: { ...body, events } };
    };
}

const keyOf = (who: string, { path, query }: ServerRequest) =>
  `${who} ${path} ${query.get('fieldSelector') ?? ''} ${query.get('labelSelector') ?? ''}`;

const isComponent = ({ who }: Seen) => who.startsWith('system:') || who === 'klab:network';

async function withPods(witness: Witness): Promise<Cluster> {
  const cluster = await quietCluster({ nodes: 3, interpose: witness.interpose });
  await cluster.client
    .resource('deployments')
    .namespace('default')
    .create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 4,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
      },
    });
  await until(cluster, 'four pods', () => readyPods(cluster) === 4);
  await cluster.clock.advance(30_000);
  return cluster;
}

const watches = (seen: readonly Seen[]) =>
  seen
    .filter((each) => each.watch && isComponent(each))
    .map(({ who, path }) => `${who} ${path}`)
    .sort();

it('informers, kubelets, scheduler and network watch again from the last version they have seen', async () => {
  const witness = new Witness();
  await using cluster = await withPods(witness);
  const open = new Set(watches(witness.seen));
  expect([...open].filter((text) => text.startsWith('system:node:') && text.endsWith('/pods'))).toHaveLength(3);
  expect([...open].some((text) => text.startsWith('system:kube-scheduler '))).toBe(true);
  expect([...open].some((text) => text.startsWith('system:kube-controller-manager '))).toBe(true);
  for (let round = 0; round < 3; round++) {
    const known = new Map(witness.last);
    witness.seen = [];
    await cluster.components.stop('apiserver');
    for (const [key, version] of witness.last) known.set(key, version);
    await cluster.clock.advance(round * 7_000);
    await cluster.components.start('apiserver');
    await until(cluster, 'all watch again', () => new Set(watches(witness.seen)).size === open.size, 120_000);
    const lists = witness.seen.filter((each) => !each.watch && isComponent(each));
    expect(lists).toEqual([]);
    expect(new Set(watches(witness.seen))).toEqual(open);
    // Nobody goes back behind what he has seen.
    for (const { who, path, from } of witness.seen.filter((each) => each.watch && isComponent(each))) {
      const mine = [...known].filter(([key]) => key.startsWith(`${who} ${path} `)).map(([, version]) => version);
      expect(mine, `${who} ${path} from ${from}`).toContain(from);
    }
  }
});

it.each([['controller-manager'], ['scheduler'], ['kubelet', 'node-2']] as const)(
  'a %s that was stopped lists once, watches from there, and the others notice nothing',
  async (name, node?: string) => {
    const witness = new Witness();
    await using cluster = await withPods(witness);
    const pods = () =>
      cluster.server.reader.list('pods').map(({ metadata }) => `${metadata.uid} ${metadata.generation}`);
    const restarts = () =>
      cluster.server.reader
        .list('pods')
        .map(
          (pod: any) =>
            `${pod.metadata.name} ${pod.status.containerStatuses?.[0]?.containerID} ${pod.status.containerStatuses?.[0]?.restartCount}`,
        );
    const [before, containers] = [pods(), restarts()];
    witness.seen = [];
    await cluster.components.stop(name, node);
    await cluster.clock.advance(20_000);
    expect(witness.seen.filter(isComponent)).toEqual([]);
    await cluster.components.start(name, node);
    await cluster.clock.advance(30_000);
    const mine = witness.seen.filter(isComponent);
    const user = { 'controller-manager': 'system:kube-controller-manager', scheduler: 'system:kube-scheduler' };
    const who = name === 'kubelet' ? 'system:node:node-2' : user[name];
    expect(new Set(mine.map((each) => each.who))).toEqual(new Set([who]));
    const lists = mine.filter(({ watch }) => !watch).map(({ path }) => path);
    expect(lists.length).toBeGreaterThan(0);
    expect(new Set(lists).size).toBe(lists.length);
    expect(
      mine
        .filter(({ watch }) => watch)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(lists.sort());
    expect(pods()).toEqual(before);
    expect(restarts()).toEqual(containers);
  },
);
