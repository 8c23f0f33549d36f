/** `klab network explain`: how packets get from pod to pod by each kind of network plugin. Works on any cluster. */
import {
  type BackendFigures,
  compareBackends,
  endIp,
  endWord,
  type Header,
  headerSize,
  type InnerProtocol,
  nodeNetworkText,
  nodeScript,
  type PodNetBackend,
  PodNetError,
  type PodNetwork,
  packetWay,
  planPodNetwork,
  type Way,
  type WayEnd,
} from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';
import { compareText, wayText } from './explain-text.ts';
import { type PodNetFlags, type PodNetWorld, readPodNetWorld } from './world.ts';

export interface NetworkExplainRequest extends PodNetFlags {
  /** Default: all, side by side. */
  readonly backend?: PodNetBackend;
  /** `pod/NAME`, `node/NAME`. Default: a pod of the first node. */
  readonly from?: string;
  /** Default: a pod of another node. */
  readonly to?: string;
  /** Shows what this node holds in place of a packet's way. */
  readonly node?: string;
  /** Bytes of the IP packet. */
  readonly size?: number;
  readonly dontFragment?: boolean;
  readonly protocol?: InnerProtocol;
  readonly output?: 'json' | 'yaml' | 'script';
}

export interface NetworkComparison {
  readonly from: string;
  readonly to: string;
  readonly found?: PodNetBackend;
  readonly imagined: readonly string[];
  readonly backends: readonly BackendFigures[];
}

export async function networkExplain(session: Session, request: NetworkExplainRequest): Promise<string> {
  const world = await readPodNetWorld(session, request);
  try {
    return explainWorld(world, request, session.namespace);
  } catch (error) {
    if (error instanceof PodNetError) throw new UserError(error.message);
    throw error;
  }
}

/** @throws UserError, PodNetError */
export function explainWorld(world: PodNetWorld, request: NetworkExplainRequest, namespace = 'default'): string {
  const { backend, output } = request;
  if (backend === undefined) {
    if (output === 'script' || request.node !== undefined) throw new UserError('say whose: --backend NAME');
    return compare(world, request, namespace);
  }
  const network = planPodNetwork(world.nodes, world.pods, { ...world.settings, backend });
  if (output === 'script') return scripts(network, request.node);
  if (request.node !== undefined) return nodeOf(network, request.node, output);
  const [from, to] = endsOf(world, request, namespace);
  const { size, dontFragment, protocol } = request;
  const [start, goal] = [endIn(network, from), endIn(network, to)];
  const way = packetWay(network, start, goal, { size, dontFragment, protocol });
  // Conntrack brings back what was masqueraded; a sender that is seen as itself needs a route back.
  const answered = !way.arrived || way.seenAs !== endIp(start) || packetWay(network, goal, start, { size: 84 });
  const noAnswer = answered !== true && !answered.arrived ? answered : undefined;
  if (output !== undefined) {
    const answer = noAnswer && { noAnswer: { reason: noAnswer.reason, fix: noAnswer.fix } };
    return printData({ ...wayData(network, from, to, way), ...answer }, output);
  }
  return wayText(network, { from, to, imagined: world.imagined }, way, noAnswer, protocol ?? 'tcp');
}

function compare(world: PodNetWorld, request: NetworkExplainRequest, namespace: string): string {
  const [from, to] = endsOf(world, request, namespace);
  const { dontFragment, protocol, size, output } = request;
  const { found, imagined } = world;
  const backends = compareBackends(
    world.nodes,
    world.pods,
    world.settings,
    { from, to },
    { size, dontFragment, protocol },
  );
  const answer: NetworkComparison = { from, to, ...(found && { found }), imagined, backends };
  return output === undefined || output === 'script' ? compareText(answer) : printData(answer, output);
}

function scripts(network: PodNetwork, node: string | undefined): string {
  const chosen = node === undefined ? network.nodes : [findNode(network, node)];
  return chosen
    .map((each) => nodeScript(network, each))
    .join('\n')
    .trimEnd();
}

function nodeOf(network: PodNetwork, name: string, output: 'json' | 'yaml' | undefined): string {
  const node = findNode(network, name);
  return output === undefined ? nodeNetworkText(node) : printData(node, output);
}

function findNode(network: PodNetwork, name: string) {
  const found = network.nodes.find(({ node }) => node.name === name);
  if (!found) throw new UserError(`nodes "${name}" not found`);
  return found;
}

/** As words that every model knows: `pod/NAMESPACE/NAME`, `node/NAME`. */
function endsOf(world: PodNetWorld, { from, to }: NetworkExplainRequest, namespace: string): [string, string] {
  const first = from === undefined ? undefined : endWordOf(world, '--from', from, namespace);
  const nodeOfEnd = (word: string | undefined) =>
    world.pods.find((pod) => endWord(pod) === word)?.node ?? word?.replace(/^node\//, '');
  const second = to === undefined ? undefined : endWordOf(world, '--to', to, namespace);
  const start = first ?? podApartFrom(world, nodeOfEnd(second), world.nodes[0]!.name);
  return [start, second ?? podApartFrom(world, nodeOfEnd(start))];
}

/** A pod of a given node, or of any but one. */
function podApartFrom(world: PodNetWorld, node: string | undefined, preferred?: string): string {
  const others = world.pods.filter((pod) => pod.node !== node);
  return endWord(others.find((pod) => pod.node === preferred) ?? others[0] ?? world.pods[0]!);
}

function endWordOf(world: PodNetWorld, flag: string, word: string, namespace: string): string {
  const [, kind, rest] = /^(po|pods?|no|nodes?)\/(.+)$/.exec(word) ?? [];
  if (rest === undefined) throw new UserError(`${flag} is pod/NAME or node/NAME, not "${word}"`);
  if (kind!.startsWith('n')) {
    if (!world.nodes.some(({ name }) => name === rest)) throw new UserError(`nodes "${rest}" not found`);
    return `node/${rest}`;
  }
  const [where, name] = rest.includes('/') ? (rest.split('/', 2) as [string, string]) : [namespace, rest];
  const found = world.pods.find((pod) => pod.namespace === where && pod.name === name);
  if (!found) {
    throw new UserError(
      `pods "${name}" in namespace "${where}" is none with an address in its node's range: it does not run, or is on the host's network`,
    );
  }
  return endWord(found);
}

function endIn(network: PodNetwork, word: string): WayEnd {
  for (const node of network.nodes) {
    if (word === `node/${node.node.name}`) return { node };
    const pod = node.pods.find((each) => endWord(each.pod) === word);
    if (pod) return { pod, node };
  }
  throw new UserError(`${word} not found`);
}

function wayData({ settings }: PodNetwork, from: string, to: string, way: Way): object {
  const hops = way.hops.map(({ frame, ...hop }) => ({ ...hop, ...(frame && { frame: frameData(frame) }) }));
  return { settings, from, to, ...way, hops };
}

function frameData(frame: readonly Header[]): object[] {
  let offset = 0;
  return frame.map((header) => {
    const start = offset;
    const fields = header.fields.map(({ name, bytes, value, varies }) => {
      const at = offset;
      offset += bytes.length;
      // What pods say to each other is not known.
      const hex = name === 'data' ? {} : { bytes: Buffer.from(bytes).toString('hex') };
      return { name, offset: at, size: bytes.length, ...hex, value, ...(varies !== undefined && { varies }) };
    });
    return { name: header.name, offset: start, size: headerSize(header), fields };
  });
}
