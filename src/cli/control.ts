/**
 * `klab node` and `klab component`: what the machines and the parts of a klab cluster are told. Through the server's
 * control door, which answers while the API server is stopped.
 */

import { type ApiRequest, HttpsTransport } from '../client/index.ts';
import {
  type ComponentInfo,
  clusterPaths,
  componentNames,
  type NodeInfo,
  type NodePressure,
  type NodeSpec,
  readServer,
} from '../cluster/index.ts';
import { ensureServer, nameFlag } from './cluster.ts';
import { exitCodes, UserError } from './exit-codes.ts';
import { printData, renderTable } from './output.ts';
import { configOf } from './session.ts';

export type { ComponentInfo, NodeInfo };

export interface ControlTarget {
  readonly name: string;
  /** Start the cluster when it does not run. */
  readonly boot: boolean;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** @throws UserError, StatusError, ConnectionError */
async function ask(target: ControlTarget, request: ApiRequest): Promise<any> {
  const server = await ensureServer(target.name, target);
  if (!server.control) {
    const name = nameFlag(server.name);
    throw new UserError(
      `klab ${server.version}, which serves the cluster, cannot do this; restart it: klab down${name} && klab up${name}`,
    );
  }
  const transport = new HttpsTransport({ ...configOf(server), server: server.control.endpoint }, { timeoutMs: 0 });
  try {
    return (await transport.request({ ...request, signal: target.signal })).body;
  } finally {
    await transport.close();
  }
}

export async function listNodes(target: ControlTarget): Promise<NodeInfo[]> {
  return (await ask(target, { method: 'GET', path: '/klab/v1/nodes' })).items;
}

export async function addNodes(
  target: ControlTarget,
  spec: NodeSpec & { readonly count?: number },
): Promise<NodeInfo[]> {
  return (await ask(target, { method: 'POST', path: '/klab/v1/nodes', body: spec })).items;
}

export function switchNode(target: ControlTarget, name: string, action: 'start' | 'stop'): Promise<NodeInfo> {
  return ask(target, { method: 'POST', path: `/klab/v1/nodes/${encodeURIComponent(name)}`, body: { action } });
}

export function pressNode(
  target: ControlTarget,
  name: string,
  wish: { readonly resource: string; readonly available?: string; readonly lift: boolean },
): Promise<NodePressure> {
  const body = { action: 'pressure', ...wish };
  return ask(target, { method: 'POST', path: `/klab/v1/nodes/${encodeURIComponent(name)}`, body });
}

export async function removeNode(target: ControlTarget, name: string, drain: boolean): Promise<void> {
  const query = drain ? { drain: 'true' } : {};
  await ask(target, { method: 'DELETE', path: `/klab/v1/nodes/${encodeURIComponent(name)}`, query });
}

export async function listComponents(target: ControlTarget): Promise<ComponentInfo[]> {
  return (await ask(target, { method: 'GET', path: '/klab/v1/components' })).items;
}

/** @throws UserError for what is no component, or lacks its node; else as above */
export async function switchComponent(
  target: ControlTarget,
  word: string,
  node: string | undefined,
  action: 'start' | 'stop',
): Promise<ComponentInfo> {
  const name = word.replace(/^kube-/, '');
  if (!(componentNames as readonly string[]).includes(name)) {
    throw new UserError(`there is no component "${word}"; there are: ${componentNames.join(', ')}`, exitCodes.usage);
  }
  const perNode = name === 'kubelet' || name === 'proxy';
  if (perNode && node === undefined) {
    throw new UserError(`which node's ${name}? klab component ${action} ${name} NODE`, exitCodes.usage);
  }
  const body = { action, ...(node !== undefined && { node }) };
  return ask(target, { method: 'POST', path: `/klab/v1/components/${encodeURIComponent(name)}`, body });
}

/** What runs of a cluster that runs; undefined when it does not, or does not answer. */
export async function componentStates(name: string): Promise<readonly ComponentInfo[] | undefined> {
  if (!readServer(clusterPaths(name))) return undefined;
  try {
    return await listComponents({ name, boot: false, say: () => {} });
  } catch {
    // `klab status` tells what it can.
    return undefined;
  }
}

/** As a table, or as `-o` asks. */
export function showNodes(nodes: readonly NodeInfo[], output: string | undefined): string {
  if (output === 'name') return nodes.map(({ name }) => `node/${name}`).join('\n');
  if (output === 'json' || output === 'yaml') return printData({ kind: 'MachineList', items: nodes }, output);
  return renderTable(
    ['NAME', 'STATE', 'ZONE', 'IP', 'CPU', 'MEMORY', 'BOOTS'],
    nodes.map(({ name, state, zone, ip, capacity, boots }) => [
      name,
      state,
      zone,
      ip,
      capacity['cpu'] ?? '',
      capacity['memory'] ?? '',
      String(boots),
    ]),
  );
}

export function showComponents(components: readonly ComponentInfo[], output: string | undefined): string {
  if (output === 'json' || output === 'yaml') return printData({ kind: 'ComponentList', items: components }, output);
  return renderTable(
    ['COMPONENT', 'NODE', 'STATE'],
    components.map(({ name, node, state }) => [name, node ?? '', state]),
  );
}

/** `all run`, or what does not. */
export function componentSummary(components: readonly ComponentInfo[]): string {
  const off = components.filter(({ state }) => state === 'stopped');
  if (off.length === 0) return 'all run';
  return `stopped: ${off.map(({ name, node }) => (node ? `${name} ${node}` : name)).join(', ')}`;
}

/** `cpu=8,memory=32Gi`; the flag may be repeated. @throws UserError */
export function readPairs(flag: string, words: readonly string[] = []): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const word of words.flatMap((text) => text.split(','))) {
    const at = word.indexOf('=');
    if (at <= 0) throw new UserError(`--${flag} takes key=value pairs, not "${word}"`, exitCodes.usage);
    pairs[word.slice(0, at)] = word.slice(at + 1);
  }
  return pairs;
}

/** `key=value:Effect` or `key:Effect`, as `kubectl taint` takes them. @throws UserError */
export function readTaints(words: readonly string[] = []): NonNullable<NodeSpec['taints']> {
  return words
    .flatMap((text) => text.split(','))
    .map((word) => {
      const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:([A-Za-z]+)$/.exec(word) ?? [];
      if (!key || !effect) {
        throw new UserError(
          `--taints takes key=value:Effect, as in gpu=yes:NoSchedule, not "${word}"`,
          exitCodes.usage,
        );
      }
      return value === undefined || value === '' ? { key, effect } : { key, value, effect };
    });
}

/** One at least. @throws UserError */
export function nodeNames(words: readonly string[], usage: string): readonly string[] {
  if (words.length === 0) throw new UserError(`name the node: ${usage}`, exitCodes.usage);
  return words.map((word) => word.replace(/^nodes?\//, ''));
}
