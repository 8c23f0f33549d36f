/**
 * Which pod goes first when a node is short of something, and what it is told.
 * Upstream: pkg/kubelet/eviction/helpers.go (rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure, evictionMessage).
 */
import { newQuantity, parseQuantity, wholeValueOf } from '../../apimachinery/index.ts';
import { podRequests } from '../pod-resources.ts';
import type { Container, Pod } from '../pod-types.ts';
import type { ContainerStats } from '../runtime/types.ts';
import type { StarvedResource } from './thresholds.ts';

/** What one pod takes of its node. Bytes, and numbers. */
export interface PodUsage {
  readonly memory: number;
  /** Writable layers, logs and volumes that lie on the node's disk. */
  readonly disk: number;
  readonly inodes: number;
  readonly processes: number;
  readonly containers: readonly ContainerStats[];
}

export interface Candidate {
  readonly pod: Pod;
  readonly usage: PodUsage;
}

type Compare = (a: Candidate, b: Candidate) => number;

/** Those over their request before those within it, then by priority, then by what they use over their request. */
export function rankForEviction(candidates: readonly Candidate[], resource: StarvedResource): Candidate[] {
  const orders =
    resource === 'pids' ? [byPriority, byProcesses] : [byExcess(resource), byPriority, byOveruse(resource)];
  return [...candidates].sort((a, b) => {
    for (const order of orders) {
      const result = order(a, b);
      if (result !== 0) return result;
    }
    return 0;
  });
}

const byPriority: Compare = (a, b) => (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0);
const byProcesses: Compare = (a, b) => b.usage.processes - a.usage.processes;

function byExcess(resource: StarvedResource): Compare {
  const exceeds = (candidate: Candidate) => (overuse(candidate, resource) > 0 ? 0 : 1);
  return (a, b) => exceeds(a) - exceeds(b);
}

function byOveruse(resource: StarvedResource): Compare {
  return (a, b) => overuse(b, resource) - overuse(a, resource);
}

function overuse({ pod, usage }: Candidate, resource: StarvedResource): number {
  const used = resource === 'memory' ? usage.memory : resource === 'inodes' ? usage.inodes : usage.disk;
  return used - wholeValueOf(podRequests(pod.spec)[resource]);
}

/** With every container that uses more than it asked for, and the pod when that has a request of its own. */
export function evictionMessage(
  { pod, usage }: Candidate,
  resource: StarvedResource,
  threshold: { readonly quantity: string; readonly available: string } | undefined,
): string {
  let message = `The node was low on resource: ${resource}. `;
  if (threshold) message += `Threshold quantity: ${threshold.quantity}, available: ${threshold.available}. `;
  const asked = pod.spec.resources?.requests?.['memory'];
  if (resource === 'memory' && asked !== undefined) {
    message += consumption('Pod', pod.metadata.name!, usage.memory, asked, resource);
  }
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return message;
  const containers: readonly Container[] = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  for (const stats of usage.containers) {
    const container = containers.find(({ name }) => name === stats.name);
    if (!container) continue;
    const request = container.resources?.requests?.[resource] ?? '0';
    const used = resource === 'memory' ? stats.memoryWorkingSetBytes : stats.writableLayerBytes;
    if (used > wholeValueOf(request)) message += consumption('Container', container.name, used, request, resource);
  }
  return message;
}

function consumption(what: string, name: string, bytes: number, request: string, resource: string): string {
  const used = newQuantity(Math.round(bytes), 'BinarySI');
  return `${what} ${name} was using ${used}, request is ${parseQuantity(request)}, has larger consumption of ${resource}. `;
}
