/** Components that stop and start while the rest lives on: nothing missed, nothing twice, nobody left behind. */
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject, WatchEvent } from '../../src/apimachinery/index.ts';
import { SharedInformerFactory } from '../../src/client/index.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import { pods, quietCluster, readyPods, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const deployments = () => cluster.client.resource('deployments').namespace('default');

function deployment(replicas: number, image = 'nginx:1.27'): any {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
    },
  };
}

const states = () =>
  Object.fromEntries(
    cluster.components.list().map(({ name, node, state }) => [node ? `${name} ${node}` : name, state]),
  );

/** All pods run the image, and there are as many as wanted: no orphan, no double. */
function rolled(replicas: number, image: string): boolean {
  const all = cluster.server.reader.list('pods').filter(({ metadata }) => metadata.namespace === 'default') as any[];
  return (
    all.length === replicas &&
    readyPods(cluster) === replicas &&
    all.every((pod) => pod.spec.containers[0].image === image)
  );
}

/** Every pod has an owner that is there; every ReplicaSet is the Deployment's. */
function orphans(): string[] {
  const uids = new Set(
    ['replicasets.apps', 'deployments.apps'].flatMap((key: any) =>
      cluster.server.reader.list(key).map(({ metadata }) => metadata.uid),
    ),
  );
  return (['pods', 'replicasets.apps'] as const).flatMap((key: any) =>
    cluster.server.reader
      .list(key)
      .filter(({ metadata }) => metadata.namespace === 'default')
      .filter(({ metadata }) => !metadata.ownerReferences?.some(({ uid }) => uids.has(uid)))
      .map(({ metadata }) => `${key} ${metadata.name}`),
  );
}

describe('a rollout', () => {
  it.each([
    ['apiserver', undefined],
    ['controller-manager', undefined],
    ['scheduler', undefined],
    ['kubelet', 'node-2'],
    ['proxy', 'node-2'],
  ])('converges when the %s stops in its middle and comes back', async (name, node) => {
    cluster = await quietCluster({ seed: `rollout ${name}` });
    await deployments().create(deployment(6));
    await until(cluster, 'six pods', () => rolled(6, 'nginx:1.27'));
    for (const [round, image] of ['nginx:1.28', 'nginx:1.29', 'nginx:1.30'].entries()) {
      await deployments().patch('web', 'strategic', {
        spec: { template: { spec: { containers: [{ name: 'web', image }] } } },
      });
      // Somewhere in the middle of it, each time elsewhere.
      await cluster.clock.advance(40 + round * 55);
      expect(rolled(6, image)).toBe(false);
      await cluster.components.stop(name, node);
      await cluster.clock.advance(4_000 + round * 15_000);
      await cluster.components.start(name, node);
      await until(cluster, `rolled to ${image}`, () => rolled(6, image));
      expect(orphans()).toEqual([]);
      const uids = pods(cluster).map(({ uid }) => uid);
      expect(new Set(uids).size).toBe(uids.length);
    }
    expect(new Set(Object.values(states()))).toEqual(new Set(['running']));
  });
});

describe('the API server', () => {
  it('refuses while it is stopped; pods and nodes live on, and nothing is lost', async () => {
    cluster = await quietCluster();
    await deployments().create(deployment(3));
    await until(cluster, 'three pods', () => readyPods(cluster) === 3);
    const before = pods(cluster);
    await cluster.components.stop('apiserver');
    const { revision } = cluster.etcd.member().header();
    expect(states()).toMatchObject({ apiserver: 'stopped', scheduler: 'running' });
    await expect(deployments().get('web')).rejects.toThrow(/dial tcp 127\.0\.0\.1:6443: connect: connection refused/);
    await cluster.clock.advance(30_000);
    expect(cluster.etcd.member().header().revision).toBe(revision);
    for (const { node, uid } of before) expect(await cluster.nodes.podStats(node, uid)).toHaveLength(1);
    await cluster.components.start('apiserver');
    await cluster.clock.advance(60_000);
    expect(pods(cluster)).toEqual(before);
    for (const node of cluster.server.reader.list('nodes')) {
      const ready = (node as any).status.conditions.find((c: any) => c.type === 'Ready');
      expect(ready.status).toBe('True');
    }
  });

  it('is missed for longer than the grace, and still no node is taken for dead when it is back', async () => {
    cluster = await quietCluster();
    await deployments().create(deployment(3));
    await until(cluster, 'three pods', () => readyPods(cluster) === 3);
    const before = pods(cluster);
    await cluster.components.stop('apiserver');
    await cluster.clock.advance(600_000);
    await cluster.components.start('apiserver');
    await cluster.clock.advance(600_000);
    expect(pods(cluster)).toEqual(before);
  });

  it('gives uids and names that were never given before', async () => {
    cluster = await quietCluster();
    const uids = new Set<string>();
    const make = async () => {
      const made = await cluster.client
        .resource('configmaps')
        .namespace('default')
        .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'c-' } });
      return `${made.metadata.uid} ${made.metadata.name}`;
    };
    for (let life = 0; life < 4; life++) {
      for (let i = 0; i < 20; i++) uids.add(await make());
      await cluster.components.stop('apiserver');
      await cluster.components.start('apiserver');
    }
    expect(uids.size).toBe(80);
  });

  it('takes each write wholly or not at all when it stops amid many', async () => {
    cluster = await quietCluster();
    const configmaps = cluster.client.resource('configmaps').namespace('default');
    const writes = Array.from({ length: 200 }, (_, i) =>
      configmaps
        .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c-${i}` } })
        .then(() => [`c-${i}`, true] as const)
        .catch((error: Error) => {
          expect(error.name).toBe('ConnectionError');
          return [`c-${i}`, false] as const;
        }),
    );
    await cluster.components.stop('apiserver');
    const told = new Map(await Promise.all(writes));
    const refused = await Promise.allSettled([
      configmaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } }),
    ]);
    expect(refused[0]!.status).toBe('rejected');
    await cluster.components.start('apiserver');
    const { items } = await configmaps.list();
    const there = new Set(items.map(({ metadata }) => metadata.name));
    // Whatever was acknowledged is there; these had all begun, and the server finishes what it has begun.
    for (const [name, acknowledged] of told) expect(there.has(name), name).toBe(acknowledged);
    expect(there.has('late')).toBe(false);
  });

  it('goes and comes again and again, and an informer sees every change exactly once, in order', async () => {
    cluster = await quietCluster({ nodes: 1 });
    const configmaps = cluster.client.resource('configmaps').namespace('default');
    const factory = new SharedInformerFactory({
      client: cluster.client,
      clock: cluster.clock,
      prng: (await import('../../src/base/index.ts')).Prng.random(),
      log: (await import('../../src/base/index.ts')).silentLogger,
    });
    const seen: string[] = [];
    const note = (what: string) => (object: Readonly<KubeObject>) => {
      if (object.metadata.name!.startsWith('w-'))
        seen.push(`${what} ${object.metadata.name} ${object.metadata.resourceVersion}`);
    };
    factory.informer('configmaps').addHandler({
      onAdd: note('add'),
      onUpdate: (before, after) => {
        if (before.metadata.resourceVersion !== after.metadata.resourceVersion) note('update')(after);
      },
      onDelete: (object) => note('delete')({ ...object, metadata: { ...object.metadata, resourceVersion: '' } }),
    });
    const stop = new AbortController();
    const running = factory.run(stop.signal).catch(() => {});
    const done: string[] = [];
    for (let round = 0; round < 5; round++) {
      const name = `w-${round}`;
      const made = await configmaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
      done.push(`add ${name} ${made.metadata.resourceVersion}`);
      await cluster.clock.advance(round * 700);
      // The last change before the end, and the first after the start, are those that get lost.
      const changed = await configmaps.patch(name, 'merge', { data: { round: String(round) } });
      done.push(`update ${name} ${changed.metadata.resourceVersion}`);
      await cluster.components.stop('apiserver');
      await cluster.clock.advance(round * 9_000);
      await cluster.components.start('apiserver');
      const again = await configmaps.patch(name, 'merge', { data: { again: 'yes' } });
      done.push(`update ${name} ${again.metadata.resourceVersion}`);
      await until(cluster, 'the informer has all', () => seen.length >= done.length);
    }
    await configmaps.delete('w-2');
    done.push('delete w-2 ');
    await until(cluster, 'the informer has all', () => seen.length >= done.length);
    await cluster.clock.advance(60_000);
    expect(seen).toEqual(done);
    stop.abort();
    await running;
  });

  it('ends watches in order: what was committed before has been sent, and a watch from there goes on', async () => {
    cluster = await quietCluster({ nodes: 0 });
    const configmaps = cluster.client.resource('configmaps').namespace('default');
    const { metadata } = await configmaps.list();
    const names: string[] = [];
    let from = metadata.resourceVersion!;
    const follow = async () => {
      for await (const event of (await configmaps.watch({ resourceVersion: from })) as AsyncIterable<
        WatchEvent<KubeObject>
      >) {
        if (event.type === 'ERROR') throw new Error(JSON.stringify(event.object));
        names.push(event.object.metadata.name!);
        from = event.object.metadata.resourceVersion!;
      }
    };
    for (let round = 0; round < 3; round++) {
      const following = follow();
      for (let i = 0; i < 10; i++) {
        await configmaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `r${round}-${i}` } });
      }
      await cluster.components.stop('apiserver');
      await following;
      await cluster.components.start('apiserver');
    }
    const following = follow();
    await until(cluster, 'all thirty', () => names.length >= 30, 1_000).catch(() => {});
    await cluster.components.stop('apiserver');
    await following;
    expect(names).toEqual([0, 1, 2].flatMap((round) => Array.from({ length: 10 }, (_, i) => `r${round}-${i}`)));
    await cluster.components.start('apiserver');
  });

  it('listens again where it listened, and over TLS the door is shut meanwhile', async () => {
    cluster = await createCluster({ nodes: 0, etcd: false, controllers: [] });
    const { apiEndpoint, apiPort } = cluster;
    const { connect } = await import('node:net');
    const knock = () =>
      new Promise<string>((resolve) => {
        const socket = connect(apiPort!, '127.0.0.1');
        socket
          .once('connect', () => resolve('open'))
          .once('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
        socket.once('connect', () => socket.destroy());
      });
    expect(await knock()).toBe('open');
    await cluster.components.stop('apiserver');
    expect(await knock()).toBe('ECONNREFUSED');
    await cluster.components.start('apiserver');
    expect(await knock()).toBe('open');
    expect(cluster.apiEndpoint).toBe(apiEndpoint);
  });
});

describe('without its controller manager', () => {
  it('objects rest, and componentstatuses says so; with it, what was left undone is done', async () => {
    cluster = await quietCluster();
    await cluster.components.stop('kube-controller-manager');
    await deployments().create(deployment(3));
    await cluster.clock.advance(120_000);
    expect(pods(cluster)).toEqual([]);
    const status: any = await cluster.client.raw('/api/v1/componentstatuses/controller-manager');
    expect(status.conditions).toEqual([
      {
        type: 'Healthy',
        status: 'False',
        message: 'Get "https://127.0.0.1:10257/healthz": dial tcp 127.0.0.1:10257: connect: connection refused',
      },
    ]);
    await cluster.components.start('controller-manager');
    await until(cluster, 'three pods', () => readyPods(cluster) === 3);
    const after: any = await cluster.client.raw('/api/v1/componentstatuses/controller-manager');
    expect(after.conditions).toEqual([{ type: 'Healthy', status: 'True', message: 'ok' }]);
  });
});

describe('without its scheduler', () => {
  it('pods wait, and are bound when it is back', async () => {
    cluster = await quietCluster();
    await cluster.components.stop('scheduler');
    await deployments().create(deployment(3));
    await cluster.clock.advance(60_000);
    expect(pods(cluster).map(({ node, phase }) => `${node}${phase}`)).toEqual(['Pending', 'Pending', 'Pending']);
    await cluster.components.start('scheduler');
    await until(cluster, 'three pods', () => readyPods(cluster) === 3);
  });
});

describe('without its proxy', () => {
  it('a node sends packets where they went when it stopped; others follow the endpoints', async () => {
    cluster = await quietCluster({ nodes: 2 });
    await deployments().create(deployment(1));
    await cluster.client
      .resource('services')
      .namespace('default')
      .create({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] },
      });
    await until(cluster, 'one pod', () => readyPods(cluster) === 1);
    await cluster.clock.advance(5_000);
    const service: any = cluster.server.reader.get('services', 'default', 'web');
    const ask = async (node: string) => {
      const peer = { ip: '10.244.9.9', node, namespace: 'default', pod: 'asker' };
      const asked = cluster.nodes.fabric
        .http(service.spec.clusterIP, 80, { method: 'GET', path: '/', headers: {} }, peer, 1_000)
        .then(({ status }) => String(status))
        .catch(() => 'fails');
      await cluster.clock.advance(2_000);
      return asked;
    };
    expect([await ask('node-1'), await ask('node-2')]).toEqual(['200', '200']);
    await cluster.components.stop('proxy', 'node-1');
    expect(states()).toMatchObject({ 'proxy node-1': 'stopped', 'proxy node-2': 'running' });
    const [old] = pods(cluster);
    await cluster.client.resource('pods').namespace('default').delete(old!.name);
    await until(cluster, 'another one', () => readyPods(cluster) === 1 && pods(cluster)[0]!.uid !== old!.uid);
    await cluster.clock.advance(5_000);
    expect([await ask('node-1'), await ask('node-2')]).toEqual(['fails', '200']);
    await cluster.components.start('proxy', 'node-1');
    expect(await ask('node-1')).toBe('200');
  });
});

describe('bad input', () => {
  it('is refused in plain words', async () => {
    cluster = await quietCluster({ nodes: 1, scheduler: false });
    const { components } = cluster;
    await expect(components.stop('kube-dns')).rejects.toThrow(
      'there is no component "kube-dns"; there are: apiserver, controller-manager, scheduler, kubelet, proxy',
    );
    await expect(components.stop('kubelet')).rejects.toThrow("which node's kubelet? Name it: kubelet NODE");
    await expect(components.stop('kubelet', 'ghost')).rejects.toThrow('nodes "ghost" not found');
    await expect(components.stop('proxy', 'ghost')).rejects.toThrow('nodes "ghost" not found');
    await expect(components.stop('apiserver', 'node-1')).rejects.toThrow('there is one apiserver for all nodes');
    await expect(components.start('apiserver')).rejects.toThrow('"apiserver": it is running already');
    await expect(components.stop('scheduler')).rejects.toThrow('this cluster was made without a scheduler');
    await components.stop('controller-manager');
    await expect(components.stop('controller-manager')).rejects.toThrow('it is stopped already');
    await components.stop('proxy', 'node-1');
    await expect(components.stop('proxy', 'node-1')).rejects.toThrow('its proxy is stopped already');
    expect(states()).toEqual({
      apiserver: 'running',
      'controller-manager': 'stopped',
      scheduler: 'disabled',
      'kubelet node-1': 'running',
      'proxy node-1': 'stopped',
    });
  });
});
