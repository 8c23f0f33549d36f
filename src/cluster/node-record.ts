/**
 * What the cluster remembers of its machines: `nodes.json` in the state folder, so that `klab up` finds those that were
 * added, stopped and removed as they were left.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDns1123Subdomain, newAlreadyExists, newBadRequest, parseQuantity } from '../apimachinery/index.ts';
import type { NodeConfig } from '../kubelet/index.ts';
import type { IpFamily } from '../net/index.ts';
import { ClusterError } from './errors.ts';
import { writeFileAtomically } from './state.ts';

export const nodesResource = { group: '', resource: 'nodes' };

/** `running`, `stopped` (the machine is off), or only its kubelet is not there while the containers go on. */
export type NodeState = 'running' | 'stopped' | 'kubelet-stopped';

export interface NodeRecord {
  /** Place of its address and its zone; never given twice in a cluster's life. */
  readonly index: number;
  readonly config: NodeConfig;
  readonly state: NodeState;
  /** How often the machine was started. */
  readonly boots: number;
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

/** What a new node may be told; everything absent is as `klab up` makes its nodes. */
export interface NodeSpec {
  /** Default `node-<n>`, the next one that was never used. */
  readonly name?: string;
  /** Default: the zones zone-a, zone-b, zone-c in turn. */
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** Over the cluster's default: cpu 8, memory 32Gi, pods 110. */
  readonly capacity?: Readonly<Record<string, string>>;
}

const zones = ['zone-a', 'zone-b', 'zone-c'];
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
/** Addresses of 192.168.0.0/16 that nodes may have. */
export const maxNodes = 60_000;

/** `node-1` in zone-a with 192.168.0.12, `node-2` in zone-b, … */
export function nodeConfig(index: number, spec: NodeSpec = {}, defaults?: NodeSpec['capacity']): NodeConfig {
  const host = index + 10;
  return {
    name: spec.name ?? `node-${index}`,
    ip: `192.168.${Math.floor(host / 250)}.${(host % 250) + 1}`,
    region: 'klab',
    zone: spec.zone ?? zones[(index - 1) % zones.length]!,
    instanceType: 'sim',
    capacity: {
      cpu: '8',
      memory: '32Gi',
      'ephemeral-storage': '100Gi',
      pods: '110',
      ...defaults,
      ...spec.capacity,
    },
    ...(spec.labels && { labels: spec.labels }),
    ...(spec.taints && { taints: spec.taints }),
  };
}

/** A machine's address in the families a cluster has: `192.168.0.12` is `fd00:192:168::c` too. */
export function machineAddress(ip: string, family: IpFamily): string {
  if (family === 'IPv4') return ip;
  const [, , third = 0, fourth = 0] = ip.split('.').map(Number);
  return `fd00:192:168::${(third * 256 + fourth).toString(16)}`;
}

/** Where the API server is, and its own connections into the pod network come from. */
const controlPlaneIp = '192.168.0.10';

/** The control plane's address of a family. */
export function controlPlaneAddress(family: IpFamily): string {
  return machineAddress(controlPlaneIp, family);
}

/** What is remembered has IPv4; which families a node really has is said at each start. */
export function withFamilies(config: NodeConfig, families: readonly IpFamily[]): NodeConfig {
  const [ip, secondIp] = families.map((family) => machineAddress(config.ip, family));
  return { ...config, ip: ip!, ...(secondIp === undefined ? {} : { secondIp }) };
}

/** Records of new nodes behind those that are there. @throws StatusError BadRequest, AlreadyExists */
export function newRecords(
  before: readonly NodeRecord[],
  nextIndex: number,
  count: number,
  spec: NodeSpec,
  defaults?: NodeSpec['capacity'],
): NodeRecord[] {
  checkSpec(spec, count);
  const taken = new Set(before.map(({ config }) => config.name));
  const made: NodeRecord[] = [];
  let index = nextIndex;
  while (made.length < count) {
    const config = nodeConfig(index, spec, defaults);
    if (spec.name === undefined && taken.has(config.name)) {
      index++;
      continue;
    }
    if (taken.has(config.name)) throw newAlreadyExists(nodesResource, config.name);
    made.push({ index, config, state: 'running', boots: 1 });
    index++;
  }
  return made;
}

function checkSpec({ name, zone, labels = {}, taints = [], capacity = {} }: NodeSpec, count: number): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > maxNodes) {
    throw newBadRequest(`count must be from 1 to ${maxNodes}, not ${count}`);
  }
  if (name !== undefined && count > 1) throw newBadRequest('a name is for one node; leave it out to add several');
  if (name !== undefined) {
    const [wrong] = isDns1123Subdomain(name);
    if (wrong) throw newBadRequest(`"${name}" cannot be a node's name: ${wrong}`);
  }
  if (zone === '') throw newBadRequest('zone must not be empty');
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value !== 'string') throw newBadRequest(`label ${key} must be a string`);
  }
  for (const { key, effect } of taints) {
    if (!effects.includes(effect)) {
      throw newBadRequest(`taint ${key}: effect must be ${effects.join(', ')}, not "${effect}"`);
    }
  }
  for (const [resource, amount] of Object.entries(capacity)) {
    try {
      if (parseQuantity(amount).sign >= 0) continue;
    } catch {
      // Said below, with an example.
    }
    throw newBadRequest(`capacity ${resource} must be a quantity such as 4 or 8Gi, not "${amount}"`);
  }
}

interface NodesFile {
  readonly nextIndex: number;
  readonly nodes: readonly NodeRecord[];
}

export class NodeRecords {
  readonly #file: string | undefined;

  /** Without a folder nothing is kept. */
  constructor(dir: string | undefined) {
    this.#file = dir === undefined ? undefined : join(dir, 'nodes.json');
  }

  /** @throws ClusterError DamagedState */
  read(): NodesFile | undefined {
    if (this.#file === undefined || !existsSync(this.#file)) return undefined;
    try {
      const file = JSON.parse(readFileSync(this.#file, 'utf8')) as NodesFile;
      if (Number.isSafeInteger(file.nextIndex) && Array.isArray(file.nodes)) return file;
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
    }
    throw new ClusterError('DamagedState', `${this.#file} does not say which nodes there are; remove it to begin anew`);
  }

  write(file: NodesFile): void {
    if (this.#file !== undefined) writeFileAtomically(this.#file, `${JSON.stringify(file, null, 2)}\n`);
  }
}

/**
 * The machines a cluster starts with: those remembered, as they were left. `wanted` names a number: those too many are
 * stopped, those too few are made, and those within it run.
 */
export function plannedNodes(
  remembered: NodesFile | undefined,
  wanted: number | undefined,
  defaults?: NodeSpec['capacity'],
): NodesFile {
  const before = remembered ?? { nextIndex: 1, nodes: [] };
  if (wanted === undefined && remembered) {
    // With its machine a kubelet starts.
    const nodes = remembered.nodes.map((record): NodeRecord => {
      return record.state === 'kubelet-stopped' ? { ...record, state: 'running' } : record;
    });
    return { ...remembered, nodes };
  }
  const count = wanted ?? 3;
  const nodes: NodeRecord[] = before.nodes.map((record, place) => ({
    ...record,
    state: place < count ? 'running' : 'stopped',
  }));
  const missing = count - nodes.length;
  if (missing > 0) nodes.push(...newRecords(nodes, before.nextIndex, missing, {}, defaults));
  return { nextIndex: Math.max(before.nextIndex, ...nodes.map(({ index }) => index + 1)), nodes };
}
