/**
 * The smallest single changes that would let a pod schedule, or move it to a node. Candidates come from what refused the
 * pod; each is tried on a copy of the cluster by the real framework, and only those that work are told.
 */
import type { Node, Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { NodeDecision } from '../decision/columns.ts';
import type { Decision } from '../decision/record.ts';
import { type NodeInfo, type PodInfo, podInfoOf } from '../framework/node-info.ts';
import { toleratesTaint } from '../plugins/taints.ts';
import type { World } from '../simulate/world.ts';
import type { Change, ChangeKind, WhatIf, WhatIfOptions } from './change.ts';
import {
  amountOf,
  both,
  constraintDrops,
  type Edit,
  hardTaints,
  lowerRequests,
  otherScheduler,
  type PodSpec,
  pinTo,
  removeGates,
  type TaintLike,
  taintText,
  tolerate,
} from './edits.ts';
import { howToAdd, nodesToAdd } from './new-node.ts';
import { type PatchOp, type PodPatch, podPatch, replacesItsPods } from './patch.ts';

const order: readonly ChangeKind[] = [
  'Gate',
  'SchedulerName',
  'Pin',
  'Request',
  'Toleration',
  'Constraint',
  'Node',
  'Eviction',
  'NewNode',
];

/** Changes told of one kind. */
const perKind: Readonly<Record<ChangeKind, number>> = {
  Gate: 1,
  SchedulerName: 1,
  Pin: 1,
  Request: 3,
  Toleration: 3,
  Constraint: 10,
  Node: 3,
  Eviction: 3,
  NewNode: 1,
};

class Search {
  readonly #world: World;
  readonly #pod: Readonly<Pod>;
  readonly #options: WhatIfOptions;
  readonly #base: Edit | undefined;
  readonly #max: number;
  readonly #signal: AbortSignal;
  readonly changes: Change[] = [];
  trials = 0;
  /** Claims that turned out to be in the way once something else was changed. */
  #behind: string | undefined;
  /** The node wanted, or undefined. */
  readonly #wanted: string | undefined;

  constructor(world: World, pod: Readonly<Pod>, options: WhatIfOptions) {
    this.#world = world;
    this.#pod = pod;
    this.#options = options;
    this.#wanted = options.node;
    this.#max = options.trialsPerKind ?? 24;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#base = options.node === undefined ? undefined : pinTo(options.node);
  }

  #edited(edit: Edit | undefined): Pod {
    const spec = structuredClone(this.#pod.spec!) as PodSpec;
    delete spec.nodeName;
    edit?.apply(spec);
    return { ...this.#pod, spec } as Pod;
  }

  async #decide(edit: Edit | undefined): Promise<Decision> {
    this.trials++;
    return (await this.#world.ask(this.#edited(edit), this.#signal)).decision;
  }

  /** The node where the pod would go, if it would and it is the one wanted. */
  async #lands(edit: Edit | undefined): Promise<string | undefined> {
    const decision = await this.#decide(edit);
    const { node } = decision;
    // With what was in the way gone, something else may show.
    if (node === undefined) this.#behind ??= this.#claimsIn(decision);
    return this.#wanted === undefined || node === this.#wanted ? node : undefined;
  }

  /** The edit with what makes the pod go to the node wanted. */
  #whole(edit: Edit): Edit {
    return this.#base ? both(edit, this.#base) : edit;
  }

  #tell(kind: ChangeKind, edit: Edit, node: string): void {
    const made: PodPatch = podPatch(this.#pod, edit, this.#options.owner);
    this.changes.push({ kind, summary: edit.summary, node, ...made });
  }

  /** Tries edits in order until enough of them work. */
  async #edits(kind: ChangeKind, edits: readonly Edit[]): Promise<void> {
    let found = 0;
    for (const edit of edits.slice(0, this.#max)) {
      if (found >= perKind[kind]) return;
      const whole = this.#whole(edit);
      const putBack = edit.neighbours ? this.#editSiblings(edit) : undefined;
      const node = await this.#lands(whole);
      putBack?.();
      if (node === undefined) continue;
      this.#tell(kind, whole, node);
      found++;
    }
  }

  /** A template that is changed changes the pods beside this one: their rules about neighbours are those of before. */
  #editSiblings(edit: Edit): () => void {
    const { owner } = this.#options;
    if (!owner || !replacesItsPods(owner)) return () => {};
    const controller = (pod: Readonly<Pod>) => pod.metadata.ownerReferences?.find((reference) => reference.controller);
    const maker = controller(this.#pod)?.uid;
    if (maker === undefined) return () => {};
    const undo: (() => void)[] = [];
    for (const { name, pods } of this.#world.cache.nodes) {
      for (const { pod } of [...pods.values()]) {
        if (controller(pod)?.uid !== maker) continue;
        const spec = structuredClone(pod.spec!) as PodSpec;
        edit.apply(spec);
        this.#world.put({ ...pod, spec } as Pod, name);
        undo.push(() => this.#world.put(pod, name));
      }
    }
    return () => {
      for (const step of undo) step();
    };
  }

  /** What none of the changes tried here helps against: they are about pods and nodes. */
  beyond(now: Decision): string | undefined {
    const claims = this.#claimsIn(now) ?? (this.changes.length === 0 ? this.#behind : undefined);
    if (claims !== undefined) return claims;
    const gates = (this.#pod.spec?.schedulingGates ?? []).map(({ name }) => name);
    if (gates.length === 0 || this.changes.length > 0) return undefined;
    return `besides, its scheduling gates hold it (${gates.join(', ')}); without them it would not fit either`;
  }

  #claimsIn({ preFilter, nodes }: Decision): string | undefined {
    const by = (plugin: string): string => {
      if (plugin !== 'DynamicResources') return 'its volumes';
      return this.#pod.spec?.resourceClaims?.length ? 'its resource claims' : 'its extended resources';
    };
    const told = preFilter.find(({ plugin, reasons }) => reasons.length > 0 && aboutClaims.has(plugin));
    if (told) return `what is wrong with ${by(told.plugin)} must be put right there: ${told.reasons.join(', ')}`;
    const refused = nodes.filter(({ filter }) => filter && aboutClaims.has(filter.plugin));
    if (refused.length === 0) return undefined;
    const { plugin, reasons } = refused[0]!.filter!;
    const where = refused.length === 1 ? refused[0]!.name : `${refused.length} nodes`;
    return `${by(plugin)} keep it from ${where}, which changes of pods and nodes do not help: ${reasons.join(', ')}`;
  }

  async run(): Promise<Decision> {
    const now = await this.#decide(undefined);
    const held = (this.#pod.spec?.schedulingGates ?? []).length > 0;
    if (held) {
      await this.#edits('Gate', [removeGates(this.#pod)]);
      return now;
    }
    const { schedulerName = 'default-scheduler' } = this.#pod.spec!;
    if (!this.#world.profiles.has(schedulerName)) {
      await this.#edits('SchedulerName', [otherScheduler(this.#world.profile.schedulerName)]);
      return now;
    }
    if (this.#wanted === undefined && now.node !== undefined) return now;
    if (this.#wanted !== undefined) {
      if (now.node === this.#wanted) return now;
      const node = await this.#lands(this.#base);
      if (node !== undefined) {
        this.#tell('Pin', this.#base!, node);
        return now;
      }
    }
    const refused = await this.#refused(now);
    await this.#requests(refused);
    await this.#tolerations(refused);
    await this.#edits('Constraint', constraintDrops(this.#pod));
    await this.#nodes(refused);
    await this.#evictions(refused);
    if (this.#wanted === undefined) await this.#newNodes();
    this.changes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    return now;
  }

  /** Refused nodes that are looked at: all, or the one wanted as seen by a pod that is pinned there. */
  async #refused(now: Decision): Promise<NodeDecision[]> {
    if (this.#wanted === undefined) return now.nodes.filter((node) => node.filter);
    return (await this.#decide(this.#base)).nodes.filter((node) => node.name === this.#wanted && node.filter);
  }

  #info(name: string): NodeInfo {
    return this.#world.cache.get(name)!;
  }

  #shortages(node: NodeInfo, pod: PodInfo): Record<string, number> {
    const names = ['cpu', 'memory', 'ephemeral-storage', ...pod.requests.scalar.keys()];
    const out: Record<string, number> = {};
    for (const name of names) {
      const wanted = amountOf(pod.requests, name);
      const free = amountOf(node.allocatable, name) - amountOf(node.requested, name);
      if (wanted > 0 && wanted > free) out[name] = wanted - free;
    }
    return out;
  }

  /** Share of what the pod asks for that is missing on a node; what makes one node nearer than another. */
  #distance(short: Readonly<Record<string, number>>, pod: PodInfo): number {
    return Object.entries(short).reduce((sum, [name, amount]) => sum + amount / amountOf(pod.requests, name), 0);
  }

  async #requests(refused: readonly NodeDecision[]): Promise<void> {
    const pod = podInfoOf(this.#pod);
    const byResources = new Map<string, { readonly short: Record<string, number>; readonly distance: number }[]>();
    for (const { name, filter } of refused) {
      if (filter!.plugin !== 'NodeResourcesFit' || filter!.reasons.includes('Too many pods')) continue;
      const node = this.#info(name);
      const short = this.#shortages(node, pod);
      // A node that is overcommitted has nothing to give, however little is asked for.
      if (Object.entries(short).some(([resource, amount]) => amount > amountOf(pod.requests, resource))) continue;
      const key = Object.keys(short).join();
      const entry = { short, distance: this.#distance(short, pod) };
      const list = byResources.get(key);
      if (list) list.push(entry);
      else byResources.set(key, [entry]);
    }
    for (const list of [...byResources.values()]
      .sort((a, b) => Object.keys(a[0]!.short).length - Object.keys(b[0]!.short).length)
      .slice(0, perKind.Request)) {
      list.sort((a, b) => a.distance - b.distance);
      for (const { short } of list.slice(0, 5)) {
        const whole = this.#whole(lowerRequests(this.#pod, short));
        const node = await this.#lands(whole);
        if (node === undefined) continue;
        this.#tell('Request', whole, node);
        break;
      }
    }
  }

  async #tolerations(refused: readonly NodeDecision[]): Promise<void> {
    const tolerations = (this.#pod.spec?.tolerations ?? []) as Parameters<typeof toleratesTaint>[0];
    const sets = new Map<string, TaintLike[]>();
    for (const { name, filter } of refused) {
      if (filter!.plugin !== 'TaintToleration') continue;
      const taints = hardTaints(this.#info(name)).filter((taint) => !toleratesTaint(tolerations, taint as never));
      sets.set(taints.map(taintText).join(), taints);
    }
    const smallest = [...sets.values()].sort((a, b) => a.length - b.length);
    await this.#edits('Toleration', smallest.map(tolerate));
  }

  /** Cordons lifted, taints removed, labels given. */
  async #nodes(refused: readonly NodeDecision[]): Promise<void> {
    let found = 0;
    let tried = 0;
    const attempt = async (name: string, summary: string, command: string, change: (node: any) => void) => {
      if (found >= perKind.Node || tried++ >= this.#max) return;
      const before = this.#info(name).node!;
      const after = structuredClone(before) as Node;
      change(after);
      const undo = this.#world.setNode(after);
      const node = await this.#lands(this.#base);
      undo();
      // Another node would have done without.
      if (node !== name) return;
      found++;
      const patch: PatchOp[] = [];
      for (const field of ['labels'] as const) {
        if (JSON.stringify(before.metadata[field]) !== JSON.stringify(after.metadata[field])) {
          patch.push({
            op: before.metadata[field] ? 'replace' : 'add',
            path: `/metadata/${field}`,
            value: after.metadata[field],
          });
        }
      }
      for (const field of ['taints', 'unschedulable'] as const) {
        const [had, has] = [before.spec?.[field], after.spec?.[field]];
        if (JSON.stringify(had) === JSON.stringify(has)) continue;
        patch.push(
          has === undefined
            ? { op: 'remove', path: `/spec/${field}` }
            : { op: 'replace', path: `/spec/${field}`, value: has },
        );
      }
      const pin = this.#base && podPatch(this.#pod, this.#base, this.#options.owner);
      this.changes.push({
        kind: 'Node',
        summary: pin ? `${summary} and ${this.#base!.summary}` : summary,
        node,
        target: { apiVersion: 'v1', kind: 'Node', name },
        patch,
        commands: [command, ...(pin?.commands ?? [])],
      });
    };
    for (const { name, filter } of refused) {
      if (found >= perKind.Node || tried >= this.#max) return;
      if (filter!.plugin === 'NodeUnschedulable') {
        await attempt(name, `uncordon ${name}`, `kubectl uncordon ${name}`, (node) => {
          delete node.spec.unschedulable;
          node.spec.taints = node.spec.taints?.filter(
            (taint: TaintLike) => taint.key !== 'node.kubernetes.io/unschedulable',
          );
        });
      } else if (filter!.plugin === 'TaintToleration') {
        const taints = hardTaints(this.#info(name));
        if (taints.length !== 1) continue;
        const [taint] = taints as [TaintLike];
        await attempt(
          name,
          `remove the taint ${taintText(taint)} of ${name}`,
          `kubectl taint nodes ${name} ${taint.key}:${taint.effect}-`,
          (node) => {
            node.spec.taints = node.spec.taints.filter(
              (other: TaintLike) => other.key !== taint.key || other.effect !== taint.effect,
            );
          },
        );
      } else if (filter!.plugin === 'NodeAffinity') {
        const wanted = Object.entries((this.#pod.spec?.nodeSelector ?? {}) as Record<string, string>);
        const missing = wanted.filter(([key, value]) => this.#info(name).labels[key] !== value);
        // What a machine is and where it stands is not for a label to change.
        if (missing.length === 0 || missing.some(([key]) => isFact(key))) continue;
        const words = missing.map(([key, value]) => `${key}=${value}`);
        await attempt(
          name,
          `label ${name} ${words.join(' ')}`,
          `kubectl label node ${name} --overwrite ${words.join(' ')}`,
          (node) => {
            node.metadata.labels = { ...node.metadata.labels, ...Object.fromEntries(missing) };
          },
        );
      }
    }
  }

  /** One pod less: of the least priority, and the smallest that suffices. */
  async #evictions(refused: readonly NodeDecision[]): Promise<void> {
    const pod = podInfoOf(this.#pod);
    const candidates: { readonly node: NodeInfo; readonly victim: PodInfo; readonly cost: number }[] = [];
    for (const { name, filter } of refused) {
      if (!evictionHelps.has(filter!.plugin)) continue;
      const node = this.#info(name);
      const short = filter!.plugin === 'NodeResourcesFit' ? this.#shortages(node, pod) : {};
      for (const victim of node.pods.values()) {
        const { metadata } = victim.pod;
        if (metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined || victim.uid === pod.uid) continue;
        if (metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet' || kind === 'Node')) continue;
        if (Object.entries(short).some(([resource, amount]) => amountOf(victim.requests, resource) < amount)) continue;
        candidates.push({ node, victim, cost: victim.requests.milliCPU / 1000 + victim.requests.memory / 2 ** 32 });
      }
    }
    candidates.sort((a, b) => a.victim.priority - b.victim.priority || a.cost - b.cost);
    let found = 0;
    for (const { node: info, victim } of candidates.slice(0, this.#max)) {
      if (found >= perKind.Eviction) return;
      const putBack = this.#world.take(victim);
      const node = await this.#lands(this.#base);
      putBack();
      if (node === undefined) continue;
      found++;
      const { namespace } = victim;
      const name = victim.pod.metadata.name!;
      const owner = victim.pod.metadata.ownerReferences?.find(({ controller }) => controller);
      const pin = this.#base && podPatch(this.#pod, this.#base, this.#options.owner);
      const notes = [
        `its priority is ${victim.priority}, this pod's is ${pod.priority}`,
        ...(owner ? [`${owner.kind} ${owner.name} makes it anew`] : []),
      ];
      this.changes.push({
        kind: 'Eviction',
        summary: `evict ${victim.key} from ${info.name}${pin ? ` and ${this.#base!.summary}` : ''}`,
        node,
        target: { apiVersion: 'v1', kind: 'Pod', namespace, name },
        delete: true,
        commands: [`kubectl delete pod ${name} -n ${namespace}`, ...(pin?.commands ?? [])],
        note: notes.join('; '),
      });
    }
  }

  /** One more node of a shape that the cluster has, the smallest that does; else one made to measure. */
  async #newNodes(): Promise<void> {
    for (const node of nodesToAdd(this.#world.cache, podInfoOf(this.#pod)).slice(0, this.#max)) {
      const undo = this.#world.setNode(node);
      const landed = await this.#lands(undefined);
      undo();
      if (landed !== node.metadata.name) continue;
      const { summary, command } = howToAdd(node);
      this.changes.push({
        kind: 'NewNode',
        summary,
        node: node.metadata.name!,
        manifest: node as KubeObject,
        commands: [command],
      });
      return;
    }
  }
}

/** Labels by which the kubelet and the cloud tell what a node is; `node-role…` and `node-restriction…` are anybody's. */
const isFact = (key: string): boolean =>
  /(^|\.)(kubernetes|k8s)\.io\//.test(key) && !/^node-(role|restriction)\.kubernetes\.io\//.test(key);

const aboutClaims = new Set(['VolumeRestrictions', 'VolumeBinding', 'VolumeZone', 'DynamicResources']);

const evictionHelps = new Set([
  'NodeResourcesFit',
  'NodePorts',
  'InterPodAffinity',
  'PodTopologySpread',
  'VolumeRestrictions',
  'NodeVolumeLimits',
]);

/** The world is as it was when this returns. @throws RangeError when the node wanted does not exist; Error of an extender that may not be ignored. */
export async function whatIf(world: World, pod: Readonly<Pod>, options: WhatIfOptions = {}): Promise<WhatIf> {
  if (options.node !== undefined && !world.cache.get(options.node)) {
    throw new RangeError(`there is no node "${options.node}"`);
  }
  const putBack = pod.spec?.nodeName ? world.take(podInfoOf(pod)) : undefined;
  const search = new Search(world, pod, options);
  const now = await search.run();
  putBack?.();
  const beyond = now.node === undefined ? search.beyond(now) : undefined;
  return {
    pod: { namespace: pod.metadata.namespace ?? 'default', name: pod.metadata.name! },
    now,
    ...(options.node !== undefined && { wanted: options.node }),
    changes: search.changes,
    ...(beyond !== undefined && { beyond }),
    trials: search.trials,
  };
}
