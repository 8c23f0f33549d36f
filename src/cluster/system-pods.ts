/** What kube-system shows: the control plane's static pods on the first node, kube-proxy and CoreDNS. */
import { type Logger, wallClock } from '../base/index.ts';
import type { KubeClient } from '../client/index.ts';
import type { EtcdServerApi } from '../etcd/index.ts';
import type { Program } from '../kubelet/index.ts';
import { componentFlags } from './component-flags.ts';
import type { ComponentLogs } from './component-logs.ts';
import type { ComponentInfo } from './components.ts';
import {
  type ControlPlaneFacts,
  type ControlPlanePart,
  controlPlanePod,
  controlPlanePrograms,
} from './control-plane-pods.ts';
import type { CoreDns } from './core-dns.ts';
import { etcdctl } from './etcdctl.ts';
import type { NodeFleet } from './nodes.ts';
import { addonPrograms, ensureSystemAddons } from './system-addons.ts';

export interface SystemPodsDeps {
  readonly nodes: NodeFleet;
  readonly components: () => readonly ComponentInfo[];
  readonly client: KubeClient;
  readonly log: Logger;
  readonly facts: Pick<ControlPlaneFacts, 'serviceCidr' | 'podCidr' | 'controllers'> & { readonly clusterDns: string };
  readonly flags: Readonly<Record<string, string>>;
  /** Whether the store is klab's own: kubeadm shows no pod of an external etcd. */
  readonly etcd: boolean;
}

const retryMs = 1_000;

export class SystemPods {
  readonly #deps: SystemPodsDeps;
  #node: string | undefined;

  constructor(deps: SystemPodsDeps) {
    this.#deps = deps;
  }

  /**
   * A stopped component's pod goes, as when its manifest is moved out of /etc/kubernetes/manifests; a started one's comes
   * again.
   */
  refresh(): void {
    const { nodes, components, facts, flags, etcd } = this.#deps;
    const first = nodes.list()[0];
    if (this.#node !== undefined && this.#node !== first?.name) nodes.setStaticPods(this.#node, []);
    this.#node = first?.name;
    if (!first) return;
    const running = components()
      .filter(({ node, state }) => node === undefined && state === 'running')
      .map(({ name }) => name as ControlPlanePart);
    const all: ControlPlaneFacts = { ...facts, nodeIp: first.ip, nodeName: first.name, flags: byComponent(flags) };
    nodes.setStaticPods(
      first.name,
      ([...(etcd ? ['etcd'] : []), ...running] as ControlPlanePart[]).map((part) => controlPlanePod(part, all)),
    );
  }

  /** The objects that are missing; an API server that is away meanwhile is waited for. */
  async ensureAddons(signal: AbortSignal): Promise<void> {
    const { client, facts, log } = this.#deps;
    while (!signal.aborted) {
      try {
        await this.#markNode(signal);
        return await ensureSystemAddons(client, facts, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('kube-system is not complete yet', { error: String(error) });
        await wallClock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  /** As kubeadm does, without its taint and its exclusion from load balancers: the node takes work as all others. */
  async #markNode(signal: AbortSignal): Promise<void> {
    if (this.#node === undefined) return;
    const labels = { 'node-role.kubernetes.io/control-plane': '' };
    await this.#deps.client.resource('nodes').patch(this.#node, 'merge', { metadata: { labels } }, { signal });
  }
}

/** Programs of the pods' containers. */
export function systemPrograms(
  logs: ComponentLogs,
  members: () => readonly EtcdServerApi[],
  coreDns: CoreDns,
): Readonly<Record<string, Program>> {
  const tool: Program = async (process, args) => {
    // Only etcd's image has it.
    if (/(^|\/)etcd(:|@|$)/.test(process.world.config.image)) return etcdctl(members())(process, args);
    await process.complain('sh: etcdctl: not found');
    return 127;
  };
  return { ...controlPlanePrograms(logs), ...addonPrograms(logs, coreDns), etcdctl: tool };
}

function byComponent(flags: Readonly<Record<string, string>>): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const { name, component } of componentFlags) {
    const value = flags[name];
    if (value === undefined || value === '') continue;
    found[component] = { ...found[component], [name]: value };
  }
  return found;
}
