/**
 * A packet's way over the nodes: the hooks of each, routing between them, until somebody has it or nobody will.
 * Hooks and their order: netfilter's (PREROUTING, routing, INPUT or FORWARD, POSTROUTING; OUTPUT for what the node sends).
 */
import {
  type Branch,
  joinHostPort,
  type Step,
  startBranch,
  stepsOf,
  type TracedPacket,
  withStep,
} from '../../net/index.ts';
import type { RuleEngine } from './engines.ts';

/** Who has an address. */
export type Place =
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string; readonly node: string }
  | { readonly kind: 'node'; readonly name: string }
  /** An address of a Service: rules give it its meaning, no machine has it. */
  | { readonly kind: 'service' }
  | { readonly kind: 'outside' };

export interface TraceNode {
  readonly engine: RuleEngine;
  /** Whether an address is the node's own (its addresses, its end of the pod network, 127.0.0.0/8). */
  isLocal(ip: string): boolean;
}

export interface TraceNetwork {
  /** By which packets come to a node from other machines. */
  readonly link: string;
  place(ip: string): Place;
  /** @throws when there is no such node. */
  node(name: string): TraceNode;
}

export interface Origin {
  readonly kind: 'pod' | 'node' | 'outside';
  /** Where its packets meet rules first. */
  readonly node: string;
}

export type PathEnd =
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string; readonly node: string }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'outside' }
  | { readonly kind: 'dropped' | 'rejected' | 'lost'; readonly node: string };

/** One way the packet may go, to its end. */
export interface Path {
  readonly odds: number;
  readonly packet: TracedPacket;
  readonly end: PathEnd;
  /** Rules tried on each node on the way. */
  readonly tried: Readonly<Record<string, number>>;
  /** Told when asked for: of a thousand ways one is read. */
  steps(): readonly PathStep[];
}

export interface PathStep extends Step {
  readonly node: string;
}

interface Leg {
  readonly branch: Branch;
  readonly tried: Readonly<Record<string, number>>;
  readonly steps: readonly PathStep[];
}

/** A packet that has been on this many nodes goes round in circles. */
const longestWay = 4;

export function walkPaths(network: TraceNetwork, origin: Origin, packet: TracedPacket): Path[] {
  const first: Leg = { branch: startBranch(packet), tried: {}, steps: [] };
  return onNode(network, origin, first, 1);
}

function onNode(network: TraceNetwork, { kind, node: name }: Origin, before: Leg, hop: number): Path[] {
  const node = network.node(name);
  const at = (hook: string, why: string): Step => ({ hook, matched: true, why });
  let branches: Branch[] = [before.branch];
  if (kind === 'node') branches = node.engine.run(branches, 'OUTPUT');
  else branches = node.engine.run(branches, 'PREROUTING');

  const paths: Path[] = [];
  const finish = (branch: Branch, end: PathEnd) => paths.push(pathOf(before, name, branch, end));
  for (const routed of branches) {
    for (const branch of alive([routed], name, finish)) {
      const here = node.isLocal(branch.packet.destination) || node.engine.ownAddresses.has(branch.packet.destination);
      if (here) for (const sent of comeIn(node, name, branch, finish)) leave(sent, false);
      else leave(withStep(branch, at('routing', routeText(network, name, branch.packet.destination))));
    }
  }
  return paths;

  /** Not for this node (any more): through FORWARD, unless the node sends it, and out. */
  function leave(branch: Branch, forward = kind !== 'node'): void {
    const forwarded = forward ? node.engine.run([branch], 'FORWARD') : [branch];
    for (const out of alive(node.engine.run(alive(forwarded, name, finish), 'POSTROUTING'), name, finish)) {
      const place = network.place(out.packet.destination);
      if (place.kind === 'pod' && place.node === name) finish(out, place);
      else if (place.kind === 'pod' || place.kind === 'node') {
        const next = place.kind === 'pod' ? place.node : place.name;
        if (hop >= longestWay) finish(out, { kind: 'lost', node: name });
        else
          paths.push(
            ...onNode(network, { kind: 'outside', node: next }, legAfter(before, name, out, network.link), hop + 1),
          );
      } else finish(out, place.kind === 'service' ? { kind: 'lost', node: name } : place);
    }
  }
}

/** For this node: INPUT. What IPVS translated there goes on to its real server. */
function comeIn(
  node: TraceNode,
  name: string,
  branch: Branch,
  finish: (branch: Branch, end: PathEnd) => void,
): Branch[] {
  const why = `${branch.packet.destination} is an address of this node`;
  const arrived = withStep(branch, { hook: 'routing', matched: true, why });
  const goesOn: Branch[] = [];
  for (const after of alive(node.engine.run([arrived], 'INPUT'), name, finish)) {
    const { packet } = after;
    const translatedHere = packet.translated && !branch.packet.translated;
    if (translatedHere && !node.isLocal(packet.destination)) {
      // ip_vs_nat_xmit sends through LOCAL_OUT: what is translated now passes OUTPUT as an established connection.
      goesOn.push(...alive(node.engine.run([after], 'OUTPUT'), name, finish));
    } else if (node.engine.ownAddresses.has(packet.destination)) finish(after, { kind: 'lost', node: name });
    else finish(after, { kind: 'node', name });
  }
  return goesOn;
}

function alive(branches: readonly Branch[], node: string, finish: (branch: Branch, end: PathEnd) => void): Branch[] {
  return branches.filter((branch) => {
    if (branch.verdict === undefined) return true;
    finish(branch, { kind: branch.verdict === 'drop' ? 'dropped' : 'rejected', node });
    return false;
  });
}

function routeText(network: TraceNetwork, node: string, ip: string): string {
  const place = network.place(ip);
  switch (place.kind) {
    case 'pod':
      return place.node === node
        ? `${ip} is ${place.namespace}/${place.name}, a pod of this node`
        : `${ip} is ${place.namespace}/${place.name} on ${place.node}: the pod network carries it there`;
    case 'node':
      return `${ip} is node ${place.name}`;
    case 'service':
      return `${ip} is of the Services' range and no rule took it: the default route leads out of the cluster, where nobody has it`;
    case 'outside':
      return `${ip} is outside the cluster: by the default route`;
  }
}

/** `link`: by which the next node gets it. */
function legAfter(before: Leg, node: string, branch: Branch, link: string): Leg {
  return {
    branch: {
      ...branch,
      tried: 0,
      steps: undefined,
      packet: { ...branch.packet, mark: 0, inInterface: link },
    },
    tried: { ...before.tried, [node]: (before.tried[node] ?? 0) + branch.tried },
    steps: [...before.steps, ...stepsOf(branch).map((step) => ({ ...step, node }))],
  };
}

function pathOf(before: Leg, node: string, branch: Branch, end: PathEnd): Path {
  return {
    odds: branch.odds,
    packet: branch.packet,
    end,
    tried: { ...before.tried, [node]: (before.tried[node] ?? 0) + branch.tried },
    steps: () => [...before.steps, ...stepsOf(branch).map((step) => ({ ...step, node }))],
  };
}

/** `10.0.0.1:80`. */
export const destinationOf = (packet: TracedPacket): string => joinHostPort(packet.destination, packet.destinationPort);
