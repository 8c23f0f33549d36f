/** createCluster as a library: started, stopped, started again, refused. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/base/index.ts';
import { createCluster } from '../../src/cluster/create-cluster.ts';
import { bookshop, bookshopPods, changes, createAll, pods, quietCluster, readyPods, until } from './lab.ts';

const folders: string[] = [];
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'klab-cluster-'));
  folders.push(dir);
  return dir;
}
afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});

/** Runs a module's text in a Node of its own; rejects when it has not ended by itself in time. */
function program(text: string, timeoutMs = 15_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', text], { cwd: packageRoot() });
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (out += data.toString()));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`still running: ${out}`));
    }, timeoutMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(out);
      else reject(new Error(`exited with ${code}: ${out}`));
    });
  });
}

const library = JSON.stringify(join(packageRoot(), 'src', 'cluster', 'create-cluster.ts'));

describe('createCluster', () => {
  it('lives for a block: with doors and a database, nothing is left that keeps the process alive', async () => {
    const dir = folder();
    const out = await program(`
      import { createCluster } from ${library};
      {
        await using cluster = await createCluster({ dir: ${JSON.stringify(dir)}, nodes: 2 });
        const nodes = await cluster.client.resource('nodes').list();
        console.log(nodes.items.length, 'nodes at', cluster.apiEndpoint, 'and', cluster.etcdAccess.endpoints.join());
      }
      // A closed socket is let go some turns of the loop later.
      const open = () => process.getActiveResourcesInfo().filter((name) => !/TTY|Pipe|FSReq|Immediate/.test(name)).join();
      for (let turn = 0; turn < 100 && open() !== ''; turn++) await new Promise((resolve) => setImmediate(resolve));
      console.log('stopped; still open:', open());
    `);
    expect(out).toMatch(
      /^2 nodes at https:\/\/127\.0\.0\.1:\d+ and https:\/\/127\.0\.0\.1:\d+\nstopped; still open: \n$/,
    );
  });

  it('without a folder it leaves nothing on the disk', async () => {
    const out = await program(`
      import { createCluster } from ${library};
      import { dirname } from 'node:path';
      const cluster = await createCluster({ nodes: 1 });
      console.log(dirname(cluster.kubeconfig));
      await cluster.stop();
      await cluster.stop();
    `);
    expect(out.trim()).toContain('klab-');
    expect(existsSync(out.trim())).toBe(false);
  });

  it('keeps everything in its folder: a second life has every object and revision, and goes on working', async () => {
    const dir = folder();
    const first = await quietCluster({ dir });
    await createAll(first, bookshop());
    await until(first, 'the bookshop runs', () => readyPods(first) === bookshopPods);
    const history = changes(first).map(({ revision, key, value }) => [revision, String(key), String(value)]);
    const before = pods(first).map(({ name, uid, node }) => ({ name, uid, node }));
    await first.stop();

    await using second = await quietCluster({ dir, seed: 'another life' });
    const kept = changes(second).slice(0, history.length);
    expect(kept.map(({ revision, key, value }) => [revision, String(key), String(value)])).toEqual(history);
    expect(pods(second).map(({ name, uid, node }) => ({ name, uid, node }))).toEqual(before);
    await until(second, 'the bookshop runs again', () => readyPods(second) === bookshopPods);
    await second.client
      .resource('deployments')
      .namespace('default')
      .patch('catalog', 'merge', { spec: { replicas: 5 } });
    await until(second, 'three more run', () => readyPods(second) === bookshopPods + 3);
    expect(new Set(pods(second).map(({ name }) => name)).size).toBe(bookshopPods + 3);
  });

  it('refuses a port that is taken when it was asked for, and takes another when it was not', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    // Of this test alone: others make and remove folders meanwhile.
    const own = mkdtempSync(join(tmpdir(), 'klab-life-'));
    const usual = process.env['TMPDIR'];
    try {
      process.env['TMPDIR'] = own;
      await expect(createCluster({ nodes: 0, api: { port, explicit: true }, etcd: false })).rejects.toMatchObject({
        name: 'ClusterError',
        code: 'PortInUse',
        message: `port ${port}, asked for with --secure-port, is taken by another program; free it, or leave --secure-port out to let klab choose`,
      });
      expect(readdirSync(own)).toEqual([]);
      await using cluster = await createCluster({ nodes: 0, api: { port }, etcd: { ports: [port] } });
      expect(readdirSync(own)).toHaveLength(1);
      expect(cluster.apiPort).not.toBe(port);
      expect(cluster.etcdPorts).not.toContain(port);
    } finally {
      if (usual === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = usual;
      rmSync(own, { recursive: true, force: true });
      taken.close();
    }
  });

  it('ends in the middle of its boot when told to', async () => {
    const stop = new AbortController();
    const phases: string[] = [];
    const booting = quietCluster({
      signal: stop.signal,
      onPhase: (text) => {
        phases.push(text);
        if (text.startsWith('apiserver:')) stop.abort(new Error('changed my mind'));
      },
    });
    await expect(booting).rejects.toThrow('changed my mind');
    expect(phases.some((text) => text.startsWith('kubelets:'))).toBe(false);
  });

  it('three members hold one cluster: whichever is down, the API server goes on', async () => {
    await using cluster = await quietCluster({ etcdMembers: 3, nodes: 1 });
    const { client, etcd } = cluster;
    const configMaps = client.resource('configmaps').namespace('default');
    const create = (name: string) =>
      configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });
    const agreed = () => new Set(etcd.status().map(({ applied }) => applied)).size === 1;
    await create('all-up');
    etcd.crash(1);
    await create('one-down');
    etcd.restart(1);
    await until(cluster, 'the member has caught up', agreed);

    // The leader: the others elect another one, and the write waits for it.
    const leader = etcd.leaderIndex()!;
    etcd.crash(leader);
    let made = false;
    void create('leader-down').then(() => {
      made = true;
    });
    await until(cluster, 'the write', () => made);
    expect(etcd.leaderIndex()).not.toBe(leader);
    etcd.restart(leader);
    await until(cluster, 'it has caught up', agreed);
    await create('back');
    const names = (await configMaps.list()).items.map(({ metadata }) => metadata.name);
    expect(names).toEqual(expect.arrayContaining(['all-up', 'back', 'leader-down', 'one-down']));
  });

  it('two clusters in one process know nothing of each other', async () => {
    await using one = await quietCluster({ nodes: 1, seed: 'one' });
    await using two = await quietCluster({ nodes: 2, seed: 'two' });
    expect(one.server.reader.list('nodes')).toHaveLength(1);
    expect(two.server.reader.list('nodes')).toHaveLength(2);
    await one.clock.advance(60_000);
    expect(two.clock.now()).toBeLessThan(one.clock.now());
  });
});
