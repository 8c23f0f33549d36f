/**
 * Discovery kept on disk, so that a command costs one request and not three. A word that is not found makes it ask the
 * server afresh. Upstream: client-go/discovery/cached/disk and restmapper's reset on no match.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { wallClock } from '../base/index.ts';
import { discover, type KubeClient, type RESTMapper, type ResourceDescription } from '../client/index.ts';
import type { ServerInfo } from './cluster.ts';

/** As kubectl's. */
const maxAgeMs = 6 * 3_600_000;

export interface DiscoveryFile {
  readonly path: string;
  /** What the stored answer must belong to: a restarted server is asked again. */
  readonly key: string;
}

interface Stored {
  readonly key: string;
  readonly at: number;
  readonly resources: readonly ResourceDescription[];
}

/** Where a server's discovery is kept: in the cluster's own folder, or in the user's cache for foreign servers. */
export function discoveryFile(server: ServerInfo | undefined, url: string): DiscoveryFile {
  if (server) {
    return { path: join(dirname(server.kubeconfig), 'discovery.json'), key: `${server.startedAt} ${server.version}` };
  }
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const file = url.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '_');
  return { path: join(cache, 'klab', 'discovery', `${file}.json`), key: url };
}

export class DiscoveryCache {
  readonly #client: KubeClient;
  readonly #file: DiscoveryFile | undefined;
  /** What is known: nothing, something read from disk, or the server's answer of this run. */
  #state: 'none' | 'stored' | 'fresh' = 'none';

  /** Without a file the client's own mapper is taken when it is filled, and nothing is written. */
  constructor(client: KubeClient, file?: DiscoveryFile) {
    this.#client = client;
    this.#file = file;
    if (client.mapper.resources.length > 0) this.#state = 'stored';
  }

  async mapper(fresh = false): Promise<RESTMapper> {
    if (fresh && this.#state !== 'fresh') await this.#refresh();
    if (this.#state === 'none' && !this.#readStored()) await this.#refresh();
    return this.#client.mapper;
  }

  /** The first answer that is not undefined: from what is stored, then from the server. */
  async lookUp<T>(find: (mapper: RESTMapper) => T | undefined): Promise<T | undefined> {
    const found = find(await this.mapper());
    if (found !== undefined || this.#state === 'fresh') return found;
    return find(await this.mapper(true));
  }

  async #refresh(): Promise<void> {
    const { resources, failed } = await discover(this.#client.transport);
    this.#fill(resources);
    this.#state = 'fresh';
    // A group that is out of order for the moment must not be missing for hours.
    if (failed.length === 0) this.#store(resources);
  }

  #fill(resources: readonly ResourceDescription[]): void {
    const { mapper } = this.#client;
    for (const old of [...mapper.resources]) mapper.remove(old);
    for (const resource of resources) mapper.add(resource);
  }

  #readStored(): boolean {
    if (!this.#file) return false;
    try {
      const stored = JSON.parse(readFileSync(this.#file.path, 'utf8')) as Stored;
      const age = wallClock.now() - stored.at;
      if (stored.key !== this.#file.key || age < 0 || age > maxAgeMs) return false;
      this.#fill(stored.resources);
      this.#state = 'stored';
      return true;
    } catch {
      // Not there or not whole: the server is asked.
      return false;
    }
  }

  #store(resources: readonly ResourceDescription[]): void {
    if (!this.#file) return;
    const { path, key } = this.#file;
    const stored: Stored = { key, at: wallClock.now(), resources };
    const temporary = `${path}.${process.pid}`;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, JSON.stringify(stored), { mode: 0o600 });
      renameSync(temporary, path);
    } catch {
      // A folder that cannot be written to only costs the next command a request.
    }
  }
}
