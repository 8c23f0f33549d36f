/**
 * A scheduler extender: somebody else's filter, scores, preemption and binding over HTTP.
 * Upstream: scheduler/extender.go, staging kube-scheduler/extender/v1 (1.36).
 */
import type { Node, Pod } from '../../api/index.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import type { Snapshot } from '../framework/types.ts';
import type { Candidate } from '../preemption/victims.ts';

/** Sends JSON to a URL. @throws Error when nobody answers in time. */
export type ExtenderPost = (
  url: string,
  body: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly tls?: ExtenderTls },
) => Promise<{ readonly status: number; readonly body: string }>;

/** PEM texts of one pair. */
export interface ExtenderIdentity {
  readonly cert: string;
  readonly key: string;
}

/** PEM texts. */
export interface ExtenderTls {
  /** The certificate and key of this moment; goes before `cert` and `key`. @throws SchedulerConfigError */
  readonly identity?: () => ExtenderIdentity;
  readonly insecure?: boolean;
  readonly serverName?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Upstream: config.Extender, after defaulting. */
export interface ExtenderConfig {
  readonly urlPrefix: string;
  readonly filterVerb?: string;
  readonly prioritizeVerb?: string;
  readonly preemptVerb?: string;
  readonly bindVerb?: string;
  readonly weight?: number;
  readonly httpTimeoutMs?: number;
  /** It knows nodes by itself: only names are sent. */
  readonly nodeCacheCapable?: boolean;
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[];
  /** Scheduling goes on without it when it fails. */
  readonly ignorable?: boolean;
  readonly tls?: ExtenderTls;
}

export interface ExtenderFilterAnswer {
  readonly nodes: ReadonlySet<string>;
  /** Node → reason. */
  readonly failed: ReadonlyMap<string, string>;
  readonly unresolvable: ReadonlyMap<string, string>;
}

const defaultTimeoutMs = 5_000;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function reasonsOf(value: unknown): Map<string, string> {
  return new Map(isRecord(value) ? Object.entries(value).map(([node, reason]) => [node, String(reason)]) : []);
}

/** Go's JSON is read whatever the case of its keys is. */
function field(value: Record<string, unknown>, name: string): unknown {
  if (name in value) return value[name];
  const key = Object.keys(value).find((other) => other.toLowerCase() === name);
  return key === undefined ? undefined : value[key];
}

export class Extender {
  readonly #config: ExtenderConfig;
  readonly #post: ExtenderPost;
  readonly #managed: ReadonlySet<string>;

  constructor(config: ExtenderConfig, post: ExtenderPost) {
    this.#config = config;
    this.#post = post;
    this.#managed = new Set((config.managedResources ?? []).map(({ name }) => name));
  }

  get name(): string {
    return this.#config.urlPrefix;
  }

  get weight(): number {
    return this.#config.weight ?? 0;
  }

  get ignorable(): boolean {
    return this.#config.ignorable === true;
  }

  get binds(): boolean {
    return Boolean(this.#config.bindVerb);
  }

  get preempts(): boolean {
    return Boolean(this.#config.preemptVerb);
  }

  /** Does the pod ask for what the extender manages? One that manages nothing in particular sees every pod. */
  isInterested({ spec }: Readonly<Pod>): boolean {
    if (this.#managed.size === 0) return true;
    return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ resources }) =>
      [resources?.requests, resources?.limits].some((list) =>
        Object.keys(list ?? {}).some((name) => this.#managed.has(name)),
      ),
    );
  }

  async #send(verb: string, args: unknown, signal: AbortSignal): Promise<unknown> {
    const { urlPrefix, httpTimeoutMs, tls } = this.#config;
    const url = `${urlPrefix.replace(/\/+$/, '')}/${verb}`;
    const answer = await this.#post(url, JSON.stringify(args), {
      timeoutMs: httpTimeoutMs || defaultTimeoutMs,
      signal,
      ...(tls && { tls }),
    });
    if (answer.status !== 200) throw new Error(`failed ${verb} with extender at URL ${url}, code ${answer.status}`);
    try {
      return JSON.parse(answer.body) as unknown;
    } catch {
      throw new Error(`extender at URL ${url} did not answer JSON`);
    }
  }

  #nodesArgument(nodes: readonly NodeInfo[]): Record<string, unknown> {
    return this.#config.nodeCacheCapable
      ? { Nodes: null, NodeNames: nodes.map(({ name }) => name) }
      : { Nodes: { metadata: {}, items: nodes.map(({ node }) => node as Readonly<Node>) }, NodeNames: null };
  }

  /** Undefined: it does not filter, or failed and may. @throws Error when it failed and may not. */
  async filter(
    pod: Readonly<Pod>,
    nodes: readonly NodeInfo[],
    signal: AbortSignal,
  ): Promise<ExtenderFilterAnswer | undefined> {
    const { filterVerb, nodeCacheCapable } = this.#config;
    if (!filterVerb) return undefined;
    try {
      const answer = await this.#send(filterVerb, { Pod: pod, ...this.#nodesArgument(nodes) }, signal);
      if (!isRecord(answer)) throw new Error(`extender at URL ${this.name} did not answer an object`);
      const error = field(answer, 'error');
      if (typeof error === 'string' && error !== '') throw new Error(error);
      const given = new Set(nodes.map(({ name }) => name));
      const list = field(answer, 'nodenames');
      const objects = field(answer, 'nodes');
      const names =
        nodeCacheCapable && Array.isArray(list)
          ? list.map(String)
          : isRecord(objects) && Array.isArray(objects['items'])
            ? (objects['items'] as Node[]).map(({ metadata }) => metadata?.name ?? '')
            : [];
      const invented = names.find((name) => !given.has(name));
      if (invented !== undefined) {
        throw new Error(
          `extender "${this.name}" claims a filtered node "${invented}" which is not found in the input node list`,
        );
      }
      return {
        nodes: new Set(names),
        failed: reasonsOf(field(answer, 'failednodes')),
        unresolvable: reasonsOf(field(answer, 'failedandunresolvablenodes')),
      };
    } catch (error) {
      if (!this.ignorable || signal.aborted) throw error;
      return undefined;
    }
  }

  /** Node → 0…10. Undefined when it does not score; its failure is never the pod's. */
  async prioritize(
    pod: Readonly<Pod>,
    nodes: readonly NodeInfo[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number> | undefined> {
    const { prioritizeVerb } = this.#config;
    if (!prioritizeVerb) return undefined;
    try {
      const answer = await this.#send(prioritizeVerb, { Pod: pod, ...this.#nodesArgument(nodes) }, signal);
      if (!Array.isArray(answer)) return undefined;
      const scores = answer.filter(isRecord).map((entry) => [String(field(entry, 'host')), field(entry, 'score')]);
      return new Map(scores.filter(([, score]) => Number.isSafeInteger(score)) as [string, number][]);
    } catch (error) {
      if (signal.aborted) throw error;
      return undefined;
    }
  }

  /** Candidates it leaves, with the victims it wants. @throws Error when its answer cannot be. */
  async preempt(
    pod: Readonly<Pod>,
    candidates: readonly Candidate[],
    snapshot: Snapshot,
    signal: AbortSignal,
  ): Promise<Candidate[]> {
    const victimsOf = (as: (info: PodInfo) => unknown) =>
      Object.fromEntries(
        candidates.map(({ node, victims, pdbViolations }) => [
          node,
          { Pods: victims.map(as), NumPDBViolations: pdbViolations },
        ]),
      );
    const args = this.#config.nodeCacheCapable
      ? { Pod: pod, NodeNameToMetaVictims: victimsOf(({ uid }) => ({ UID: uid })) }
      : { Pod: pod, NodeNameToVictims: victimsOf((info) => info.pod) };
    const answer = await this.#send(this.#config.preemptVerb!, args, signal);
    const nodes = isRecord(answer) ? field(answer, 'nodenametometavictims') : undefined;
    return Object.entries(isRecord(nodes) ? nodes : {}).flatMap(([node, value]) => {
      const there = snapshot.get(node);
      if (!there) throw new Error(`nodeinfo not found for node name "${node}"`);
      const entry = isRecord(value) ? value : {};
      const pods = field(entry, 'pods');
      const victims = (Array.isArray(pods) ? pods.filter(isRecord) : []).map((victim) => {
        const uid = String(field(victim, 'uid'));
        const found = there.pods.get(uid);
        if (found) return found;
        throw new Error(
          `extender: ${this.name} claims to preempt pod (UID: ${uid}) on node: ${node}, but the pod is not found on that node`,
        );
      });
      if (victims.length === 0) {
        if (this.ignorable) return [];
        throw new Error(`expected at least one victim pod on node "${node}"`);
      }
      return [{ node, victims, pdbViolations: Number(field(entry, 'numpdbviolations') ?? 0) }];
    });
  }

  async bind(pod: Readonly<Pod>, node: string, signal: AbortSignal): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const args = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    const answer = await this.#send(this.#config.bindVerb!, args, signal);
    const error = isRecord(answer) ? field(answer, 'error') : undefined;
    if (typeof error === 'string' && error !== '') throw new Error(error);
  }
}

/** All extenders that preempt, one after the other. @throws Error of one that may not be ignored. */
export async function askPreemption(
  extenders: readonly Extender[],
  pod: PodInfo,
  candidates: readonly Candidate[],
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  let left = candidates;
  for (const extender of extenders) {
    if (left.length === 0) break;
    if (!extender.preempts || !extender.isInterested(pod.pod)) continue;
    try {
      left = await extender.preempt(pod.pod, left, snapshot, signal);
    } catch (error) {
      if (!extender.ignorable || signal.aborted) throw error;
    }
  }
  return left;
}
