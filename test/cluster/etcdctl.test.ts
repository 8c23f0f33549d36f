/** `kubectl -n kube-system exec etcd-… -- etcdctl …` as tutorials have it, against the cluster's own store. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster, until } from './lab.ts';

let cluster: Cluster;

/** `enough`: the client goes away once it has seen so much. */
async function exec(pod: string, container: string, argv: readonly string[], enough?: string) {
  const uid = cluster.server.reader.get('pods', 'kube-system', pod)!.metadata.uid!;
  const run = await cluster.nodes.exec('node-1', { namespace: 'kube-system', name: pod, uid }, { container, argv });
  const client = new AbortController();
  let [out, err] = ['', ''];
  const streams = {
    stdout: (chunk: Uint8Array) => {
      out += Buffer.from(chunk).toString();
      if (enough !== undefined && out.endsWith(enough)) client.abort();
    },
    stderr: (chunk: Uint8Array) => {
      err += Buffer.from(chunk).toString();
    },
  };
  const status = await run(streams as never, client.signal);
  return { out, err, status };
}

const etcdctl = (...words: string[]) => exec('etcd-node-1', 'etcd', ['etcdctl', ...words]);

beforeAll(async () => {
  cluster = await quietCluster({ systemPods: true, nodes: 1 });
  await until(cluster, 'the etcd pod runs', () => {
    const pod: any = cluster.server.reader.get('pods', 'kube-system', 'etcd-node-1');
    return pod?.status?.phase === 'Running' && pod.status.containerStatuses?.[0]?.ready;
  });
});
afterAll(() => cluster.stop());

describe('etcdctl in the etcd pod', () => {
  it('lists the keys of the registry, with the flags of a tutorial or without', async () => {
    const { out, status } = await etcdctl('get', '--prefix', '--keys-only', '/registry');
    expect(status).toBe(0);
    const keys = out.split('\n').filter((line) => line !== '');
    expect(keys).toContain('/registry/namespaces/default');
    expect(keys).toContain('/registry/minions/node-1');
    expect([...keys].sort()).toEqual(keys);
    const certs = ['--cacert=/etc/kubernetes/pki/etcd/ca.crt', '--cert', '/x/server.crt', '--key=/x/server.key'];
    const same = await exec('etcd-node-1', 'etcd', [
      ...['sh', '-c'],
      `ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 ${certs.join(' ')} get /registry/namespaces --prefix --keys-only`,
    ]);
    expect(same.status).toBe(0);
    expect(same.out).toMatch(/^\/registry\/namespaces\/default\n\n\/registry\/namespaces\/kube-node-lease\n\n/);
  });

  it('reads, writes and deletes what the API server sees', async () => {
    expect(await etcdctl('put', '/lab/a', 'one')).toMatchObject({ out: 'OK\n', status: 0 });
    expect((await etcdctl('get', '/lab/a')).out).toBe('/lab/a\none\n');
    expect((await etcdctl('get', '/lab/a', '--print-value-only')).out).toBe('one\n');
    const json = JSON.parse((await etcdctl('get', '/lab/a', '-w', 'json')).out);
    expect(json.kvs).toEqual([expect.objectContaining({ key: 'L2xhYi9h', value: 'b25l', version: 1 })]);
    expect(json.count).toBe(1);
    expect(json.kvs[0].mod_revision).toBe(json.header.revision);
    expect((await etcdctl('del', '/lab', '--prefix', '--prev-kv')).out).toBe('1\n/lab/a\none\n');
    expect((await etcdctl('get', '/lab/a')).out).toBe('');
  });

  it('watches', async () => {
    const from = String(cluster.etcd.member().header().revision + 1);
    await etcdctl('put', '/lab/w', 'x');
    await etcdctl('del', '/lab/w');
    const argv = ['etcdctl', 'watch', '/lab/w', '--rev', from];
    const { out, status } = await exec('etcd-node-1', 'etcd', argv, 'DELETE\n/lab/w\n\n');
    expect(out).toBe('PUT\n/lab/w\nx\nDELETE\n/lab/w\n\n');
    expect(status).toBe(137);
  });

  it('shows members, endpoints and snapshots as tables', async () => {
    const id = cluster.etcd.member().memberId.toString(16);
    const members = (await etcdctl('member', 'list', '-w', 'table')).out.split('\n');
    expect(members[0]).toMatch(/^\+-+\+-+\+/);
    expect(members[1]).toMatch(/^\| +ID +\| STATUS +\| +NAME +\|/);
    expect(members[3]).toContain(`| ${id} | started |`);
    expect((await etcdctl('endpoint', 'health')).out).toMatch(
      /^127\.0\.0\.1:2379 is healthy: successfully committed proposal: took = \d+(\.\d+)?ms\n$/,
    );
    expect((await etcdctl('endpoint', 'status', '--write-out=table')).out).toMatch(
      new RegExp(
        `\\| 127\\.0\\.0\\.1:2379 \\| ${id} \\| +3\\.\\d+\\.\\d+ \\| +[\\d.]+ [kM]?B \\| +true \\| +false \\|`,
      ),
    );
    expect((await etcdctl('snapshot', 'save', '/tmp/snap.db')).out).toBe('Snapshot saved at /tmp/snap.db\n');
    expect((await etcdctl('snapshot', 'status', '/tmp/snap.db', '-w', 'table')).out).toMatch(
      /\| +HASH +\| REVISION \| TOTAL KEYS \| TOTAL SIZE \|\n.*\n\| +[0-9a-f]+ \| +\d+ \| +\d+ \| +[\d.]+ [kM]?B \|/,
    );
  });

  it('says what is wrong, and is nowhere else', async () => {
    expect(await etcdctl('get')).toMatchObject({
      status: 128,
      err: expect.stringMatching(/^Error: get command needs/),
    });
    expect(await etcdctl('fetch')).toMatchObject({ status: 1, err: 'Error: unknown command "fetch" for "etcdctl"\n' });
    await expect(exec('kube-apiserver-node-1', 'kube-apiserver', ['etcdctl', 'get', 'x'])).rejects.toThrow(
      'exec: "etcdctl": executable file not found in $PATH',
    );
    const version = await exec('kube-apiserver-node-1', 'kube-apiserver', ['kube-apiserver', '--version']);
    expect(version.out).toBe('Kubernetes v1.36.0\n');
  });
});
