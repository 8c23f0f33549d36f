/** `klab etcd tree [PREFIX]`: keys as a directory. */
import chalk from 'chalk';
import type { RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { keysOf } from './keys.ts';

export interface EtcdTreeRequest {
  readonly prefix: string;
  readonly revision?: number;
  /** Levels shown; below them keys are counted. */
  readonly depth?: number;
  readonly output?: string;
}

export interface TreeNode {
  readonly name: string;
  /** Keys at and below. */
  keys: number;
  /** Is a key itself. */
  isKey: boolean;
  readonly children: Map<string, TreeNode>;
}

const newNode = (name: string): TreeNode => ({ name, keys: 0, isKey: false, children: new Map() });

/** Parts end at slashes; what stands before the first slash of a key is a part too. */
export function treeOf(keys: Iterable<string>): TreeNode {
  const root = newNode('');
  for (const key of keys) {
    let node = root;
    node.keys++;
    for (const part of key.split('/').filter((text, i) => text !== '' || i > 0)) {
      let child = node.children.get(part);
      if (!child) {
        child = newNode(part);
        node.children.set(part, child);
      }
      child.keys++;
      node = child;
    }
    node.isKey = true;
  }
  return root;
}

/** @throws UserError when there is no key. */
export async function etcdTree(kv: RemoteKV, request: EtcdTreeRequest, signal?: AbortSignal): Promise<string> {
  const keys: string[] = [];
  for await (const key of keysOf(kv, request, signal)) keys.push(key);
  if (keys.length === 0) throw new UserError(`there are no keys that begin with "${request.prefix}"`);
  const root = treeOf(keys);
  if (request.output === 'json' || request.output === 'yaml') return printData(plain(root), request.output);
  return renderTree(root, request.depth ?? Number.POSITIVE_INFINITY);
}

function plain(node: TreeNode): object {
  const children = [...node.children.values()].map(plain);
  return {
    name: node.name,
    keys: node.keys,
    ...(node.isKey && { key: true }),
    ...(children.length > 0 && { children }),
  };
}

export function renderTree(root: TreeNode, depth: number): string {
  const out: string[] = [];
  const walk = (node: TreeNode, indent: string, level: number) => {
    const children = [...node.children.values()];
    children.forEach((child, i) => {
      const last = i === children.length - 1;
      let shown = child;
      let name = child.name;
      // Directories with nothing beside them share a line.
      while (!shown.isKey && shown.children.size === 1) {
        shown = [...shown.children.values()][0]!;
        name += `/${shown.name}`;
      }
      const folder = shown.children.size > 0;
      const count = folder ? chalk.dim(`  ${shown.keys} key${shown.keys === 1 ? '' : 's'}`) : '';
      out.push(`${indent}${last ? '└── ' : '├── '}${folder ? chalk.blue(`${name}/`) : name}${count}`);
      if (level < depth) walk(shown, `${indent}${last ? '    ' : '│   '}`, level + 1);
    });
  };
  out.push(`${root.keys} key${root.keys === 1 ? '' : 's'}`);
  walk(root, '', 1);
  return out.join('\n');
}
