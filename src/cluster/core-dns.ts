/**
 * CoreDNS as the cluster has it: the Corefile of ConfigMap kube-system/coredns, followed as its reload plugin follows the
 * file. A Corefile with an error changes nothing: the last good one stays, and pods, log and an event say why.
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { type Logger, type Prng, wallClock } from '../base/index.ts';
import type { EventRecorder, SharedInformerFactory } from '../client/index.ts';
import {
  type Corefile,
  configMapFiles,
  type DnsClient,
  type DnsSource,
  NameServer,
  readCorefile,
  systemUpstreams,
} from '../dns/index.ts';
import { defaultCorefile } from './system-addons.ts';

const configMap = { namespace: 'kube-system', name: 'coredns' };

export interface CoreDnsDeps {
  readonly source: DnsSource;
  readonly prng: Prng;
  readonly log: Logger;
  readonly events: EventRecorder;
}

export class CoreDns {
  readonly #deps: CoreDnsDeps;
  /** One a running pod of CoreDNS. */
  readonly #pods = new Set<(line: string) => void>();
  #corefile: Corefile;
  #server: NameServer;
  #data = '';
  /** What the ConfigMap holds, when it is not what runs. */
  #waiting: Readonly<KubeObject> | undefined;
  /** The ConfigMap that runs. */
  #running: Readonly<KubeObject> | undefined;
  #turn = 0;

  constructor(deps: CoreDnsDeps) {
    this.#deps = deps;
    this.#corefile = readCorefile(defaultCorefile, { resolvers: systemUpstreams() });
    this.#server = this.#serverOf(this.#corefile);
  }

  /** Follows the ConfigMap. */
  follow(informers: SharedInformerFactory): void {
    const fieldSelector = `metadata.namespace=${configMap.namespace},metadata.name=${configMap.name}`;
    informers.informer('configmaps', { fieldSelector }).addHandler({
      onAdd: (object) => this.#load(object, true),
      onUpdate: (_, object) => this.#load(object, false),
    });
  }

  respond(bytes: Buffer, transport: 'udp' | 'tcp', client: DnsClient): ReturnType<NameServer['respond']> {
    return this.#server.respond(bytes, transport, client);
  }

  /** As simulated pods ask: undefined for a name that does not exist here. */
  addresses(name: string): readonly string[] | undefined {
    return this.#server.addresses(name);
  }

  /** Ports that the pods listen on for probes. */
  get probes(): { readonly health?: number; readonly ready?: number } {
    const { health, ready } = this.#corefile;
    return { ...(health !== undefined && { health }), ...(ready !== undefined && { ready }) };
  }

  /**
   * A pod of CoreDNS starts: it reads the Corefile as it is now, and its log gets its share of what is written. Returns
   * how to stop.
   */
  attach(write: (line: string) => void): () => void {
    if (this.#waiting) this.#load(this.#waiting, true);
    this.#pods.add(write);
    return () => this.#pods.delete(write);
  }

  close(): void {
    this.#server.close();
  }

  #load(object: Readonly<KubeObject>, fromStart: boolean): void {
    const data = (object['data'] ?? {}) as Record<string, string>;
    const text = JSON.stringify(data);
    if (text === this.#data) return;
    if (!fromStart && !this.#corefile.reload) {
      this.#waiting = object;
      this.#deps.log.info('the Corefile changed; without plugin reload it counts when a pod of CoreDNS starts');
      return;
    }
    this.#data = text;
    this.#waiting = undefined;
    let next: Corefile;
    try {
      next = readCorefile(data['Corefile'] ?? '', configMapFiles(data, systemUpstreams()));
    } catch (error) {
      const problem = (error as Error).message;
      this.#toAll(`[ERROR] plugin/reload: Corefile changed but reload failed: ${problem}`);
      this.#deps.log.warn('the Corefile is not used: the one before stays', { problem });
      this.#deps.events.event(object, 'Warning', 'CorefileInvalid', `${problem}; the Corefile before it stays in use`);
      return;
    }
    this.#corefile = next;
    this.#running = object;
    this.#server.close();
    this.#server = this.#serverOf(next);
    if (!fromStart) {
      this.#toAll('[INFO] Reloading');
      this.#toAll('[INFO] Reloading complete');
    }
    for (const warning of next.warnings) {
      this.#toAll(`[WARNING] ${warning}`);
      this.#deps.log.warn('Corefile', { warning });
      this.#deps.events.event(object, 'Warning', 'CorefileNotServed', warning);
    }
  }

  #serverOf(corefile: Corefile): NameServer {
    const { source, prng } = this.#deps;
    const write = (line: string) => this.#toOne(line);
    const onLoop = (problem: string) => {
      this.#deps.log.warn('what is forwarded comes back: nothing is forwarded for half a minute', { problem });
      if (this.#running) this.#deps.events.event(this.#running, 'Warning', 'CorefileLoop', problem);
    };
    return new NameServer({ source, prng, now: () => wallClock.monotonic(), write, onLoop }, corefile);
  }

  #toAll(line: string): void {
    for (const write of this.#pods) write(line);
  }

  /** A query is answered by one of the pods. */
  #toOne(line: string): void {
    const pods = [...this.#pods];
    if (pods.length > 0) pods[this.#turn++ % pods.length]!(line);
  }
}
