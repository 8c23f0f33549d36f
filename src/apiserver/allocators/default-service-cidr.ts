import { deepEqual, isAlreadyExists, type KubeObject } from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { apiserverUser } from '../bootstrap/ensure-bootstrap.ts';
import { defaultServiceCidr } from '../bootstrap/objects.ts';
import type { ServerCore } from '../types.ts';
import { defaultServiceCidrName, serviceCidrs } from './cluster-ips.ts';
import { RepairEvents } from './repair-events.ts';

const intervalMs = 10_000;
const collection = '/apis/networking.k8s.io/v1/servicecidrs';
const controllerName = 'kubernetes-service-cidr-controller';

/**
 * Keeps the ServiceCIDR `kubernetes` as the flag says: made again when it was deleted, given the second range of a
 * cluster that became dual-stack, and called ready. Upstream: pkg/controlplane/controller/defaultservicecidr.
 */
export class DefaultServiceCidr {
  readonly #core: Pick<ServerCore, 'reader' | 'clock' | 'log' | 'handle' | 'waitForCache'>;
  readonly #cidrs: readonly string[];
  readonly #events: RepairEvents;
  #toldMismatch = false;
  #toldNotReady = false;

  constructor(
    core: Pick<ServerCore, 'reader' | 'clock' | 'log' | 'handle' | 'waitForCache'>,
    cidrs: readonly string[],
  ) {
    this.#core = core;
    this.#cidrs = cidrs;
    this.#events = new RepairEvents(core, controllerName);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, waitForCache } = this.#core;
    await waitForCache();
    while (!signal.aborted) {
      try {
        await this.#sync();
      } catch (error) {
        log.error('the default ServiceCIDR is not as it should be', { error: String(error) });
      }
      await clock.sleep(intervalMs, signal);
    }
  }

  async #sync(): Promise<void> {
    const current = this.#core.reader.get(serviceCidrs, '', defaultServiceCidrName);
    if (!current) {
      try {
        await this.#send('POST', collection, defaultServiceCidr(this.#cidrs));
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      return this.#markReady();
    }
    const has: readonly string[] = current['spec']?.cidrs ?? [];
    if (this.#cidrs.length === 2 && has.length === 1 && has[0] === this.#cidrs[0]) {
      const wanted = { ...structuredClone(current), spec: { ...current['spec'], cidrs: [...this.#cidrs] } };
      try {
        await this.#send('PUT', `${collection}/${defaultServiceCidrName}`, wanted);
      } catch (error) {
        const list = `[${this.#cidrs.join(' ')}]`;
        const note = `The default ServiceCIDR can not be upgraded from ${has[0]} to dual stack ${list} : ${(error as Error).message}`;
        await this.#warn(current, 'KubernetesDefaultServiceCIDRError', note);
      }
      return;
    }
    await this.#syncStatus(current, has);
  }

  async #syncStatus(current: Readonly<KubeObject>, has: readonly string[]): Promise<void> {
    if (current.metadata.deletionTimestamp !== undefined) return;
    if (!deepEqual(has, this.#cidrs)) {
      if (this.#toldMismatch) return;
      this.#toldMismatch = true;
      const note = `The default ServiceCIDR [${has.join(' ')}] does not match the controller flag configurations [${this.#cidrs.join(' ')}]`;
      return this.#warn(current, 'KubernetesDefaultServiceCIDRInconsistent', note);
    }
    const conditions: any[] = current['status']?.conditions ?? [];
    const ready = conditions.find(({ type }) => type === 'Ready');
    if (ready?.status === 'True') return;
    if (ready?.status === 'False') {
      if (this.#toldNotReady) return;
      this.#toldNotReady = true;
      return this.#warn(current, ready.reason, `Configuration matches, but ${ready.message}`);
    }
    await this.#markReady();
  }

  async #markReady(): Promise<void> {
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: '',
      message: 'Kubernetes default Service CIDR is ready',
      lastTransitionTime: rfc3339(this.#core.clock.now()),
    };
    const { apiVersion, kind, metadata } = defaultServiceCidr(this.#cidrs);
    const object = { apiVersion, kind, metadata, status: { conditions: [condition] } };
    const query = { fieldManager: controllerName, force: 'true' };
    await this.#send('PATCH', `${collection}/${defaultServiceCidrName}/status`, object, query);
  }

  async #warn(cidr: Readonly<KubeObject>, reason: string, note: string): Promise<void> {
    await this.#events.warn(cidr, { reason, action: 'ServiceCIDRAllocation', note });
  }

  async #send(method: string, path: string, object: KubeObject, query: Record<string, string> = {}): Promise<void> {
    const patch = method === 'PATCH' ? { 'content-type': 'application/apply-patch+yaml' } : {};
    await this.#core.handle({
      method,
      path,
      query: new URLSearchParams(query),
      headers: { 'user-agent': 'klab-apiserver', ...patch },
      body: { object },
      signal: new AbortController().signal,
      user: apiserverUser,
      provenance: { actor: 'apiserver', cause: { timer: controllerName } },
    });
  }
}
