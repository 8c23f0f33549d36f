/** How full the nodes are, as the scheduler counts: by requests, with pods whose binding is under way. */
import type { SchedulerCache } from './cache.ts';

export interface NodeUse {
  readonly name: string;
  /** Value of topology.kubernetes.io/zone; empty without one. */
  readonly zone: string;
  /** Shares of what can be given out; above 1 when more is asked for than there is. */
  readonly cpu: number;
  readonly memory: number;
  readonly pods: number;
  /** Cordoned. */
  readonly unschedulable?: true;
}

const share = (used: number, all: number): number => (all > 0 ? Math.round((used / all) * 10_000) / 10_000 : 0);

/** By zone, then by name, numbers in names as numbers: each node stays where it is from one time to the next. */
export function nodeUse(cache: SchedulerCache): NodeUse[] {
  const order = new Intl.Collator('en', { numeric: true });
  return cache.nodes
    .map(({ name, labels, node, allocatable, requested, pods }) => ({
      name,
      zone: labels['topology.kubernetes.io/zone'] ?? '',
      cpu: share(requested.milliCPU, allocatable.milliCPU),
      memory: share(requested.memory, allocatable.memory),
      pods: share(pods.size, allocatable.allowedPodNumber),
      ...(node?.spec?.unschedulable && { unschedulable: true as const }),
    }))
    .sort((a, b) => order.compare(a.zone, b.zone) || order.compare(a.name, b.name));
}
