/** The real `klab up` in a folder of its own, its doors, and kill -9 of what it started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtinResources } from '../../src/api/index.ts';
import { HttpsTransport, KubeClient } from '../../src/client/index.ts';
import { RemoteKV } from '../../src/etcd/index.ts';

const bin = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'klab.js');

export interface ServerFile {
  readonly pid: number;
  readonly api: { readonly endpoint: string };
  readonly etcd: { readonly endpoints: readonly string[]; cacert: string; cert: string; key: string };
  readonly certificates: { readonly ca: string; readonly clientCert: string; readonly clientKey: string };
}

export interface Doors {
  readonly pid: number;
  readonly client: KubeClient;
  readonly kv: RemoteKV;
  close(): Promise<void>;
}

export class ServerLab {
  readonly home = mkdtempSync(join(tmpdir(), 'klab-soak-'));
  readonly #name = 'soak';
  readonly #env = {
    ...process.env,
    KLAB_HOME: join(this.home, 'state'),
    KUBECONFIG: join(this.home, 'kubeconfig'),
    HOME: this.home,
    NO_COLOR: '1',
  };

  get database(): string {
    return join(this.home, 'state', this.#name, 'cluster.db');
  }

  /** `klab up`, and clients of what it started. */
  async up(...flags: string[]): Promise<Doors> {
    const child = this.#klab(['up', '--no-merge', ...flags]);
    const said = await output(child);
    if (child.exitCode !== 0) throw new Error(`klab up exited ${child.exitCode}\n${said}\n${this.#log()}`);
    const server = this.#server();
    const { ca, clientCert, clientKey } = server.certificates;
    const transport = new HttpsTransport({
      server: server.api.endpoint,
      ca: readFileSync(ca, 'utf8'),
      cert: readFileSync(clientCert, 'utf8'),
      key: readFileSync(clientKey, 'utf8'),
    });
    const { endpoints, cacert, cert, key } = server.etcd;
    const kv = new RemoteKV({
      endpoints: [...endpoints],
      tls: { ca: readFileSync(cacert, 'utf8'), cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
    });
    return {
      pid: server.pid,
      client: new KubeClient(transport, { definitions: builtinResources, userAgent: 'soak' }),
      kv,
      close: async () => {
        kv.close();
        await transport.close();
      },
    };
  }

  /** A server of ours that is killed while it boots (or, when it is fast, just after). */
  async killedBoot(afterMs: number): Promise<void> {
    const child = this.#klab(['up', '--no-merge', '--foreground']);
    const ended = output(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    await ended;
    clearTimeout(timer);
    if (child.signalCode !== 'SIGKILL') throw new Error(`the server ended by itself:\n${await ended}\n${this.#log()}`);
  }

  /** kill -9, and waits until the process is gone. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async dispose(): Promise<void> {
    await output(this.#klab(['down', '--purge']));
    rmSync(this.home, { recursive: true, force: true });
  }

  #klab(args: readonly string[]): ChildProcess {
    const env = { ...this.#env, KLAB_NAME: this.#name };
    return spawn(process.execPath, [bin, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  #server(): ServerFile {
    return JSON.parse(readFileSync(join(this.home, 'state', this.#name, 'server.json'), 'utf8'));
  }

  #log(): string {
    const file = join(this.home, 'state', this.#name, 'server.log');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-20).join('\n') : '';
  }
}

function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  child.stderr?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  return new Promise((resolve) => child.once('close', () => resolve(text)));
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
