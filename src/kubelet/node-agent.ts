/**
 * The node's own objects: registration, status, lease. Upstream: pkg/kubelet/kubelet_node_status.go,
 * component-helpers/apimachinery/lease/controller.go.
 */
import { isAlreadyExists, isConflict, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { Backoff, type Clock, type Logger, type Prng, rfc3339Micro } from '../base/index.ts';
import { withCause } from '../client/index.ts';
import type { PressureCondition } from './eviction/thresholds.ts';
import type { NodeApi } from './node-api.ts';
import {
  initialNode,
  type NodeIdentity,
  nodeIdentity,
  nodeStatus,
  nodeStatusPatch,
  sameNodeStatus,
} from './node-object.ts';
import type { ContainerRuntime } from './runtime/types.ts';
import type { EventSink, KubeletOptions, NodeConfig } from './types.ts';

export interface NodeAgentDeps {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly machine: Prng;
  readonly log: Logger;
  readonly runtime: ContainerRuntime;
  readonly events: EventSink;
  readonly runtimeVersion: string;
  /** What the node is short of. */
  readonly pressure: () => readonly PressureCondition[];
}

type Timing = Required<
  Pick<
    KubeletOptions,
    'nodeStatusUpdateFrequencyMs' | 'nodeStatusReportFrequencyMs' | 'nodeLeaseDurationSeconds' | 'kubeletVersion'
  >
>;

const leaseNamespace = 'kube-node-lease';

const transitions = [
  ['MemoryPressure', 'NodeHasSufficientMemory', 'NodeHasInsufficientMemory'],
  ['DiskPressure', 'NodeHasNoDiskPressure', 'NodeHasDiskPressure'],
  ['PIDPressure', 'NodeHasSufficientPID', 'NodeHasInsufficientPID'],
  ['Ready', 'NodeReady', 'NodeNotReady'],
] as const;

export class NodeAgent {
  readonly #deps: NodeAgentDeps;
  readonly #config: NodeConfig;
  readonly #timing: Timing;
  readonly #identity: NodeIdentity;
  #node: Readonly<KubeObject> | undefined;
  #lease: Readonly<KubeObject> | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #networkError: string | undefined;
  #imageCount = -1;
  /** As last reported. */
  #pressure: readonly PressureCondition[] = [];

  constructor(deps: NodeAgentDeps, config: NodeConfig, timing: Timing) {
    this.#deps = deps;
    this.#config = config;
    this.#timing = timing;
    const identity = nodeIdentity(deps.machine);
    this.#identity = config.bootID === undefined ? identity : { ...identity, bootID: config.bootID };
  }

  /** The Node as last answered by the API. */
  get node(): Readonly<KubeObject> | undefined {
    return this.#node;
  }

  /** Why pods cannot have a network yet. */
  get networkError(): string | undefined {
    return this.#networkError;
  }

  get podCIDR(): string | undefined {
    return this.podCIDRs[0];
  }

  /** One of each family of the cluster. */
  get podCIDRs(): readonly string[] {
    const own = this.#config.podCIDR;
    if (own !== undefined) return [own];
    const { podCIDR, podCIDRs } = this.#node?.['spec'] ?? {};
    return podCIDRs ?? (podCIDR ? [podCIDR] : []);
  }

  get reference() {
    const { name } = this.#config;
    // Events about nodes carry the name as uid, as the kubelet's always did.
    return { apiVersion: 'v1', kind: 'Node', name, uid: name };
  }

  /** Retries until the Node exists: 100 ms doubling to 7 s, as upstream. */
  async register(signal: AbortSignal): Promise<void> {
    const { api, clock, log, events } = this.#deps;
    events.event(this.reference, 'Normal', 'Starting', 'Starting kubelet.');
    const backoff = new Backoff({ initialMs: 100, maxMs: 7_000 });
    for (;;) {
      try {
        const wanted = initialNode(this.#config);
        wanted['status'] = await this.#currentStatus({});
        const { status } = wanted;
        const { object, created } = await api.createOrGet('nodes', wanted);
        this.#node = object;
        if (created) this.#recordTransition({}, status);
        await this.#reconcileLabels(wanted);
        break;
      } catch (error) {
        if (signal.aborted) throw error;
        log.warn('unable to register node with API server', { node: this.#config.name, error: String(error) });
        await backoff.wait(clock, signal);
      }
    }
  }

  /** Checks each 10 s; writes when something changed or a report is due. */
  async runStatus(signal: AbortSignal): Promise<void> {
    await this.#syncStatus(signal);
    await this.#untilReady(signal);
    // Spread over the period, so that a thousand nodes do not report in one instant.
    for await (const _ of this.#deps.clock.every(this.#timing.nodeStatusUpdateFrequencyMs, signal)) {
      await this.#syncStatus(signal);
    }
  }

  /**
   * A new node is not made to wait for the next period: it looks again within 100 ms until it is ready, for two minutes
   * at most. Upstream: fastStatusUpdateOnce.
   */
  async #untilReady(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const backoff = new Backoff({ initialMs: 10, maxMs: 100 });
    const end = clock.monotonic() + 120_000;
    while ((this.#networkError !== undefined || !this.#reported) && clock.monotonic() < end) {
      await backoff.wait(clock, signal);
      await this.#syncStatus(signal);
    }
  }

  /** Renews at a quarter of the lease's duration. */
  async runLease(signal: AbortSignal): Promise<void> {
    const periodMs = (this.#timing.nodeLeaseDurationSeconds * 1000) / 4;
    await this.#renewLease(signal);
    for await (const _ of this.#deps.clock.every(periodMs, signal)) await this.#renewLease(signal);
  }

  async #currentStatus(old: any): Promise<Record<string, any>> {
    const { runtime, clock, runtimeVersion } = this.#deps;
    const [runtimeConditions, images] = await Promise.all([runtime.status(), runtime.listImages()]);
    const conditions = [...runtimeConditions];
    if (this.podCIDR === undefined && !conditions.some((c) => c.type === 'NetworkReady' && !c.status)) {
      const message = 'Network plugin returns error: cni plugin not initialized';
      conditions.push({ type: 'NetworkReady', status: false, reason: 'NetworkPluginNotReady', message });
    }
    const network = conditions.find((c) => c.type === 'NetworkReady' && !c.status);
    this.#networkError = network
      ? `container runtime network not ready: NetworkReady=false reason:${network.reason} message:${network.message}`
      : undefined;
    this.#imageCount = images.length;
    this.#pressure = this.#deps.pressure();
    return nodeStatus({
      config: this.#config,
      identity: this.#identity,
      kubeletVersion: this.#timing.kubeletVersion,
      runtimeVersion,
      runtime: conditions,
      images,
      pressure: this.#pressure,
      now: clock.now(),
      old,
    });
  }

  /** Looks at the status now, out of turn. Does not throw; nothing before the Node is registered. */
  async report(signal: AbortSignal): Promise<void> {
    if (this.#node) await withCause({ timer: 'node-status' }, () => this.#syncStatus(signal));
  }

  /** The last status made has reached the API server. */
  #reported = false;

  async #syncStatus(signal: AbortSignal): Promise<void> {
    const { api, clock, log } = this.#deps;
    const { name } = this.#config;
    try {
      const now = clock.monotonic();
      const due = now - this.#reportedAt >= this.#timing.nodeStatusReportFrequencyMs;
      // Nothing can have changed: no request, no objects made. This is what an idle node costs.
      if (!due && this.#node && this.podCIDR !== undefined && (await this.#quiet())) return;
      if (due || !this.#node || this.podCIDR === undefined) this.#node = await api.of('nodes').get(name, { signal });
      const old = this.#node['status'] ?? {};
      const status = await this.#currentStatus(old);
      if (!due && sameNodeStatus(old, status)) return;
      this.#recordTransition(old, status);
      const patch = { status: nodeStatusPatch(old, status) };
      this.#node = await api
        .of('nodes')
        .patch(name, 'strategic', patch, { subresource: 'status', handOver: true, signal });
      this.#reportedAt = now;
      this.#reported = true;
    } catch (error) {
      if (signal.aborted) return;
      // Somebody deleted the Node: the kubelet stays and keeps trying, as upstream.
      if (isNotFound(error)) this.#node = undefined;
      log.warn('error updating node status', { node: name, error: String(error) });
    }
  }

  /** The Node as the API has it now. */
  async refresh(): Promise<Readonly<KubeObject> | undefined> {
    try {
      this.#node = await this.#deps.api.of('nodes').get(this.#config.name);
    } catch (error) {
      this.#deps.log.warn('cannot get node', { node: this.#config.name, error: String(error) });
    }
    return this.#node;
  }

  async #quiet(): Promise<boolean> {
    const { runtime } = this.#deps;
    const [conditions, images] = await Promise.all([runtime.status(), runtime.listImages()]);
    const ready = conditions.every((condition) => condition.status);
    if (String(this.#deps.pressure()) !== String(this.#pressure)) return false;
    return ready === (this.#networkError === undefined) && images.length === this.#imageCount;
  }

  #recordTransition(old: any, status: any): void {
    const { name } = this.#config;
    const { bootID } = status.nodeInfo;
    if (old.nodeInfo?.bootID && old.nodeInfo.bootID !== bootID) {
      const message = `Node ${name} has been rebooted, boot id: ${bootID}`;
      this.#deps.events.event(this.reference, 'Warning', 'Rebooted', message);
    }
    for (const [type, healthy, sick] of transitions) {
      const statusOf = (s: any) => s.conditions?.find((c: any) => c.type === type)?.status;
      if (statusOf(old) === statusOf(status)) continue;
      const reason = statusOf(status) === (type === 'Ready' ? 'True' : 'False') ? healthy : sick;
      this.#deps.events.event(this.reference, 'Normal', reason, `Node ${name} status is now: ${reason}`);
    }
  }

  /** Labels the kubelet owns follow its configuration after a restart. Upstream: updateDefaultLabels. */
  async #reconcileLabels(wanted: KubeObject): Promise<void> {
    const node = this.#node!;
    const labels: Record<string, string> = {};
    for (const [key, value] of Object.entries(wanted.metadata.labels ?? {})) {
      if (node.metadata.labels?.[key] !== value) labels[key] = value;
    }
    if (Object.keys(labels).length === 0) return;
    this.#node = await this.#deps.api.of('nodes').patch(this.#config.name, 'merge', { metadata: { labels } });
  }

  async #renewLease(signal: AbortSignal): Promise<void> {
    const { api, clock, log } = this.#deps;
    const leases = api.of('leases').namespace(leaseNamespace);
    const { name } = this.#config;
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: this.#timing.nodeLeaseDurationSeconds,
      renewTime: rfc3339Micro(clock.now()),
    };
    try {
      if (this.#lease) {
        const next = { ...this.#lease, spec: { ...this.#lease['spec'], ...spec } };
        this.#lease = await leases.update(next, { signal });
        return;
      }
      const ownerReferences = this.#node
        ? [{ apiVersion: 'v1', kind: 'Node', name, uid: this.#node.metadata.uid ?? '' }]
        : undefined;
      const metadata = { name, namespace: leaseNamespace, ...(ownerReferences ? { ownerReferences } : {}) };
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
      this.#lease = await leases.create(lease, { handOver: true, signal });
    } catch (error) {
      if (signal.aborted) return;
      this.#lease = undefined;
      if (isAlreadyExists(error) || isConflict(error)) {
        this.#lease = await leases.get(name, { signal }).catch(() => undefined);
        if (this.#lease) {
          const next = { ...this.#lease, spec: { ...this.#lease['spec'], ...spec } };
          this.#lease = await leases.update(next, { signal }).catch(() => undefined);
        }
      } else if (!isNotFound(error)) {
        log.warn('failed to update lease', { node: name, error: String(error) });
      }
    }
  }
}
