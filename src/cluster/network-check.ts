/**
 * The basic rules of Kubernetes' network, tried out in the simulated one: every pod reaches every pod, every node every
 * pod, nothing rewrites addresses on the way, and a pod is seen under the address it has itself. Connections are really
 * opened, through policies and whatever else stands in between; in each pod a listener of the check's own answers with
 * the address that it sees.
 * Upstream: kubernetes.io/docs/concepts/services-networking, "The Kubernetes network model".
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { Prng, yieldToEventLoop } from '../base/index.ts';
import { ConnectError, type NetworkFabric, type Peer } from '../kubelet/index.ts';
import { explainVerdict, familyOf, type PolicyVerdict } from '../net/index.ts';

export interface NetworkCheckOptions {
  /** Pods of this namespace only. */
  readonly namespace?: string;
  /** TCP port that is tried. Default 33434, which no policy names. */
  readonly port?: number;
  /** More pods than this are sampled. Default 50. */
  readonly maxPods?: number;
  /** Decides the sample. Default `1`. */
  readonly seed?: string;
  /** Of the cluster's clock. Default 1000. */
  readonly timeoutMs?: number;
}

export interface NetworkCheckFailure {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly rule: 'reach' | 'address';
  readonly reason: string;
  /** `namespace/name` of NetworkPolicies that deny it. */
  readonly policies?: readonly string[];
}

export interface NetworkCheckResult {
  readonly port: number;
  readonly seed: string;
  /** `pod/NAMESPACE/NAME` with its addresses; those that were tried. */
  readonly pods: readonly { readonly name: string; readonly node: string; readonly ips: readonly string[] }[];
  /** Of so many that run. */
  readonly podsTotal: number;
  readonly nodes: readonly string[];
  readonly connections: number;
  readonly failures: readonly NetworkCheckFailure[];
}

export interface NetworkCheckDeps {
  readonly fabric: NetworkFabric;
  readonly pods: () => Promise<readonly Readonly<KubeObject>[]>;
  /** Nodes that are switched on, with their addresses. */
  readonly nodes: () => readonly { readonly name: string; readonly ips: readonly string[] }[];
  /** Addresses of the pod's network namespace as the node's runtime has it; none when there is no such. */
  readonly addressesOf: (node: string, uid: string) => Promise<readonly string[]>;
  readonly verdict: (from: Peer, to: { readonly ip: string; readonly port: number }, owner: Peer) => PolicyVerdict;
}

export const networkCheckPort = 33_434;
/** Answers are events on the loop, not work of its: yet no task holds it for long. */
const pairsPerSlice = 64;

interface End {
  readonly name: string;
  readonly peer: Peer;
  readonly ips: readonly string[];
}

interface Target extends End {
  readonly node: string;
  /** Whether its network namespace is there, as the node's runtime says. */
  alive: boolean;
  /** Whether a listener of the check's own stands there. */
  listens: boolean;
}

export async function checkNetwork(deps: NetworkCheckDeps, options: NetworkCheckOptions): Promise<NetworkCheckResult> {
  const { port = networkCheckPort, maxPods = 50, seed = '1', timeoutMs = 1000, namespace } = options;
  const all = (await deps.pods()).filter((pod) => isOnPodNetwork(pod, namespace));
  const chosen = sample(all, maxPods, seed);
  const targets = chosen.map(targetOf);
  const nodes = deps
    .nodes()
    .map(({ name, ips }): End => ({ name: `node/${name}`, ips, peer: { ip: ips[0]!, ips, node: name } }));
  const open: { close(): void }[] = [];
  try {
    for (const [i, target] of targets.entries()) {
      const real = await deps.addressesOf(target.node, chosen[i]!.metadata.uid!);
      target.alive = real.length > 0;
      for (const ip of real) {
        const listener = listen(deps.fabric, ip, port, target.peer);
        if (listener) open.push(listener);
        target.listens = listener !== undefined;
      }
    }
    const tries: Promise<NetworkCheckFailure | undefined>[] = [];
    // What is gone is asked, but asks nobody.
    for (const from of [...nodes, ...targets.filter(({ alive }) => alive)]) {
      for (const to of targets) {
        for (const ip of to.ips) {
          if (!from.ips.some((each) => familyOf(each) === familyOf(ip))) continue;
          tries.push(attempt(deps, from, to, ip, port, timeoutMs));
          if (tries.length % pairsPerSlice === 0) await yieldToEventLoop();
        }
      }
    }
    const failures = (await Promise.all(tries)).filter((failure) => failure !== undefined);
    return {
      port,
      seed,
      pods: targets.map(({ name, node, ips }) => ({ name, node, ips })),
      podsTotal: all.length,
      nodes: nodes.map(({ name }) => name.slice('node/'.length)),
      connections: tries.length,
      failures,
    };
  } finally {
    for (const listener of open) listener.close();
  }
}

function isOnPodNetwork({ metadata, spec, status }: any, namespace: string | undefined): boolean {
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  return status?.phase === 'Running' && !spec?.hostNetwork && (status.podIPs?.length ?? 0) > 0;
}

function sample<T extends Readonly<KubeObject>>(pods: readonly T[], max: number, seed: string): T[] {
  const key = ({ metadata }: T) => `${metadata.namespace}/${metadata.name}`;
  const sorted = [...pods].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  if (sorted.length <= max) return sorted;
  const drawn = new Set(new Prng(`network-check/${seed}`).shuffle([...sorted]).slice(0, max));
  return sorted.filter((pod) => drawn.has(pod));
}

function targetOf({ metadata, spec, status }: any): Target {
  const ips: string[] = status.podIPs.map((each: any) => each.ip);
  const { namespace, name } = metadata;
  const node: string = spec.nodeName;
  return {
    name: `pod/${namespace}/${name}`,
    node,
    ips,
    peer: { ip: ips[0]!, ips, node, namespace, pod: name },
    alive: false,
    listens: false,
  };
}

/** Undefined where one of the pod's own has the port: then that is asked, and tells nothing of whom it sees. */
function listen(fabric: NetworkFabric, ip: string, port: number, owner: Peer): { close(): void } | undefined {
  try {
    return fabric.listen(ip, port, { tcp: (peer) => ({ send: async () => peer.ip, close: () => {} }) }, owner);
  } catch {
    return undefined;
  }
}

async function attempt(
  { fabric, verdict }: NetworkCheckDeps,
  from: End,
  to: Target,
  ip: string,
  port: number,
  timeoutMs: number,
): Promise<NetworkCheckFailure | undefined> {
  const failed = (rule: NetworkCheckFailure['rule'], reason: string, policies?: readonly string[]) => ({
    from: from.name,
    to: to.name,
    address: ip,
    rule,
    reason,
    ...(policies && { policies }),
  });
  try {
    const session = await fabric.connect(ip, port, from.peer, timeoutMs);
    const seen = await session.send('who am I?');
    session.close();
    const own = from.ips.find((each) => familyOf(each) === familyOf(ip))!;
    if (!to.listens || seen === own) return undefined;
    return failed('address', `is seen as ${seen}, not as ${own}`);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const said = verdict(from.peer, { ip, port }, to.peer);
    if (said.allowed) {
      // A reset comes from the pod itself: the network has done its work.
      if (error.code === 'ECONNREFUSED' && to.listens) return undefined;
      return failed('reach', error.message);
    }
    const denying = [said.egress, said.ingress].filter(({ allowed }) => !allowed);
    return failed('reach', explainVerdict(said), [...new Set(denying.flatMap(({ isolatedBy }) => isolatedBy))]);
  }
}
