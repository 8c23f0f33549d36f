/**
 * A scheduler that is slow and plain: for every node it goes over every pod of the cluster, straight from the definitions of
 * the API. It shares no code with the real one. No caches, no sampling, no shortcuts.
 */
import type { Node, Pod } from '../../src/api/index.ts';

export interface Verdict {
  readonly fits: boolean;
  readonly total: number;
}

export interface Cluster {
  readonly nodes: readonly Node[];
  /** Pods with the node each is on. */
  readonly placed: readonly (readonly [Pod, string])[];
  readonly services: readonly any[];
  readonly slices: readonly any[];
  readonly claims: readonly any[];
}

type Labels = Record<string, string>;

const labelsOf = (object: any): Labels => object.metadata.labels ?? {};
const milli = (text = '0'): number => (text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000);
const bytes = (text = '0'): number => {
  if (text.endsWith('Gi')) return Number(text.slice(0, -2)) * 2 ** 30;
  return text.endsWith('Mi') ? Number(text.slice(0, -2)) * 2 ** 20 : Number(text);
};

function needs(pod: any, defaults: boolean): { cpu: number; memory: number } {
  let cpu = 0;
  let memory = 0;
  for (const { resources } of pod.spec.containers) {
    const requests = resources?.requests ?? {};
    cpu += requests.cpu !== undefined ? milli(requests.cpu) : defaults ? 100 : 0;
    memory += requests.memory !== undefined ? bytes(requests.memory) : defaults ? 200 * 2 ** 20 : 0;
  }
  return { cpu, memory };
}

function expressionHolds({ key, operator, values = [] }: any, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    default:
      return value !== undefined && Number(value) < Number(values[0]);
  }
}

function selects(selector: any, labels: Labels): boolean {
  if (!selector) return false;
  const pairs = Object.entries(selector.matchLabels ?? {});
  return (
    pairs.every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((expression: any) => expressionHolds(expression, labels))
  );
}

const termHolds = (term: any, node: Node): boolean =>
  (term.matchExpressions ?? []).every((expression: any) => expressionHolds(expression, labelsOf(node)));

function selectionHolds(pod: any, node: Node): boolean {
  const pairs = Object.entries(pod.spec.nodeSelector ?? {});
  if (!pairs.every(([key, value]) => labelsOf(node)[key] === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || required.nodeSelectorTerms.some((term: any) => termHolds(term, node));
}

function tolerates(pod: any, taint: any, effects?: string[]): boolean {
  return (pod.spec.tolerations ?? []).some(
    (toleration: any) =>
      (!effects || !toleration.effect || effects.includes(toleration.effect)) &&
      (!toleration.effect || toleration.effect === taint.effect) &&
      (!toleration.key || toleration.key === taint.key) &&
      (toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')),
  );
}

const taintsOf = (node: any): any[] => node.spec.taints ?? [];

const affinityTerms = (pod: any, kind: 'podAffinity' | 'podAntiAffinity'): any[] =>
  pod.spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
const preferredTerms = (pod: any, kind: 'podAffinity' | 'podAntiAffinity'): any[] =>
  pod.spec.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];

/** Does a term of `owner` mean `other`? */
function means(term: any, owner: any, other: any): boolean {
  const namespaces = term.namespaces?.length ? term.namespaces : [owner.metadata.namespace];
  return namespaces.includes(other.metadata.namespace) && selects(term.labelSelector, labelsOf(other));
}

class Reference {
  readonly #cluster: Cluster;
  readonly #pod: any;

  constructor(cluster: Cluster, pod: Pod) {
    this.#cluster = cluster;
    this.#pod = pod;
  }

  #on(node: Node): any[] {
    return this.#cluster.placed.filter(([, name]) => name === node.metadata.name).map(([pod]) => pod);
  }

  #node(name: string): Node {
    return this.#cluster.nodes.find((node) => node.metadata.name === name)!;
  }

  #resourcesFit(node: any): boolean {
    const pods = this.#on(node);
    const { allocatable } = node.status;
    if (pods.length + 1 > Number(allocatable.pods)) return false;
    const want = needs(this.#pod, false);
    const sum = (name: 'cpu' | 'memory') => pods.reduce((total, pod) => total + needs(pod, false)[name], 0);
    if (want.cpu > 0 && want.cpu + sum('cpu') > milli(allocatable.cpu)) return false;
    return !(want.memory > 0 && want.memory + sum('memory') > bytes(allocatable.memory));
  }

  #portsFree(node: Node): boolean {
    const ports = (pod: any) => pod.spec.containers.flatMap((c: any) => c.ports ?? []).map((p: any) => p.hostPort);
    return !this.#on(node).some((other) => ports(other).some((port: number) => ports(this.#pod).includes(port)));
  }

  /** Matching pods of the domain a node is in, over nodes that count. */
  #matchingIn(constraint: any, selector: (labels: Labels) => boolean, value: string, all: readonly any[]): number {
    const key = constraint.topologyKey;
    return this.#cluster.placed.filter(([other, name]) => {
      const node = this.#node(name);
      return (
        all.includes(node) &&
        labelsOf(node)[key] === value &&
        other.metadata.namespace === this.#pod.metadata.namespace &&
        selector(labelsOf(other))
      );
    }).length;
  }

  /** Nodes over which a constraint is counted. */
  #eligible(constraint: any, constraints: readonly any[], requireAll: boolean): Node[] {
    return this.#cluster.nodes.filter((node) => {
      if (requireAll && !constraints.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined))
        return false;
      if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !selectionHolds(this.#pod, node)) return false;
      const hard = taintsOf(node).filter(({ effect }) => effect !== 'PreferNoSchedule');
      const honor = constraint.nodeTaintsPolicy === 'Honor';
      return !honor || hard.every((taint) => tolerates(this.#pod, taint));
    });
  }

  #spreadFits(node: Node): boolean {
    const all = (this.#pod.spec.topologySpreadConstraints ?? []) as any[];
    const hard = all.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule');
    return hard.every((constraint) => {
      const value = labelsOf(node)[constraint.topologyKey];
      if (value === undefined) return false;
      const eligible = this.#eligible(constraint, hard, true);
      const selector = (labels: Labels) => selects(constraint.labelSelector, labels);
      const values = [...new Set(eligible.map((other) => labelsOf(other)[constraint.topologyKey]!))];
      const counts = values.map((other) => this.#matchingIn(constraint, selector, other, eligible));
      const least = values.length < (constraint.minDomains ?? 1) ? 0 : Math.min(...counts);
      const here = values.includes(value) ? counts[values.indexOf(value)]! : 0;
      return here + (selector(labelsOf(this.#pod)) ? 1 : 0) - least <= constraint.maxSkew;
    });
  }

  #podAffinityFits(node: Node): boolean {
    const pod = this.#pod;
    const same = (key: string, name: string) =>
      labelsOf(node)[key] !== undefined && labelsOf(this.#node(name))[key] === labelsOf(node)[key];
    for (const [other, name] of this.#cluster.placed) {
      for (const term of affinityTerms(other, 'podAntiAffinity')) {
        if (means(term, other, pod) && same(term.topologyKey, name)) return false;
      }
      for (const term of affinityTerms(pod, 'podAntiAffinity')) {
        if (means(term, pod, other) && same(term.topologyKey, name)) return false;
      }
    }
    const terms = affinityTerms(pod, 'podAffinity');
    if (terms.length === 0) return true;
    if (!terms.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined)) return false;
    const friends = this.#cluster.placed.filter(([other]) => terms.every((term) => means(term, pod, other)));
    const near = terms.every(({ topologyKey }) => friends.some(([, name]) => same(topologyKey, name)));
    if (near) return true;
    const anywhere = friends.some(([, name]) =>
      terms.some(({ topologyKey }) => labelsOf(this.#node(name))[topologyKey] !== undefined),
    );
    return !anywhere && terms.every((term) => means(term, pod, pod));
  }

  /** Every way to hand out the free devices of a node is tried. */
  #devicesFit(node: Node): boolean {
    const { claims, slices } = this.#cluster;
    const name = node.metadata.name!;
    const own = (this.#pod.spec.resourceClaims ?? []).map(({ resourceClaimName }: any) =>
      claims.find(({ metadata }) => metadata.name === resourceClaimName),
    );
    const taken = claims.flatMap(({ status }) => status?.allocation?.devices.results ?? []);
    const free = slices
      .filter(({ spec }) => spec.nodeName === name)
      .flatMap(({ spec }) =>
        spec.devices.filter((d: any) => !taken.some((t) => t.pool === name && t.device === d.name)),
      );
    const wanted: number[] = [];
    for (const { spec, status } of own) {
      if (status?.allocation) {
        if (status.allocation.devices.results[0].pool !== name) return false;
        continue;
      }
      for (const { exactly } of spec.devices.requests) {
        const least = Number(/>= (\d+)/.exec(exactly.selectors[0].cel.expression)![1]);
        for (let i = 0; i < exactly.count; i++) wanted.push(least);
      }
    }
    const asked = Number(this.#pod.spec.containers[0]!.resources?.requests?.['example.com/card'] ?? 0);
    const plugged = (node.status as any).allocatable['example.com/card'];
    if (plugged === undefined) for (let i = 0; i < asked; i++) wanted.push(0);
    else if (Number(plugged) < asked + this.#cardsOn(node)) return false;
    const canHave = (from: number, left: readonly any[]): boolean =>
      from === wanted.length ||
      left.some(
        (device) =>
          device.attributes.size.int >= wanted[from]! &&
          canHave(
            from + 1,
            left.filter((d) => d !== device),
          ),
      );
    return canHave(0, free);
  }

  #cardsOn(node: Node): number {
    const cards = (pod: any) => Number(pod.spec.containers[0].resources.requests['example.com/card'] ?? 0);
    return this.#on(node).reduce((sum, pod) => sum + cards(pod), 0);
  }

  #featuresThere(node: any): boolean {
    const { hostNetwork, hostUsers } = this.#pod.spec;
    const needed = hostNetwork && hostUsers === false;
    return !needed || (node.status.declaredFeatures ?? []).includes('UserNamespacesHostNetworkSupport');
  }

  fits(node: any): boolean {
    const hard = taintsOf(node).filter(({ effect }) => effect !== 'PreferNoSchedule');
    const cordon = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    return (
      (!node.spec.unschedulable || tolerates(this.#pod, cordon)) &&
      hard.every((taint) => tolerates(this.#pod, taint)) &&
      selectionHolds(this.#pod, node) &&
      this.#portsFree(node) &&
      this.#resourcesFit(node) &&
      this.#spreadFits(node) &&
      this.#podAffinityFits(node) &&
      this.#devicesFit(node) &&
      this.#featuresThere(node)
    );
  }

  #taintScores(nodes: readonly Node[]): number[] {
    const soft = nodes.map(
      (node) =>
        taintsOf(node).filter(
          (taint) => taint.effect === 'PreferNoSchedule' && !tolerates(this.#pod, taint, ['PreferNoSchedule']),
        ).length,
    );
    // Nobody has such a taint: the plugin has no say at all.
    if (!nodes.some((node) => taintsOf(node).some(({ effect }) => effect === 'PreferNoSchedule')))
      return nodes.map(() => 0);
    const max = Math.max(...soft);
    return soft.map((count) => (max === 0 ? 100 : 100 - Math.floor((100 * count) / max)));
  }

  #nodeAffinityScores(nodes: readonly Node[]): number[] {
    const preferred = (this.#pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ??
      []) as any[];
    const sums = nodes.map((node) =>
      preferred.reduce((sum, { weight, preference }) => sum + (termHolds(preference, node) ? weight : 0), 0),
    );
    const max = Math.max(...sums);
    return sums.map((sum) => (max === 0 ? 0 : Math.floor((100 * sum) / max)));
  }

  #fitScore(node: any): number {
    const want = needs(this.#pod, true);
    const shares = (['cpu', 'memory'] as const).map((name) => {
      const capacity = name === 'cpu' ? milli(node.status.allocatable.cpu) : bytes(node.status.allocatable.memory);
      const used = this.#on(node).reduce((sum, pod) => sum + needs(pod, true)[name], want[name]);
      return used > capacity ? 0 : Math.floor(((capacity - used) * 100) / capacity);
    });
    return Math.floor((shares[0]! + shares[1]!) / 2);
  }

  #balanceScore(node: any): number {
    const want = needs(this.#pod, false);
    if (want.cpu === 0 && want.memory === 0) return 0;
    const evenness = (withPod: boolean) => {
      const [cpu, memory] = (['cpu', 'memory'] as const).map((name) => {
        const capacity = name === 'cpu' ? milli(node.status.allocatable.cpu) : bytes(node.status.allocatable.memory);
        const used = this.#on(node).reduce((sum, pod) => sum + needs(pod, false)[name], withPod ? want[name] : 0);
        return Math.min(1, used / capacity);
      });
      return Math.floor((1 - Math.abs((cpu! - memory!) / 2)) * 100);
    };
    return 50 + Math.floor((50 + evenness(true) - evenness(false)) / 2);
  }

  #spreadScores(nodes: readonly Node[]): number[] {
    const own = (this.#pod.spec.topologySpreadConstraints ?? []) as any[];
    let constraints = own.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway');
    let select = (constraint: any) => (labels: Labels) => selects(constraint.labelSelector, labels);
    if (own.length === 0) {
      const set: Labels = {};
      for (const { spec } of this.#cluster.services) {
        const pairs = Object.entries(spec.selector as Labels);
        if (pairs.every(([key, value]) => labelsOf(this.#pod)[key] === value)) Object.assign(set, spec.selector);
      }
      if (Object.keys(set).length === 0) return nodes.map(() => 0);
      constraints = [
        { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 },
        { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
      ];
      select = () => (labels) => Object.entries(set).every(([key, value]) => labels[key] === value);
    }
    if (constraints.length === 0) return nodes.map(() => 0);
    const requireAll = own.length > 0;
    const has = (node: Node) => constraints.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined);
    const counted = nodes.filter((node) => !requireAll || has(node));
    const raw = counted.map((node) => {
      let score = 0;
      for (const constraint of constraints) {
        const { topologyKey, maxSkew } = constraint;
        const value = labelsOf(node)[topologyKey];
        if (value === undefined) continue;
        const hosts = topologyKey === 'kubernetes.io/hostname';
        const values = new Set(counted.map((other) => labelsOf(other)[topologyKey]).filter((v) => v !== undefined));
        const weight = Math.log((hosts ? counted.length : values.size) + 2);
        // Hosts are counted as they are; domains over the nodes that policies leave.
        const over = hosts ? this.#cluster.nodes : this.#eligible(constraint, constraints, requireAll);
        score += this.#matchingIn(constraint, select(constraint), value, over) * weight + (maxSkew - 1);
      }
      return Math.round(score);
    });
    const [min, max] = [Math.min(...raw), Math.max(0, ...raw)];
    return nodes.map((node) => {
      const at = counted.indexOf(node);
      if (at < 0) return 0;
      return max === 0 ? 100 : Math.floor((100 * (max + min - raw[at]!)) / max);
    });
  }

  #podAffinityScores(nodes: readonly Node[]): number[] {
    const pod = this.#pod;
    const raw = nodes.map((node) => {
      let sum = 0;
      for (const [other, name] of this.#cluster.placed) {
        const near = (key: string) =>
          labelsOf(node)[key] !== undefined && labelsOf(node)[key] === labelsOf(this.#node(name))[key];
        const add = (terms: any[], owner: any, target: any, sign: number) => {
          for (const { weight, podAffinityTerm: term } of terms) {
            if (means(term, owner, target) && near(term.topologyKey)) sum += sign * weight;
          }
        };
        add(preferredTerms(pod, 'podAffinity'), pod, other, 1);
        add(preferredTerms(pod, 'podAntiAffinity'), pod, other, -1);
        add(preferredTerms(other, 'podAffinity'), other, pod, 1);
        add(preferredTerms(other, 'podAntiAffinity'), other, pod, -1);
        for (const term of affinityTerms(other, 'podAffinity')) {
          if (means(term, other, pod) && near(term.topologyKey)) sum += 1;
        }
      }
      return sum;
    });
    const [min, max] = [Math.min(...raw), Math.max(...raw)];
    return raw.map((sum) => (max === min ? 0 : Math.floor((100 * (sum - min)) / (max - min))));
  }

  #imageScore(node: any): number {
    const having = (name: string) =>
      this.#cluster.nodes.filter((other: any) => (other.status.images ?? []).some((i: any) => i.names.includes(name)));
    let sum = 0;
    for (const { image } of this.#pod.spec.containers) {
      const size = (node.status.images ?? []).find((i: any) => i.names.includes(image))?.sizeBytes;
      if (size !== undefined) sum += Math.floor(size * (having(image).length / this.#cluster.nodes.length));
    }
    const [min, max] = [23 * 2 ** 20, 1000 * 2 ** 20 * this.#pod.spec.containers.length];
    return Math.floor((100 * (Math.min(max, Math.max(min, sum)) - min)) / (max - min));
  }

  verdicts(): Map<string, Verdict> {
    const { nodes } = this.#cluster;
    const feasible = nodes.filter((node) => this.fits(node));
    const out = new Map<string, Verdict>(nodes.map((node) => [node.metadata.name!, { fits: false, total: 0 }]));
    if (feasible.length === 0) return out;
    const columns: [number, number[]][] = [
      [3, this.#taintScores(feasible)],
      [2, this.#nodeAffinityScores(feasible)],
      [1, feasible.map((node) => this.#fitScore(node))],
      [2, this.#spreadScores(feasible)],
      [2, this.#podAffinityScores(feasible)],
      [1, feasible.map((node) => this.#balanceScore(node))],
      [1, feasible.map((node) => this.#imageScore(node))],
    ];
    for (const [i, node] of feasible.entries()) {
      const total = columns.reduce((sum, [weight, scores]) => sum + weight * scores[i]!, 0);
      out.set(node.metadata.name!, { fits: true, total });
    }
    return out;
  }
}

/** What a pod's nodes are worth: who fits, and the weighted total of each. */
export function referenceVerdicts(cluster: Cluster, pod: Pod): Map<string, Verdict> {
  return new Reference(cluster, pod).verdicts();
}
