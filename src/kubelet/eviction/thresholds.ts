/**
 * When a node counts as short of something: the signals, `--eviction-hard` and its siblings, and what they say of an
 * observation. Upstream: pkg/kubelet/eviction/helpers.go (ParseThresholdConfig, thresholdsMet), api/types.go.
 */
import { newQuantity, parseDuration, parseQuantity, type Quantity } from '../../apimachinery/index.ts';

export type EvictionSignal =
  | 'memory.available'
  | 'allocatableMemory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available';

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** What a signal is about, as events and messages name it. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

const signals: Readonly<Record<EvictionSignal, readonly [PressureCondition, StarvedResource]>> = {
  'memory.available': ['MemoryPressure', 'memory'],
  'allocatableMemory.available': ['MemoryPressure', 'memory'],
  'nodefs.available': ['DiskPressure', 'ephemeral-storage'],
  'nodefs.inodesFree': ['DiskPressure', 'inodes'],
  'imagefs.available': ['DiskPressure', 'ephemeral-storage'],
  'imagefs.inodesFree': ['DiskPressure', 'inodes'],
  'pid.available': ['PIDPressure', 'pids'],
};

export const conditionOf = (signal: EvictionSignal): PressureCondition => signals[signal][0];
export const resourceOf = (signal: EvictionSignal): StarvedResource => signals[signal][1];

/** A quantity, or a share of the capacity from 0 to 1. */
type Amount = Quantity | number;

export interface Threshold {
  readonly signal: EvictionSignal;
  readonly value: Amount;
  /** Soft thresholds only. */
  readonly graceMs?: number;
  readonly minReclaim?: Amount;
}

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = ReadonlyMap<EvictionSignal, Observation>;

/** Values of the kubelet's flags, as a command line has them: `memory.available<100Mi,nodefs.available<10%`. */
export interface EvictionFlags {
  readonly evictionHard?: string;
  readonly evictionSoft?: string;
  /** `memory.available=1m30s`. */
  readonly evictionSoftGracePeriod?: string;
  /** `nodefs.available=2Gi`. */
  readonly evictionMinimumReclaim?: string;
  /** Seconds. Default 0. */
  readonly evictionMaxPodGracePeriod?: number;
  /** Default 5 min. */
  readonly evictionPressureTransitionPeriodMs?: number;
}

export interface EvictionConfig {
  readonly thresholds: readonly Threshold[];
  readonly maxPodGraceSeconds: number;
  readonly transitionPeriodMs: number;
}

/** Upstream: DefaultEvictionHard. */
export const defaultEvictionHard =
  'memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%';

/** A flag of the kubelet says nothing that can be understood. */
export class EvictionFlagError extends Error {
  override readonly name = 'EvictionFlagError';
}

/** @throws EvictionFlagError in upstream's words */
export function parseEvictionFlags(flags: EvictionFlags): EvictionConfig {
  const hard = parseThresholds(flags.evictionHard ?? defaultEvictionHard);
  const graces = new Map(parsePairs(flags.evictionSoftGracePeriod ?? '', '=').map(parseGrace));
  const soft = parseThresholds(flags.evictionSoft ?? '').map((threshold): Threshold => {
    const graceMs = graces.get(threshold.signal);
    if (graceMs !== undefined) return { ...threshold, graceMs };
    throw new EvictionFlagError(`grace period must be specified for the soft eviction threshold ${threshold.signal}`);
  });
  const reclaims = new Map(parsePairs(flags.evictionMinimumReclaim ?? '', '=').map(parseReclaim));
  const thresholds = [...hard, ...soft].map((threshold) => {
    const minReclaim = reclaims.get(threshold.signal);
    return minReclaim === undefined ? threshold : { ...threshold, minReclaim };
  });
  // What pods may have in all is bounded too (--enforce-node-allocatable=pods, the default).
  const allocatable = thresholds
    .filter(({ signal, graceMs }) => signal === 'memory.available' && graceMs === undefined)
    .map((threshold): Threshold => ({ ...threshold, signal: 'allocatableMemory.available' }));
  return {
    thresholds: [...thresholds, ...allocatable],
    maxPodGraceSeconds: flags.evictionMaxPodGracePeriod ?? 0,
    transitionPeriodMs: flags.evictionPressureTransitionPeriodMs ?? 300_000,
  };
}

function parsePairs(text: string, separator: '<' | '='): [EvictionSignal, string][] {
  const pairs: [EvictionSignal, string][] = [];
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf(separator);
    if (at < 0) throw new EvictionFlagError(`malformed pair, expect string${separator}string`);
    const signal = part.slice(0, at).trim();
    if (!Object.hasOwn(signals, signal)) {
      throw new EvictionFlagError(`unsupported eviction signal ${signal}`);
    }
    pairs.push([signal as EvictionSignal, part.slice(at + 1).trim()]);
  }
  return pairs;
}

function parseThresholds(text: string): Threshold[] {
  const thresholds: Threshold[] = [];
  for (const [signal, value] of parsePairs(text, '<')) {
    // As good as none: upstream's way to turn a threshold off.
    if (value === '0%' || value === '100%') continue;
    const amount = parseAmount(value);
    if (typeof amount === 'number') {
      const wrong = amount < 0 ? '>= 0%' : amount > 1 ? '<= 100%' : undefined;
      if (wrong) throw new EvictionFlagError(`eviction percentage threshold ${signal} must be ${wrong}: ${value}`);
    } else if (amount.sign <= 0) {
      throw new EvictionFlagError(`eviction threshold ${signal} must be positive: ${amount}`);
    }
    thresholds.push({ signal, value: amount });
  }
  return thresholds;
}

function parseGrace([signal, value]: [EvictionSignal, string]): [EvictionSignal, number] {
  let graceMs: number;
  try {
    graceMs = parseDuration(value);
  } catch (error) {
    throw new EvictionFlagError((error as Error).message);
  }
  if (graceMs < 0) {
    throw new EvictionFlagError(`invalid eviction grace period specified: ${value}, must be a positive value`);
  }
  return [signal, graceMs];
}

function parseReclaim([signal, value]: [EvictionSignal, string]): [EvictionSignal, Amount] {
  const amount = parseAmount(value);
  if (typeof amount === 'number' && amount <= 0) {
    throw new EvictionFlagError(`eviction percentage minimum reclaim ${signal} must be positive: ${value}`);
  }
  if (typeof amount !== 'number' && amount.sign < 0) {
    throw new EvictionFlagError(`negative eviction minimum reclaim specified for ${signal}`);
  }
  return [signal, amount];
}

function parseAmount(value: string): Amount {
  // A float32 upstream, and the products below show it.
  if (/^[-+]?[\d.]+%$/.test(value)) return Math.fround(Number(value.slice(0, -1)) / 100);
  try {
    return parseQuantity(value);
  } catch (error) {
    throw new EvictionFlagError((error as Error).message);
  }
}

/** The amount in a machine of that capacity. Upstream: GetThresholdQuantity. */
export function amountIn(value: Amount, capacity: number): Quantity {
  return typeof value === 'number' ? newQuantity(Math.trunc(capacity * value), 'BinarySI') : value;
}

/** Those whose signal is below them; with `enforceMinReclaim` the amount to win back is added. */
export function thresholdsMet(
  thresholds: readonly Threshold[],
  observations: Observations,
  enforceMinReclaim: boolean,
): Threshold[] {
  return thresholds.filter(({ signal, value, minReclaim }) => {
    const observed = observations.get(signal);
    if (!observed) return false;
    const wanted = amountIn(value, observed.capacity).value();
    const more = enforceMinReclaim && minReclaim !== undefined ? amountIn(minReclaim, observed.capacity).value() : 0;
    return wanted + more > observed.available;
  });
}

/** `100Mi` and `73212Ki`, as the first threshold of the resource says them. Upstream: getThresholdMetInfo. */
export function thresholdInfo(
  resource: StarvedResource,
  thresholds: readonly Threshold[],
  observations: Observations,
): { readonly quantity: string; readonly available: string } | undefined {
  for (const { signal, value } of thresholds) {
    const observed = observations.get(signal);
    if (resourceOf(signal) !== resource || !observed) continue;
    const format = resource === 'memory' || resource === 'ephemeral-storage' ? 'BinarySI' : 'DecimalSI';
    return {
      quantity: amountIn(value, observed.capacity).toString(),
      available: newQuantity(Math.trunc(observed.available), format).toString(),
    };
  }
  return undefined;
}
