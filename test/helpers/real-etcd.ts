import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV } from '../../src/etcd/index.ts';
import type { ClusterPki } from '../../src/pki/index.ts';

export const etcdInstalled = spawnSync('etcd', ['--version']).status === 0;
export const etcdctlInstalled = spawnSync('etcdctl', ['version']).status === 0;

/** In CI a missing program is a failure, elsewhere a skip that says so. */
export const mustHave = (name: string, installed: boolean): boolean => {
  if (!installed && process.env['CI'] === 'true') throw new Error(`${name} is not installed, and CI=true asks for it`);
  if (!installed)
    console.warn(
      `skipped: ${name} is not installed (apt-get install ${name === 'etcd' ? 'etcd-server' : 'etcd-client'})`,
    );
  return installed;
};

export interface RealEtcd {
  readonly url: string;
  readonly dir: string;
  stop(): Promise<void>;
}

/**
 * One real etcd on 127.0.0.1 with its data in a temporary folder; TLS with client certificates when `pki` is given; on an existing
 * data folder when `data` is; `flags` are further ones of etcd's. */
export async function startRealEtcd(pki?: ClusterPki, data?: string, flags: readonly string[] = []): Promise<RealEtcd> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(pki, data, flags);
    } catch (error) {
      // Somebody else may have taken the port before it did.
      if (attempt === 3 || !(error instanceof EndedAtStart)) throw error;
    }
  }
}

class EndedAtStart extends Error {}

async function start(pki: ClusterPki | undefined, data: string | undefined, flags: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'klab-real-etcd-'));
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const url = `${pki ? 'https' : 'http'}://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const tls = pki
    ? ['--cert-file', pki.etcdServer.certPath, '--key-file', pki.etcdServer.keyPath, '--client-cert-auth']
    : [];
  const ca = pki ? ['--trusted-ca-file', pki.etcdCa.certPath] : [];
  const child: ChildProcess = spawn(
    'etcd',
    [
      ...['--name', 'real', '--data-dir', data ?? join(dir, 'data'), '--log-level', 'error', ...tls, ...ca],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `real=${peer}`],
      ...flags,
    ],
    { stdio: 'ignore', env: { PATH: process.env['PATH'] } },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  const kv = new RemoteKV({ endpoints: [url], tls: pki && clientTls(pki) });
  try {
    // `range` is linearizable: it is answered once a leader is elected.
    for (const end = wallClock.monotonic() + 30_000; ; await wallClock.sleep(50)) {
      try {
        await kv.range({ key: Buffer.from('ready') }, { signal: AbortSignal.timeout(1000) });
        break;
      } catch (error) {
        // Its accounts are enabled: it has a leader, and knows who is nobody.
        if ((error as Error).message === 'etcdserver: user name is empty') break;
        const over = child.exitCode !== null;
        if (!over && wallClock.monotonic() < end) continue;
        await stop();
        throw over ? new EndedAtStart(`etcd ended with code ${child.exitCode}`) : error;
      }
    }
  } finally {
    kv.close();
  }
  return { url, dir, stop };
}

export const clientTls = (pki: ClusterPki) => ({
  cert: pki.etcdHealthcheckClient.certPath,
  key: pki.etcdHealthcheckClient.keyPath,
  ca: pki.etcdCa.certPath,
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
