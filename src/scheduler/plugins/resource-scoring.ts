/**
 * Scores by how full a node would be. Upstream: scheduler/framework/plugins/noderesources
 * {resource_allocation,least_allocated,most_allocated,requested_to_capacity_ratio}.go, plugins/helper/shape_score.go (1.36).
 */
import { countDevices, type DeviceCount } from '../devices/count.ts';
import { type NodeInfo, type PodInfo, use } from '../framework/node-info.ts';
import type { Resources } from '../framework/resources.ts';
import { maxNodeScore } from '../framework/types.ts';
import type { DeviceSources } from './dynamic-resources.ts';

export interface ResourceSpec {
  readonly name: string;
  /** Default 1. */
  readonly weight?: number;
}

export interface ShapePoint {
  /** Per cent, 0…100. */
  readonly utilization: number;
  /** 0…10. */
  readonly score: number;
}

/** Upstream: ScoringStrategy. Default LeastAllocated over cpu and memory. */
export interface ScoringStrategy {
  readonly type?: string;
  readonly resources?: readonly ResourceSpec[];
  readonly requestedToCapacityRatio?: { readonly shape?: readonly ShapePoint[] };
}

/** Upstream: MaxCustomPriorityScore. */
const maxShapeScore = 10;

export function amountOf(resources: Resources, name: string): number {
  switch (name) {
    case 'cpu':
      return resources.milliCPU;
    case 'memory':
      return resources.memory;
    case 'ephemeral-storage':
      return resources.ephemeralStorage;
    default:
      return resources.scalar.get(name) ?? 0;
  }
}

export function capacityOf({ sums, allocatable }: NodeInfo, name: string): number {
  if (name === 'cpu') return sums[use.cpu]!;
  return name === 'memory' ? sums[use.memory]! : amountOf(allocatable, name);
}

/** What its pods ask for. */
export function usedOf({ sums, requested }: NodeInfo, name: string): number {
  if (name === 'cpu') return sums[use.cpu]! - sums[use.freeCPU]!;
  return name === 'memory' ? sums[use.memory]! - sums[use.freeMemory]! : amountOf(requested, name);
}

/** The same of cpu or memory, with the defaults of those that ask for none. */
function countedOf({ sums }: NodeInfo, name: string): number {
  return name === 'cpu' ? sums[use.nonZeroCPU]! : sums[use.nonZeroMemory]!;
}

/** Neither cpu, memory nor storage: it counts only for pods that ask for it. */
export function isScalar(name: string): boolean {
  return name !== 'cpu' && name !== 'memory' && name !== 'ephemeral-storage';
}

type ResourceScore = (requested: number, capacity: number) => number;

const leastAllocated: ResourceScore = (requested, capacity) =>
  requested > capacity ? 0 : Math.trunc(((capacity - requested) * maxNodeScore) / capacity);

const mostAllocated: ResourceScore = (requested, capacity) =>
  Math.trunc((Math.min(requested, capacity) * maxNodeScore) / capacity);

/** Straight lines between the points, level outside them. */
export function brokenLine(shape: readonly ShapePoint[]): (utilization: number) => number {
  const points = shape.map(({ utilization, score }) => [utilization, score * (maxNodeScore / maxShapeScore)] as const);
  return (x) => {
    const at = points.findIndex(([utilization]) => x <= utilization);
    if (at < 0) return points.at(-1)![1];
    const [x1, y1] = points[at]!;
    if (at === 0) return y1;
    const [x0, y0] = points[at - 1]!;
    return y0 + Math.trunc(((y1 - y0) * (x - x0)) / (x1 - x0));
  };
}

function requestedToCapacityRatio(shape: readonly ShapePoint[]): ResourceScore {
  const line = brokenLine(shape);
  return (requested, capacity) => line(requested > capacity ? 100 : Math.trunc((requested * 100) / capacity));
}

/** Devices that provide the extended resource on the node, where device classes do. */
export type DevicesOf = (name: string, node: NodeInfo) => DeviceCount | undefined;

export function devicesOf(sources: DeviceSources | undefined): DevicesOf {
  return (name, node) => {
    const deviceClass = isScalar(name) ? sources?.extendedClass?.(name) : undefined;
    return deviceClass && countDevices(sources!, deviceClass, node);
  };
}

/**
 * Score of a node for a pod, 0…100. cpu and memory count at least a default for every container. `devices`: what there is
 * of resources that the node itself has none of.
 */
export function strategyScorer(
  strategy: ScoringStrategy = {},
  devices: DevicesOf = () => undefined,
): (pod: PodInfo, node: NodeInfo) => number {
  const given = strategy.resources?.length ? strategy.resources : [{ name: 'cpu' }, { name: 'memory' }];
  const resources = given.map(({ name, weight }) => ({ name, weight: weight || 1, counted: isCounted(name) }));
  const ratio = strategy.type === 'RequestedToCapacityRatio';
  const one = ratio
    ? requestedToCapacityRatio(strategy.requestedToCapacityRatio?.shape ?? [])
    : strategy.type === 'MostAllocated'
      ? mostAllocated
      : leastAllocated;
  return (pod, node) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight, counted } of resources) {
      const wanted = amountOf(counted ? pod.nonZeroRequests : pod.requests, name);
      if (wanted === 0 && isScalar(name)) continue;
      const own = capacityOf(node, name);
      const from = own === 0 ? devices(name, node) : undefined;
      const capacity = from ? from.all : own;
      if (capacity === 0) continue;
      const used = from ? from.taken : counted ? countedOf(node, name) : usedOf(node, name);
      const score = one(used + wanted, capacity);
      // A ratio of no score is no say.
      if (ratio && score <= 0) continue;
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return ratio ? Math.round(sum / weights) : Math.trunc(sum / weights);
  };
}

function isCounted(name: string): boolean {
  return name === 'cpu' || name === 'memory';
}
