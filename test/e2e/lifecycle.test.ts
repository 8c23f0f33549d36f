/** The life of clusters: up, status, ls, restart, two at once, taken ports, down. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, describe, expect, it } from 'vitest';
import { Lab, run } from '../helpers/lab.ts';

const lab = new Lab();
afterAll(() => lab.dispose());

const status = async (name = 'default') => JSON.parse(await lab.klab('status', '-o', 'json', '--name', name));

describe('klab up, status, ls, down', () => {
  it('up makes a cluster that kubectl can use at once', async () => {
    const up = await lab.try(['up', '--nodes', '2']);
    expect(up.stderr).toContain('cluster "default" is up: 2 nodes');
    expect(up.stderr).toContain('context "klab-default" is current');
    expect((await lab.json('get', 'nodes')).items).toHaveLength(2);
    expect((await lab.json('get', 'serviceaccount', 'default')).metadata.name).toBe('default');
    expect(await lab.kubectl('get', '--raw', '/readyz')).toBe('ok');
    expect(statSync(lab.env['KUBECONFIG']!).mode & 0o777).toBe(0o600);
  });

  it('status tells pid, doors and files as JSON', async () => {
    const info = await status();
    expect(info).toMatchObject({ running: true, nodes: 2, store: 'sqlite', etcdMembers: 1, name: 'default' });
    expect(info.pid).toBeGreaterThan(1);
    for (const file of [
      info.kubeconfig,
      info.certificates.ca,
      info.certificates.clientCert,
      info.certificates.clientKey,
      info.etcd.cacert,
    ]) {
      expect(existsSync(file), file).toBe(true);
    }
    expect(statSync(info.certificates.clientKey).mode & 0o777).toBe(0o600);
    expect(statSync(info.dir).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(join(info.dir, 'server.json'), 'utf8')).pid).toBe(info.pid);
  });

  it('up on a running cluster says so and exits 0', async () => {
    const again = await lab.try(['up']);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('cluster "default" is already running');
  });

  it('a restart keeps every object, its revision and its history', async () => {
    await lab.kubectl('create', 'configmap', 'kept', '--from-literal=a=1');
    const before = await lab.json('get', 'configmap', 'kept');
    const { pid, api } = await status();
    await lab.klab('down');
    expect((await status()).running).toBe(false);
    await lab.klab('up');
    const info = await status();
    expect(info.pid).not.toBe(pid);
    expect(info.api).toEqual(api);
    expect(info.nodes).toBe(2);
    expect(await lab.json('get', 'configmap', 'kept')).toEqual(before);
    expect(existsSync(join(info.dir, 'starting.json'))).toBe(false);
  });

  it('a value that changed on the disk is refused by name, and a start with it at once', async () => {
    await lab.kubectl('create', 'configmap', 'precious', '--from-literal=a=as-it-was-written');
    const { dir } = await status();
    await lab.klab('down');
    const file = join(dir, 'cluster.db');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('as-it-was-written');
    expect(at).toBeGreaterThan(0);
    bytes.write('is', at);
    writeFileSync(file, bytes);
    const row = 'key "/registry/configmaps/default/precious": the row is not what was written';
    const up = await lab.try(['up']);
    expect(up.code).toBe(1);
    expect(up.stderr).toContain(row);
    const check = await lab.try(['etcd', 'check', '--database', file]);
    expect(check.code).toBe(1);
    expect(check.stdout).toContain(row);
    // Its remedy, word for word.
    const remedy = /UPDATE kv SET crc = NULL WHERE id = \d+/.exec(check.stdout)![0];
    const db = new Sqlite(file);
    expect(db.prepare(remedy).run().changes).toBe(1);
    db.close();
    await lab.klab('up');
    expect((await lab.json('get', 'configmap', 'precious')).data).toEqual({ a: 'is-it-was-written' });
  });

  it('a watch goes on after a restart where it was, missing nothing', async () => {
    const watchFrom = async (revision: string) => {
      const query = `watch=true&resourceVersion=${revision}&timeoutSeconds=1&fieldSelector=metadata.name=resumed`;
      const lines = await lab.kubectl('get', '--raw', `/api/v1/namespaces/default/configmaps?${query}`);
      return lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    };
    const { resourceVersion } = (await lab.json('get', 'configmap', 'kept')).metadata;
    await lab.kubectl('create', 'configmap', 'resumed', '--from-literal=a=1');
    await lab.kubectl('label', 'configmap', 'resumed', 'x=y');
    await lab.kubectl('delete', 'configmap', 'resumed');
    const before = await watchFrom(resourceVersion);
    await lab.klab('down');
    await lab.klab('up');
    const after = await watchFrom(resourceVersion);
    expect(after.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(after).toEqual(before);
    expect(await watchFrom(after[1].object.metadata.resourceVersion)).toEqual(before.slice(2));
  });

  it('a server killed with -9 leaves a cluster that comes up again', async () => {
    await lab.kubectl('create', 'configmap', 'acknowledged');
    process.kill((await status()).pid, 'SIGKILL');
    await lab.klab('up');
    expect((await lab.json('get', 'configmap', 'acknowledged')).metadata.name).toBe('acknowledged');
  });

  it('two commands at once boot one server', async () => {
    const results = await Promise.all(
      [1, 2, 3].map(() => lab.try(['up', '--name', 'race', '--nodes', '1', '--no-merge'])),
    );
    expect(results.map((result) => result.code)).toEqual([0, 0, 0]);
    const said = results.map((result) => result.stderr).join('');
    expect(said.match(/is up: 1 nodes/g)).toHaveLength(1);
    expect(said.match(/is already running/g)).toHaveLength(2);
    await lab.klab('down', '--purge', '--name', 'race');
  });

  it('ls shows every cluster, down --purge removes one without a trace', async () => {
    await lab.klab('up', '--name', 'second', '--nodes', '1', '--store', 'memory');
    expect(await lab.klab('ls', '-o', 'name')).toBe('default\nsecond\n');
    expect(await lab.kubectl('config', 'current-context')).toBe('klab-second\n');
    await lab.klab('down', '--purge', '--name', 'second');
    expect(await lab.klab('ls', '-o', 'name')).toBe('default\n');
    expect(await lab.kubectl('config', 'get-contexts', '-o', 'name')).toBe('klab-default\n');
  });

  it('a port asked for that is taken is named; otherwise another one is found', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const refused = await lab.try(['up', '--name', 'ports', '--secure-port', String(port)]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`port ${port}, asked for with --secure-port, is taken`);
    taken.close();
    // The default cluster holds 6443 or another port: a second one chooses for itself.
    await lab.klab('up', '--name', 'ports', '--nodes', '1', '--no-merge');
    expect((await status('ports')).api.endpoint).not.toBe((await status()).api.endpoint);
    await lab.klab('down', '--purge', '--name', 'ports');
  });

  it('three members elect a leader and serve', async () => {
    await lab.klab('up', '--name', 'three', '--nodes', '1', '--etcd-members', '3', '--no-merge');
    expect((await status('three')).etcd.endpoints).toHaveLength(3);
    await lab.klab('down', '--name', 'three');
    await lab.klab('up', '--name', 'three', '--no-merge');
    expect((await status('three')).etcdMembers).toBe(3);
    await lab.klab('down', '--purge', '--name', 'three');
  });

  it('bad names and flags are usage errors', async () => {
    const bad = await lab.try(['up', '--name', 'Not_A_Name']);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain(`"Not_A_Name" cannot be a cluster's name`);
    const flag = await lab.try(['up', '--nodez', '3']);
    expect(flag.code).toBe(2);
    expect(flag.stderr).toContain('--nodez');
  });

  it('an old Node is told what to do', async () => {
    const old = ['/usr/local/bin/node', '/usr/bin/node'].find((path) => existsSync(path));
    const version = old && (await run(old, ['-p', 'process.versions.node'])).stdout.trim();
    if (!version || Number(version.split('.')[0]) >= 22) {
      console.warn('no Node older than 22 here: not tried');
      return;
    }
    const refused = await run(old, ['bin/klab.js', 'status']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('klab needs Node 22 or newer');
  });
});
