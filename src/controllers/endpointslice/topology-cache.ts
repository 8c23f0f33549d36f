/**
 * Zone hints of `service.kubernetes.io/topology-mode: Auto`: each zone gets a share of the endpoints as large as its share
 * of the cluster's CPUs. Upstream: staging/src/k8s.io/endpointslice/topologycache (1.36). Zones are taken by name where
 * upstream has the order of a map.
 */
import type { Endpoint, EndpointSlice, Node, Service } from '../../api/index.ts';
import { parseQuantity } from '../../apimachinery/index.ts';
import type { AddressType } from './endpoint.ts';
import type { SliceChanges } from './reconcile.ts';
import { isReady, removeHints, withHints } from './traffic-distribution.ts';

type ReadSlice = Readonly<EndpointSlice>;

/** A zone may get this much more traffic for each of its endpoints than the average. */
const overloadThreshold = 0.2;
const zoneLabel = 'topology.kubernetes.io/zone';
const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

export interface TopologyEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'TopologyAwareHintsEnabled' | 'TopologyAwareHintsDisabled';
  readonly message: string;
}

interface Allocation {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

export function topologyModeIsAuto(service: Readonly<Service>): boolean {
  const annotations = service.metadata.annotations ?? {};
  const mode =
    annotations['service.kubernetes.io/topology-mode'] ?? annotations['service.kubernetes.io/topology-aware-hints'];
  return mode === 'Auto' || mode === 'auto';
}

export function nodeIsReady(node: Readonly<Node>): boolean {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

export class TopologyCache {
  /** Share of the CPUs by zone, sorted; undefined while nodes do not say enough, or there is one zone only. */
  #ratios: ReadonlyMap<string, number> | undefined;
  /** Service → family → endpoints by the zone that they are hinted to. */
  readonly #hinted = new Map<string, Map<AddressType, Map<string, number>>>();
  readonly #populated = new Set<string>();

  setNodes(nodes: readonly Readonly<Node>[]): void {
    this.#ratios = cpuRatios(nodes);
  }

  /** Services whose hints would overload a zone now. */
  overloaded(): string[] {
    return [...this.#hinted.keys()].filter((key) =>
      [...this.#hinted.get(key)!.values()].some((zones) => isOverloaded(zones, this.#ratios)),
    );
  }

  has(key: string): boolean {
    return this.#populated.has(key);
  }

  forget(key: string, family?: AddressType): void {
    const families = this.#hinted.get(key);
    if (family !== undefined) families?.delete(family);
    if (family === undefined || families?.size === 0) this.#hinted.delete(key);
    this.#populated.delete(key);
  }

  /** Changes hints in the slices that are written, and has more written when theirs do not fit. */
  addHints(
    key: string,
    family: AddressType,
    changes: SliceChanges,
    unchanged: readonly ReadSlice[],
  ): readonly TopologyEvent[] {
    const disable = (why: string): readonly TopologyEvent[] => {
      this.forget(key, family);
      removeHints(changes, unchanged);
      return [disabled(why, family)];
    };
    const all = [...changes.create, ...changes.update, ...unchanged];
    const total = all.reduce(
      (sum, slice) => sum + (slice.endpoints ?? []).filter((e) => isReady(e as Endpoint)).length,
      0,
    );
    const allocations = this.#allocate(total);
    if (typeof allocations === 'string') return disable(allocations);

    const taken = new Map<string, number>();
    const left: ReadSlice[] = [];
    for (const slice of unchanged) {
      const own = hintsThatStay(slice, taken, allocations);
      if (!own) changes.update.push({ ...slice, endpoints: [...((slice.endpoints ?? []) as Endpoint[])] });
      else {
        left.push(slice);
        for (const [zone, count] of own) taken.set(zone, (taken.get(zone) ?? 0) + count);
      }
    }
    const written = [...changes.create, ...changes.update];
    const nowhere = written.some((slice) => slice.endpoints!.some((endpoint) => isReady(endpoint) && !endpoint.zone));
    if (nowhere) {
      this.forget(key, family);
      removeHints(changes, left);
      return [disabled('One or more endpoints do not have a zone specified', family)];
    }
    for (const slice of written) {
      slice.endpoints = slice.endpoints!.map((endpoint) => {
        if (!isReady(endpoint)) return endpoint;
        taken.set(endpoint.zone!, (taken.get(endpoint.zone!) ?? 0) + 1);
        return withHints(endpoint, { forZones: [{ name: endpoint.zone! }] });
      });
    }
    redistribute(written, taken, allocations);
    if (taken.size === 0) return disable('No hints allocated for zones');

    const isNew = !this.#populated.has(key);
    const families = this.#hinted.get(key) ?? new Map<AddressType, Map<string, number>>();
    families.set(family, taken);
    this.#hinted.set(key, families);
    this.#populated.add(key);
    if (!isNew) return [];
    const message = `Topology Aware Hints has been enabled, addressType: ${family}`;
    return [{ type: 'Normal', reason: 'TopologyAwareHintsEnabled', message }];
  }

  /** By zone, or why there can be none. */
  #allocate(endpoints: number): ReadonlyMap<string, Allocation> | string {
    const ratios = this.#ratios;
    if (!ratios) {
      return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
    }
    const counts = `(${endpoints} endpoints, ${ratios.size} zones)`;
    if (ratios.size > endpoints) return `Insufficient number of endpoints ${counts}`;
    const zones = [...ratios].map(([zone, ratio]) => {
      const desired = ratio * endpoints;
      const minimum = Math.ceil(desired * (1 / (1 + overloadThreshold)));
      return { zone, minimum, desired: Math.max(desired, minimum) };
    });
    const spare = endpoints - zones.reduce((sum, { minimum }) => sum + minimum, 0);
    if (spare < 0) {
      return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}`;
    }
    return new Map(
      zones.map(({ zone, minimum, desired }) => [zone, { minimum, desired, maximum: minimum + spare }] as const),
    );
  }
}

export function disabled(why: string, family: AddressType): TopologyEvent {
  return { type: 'Warning', reason: 'TopologyAwareHintsDisabled', message: `${why}, addressType: ${family}` };
}

function cpuRatios(nodes: readonly Readonly<Node>[]): ReadonlyMap<string, number> | undefined {
  const byZone = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    const labels = node.metadata.labels ?? {};
    if (controlPlaneLabels.some((label) => label in labels) || !nodeIsReady(node)) continue;
    const cpu = parseQuantity(String(node.status?.allocatable?.['cpu'] ?? '0')).milliValue();
    const zone = labels[zoneLabel];
    if (!zone || cpu === 0) return undefined;
    byZone.set(zone, (byZone.get(zone) ?? 0) + cpu);
    total += cpu;
  }
  if (byZone.size < 2) return undefined;
  return new Map([...byZone].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, cpu]) => [zone, cpu / total]));
}

function isOverloaded(zones: ReadonlyMap<string, number>, ratios: ReadonlyMap<string, number> | undefined): boolean {
  if (zones.size === 0) return false;
  if (!ratios) return true;
  const total = [...zones.values()].reduce((sum, count) => sum + count, 0);
  return [...ratios].some(([zone, ratio]) => {
    const count = zones.get(zone);
    return count === undefined || count < Math.ceil(total * ratio * (1 / (1 + overloadThreshold)));
  });
}

/** Hints of a slice by zone; undefined when it must be written: one is missing, or of a zone that has too many. */
function hintsThatStay(
  slice: ReadSlice,
  taken: ReadonlyMap<string, number>,
  allocations: ReadonlyMap<string, Allocation>,
): ReadonlyMap<string, number> | undefined {
  const own = new Map<string, number>();
  for (const endpoint of (slice.endpoints ?? []) as readonly Endpoint[]) {
    if (!isReady(endpoint)) continue;
    const zones = endpoint.hints?.forZones ?? [];
    if (zones.length === 0) return undefined;
    for (const { name } of zones) {
      if (!allocations.has(name)) return undefined;
      own.set(name, (own.get(name) ?? 0) + 1);
    }
  }
  for (const [zone, count] of own) {
    if (count + (taken.get(zone) ?? 0) > allocations.get(zone)!.maximum) return undefined;
  }
  return own;
}

/** Zones that have more endpoints than they should give some to those that have fewer. */
function redistribute(
  slices: readonly EndpointSlice[],
  taken: Map<string, number>,
  allocations: ReadonlyMap<string, Allocation>,
): void {
  const { giving, receiving } = givingAndReceiving(taken, allocations);
  for (const slice of slices) {
    slice.endpoints = slice.endpoints!.map((endpoint) => {
      const from = endpoint.zone;
      if (!isReady(endpoint) || !from || (giving.get(from) ?? 0) === 0) return endpoint;
      const to = [...receiving].find(([, count]) => count > 0)?.[0];
      if (to === undefined) return endpoint;
      giving.set(from, giving.get(from)! - 1);
      receiving.set(to, receiving.get(to)! - 1);
      taken.set(from, (taken.get(from) ?? 0) - 1);
      taken.set(to, (taken.get(to) ?? 0) + 1);
      return withHints(endpoint, { forZones: [{ name: to }] });
    });
  }
}

function givingAndReceiving(taken: ReadonlyMap<string, number>, allocations: ReadonlyMap<string, Allocation>) {
  const excess = new Map<string, number>();
  const lack = new Map<string, number>();
  for (const [zone, { desired }] of allocations) {
    const has = taken.get(zone) ?? 0;
    if (has > desired) excess.set(zone, has - desired);
    else if (has < desired) lack.set(zone, desired - has);
  }
  const most = (zones: ReadonlyMap<string, number>) =>
    [...zones].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0] as [string, number]);
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  for (;;) {
    const [from, give] = most(excess);
    const [to, receive] = most(lack);
    if (from === '' || to === '' || (give < 1 && receive < 1) || give < 0.5 || receive < 0.5) break;
    giving.set(from, (giving.get(from) ?? 0) + 1);
    receiving.set(to, (receiving.get(to) ?? 0) + 1);
    excess.set(from, give - 1);
    lack.set(to, receive - 1);
  }
  return { giving, receiving };
}
