/**
 * Fit and BalancedAllocation. Upstream: scheduler/framework/plugins/noderesources {fit,balanced_allocation}.go (1.36).
 * Integer arithmetic as there.
 */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { implicitPrefix } from '../devices/extended-classes.ts';
import type { DeviceClassFields } from '../devices/requests.ts';
import { formatDecimal } from '../format.ts';
import { hasMoreOf, hasPlace } from '../framework/events.ts';
import { type NodeInfo, type PodInfo, use } from '../framework/node-info.ts';
import { isExtendedName, podRequests, type Resources, resourcesOf } from '../framework/resources.ts';
import { maxNodeScore, type Plugin } from '../framework/types.ts';
import type { DeviceSources } from './dynamic-resources.ts';
import {
  amountOf,
  capacityOf,
  devicesOf,
  isScalar,
  type ResourceSpec,
  type ScoringStrategy,
  strategyScorer,
  usedOf,
} from './resource-scoring.ts';

interface Shortage {
  readonly reason: string;
  readonly detail: string;
}

/** Is it left to others to provide the resource, where the node has none of it? */
type Elsewhere = (name: string) => boolean;

function shortages(requests: Resources, node: NodeInfo, ignored: Elsewhere, byClass: Elsewhere): Shortage[] {
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
    if (ignored(name)) continue;
    const capacity = allocatable.scalar.get(name) ?? 0;
    if (capacity === 0 && byClass(name)) continue;
    check(name, wanted, capacity - (requested.scalar.get(name) ?? 0), capacity);
  }
  return out;
}

/** The usual case: no words are needed. `false` asks for a second look. */
function fits(requests: Resources, sums: Float64Array): boolean {
  return (
    requests.scalar.size === 0 &&
    sums[use.freePods]! >= 1 &&
    (requests.milliCPU === 0 || requests.milliCPU <= sums[use.freeCPU]!) &&
    (requests.memory === 0 || requests.memory <= sums[use.freeMemory]!) &&
    (requests.ephemeralStorage === 0 || requests.ephemeralStorage <= sums[use.freeStorage]!)
  );
}

/** Would the pod fit were the node empty? If not, no preemption helps. */
function fitsEmpty(requests: Resources, allocatable: Resources, ignored: Elsewhere, byClass: Elsewhere): boolean {
  if (requests.milliCPU > allocatable.milliCPU || requests.memory > allocatable.memory) return false;
  if (requests.ephemeralStorage > allocatable.ephemeralStorage) return false;
  for (const [name, wanted] of requests.scalar) {
    const capacity = allocatable.scalar.get(name) ?? 0;
    if (wanted > capacity && !ignored(name) && !(capacity === 0 && byClass(name))) return false;
  }
  return true;
}

/** Upstream: NodeResourcesFitArgs. */
export interface NodeResourcesFitArgs {
  readonly ignoredResources?: readonly string[];
  /** Prefixes of extended resources, before the slash. */
  readonly ignoredResourceGroups?: readonly string[];
  readonly scoringStrategy?: ScoringStrategy;
}

/** `devices`: for extended resources that device classes provide. */
export function nodeResourcesFit(args: NodeResourcesFitArgs = {}, devices?: DeviceSources): Plugin {
  const names = new Set(args.ignoredResources ?? []);
  const groups = new Set(args.ignoredResourceGroups ?? []);
  const ignored = (name: string) =>
    names.size + groups.size > 0 && isExtendedName(name) && (names.has(name) || groups.has(name.split('/')[0]!));
  const classOf = devices?.extendedClass;
  const byClass: Elsewhere = (name) => classOf?.(name) !== undefined;
  const score = strategyScorer(args.scoringStrategy, devicesOf(devices));
  return {
    name: 'NodeResourcesFit',
    events: [
      {
        resource: 'pods',
        actions: ['updateScaleDown', 'delete'],
        hint(pod, old, now) {
          if (!now) return hasPlace(old);
          // It asks for less itself.
          if (now.metadata.uid === pod.uid) return true;
          return (
            Boolean((now as Pod).spec?.nodeName) &&
            hasMoreOf(pod.requests, podRequests(now as Pod), podRequests(old as Pod))
          );
        },
      },
      {
        resource: 'nodes',
        actions: ['add', 'updateAllocatable'],
        hint: (pod, old, now) => nodeMayFit(pod, old, now!, ignored, byClass),
      },
      {
        resource: 'deviceclasses',
        actions: ['add', 'update'],
        hint({ requests }, old, now) {
          const [before, after] = [old as DeviceClassFields | undefined, now as DeviceClassFields];
          const named = after.spec?.extendedResourceName;
          if (before && before.spec?.extendedResourceName === named) return false;
          if (!before && requests.scalar.has(`${implicitPrefix}${after.metadata.name}`)) return true;
          return named !== undefined && requests.scalar.has(named);
        },
      },
    ],
    filter(_state, { requests }, node) {
      if (fits(requests, node.sums)) return undefined;
      const missing = shortages(requests, node, ignored, byClass);
      if (missing.length === 0) return undefined;
      return {
        code: fitsEmpty(requests, node.allocatable, ignored, byClass)
          ? 'Unschedulable'
          : 'UnschedulableAndUnresolvable',
        reasons: missing.map(({ reason }) => reason),
        detail: missing.map(({ detail }) => detail).join('; '),
      };
    },
    score: (_state, pod, node) => score(pod, node),
  };
}

/** A node helps only if it could hold the pod were it empty; a change of it only if it has more of something. */
function nodeMayFit(
  { requests }: PodInfo,
  old: Readonly<KubeObject> | undefined,
  now: Readonly<KubeObject>,
  ignored: Elsewhere,
  byClass: Elsewhere,
): boolean {
  const allocatable = (node: Readonly<KubeObject>) => resourcesOf(node['status']?.allocatable);
  const after = allocatable(now);
  if (after.allowedPodNumber < 1 || !fitsEmpty(requests, after, ignored, byClass)) return false;
  if (!old) return true;
  const before = allocatable(old);
  if (after.allowedPodNumber > before.allowedPodNumber || hasMoreOf(requests, before, after)) return true;
  return [...requests.scalar].some(([name, wanted]) => wanted > 0 && !after.scalar.get(name) && byClass(name));
}

/** Upstream: NodeResourcesBalancedAllocationArgs. */
export interface BalancedAllocationArgs {
  /** Default cpu and memory. */
  readonly resources?: readonly ResourceSpec[];
}

/** How evenly resources are used, 0…100. */
function balance(fractions: Float64Array, count: number): number {
  let deviation = 0;
  if (count === 2) deviation = Math.abs((fractions[0]! - fractions[1]!) / 2);
  else if (count > 2) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += fractions[i]!;
    const mean = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (fractions[i]! - mean) * (fractions[i]! - mean);
    deviation = Math.sqrt(squares / count);
  }
  return Math.trunc((1 - deviation) * maxNodeScore);
}

export function balancedAllocation(args: BalancedAllocationArgs = {}, devices?: DeviceSources): Plugin {
  const provided = devicesOf(devices);
  const resources = (args.resources?.length ? args.resources : [{ name: 'cpu' }, { name: 'memory' }]).map(
    ({ name }) => name,
  );
  // One pair for all nodes.
  const before = new Float64Array(resources.length);
  const after = new Float64Array(resources.length);
  return {
    name: 'NodeResourcesBalancedAllocation',
    preScore(_state, { requests }) {
      return resources.every((name) => amountOf(requests, name) === 0) ? 'skip' : undefined;
    },
    /** How much better balanced the node is with the pod than without: about 75 for no change, up to 100, down to 50. */
    score(_state, { requests }, node) {
      let count = 0;
      for (const name of resources) {
        const wanted = amountOf(requests, name);
        if (wanted === 0 && isScalar(name)) continue;
        const own = capacityOf(node, name);
        const from = own === 0 ? provided(name, node) : undefined;
        const capacity = from ? from.all : own;
        if (capacity === 0) continue;
        const used = from ? from.taken : usedOf(node, name);
        before[count] = Math.min(1, used / capacity);
        after[count++] = Math.min(1, (used + wanted) / capacity);
      }
      const half = maxNodeScore / 2;
      return half + Math.trunc((half + balance(after, count) - balance(before, count)) / 2);
    },
  };
}
