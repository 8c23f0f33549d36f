/** Files of a simulated container in memory: the image's own tree and what volumes bring. Bounded in size. */

import type { Mount, MountedVolume, VolumeFile } from '../types.ts';
import { decodeBytes } from './bytes.ts';

/** An error as the C library names it; programs print `<command>: <path>: <message>`. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: 'ENOENT' | 'EISDIR' | 'ENOTDIR' | 'EEXIST' | 'EROFS' | 'ENOSPC' | 'ENOTEMPTY';
  constructor(code: FileError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface FileNode {
  readonly kind: 'file' | 'dir';
  content: string;
  mode: number;
  mtime: number;
  /** Content that is made when first read. */
  read?: () => Promise<string>;
}

/** Bytes one tree may hold. */
const maxTreeBytes = 16 * 1024 * 1024;

/** Paths are absolute and normal. */
export class FileTree {
  readonly #nodes = new Map<string, FileNode>([['/', { kind: 'dir', content: '', mode: 0o755, mtime: 0 }]]);
  #bytes = 0;

  /** Held in files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Files and directories below the root. */
  get inodes(): number {
    return this.#nodes.size - 1;
  }

  get(path: string): FileNode | undefined {
    return this.#nodes.get(path);
  }

  set(path: string, node: FileNode): void {
    const before = this.#nodes.get(path)?.content.length ?? 0;
    if (this.#bytes + node.content.length - before > maxTreeBytes)
      throw new FileError('ENOSPC', 'No space left on device');
    this.#bytes += node.content.length - before;
    this.#nodes.set(path, node);
  }

  delete(path: string): void {
    const node = this.#nodes.get(path);
    if (!node) return;
    this.#bytes -= node.content.length;
    this.#nodes.delete(path);
  }

  /** Names in a directory, sorted. */
  list(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const names: string[] = [];
    for (const key of this.#nodes.keys()) {
      if (key.length > prefix.length && key.startsWith(prefix) && !key.includes('/', prefix.length))
        names.push(key.slice(prefix.length));
    }
    return names.sort();
  }

  /** Makes the directories above `path`. */
  ensureParents(path: string, now: number): void {
    const parts = path.split('/').slice(1, -1);
    let at = '';
    for (const part of parts) {
      at += `/${part}`;
      if (!this.#nodes.has(at)) this.#nodes.set(at, { kind: 'dir', content: '', mode: 0o755, mtime: now });
    }
  }
}

export function normalize(path: string, cwd = '/'): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Trees of volumes that containers write to, shared by all who mount them. */
const volumeTrees = new WeakMap<MountedVolume, FileTree>();
/** What a live volume's tree was made from. */
const materialized = new WeakMap<FileTree, readonly VolumeFile[]>();

function treeOf(volume: MountedVolume, now: number): FileTree {
  let tree = volumeTrees.get(volume);
  if (!tree) {
    tree = new FileTree();
    volumeTrees.set(volume, tree);
  }
  if (volume.kind === 'files' && materialized.get(tree) !== volume.files) {
    tree = new FileTree();
    volumeTrees.set(volume, tree);
    materialized.set(tree, volume.files);
    for (const { path, mode, content, read } of volume.files) {
      const full = normalize(path);
      tree.ensureParents(full, now);
      const text = typeof content === 'string' ? content : decodeBytes(content ?? new Uint8Array(0));
      tree.set(full, { kind: 'file', content: text, mode, mtime: now, read });
    }
  }
  return tree;
}

/** Bytes in a volume, without making its tree. */
export function volumeBytes(volume: MountedVolume): number {
  return volumeTrees.get(volume)?.bytes ?? 0;
}

/** Files and directories in a volume. */
export function volumeInodes(volume: MountedVolume): number {
  return volumeTrees.get(volume)?.inodes ?? 0;
}

export interface FileSystemOptions {
  readonly now: () => number;
  readonly mounts: readonly Mount[];
  readonly readOnlyRoot: boolean;
}

export class FileSystem {
  readonly root = new FileTree();
  readonly #options: FileSystemOptions;
  /** Longest path first. */
  readonly #mounts: readonly {
    readonly path: string;
    readonly inner: string;
    readonly readOnly: boolean;
    readonly volume: MountedVolume;
  }[];

  constructor(options: FileSystemOptions) {
    this.#options = options;
    this.#mounts = options.mounts
      .map(({ volume, containerPath, subPath, readOnly }) => ({
        path: normalize(containerPath),
        inner: normalize(subPath ?? '/'),
        readOnly: readOnly || volume.kind === 'files',
        volume,
      }))
      .sort((a, b) => b.path.length - a.path.length);
    for (const dir of [
      '/bin',
      '/dev',
      '/etc',
      '/home',
      '/proc',
      '/root',
      '/run',
      '/tmp',
      '/usr/bin',
      '/var/log',
      '/var/run',
    ]) {
      this.root.ensureParents(`${dir}/x`, 0);
    }
    this.root.set('/dev/null', { kind: 'file', content: '', mode: 0o666, mtime: 0 });
    for (const mount of this.#mounts) {
      const tree = treeOf(mount.volume, options.now());
      if (mount.inner !== '/' && !tree.get(mount.inner) && mount.volume.kind !== 'files') {
        tree.ensureParents(`${mount.inner}/x`, options.now());
      }
    }
  }

  stat(path: string): FileNode | undefined {
    const at = this.#at(path);
    const node = at.tree.get(at.inner);
    if (node) return node;
    // A mount point, or a directory above one, exists though no tree holds it.
    const prefix = path === '/' ? '/' : `${path}/`;
    const above = this.#mounts.some((mount) => mount.path === path || mount.path.startsWith(prefix));
    return above ? { kind: 'dir', content: '', mode: 0o755, mtime: 0 } : undefined;
  }

  async read(path: string): Promise<string> {
    const node = this.stat(path);
    if (!node) throw new FileError('ENOENT', 'No such file or directory');
    if (node.kind === 'dir') throw new FileError('EISDIR', 'Is a directory');
    return node.read ? node.read() : node.content;
  }

  write(path: string, content: string, append = false): void {
    if (path === '/dev/null') return;
    const at = this.#writable(path);
    const old = at.tree.get(at.inner);
    if (old?.kind === 'dir') throw new FileError('EISDIR', 'Is a directory');
    if (!old) this.#needParent(path);
    const now = this.#options.now();
    at.tree.set(at.inner, {
      kind: 'file',
      content: append && old ? old.content + content : content,
      mode: old?.mode ?? 0o644,
      mtime: now,
    });
  }

  mkdir(path: string, parents: boolean): void {
    const node = this.stat(path);
    if (node) {
      if (parents && node.kind === 'dir') return;
      throw new FileError('EEXIST', 'File exists');
    }
    const at = this.#writable(path);
    if (parents) at.tree.ensureParents(at.inner, this.#options.now());
    else this.#needParent(path);
    at.tree.set(at.inner, { kind: 'dir', content: '', mode: 0o755, mtime: this.#options.now() });
  }

  remove(path: string, recursive: boolean): void {
    const node = this.stat(path);
    if (!node) throw new FileError('ENOENT', 'No such file or directory');
    const at = this.#writable(path);
    if (node.kind === 'dir') {
      if (!recursive) throw new FileError('EISDIR', 'Is a directory');
      for (const name of this.list(path)) this.remove(path === '/' ? `/${name}` : `${path}/${name}`, true);
    }
    at.tree.delete(at.inner);
  }

  chmod(path: string, mode: number): void {
    const at = this.#writable(path);
    const node = at.tree.get(at.inner);
    if (!node) throw new FileError('ENOENT', 'No such file or directory');
    node.mode = mode;
  }

  list(path: string): string[] {
    const node = this.stat(path);
    if (!node) throw new FileError('ENOENT', 'No such file or directory');
    if (node.kind === 'file') throw new FileError('ENOTDIR', 'Not a directory');
    const at = this.#at(path);
    const names = new Set(at.tree.list(at.inner));
    const prefix = path === '/' ? '/' : `${path}/`;
    for (const mount of this.#mounts) {
      if (mount.path.startsWith(prefix) && mount.path !== path)
        names.add(mount.path.slice(prefix.length).split('/')[0]!);
    }
    return [...names].sort();
  }

  #at(path: string): { tree: FileTree; inner: string; readOnly: boolean } {
    for (const mount of this.#mounts) {
      if (path !== mount.path && !path.startsWith(mount.path === '/' ? '/' : `${mount.path}/`)) continue;
      const tree = treeOf(mount.volume, this.#options.now());
      return { tree, inner: normalize(`${mount.inner}/${path.slice(mount.path.length)}`), readOnly: mount.readOnly };
    }
    const scratch = path === '/dev/termination-log' || path.startsWith('/dev/shm/');
    return { tree: this.root, inner: path, readOnly: this.#options.readOnlyRoot && !scratch };
  }

  #writable(path: string) {
    const at = this.#at(path);
    if (at.readOnly) throw new FileError('EROFS', 'Read-only file system');
    return at;
  }

  #needParent(path: string): void {
    const parent = this.stat(normalize(`${path}/..`));
    if (!parent) throw new FileError('ENOENT', 'nonexistent directory');
    if (parent.kind !== 'dir') throw new FileError('ENOTDIR', 'Not a directory');
  }
}
