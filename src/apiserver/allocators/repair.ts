import { TaskGroup } from '../../base/index.ts';
import type { ServerCore } from '../types.ts';
import { ipAddressWriter } from './ip-address-objects.ts';
import { IpRepair } from './repair-ips.ts';
import { PortRepair } from './repair-ports.ts';
import type { ServiceAllocator } from './service-allocator.ts';

/** Upstream: serviceRepairInterval of controlplane/instance.go. */
const intervalMs = 3 * 60_000;

/** Compares what services have with what is allocated, at once and every three minutes, until aborted. */
export async function repairServices(core: ServerCore, services: ServiceAllocator, signal: AbortSignal): Promise<void> {
  const { clock } = core;
  const group = new TaskGroup(signal);
  const repeat = (name: string, pass: () => Promise<number | undefined>) =>
    group.spawn(name, async (inner) => {
      await core.waitForCache();
      while (!inner.aborted) {
        let next: number | undefined;
        try {
          next = await pass();
        } catch (error) {
          // Tried again next time: a loop that ends would leave everything as it is.
          core.log.error('repair failed', { loop: name, error: String(error) });
        }
        await clock.sleep(Math.min(next ?? intervalMs, intervalMs), inner);
      }
    });
  const ips = new IpRepair(core, { writer: ipAddressWriter(core), covers: (ip) => services.covers(ip) });
  const ports = new PortRepair(core, services.ports);
  repeat('ipallocator-repair-controller', () => ips.pass());
  repeat('portallocator-repair-controller', async () => {
    await ports.pass();
    return undefined;
  });
  await group.wait();
}
