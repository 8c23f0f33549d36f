/**
 * ResourceSlices by where they are looked for, and the pools of devices a node can use.
 * Upstream: dynamic-resource-allocation/structured/internal/incubating/pools_incubating.go (1.36).
 */
import type { NodeTerm, ResourceSlice } from '../../api/index.ts';
import { type DeviceAttributeValue, deviceValueOf, type Value } from '../../apimachinery/cel/index.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { termMatches } from '../plugins/node-affinity.ts';
import { type Capacities, type CapacityFields, capacitiesOf } from './capacity.ts';
import { type Amounts, amountsOf } from './quantities.ts';

export interface NodeSelectorFields {
  readonly nodeSelectorTerms: readonly NodeTerm[];
}

interface NodeChoice {
  readonly nodeName?: string;
  readonly allNodes?: boolean;
  readonly nodeSelector?: NodeSelectorFields;
}

type CounterFields = Readonly<Record<string, { readonly value: string }>>;

export interface DeviceTaint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

export interface DeviceFields extends NodeChoice {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, DeviceAttributeValue>>;
  readonly capacity?: Readonly<Record<string, CapacityFields>>;
  readonly consumesCounters?: readonly { readonly counterSet: string; readonly counters: CounterFields }[];
  readonly taints?: readonly DeviceTaint[];
  readonly bindsToNode?: boolean;
  readonly bindingConditions?: readonly string[];
  readonly bindingFailureConditions?: readonly string[];
  readonly allowMultipleAllocations?: boolean;
}

export interface SliceSpec extends NodeChoice {
  readonly driver: string;
  readonly pool: { readonly name: string; readonly generation: number; readonly resourceSliceCount: number };
  readonly devices?: readonly DeviceFields[];
  readonly perDeviceNodeSelection?: boolean;
  readonly sharedCounters?: readonly { readonly name: string; readonly counters: CounterFields }[];
}

export interface Device {
  /** `driver/pool/name`. */
  readonly id: string;
  readonly driver: string;
  readonly pool: string;
  readonly spec: DeviceFields;
  readonly slice: SliceSpec;
  readonly capacities: Capacities;
  readonly counters: readonly { readonly set: string; readonly amounts: Amounts }[];
  /** As selectors see it. */
  readonly value: Value;
}

export interface Pool {
  /** `driver/name`. */
  readonly id: string;
  /** Incomplete: the driver is publishing it. Invalid: it contradicts itself. Nothing is taken from either. */
  readonly state: 'usable' | 'incomplete' | 'invalid';
  /** Those that the node may use, by the names of their slices. */
  readonly devices: readonly Device[];
  /** Others, which take from the same counters. */
  readonly elsewhere: readonly Device[];
  readonly counterSets: ReadonlyMap<string, Amounts>;
}

/** A slice with what is worked out once for all cycles. */
class Slice {
  readonly name: string;
  readonly spec: SliceSpec;
  readonly poolId: string;
  #devices: readonly Device[] | undefined;

  constructor(object: Readonly<ResourceSlice>) {
    this.name = object.metadata.name!;
    this.spec = object.spec as unknown as SliceSpec;
    this.poolId = `${this.spec.driver}/${this.spec.pool.name}`;
  }

  get devices(): readonly Device[] {
    const { driver, pool, devices = [] } = this.spec;
    this.#devices ??= devices.map((spec) => ({
      id: `${this.poolId}/${spec.name}`,
      driver,
      pool: pool.name,
      spec,
      slice: this.spec,
      capacities: capacitiesOf(spec.capacity),
      counters: (spec.consumesCounters ?? []).map(({ counterSet, counters }) => ({
        set: counterSet,
        amounts: countersOf(counters),
      })),
      value: deviceValueOf({ driver, ...spec }),
    }));
    return this.#devices;
  }

  get hasCounters(): boolean {
    return (this.spec.sharedCounters ?? []).length > 0;
  }

  isFor(node: NodeInfo): boolean {
    if (this.hasCounters) return true;
    const { spec } = this;
    if (spec.nodeName || spec.allNodes || spec.nodeSelector) return nodeChosen(spec, node);
    return spec.perDeviceNodeSelection === true && (spec.devices ?? []).some((device) => nodeChosen(device, node));
  }
}

const countersOf = (fields: CounterFields): Amounts =>
  amountsOf(Object.fromEntries(Object.entries(fields).map(([name, { value }]) => [name, value])));

/** Is the node one that the slice or device is for? */
export function nodeChosen({ nodeName, allNodes, nodeSelector }: NodeChoice, node: NodeInfo): boolean {
  if (nodeName) return nodeName === node.name;
  if (allNodes) return true;
  return nodeSelector?.nodeSelectorTerms.some((term) => termMatches(term, node)) ?? false;
}

type Named = Map<string, Slice>;

function into(map: Map<string, Named>, key: string, slice: Slice): void {
  const slices = map.get(key);
  if (slices) slices.set(slice.name, slice);
  else map.set(key, new Map([[slice.name, slice]]));
}

function outOf(map: Map<string, Named>, key: string, slice: Slice): void {
  const slices = map.get(key);
  slices?.delete(slice.name);
  if (slices?.size === 0) map.delete(key);
}

export class DeviceCatalog {
  readonly #slices: Named = new Map();
  readonly #byNode = new Map<string, Named>();
  readonly #shared: Named = new Map();
  readonly #byPool = new Map<string, Named>();
  /** Pools of nodes, for as long as neither the slices nor the node change. */
  readonly #pools = new Map<string, { readonly node: object | undefined; readonly pools: readonly Pool[] }>();

  set(object: Readonly<ResourceSlice>): void {
    this.delete(object.metadata.name!);
    const slice = new Slice(object);
    this.#slices.set(slice.name, slice);
    into(this.#byPool, slice.poolId, slice);
    const { nodeName } = slice.spec;
    if (nodeName && !slice.hasCounters) into(this.#byNode, nodeName, slice);
    else this.#shared.set(slice.name, slice);
  }

  delete(name: string): void {
    const slice = this.#slices.get(name);
    this.#pools.clear();
    if (!slice) return;
    this.#slices.delete(name);
    this.#shared.delete(name);
    outOf(this.#byPool, slice.poolId, slice);
    if (slice.spec.nodeName) outOf(this.#byNode, slice.spec.nodeName, slice);
  }

  /** Pools with devices for the node, by driver and name; those whose devices need binding conditions come last. */
  poolsFor(node: NodeInfo): readonly Pool[] {
    const known = this.#pools.get(node.name);
    if (known && known.node === node.node) return known.pools;
    const pools = this.#gather(node);
    this.#pools.set(node.name, { node: node.node, pools });
    return pools;
  }

  #gather(node: NodeInfo): Pool[] {
    const newest = new Map<string, Slice[]>();
    for (const slice of [...(this.#byNode.get(node.name)?.values() ?? []), ...this.#shared.values()]) {
      if (!slice.isFor(node)) continue;
      const others = newest.get(slice.poolId);
      const age = others ? slice.spec.pool.generation - others[0]!.spec.pool.generation : 1;
      if (age > 0) newest.set(slice.poolId, [slice]);
      else if (age === 0) others!.push(slice);
    }
    const pools: Pool[] = [];
    for (const [id, slices] of newest) {
      const pool = this.#pool(id, slices);
      if (pool) pools.push(pool);
    }
    const key = ({ id }: Pool) => id.replace('/', '\u0000');
    const late = ({ devices }: Pool) => devices.some(({ spec }) => spec.bindingConditions !== undefined);
    return pools.sort((a, b) => Number(late(a)) - Number(late(b)) || (key(a) < key(b) ? -1 : 1));
  }

  /** Undefined: a newer generation is on its way, of which nothing is for the node. */
  #pool(id: string, slices: Slice[]): Pool | undefined {
    const { generation, resourceSliceCount } = slices[0]!.spec.pool;
    const empty = { id, devices: [], elsewhere: [], counterSets: new Map() };
    let elsewhere: Slice[] = [];
    if (slices.length !== resourceSliceCount) {
      const all = [...this.#byPool.get(id)!.values()];
      if (all.some(({ spec }) => spec.pool.generation > generation)) return undefined;
      const current = all.filter(({ spec }) => spec.pool.generation === generation);
      if (current.length !== resourceSliceCount) return { ...empty, state: 'incomplete' };
      elsewhere = current.filter((slice) => !slices.includes(slice));
    }
    slices.sort((a, b) => (a.name < b.name ? -1 : 1));
    const counterSets = new Map<string, Amounts>();
    for (const { name, counters } of slices.flatMap(({ spec }) => spec.sharedCounters ?? [])) {
      if (counterSets.has(name)) return { ...empty, state: 'invalid' };
      counterSets.set(name, countersOf(counters));
    }
    const devices = slices.filter((slice) => !slice.hasCounters).flatMap((slice) => slice.devices);
    const others = elsewhere.flatMap((slice) => slice.devices);
    const names = new Set(devices.map((device) => device.id));
    const valid =
      names.size === devices.length && [...devices, ...others].every((device) => countersExist(device, counterSets));
    return valid ? { id, state: 'usable', devices, elsewhere: others, counterSets } : { ...empty, state: 'invalid' };
  }
}

function countersExist({ counters }: Device, sets: ReadonlyMap<string, Amounts>): boolean {
  return counters.every(({ set, amounts }) => {
    const known = sets.get(set);
    return known !== undefined && [...amounts.keys()].every((name) => known.has(name));
  });
}
