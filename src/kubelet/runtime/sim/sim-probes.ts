/** Probes over the fabric, with the errors Go's dialers give. */
import type { ProbeHttpRequest, ProbeNetwork } from '../types.ts';
import { ConnectError, type NetworkFabric, type Peer } from './fabric-types.ts';

export class SimProbes implements ProbeNetwork {
  readonly #fabric: NetworkFabric;
  readonly #peer: Peer;

  constructor(fabric: NetworkFabric, peer: Peer) {
    this.#fabric = fabric;
    this.#peer = peer;
  }

  async http({ host, port, path, headers }: ProbeHttpRequest, timeoutMs: number) {
    const request = { method: 'GET', path, headers: { host: `${host}:${port}`, ...headers } };
    try {
      const { status, body } = await this.#fabric.http(host, port, request, this.#peer, timeoutMs);
      return { status, body };
    } catch (error) {
      if (error instanceof ConnectError && error.code === 'ETIMEDOUT') {
        throw new ConnectError(
          'ETIMEDOUT',
          'context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        );
      }
      throw error;
    }
  }

  async tcp(host: string, port: number, timeoutMs: number): Promise<void> {
    (await this.#fabric.connect(host, port, this.#peer, timeoutMs)).close();
  }

  grpcHealth(host: string, port: number, service: string, timeoutMs: number) {
    return this.#fabric.grpcHealth(host, port, service, this.#peer, timeoutMs);
  }
}
