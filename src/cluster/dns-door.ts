/** Cluster DNS on a port of this machine, for dig and for whoever wants to resolve as pods do. */
import { isAbort, type Logger, wallClock } from '../base/index.ts';
import type { DnsServer, Respond } from '../dns/index.ts';
import type { CoreDns } from './core-dns.ts';

export interface DnsDoorOptions {
  readonly dns: CoreDns;
  readonly log: Logger;
  /** Tried first; 0 or taken: any free one. */
  readonly remembered?: number;
  readonly onListening: (port: number) => void;
}

/** Whoever waits for the boot gets the machine first. */
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
    const respond: Respond = (bytes, transport, client) => dns.respond(bytes, transport, client);
    if (remembered !== undefined) {
      try {
        return await serveDns({ respond, log }, { port: remembered });
      } catch {
        // Somebody else's by now.
      }
    }
    return serveDns({ respond, log });
  }

  get port(): number | undefined {
    return this.#server?.port;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}
