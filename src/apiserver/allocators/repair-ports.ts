/** Node ports in use and node ports allocated, made equal. Upstream: portallocator/controller/repair.go (1.36). */
import type { KubeObject } from '../../apimachinery/index.ts';
import { Slicer } from '../../base/index.ts';
import type { ServerCore } from '../types.ts';
import type { PortRange } from './port-range.ts';
import { RepairEvents } from './repair-events.ts';

/** A port that no service has may belong to one that is being written: it must be found so often. */
const passesBeforeCleanup = 3;

export class PortRepair {
  readonly #core: Pick<ServerCore, 'reader' | 'clock' | 'log' | 'handle'>;
  readonly #ports: PortRange;
  readonly #events: RepairEvents;
  /** Port → how often it may still be found without a service. */
  readonly #leaks = new Map<number, number>();

  constructor(core: Pick<ServerCore, 'reader' | 'clock' | 'log' | 'handle'>, ports: PortRange) {
    this.#core = core;
    this.#ports = ports;
    this.#events = new RepairEvents(core, 'portallocator-repair-controller');
  }

  async pass(): Promise<void> {
    const slicer = new Slicer();
    const used = new Set<number>();
    for (const service of this.#core.reader.list('services')) {
      if (slicer.due) await slicer.pause();
      for (const port of portsOf(service)) await this.#check(service, port, used);
    }
    for (const port of this.#ports.allocated()) {
      if (used.has(port)) continue;
      const left = this.#leaks.get(port) ?? passesBeforeCleanup - 1;
      if (left > 0) {
        this.#leaks.set(port, left - 1);
        continue;
      }
      this.#core.log.warn('the node port appears to have leaked: cleaning up', { port });
      this.#leaks.delete(port);
      this.#ports.release(port);
    }
  }

  async #check(service: Readonly<KubeObject>, port: number, used: Set<number>): Promise<void> {
    const warn = (reason: string, note: string) =>
      this.#events.warn(service, { reason, action: 'PortAllocation', note });
    if (!this.#ports.contains(port)) {
      const note = `Port ${port} is not within the port range ${this.#ports.text}; please recreate service`;
      return warn('PortOutOfRange', note);
    }
    if (used.has(port)) {
      const note = `Port ${port} was assigned to multiple services; please recreate service`;
      return warn('PortAlreadyAllocated', note);
    }
    used.add(port);
    this.#leaks.delete(port);
    if (this.#ports.allocate(port) !== undefined) return;
    await warn('PortNotAllocated', `Port ${port} is not allocated; repairing`);
  }
}

/** Every port once, or twice when the service itself has it twice over one protocol. */
function portsOf(service: Readonly<KubeObject>): number[] {
  const out: number[] = [];
  const seen = new Map<number, Set<string>>();
  for (const { nodePort = 0, protocol = 'TCP' } of service['spec']?.ports ?? []) {
    if (nodePort === 0) continue;
    const protocols = seen.get(nodePort);
    if (!protocols || protocols.has(protocol)) out.push(nodePort);
    seen.set(nodePort, (protocols ?? new Set<string>()).add(protocol));
  }
  const health: number = service['spec']?.healthCheckNodePort ?? 0;
  if (health !== 0 && seen.get(health)?.has('TCP') !== false) out.push(health);
  return out;
}
