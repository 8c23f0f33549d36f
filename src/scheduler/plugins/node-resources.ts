/**
 * Fit, LeastAllocated and BalancedAllocation. Upstream: scheduler/framework/plugins/noderesources
 * {fit,least_allocated,balanced_allocation}.go. Integer arithmetic as there.
 */
import type { KubeObject } from '../../apimachinery/index.ts';
import { formatDecimal } from '../format.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import { type Resources, resourcesOf } from '../framework/resources.ts';
import { maxNodeScore, type Plugin } from '../framework/types.ts';

interface Shortage {
  readonly reason: string;
  readonly detail: string;
}

function shortages(requests: Resources, node: NodeInfo): Shortage[] {
  const out: Shortage[] = [];
  const { allocatable, requested } = node;
  if (node.pods.size + 1 > allocatable.allowedPodNumber) {
    out.push({ reason: 'Too many pods', detail: `${node.pods.size} of ${allocatable.allowedPodNumber} pods` });
  }
  const check = (name: string, wanted: number, free: number, capacity: number) => {
    if (wanted <= 0 || wanted <= free) return;
    const unit = (value: number) => formatDecimal(name, value);
    const text = `${name}: wants ${unit(wanted)}, free ${unit(Math.max(0, free))} of ${unit(capacity)}, short by ${unit(wanted - free)}`;
    out.push({ reason: `Insufficient ${name}`, detail: text });
  };
  check('cpu', requests.milliCPU, allocatable.milliCPU - requested.milliCPU, allocatable.milliCPU);
  check('memory', requests.memory, allocatable.memory - requested.memory, allocatable.memory);
  check(
    'ephemeral-storage',
    requests.ephemeralStorage,
    allocatable.ephemeralStorage - requested.ephemeralStorage,
    allocatable.ephemeralStorage,
  );
  for (const [name, wanted] of requests.scalar) {
    const capacity = allocatable.scalar.get(name) ?? 0;
    check(name, wanted, capacity - (requested.scalar.get(name) ?? 0), capacity);
  }
  return out;
}

/** Would the pod fit were the node empty? If not, no preemption helps. */
function fitsEmpty(requests: Resources, node: NodeInfo): boolean {
  const { allocatable } = node;
  if (requests.milliCPU > allocatable.milliCPU || requests.memory > allocatable.memory) return false;
  if (requests.ephemeralStorage > allocatable.ephemeralStorage) return false;
  for (const [name, wanted] of requests.scalar) if (wanted > (allocatable.scalar.get(name) ?? 0)) return false;
  return true;
}

/** Free share of one resource after the pod, 0…100. */
function leastAllocated(requested: number, capacity: number): number {
  if (capacity === 0 || requested > capacity) return 0;
  return Math.trunc(((capacity - requested) * maxNodeScore) / capacity);
}

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  events: [
    { resource: 'pods', actions: ['delete'] },
    {
      resource: 'nodes',
      actions: ['add', 'update'],
      hint: (pod, _old, now) => now === undefined || nodeMayFit(pod, now),
    },
  ],
  filter(_state, { requests }, node) {
    const missing = shortages(requests, node);
    if (missing.length === 0) return undefined;
    return {
      code: fitsEmpty(requests, node) ? 'Unschedulable' : 'UnschedulableAndUnresolvable',
      reasons: missing.map(({ reason }) => reason),
      detail: missing.map(({ detail }) => detail).join('; '),
    };
  },
  score(_state, pod, node) {
    const { allocatable, nonZeroRequested } = node;
    let sum = 0;
    let weights = 0;
    for (const resource of ['milliCPU', 'memory'] as const) {
      const capacity = allocatable[resource];
      if (capacity === 0) continue;
      sum += leastAllocated(nonZeroRequested[resource] + pod.nonZeroRequests[resource], capacity);
      weights++;
    }
    return weights === 0 ? 0 : Math.trunc(sum / weights);
  },
};

/** An update of a node helps only if the node could hold the pod at all. */
function nodeMayFit(pod: PodInfo, node: Readonly<KubeObject>): boolean {
  const allocatable = resourcesOf(node['status']?.allocatable);
  const { requests } = pod;
  if (requests.milliCPU > allocatable.milliCPU || requests.memory > allocatable.memory) return false;
  for (const [name, wanted] of requests.scalar) if (wanted > (allocatable.scalar.get(name) ?? 0)) return false;
  return true;
}

export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  preScore(_state, { requests }) {
    return requests.milliCPU === 0 && requests.memory === 0 ? 'skip' : undefined;
  },
  score(_state, { requests }, node) {
    const fractions: number[] = [];
    for (const resource of ['milliCPU', 'memory'] as const) {
      const capacity = node.allocatable[resource];
      if (capacity === 0) continue;
      fractions.push(Math.min(1, (node.requested[resource] + requests[resource]) / capacity));
    }
    let deviation = 0;
    if (fractions.length === 2) deviation = Math.abs(fractions[0]! - fractions[1]!) / 2;
    else if (fractions.length > 2) {
      const mean = fractions.reduce((a, b) => a + b, 0) / fractions.length;
      deviation = Math.sqrt(fractions.reduce((sum, f) => sum + (f - mean) ** 2, 0) / fractions.length);
    }
    return Math.trunc((1 - deviation) * maxNodeScore);
  },
};
