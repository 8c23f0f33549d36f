import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV } from '../../src/etcd/index.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { clientTls } from './real-etcd.ts';

/** Members of a real etcd as processes of their own; clients and peers speak TLS with certificates. */
export class RealEtcdCluster implements AsyncDisposable {
  readonly pki: ClusterPki;
  readonly urls: readonly string[];
  readonly #dir: string;
  readonly #commands: readonly (readonly string[])[];
  readonly #running = new Map<number, { child: ChildProcess; ended: Promise<void> }>();

  static async start(size: number): Promise<RealEtcdCluster> {
    for (let attempt = 1; ; attempt++) {
      const cluster = await RealEtcdCluster.#made(size);
      try {
        await cluster.leader();
        return cluster;
      } catch (error) {
        // Somebody else may have taken a member's port before it did.
        const ended = cluster.#ended;
        await cluster[Symbol.asyncDispose]();
        if (!ended || attempt === 3) throw error;
      }
    }
  }

  static async #made(size: number): Promise<RealEtcdCluster> {
    const dir = mkdtempSync(join(tmpdir(), 'klab-real-etcd-'));
    const pki = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
    const ports = await freePorts(2 * size);
    const cluster = new RealEtcdCluster(dir, pki, ports.slice(0, size), ports.slice(size));
    for (let i = 0; i < size; i++) cluster.run(i);
    return cluster;
  }

  /** Whether a member that should run does not. */
  get #ended(): boolean {
    return [...this.#running.values()].some(({ child }) => child.exitCode !== null);
  }

  private constructor(dir: string, pki: ClusterPki, clients: readonly number[], peers: readonly number[]) {
    this.#dir = dir;
    this.pki = pki;
    this.urls = clients.map((port) => `https://127.0.0.1:${port}`);
    const peerUrls = peers.map((port) => `https://127.0.0.1:${port}`);
    const { cert, key, ca } = { cert: pki.etcdServer.certPath, key: pki.etcdServer.keyPath, ca: pki.etcdCa.certPath };
    this.#commands = this.urls.map((url, i) => [
      ...['--name', `n${i}`, '--data-dir', join(dir, `n${i}`), '--log-level', 'error', '--logger', 'zap'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrls[i]!, '--initial-advertise-peer-urls', peerUrls[i]!],
      ...['--initial-cluster', peerUrls.map((peer, j) => `n${j}=${peer}`).join(',')],
      ...['--cert-file', cert, '--key-file', key, '--client-cert-auth', '--trusted-ca-file', ca],
      ...['--peer-cert-file', cert, '--peer-key-file', key, '--peer-trusted-ca-file', ca],
    ]);
  }

  /** What `klab up` is told. */
  get flags(): Record<string, string> {
    const { ca, cert, key } = clientTls(this.pki);
    return {
      'etcd-servers': this.urls.join(','),
      'etcd-cafile': ca,
      'etcd-certfile': cert,
      'etcd-keyfile': key,
    };
  }

  /** Starts a member that does not run, on the data it has. */
  run(i: number): void {
    const child = spawn('etcd', [...this.#commands[i]!], { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#running.set(i, { child, ended });
  }

  /** kill -9. */
  async kill(i: number): Promise<void> {
    const { child, ended } = this.#running.get(i)!;
    this.#running.delete(i);
    child.kill('SIGKILL');
    await ended;
  }

  client(): RemoteKV {
    return new RemoteKV({ endpoints: this.urls, tls: clientTls(this.pki) });
  }

  /** Index of the member that leads, once one of those that run does. */
  async leader(): Promise<number> {
    const end = wallClock.monotonic() + 20_000;
    while (wallClock.monotonic() < end && !this.#ended) {
      for (const i of this.#running.keys()) {
        const kv = new RemoteKV({ endpoints: [this.urls[i]!], tls: clientTls(this.pki) });
        try {
          const { leader, header } = await kv.status({ signal: AbortSignal.timeout(1000) });
          if (leader === header.memberId) return i;
        } catch {
          // Not up yet.
        } finally {
          kv.close();
        }
      }
      await wallClock.sleep(50);
    }
    throw new Error(this.#ended ? 'a real etcd ended by itself' : 'no real etcd leads after 20 s');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const i of [...this.#running.keys()]) await this.kill(i);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** All at once: none is given twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
