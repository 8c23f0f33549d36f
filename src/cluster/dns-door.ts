/** Cluster DNS on a port of this machine, for dig and for whoever wants to resolve as pods do. */
import { isAbort, type Logger, wallClock } from '../base/index.ts';
import { type ClusterDns, type DnsServer, systemUpstreams } from '../dns/index.ts';

export interface DnsDoorOptions {
  readonly dns: ClusterDns;
  readonly log: Logger;
  /** Tried first; 0 or taken: any free one. */
  readonly remembered?: number;
  readonly onListening: (port: number) => void;
}

/** Whoever waits for the boot gets the machine first; packets need a library of their own. */
const afterBootMs = 300;

export class DnsDoor {
  readonly #options: DnsDoorOptions;
  #server: DnsServer | undefined;

  constructor(options: DnsDoorOptions) {
    this.#options = options;
  }

  /** Opens the door and keeps it open until `signal`. A machine without a free port has no DNS door; all else goes on. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await wallClock.sleep(afterBootMs, signal);
      this.#server = await this.#open();
      this.#options.onListening(this.#server.port);
    } catch (error) {
      if (!isAbort(error)) this.#options.log.warn('dns: no port to listen on', { error: String(error) });
    }
  }

  async #open(): Promise<DnsServer> {
    const { serveDns } = await import('../dns/server.ts');
    const { dns, log, remembered } = this.#options;
    const upstreams = systemUpstreams();
    if (remembered !== undefined) {
      try {
        return await serveDns({ dns, log }, { upstreams, port: remembered });
      } catch {
        // Somebody else's by now.
      }
    }
    return serveDns({ dns, log }, { upstreams });
  }

  get port(): number | undefined {
    return this.#server?.port;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
