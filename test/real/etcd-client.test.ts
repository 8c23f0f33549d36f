/** Our client on Debian's etcd: proof that the interface and the conformance body say what etcd does. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV, serveEtcd } from '../../src/etcd/index.ts';
import { ensureClusterPki } from '../../src/pki/index.ts';
import { checkThePast } from '../cli/etcd/past.ts';
import { kvConformance } from '../etcd/kv-conformance.ts';
import { etcdProxy } from '../helpers/etcd-proxy.ts';
import { clientTls, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const installed = mustHave('etcd', etcdInstalled);

describe.skipIf(!installed)('a real etcd', () => {
  kvConformance('RemoteKV on a real etcd, TLS with our certificates', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-real-pki-'));
    const pki = ensureClusterPki(dir, { hosts: [], now: wallClock.now() });
    const etcd = await startRealEtcd(pki);
    const kv = new RemoteKV({ endpoints: [etcd.url], tls: clientTls(pki) });
    return {
      kv,
      close: async () => {
        kv.close();
        await etcd.stop();
        rmSync(dir, { recursive: true, force: true });
      },
    };
  });

  kvConformance('RemoteKV on our door before RemoteKV on a real etcd', async () => {
    const etcd = await startRealEtcd();
    const behind = new RemoteKV({ endpoints: [etcd.url] });
    const door = await serveEtcd(await etcdProxy(behind));
    const kv = new RemoteKV({ endpoints: [door.url] });
    return {
      kv,
      close: async () => {
        kv.close();
        await door.close();
        behind.close();
        await etcd.stop();
      },
    };
  });

  test('a lease drawn by etcd itself, beyond 2^53, can be read, kept alive and revoked', async () => {
    const etcd = await startRealEtcd();
    const kv = new RemoteKV({ endpoints: [etcd.url] });
    try {
      const { execa } = await import('execa');
      const env = { ETCDCTL_API: '3' };
      const run = async (...args: string[]) =>
        (await execa('etcdctl', ['--endpoints', etcd.url, ...args], { env })).stdout;
      const hex = /lease ([0-9a-f]+) granted/.exec(await run('lease', 'grant', '100'))![1]!;
      await run('put', '--lease', hex, 'foreign', 'x');
      const { kvs } = await kv.range({ key: Buffer.from('foreign') });
      const { lease } = kvs[0]!;
      expect(await kv.leases()).toEqual([lease]);
      expect(lease.toString(16).padStart(16, '0')).toBe(hex);
      expect((await kv.leaseKeepAlive(lease)).ttl).toBe(100);
      await kv.leaseRevoke(lease);
      expect((await kv.range({ key: Buffer.from('foreign') })).count).toBe(0);
    } finally {
      kv.close();
      await etcd.stop();
    }
  });

  test('klab etcd history, diff and changes read its past', async () => {
    const etcd = await startRealEtcd();
    const kv = new RemoteKV({ endpoints: [etcd.url] });
    try {
      await checkThePast(kv);
    } finally {
      kv.close();
      await etcd.stop();
    }
  });

  test('when an endpoint is down the next one answers; a write that may have been sent is not repeated', async () => {
    const etcd = await startRealEtcd();
    const kv = new RemoteKV({ endpoints: ['127.0.0.1:1', etcd.url] });
    try {
      await kv.put({ key: Buffer.from('a'), value: Buffer.from('1') });
      expect((await kv.range({ key: Buffer.from('a') })).count).toBe(1);
    } finally {
      kv.close();
      await etcd.stop();
    }
    const lonely = new RemoteKV({ endpoints: [etcd.url] });
    await expect(lonely.range({ key: Buffer.from('a') })).rejects.toMatchObject({
      name: 'EtcdError',
      code: 'Unavailable',
    });
    lonely.close();
  });
});
