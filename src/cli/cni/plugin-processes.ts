/** Plugins as processes of this machine. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { wallClock } from '../../base/index.ts';
import { CniError, type PluginRequest, type PluginRun, type PluginRunner } from '../../net/index.ts';

export interface PluginProcessOptions {
  /** Folders, the first that has a plugin wins. */
  readonly folders: readonly string[];
  readonly timeoutMs: number;
  /** Kills the plugin under way. */
  readonly signal?: AbortSignal;
  /** What goes before a plugin's name, as `nsenter --net=…` for a node that is a namespace. */
  readonly prefix?: readonly string[];
}

/** Where plugins are when nobody says: Kubernetes' folder, and Debian's. */
export const defaultPluginFolders = ['/opt/cni/bin', '/usr/lib/cni'] as const;

export class PluginProcesses implements PluginRunner {
  readonly path: string;
  readonly #options: PluginProcessOptions;

  constructor(options: PluginProcessOptions) {
    this.#options = options;
    this.path = options.folders.join(delimiter);
  }

  find(type: string): string {
    const { folders } = this.#options;
    let unusable = '';
    for (const folder of folders) {
      const path = join(folder, type);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile()) continue;
      if ((stat.mode & 0o111) !== 0) return path;
      unusable = `; ${path} is not executable`;
    }
    throw new CniError(`failed to find plugin "${type}" in path ${folders.join(', ') || '(none given)'}${unusable}`, {
      failure: 'missing',
      plugin: type,
    });
  }

  /** Never throws over what the plugin does. @throws CniError when it cannot be started; AbortError when interrupted. */
  async run(executable: string, { env, stdin, type, command }: PluginRequest): Promise<PluginRun> {
    const { prefix = [], timeoutMs, signal } = this.#options;
    signal?.throwIfAborted();
    const [program = '', ...args] = [...prefix, executable];
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CNI_'));
    // A group of its own: a plugin that hangs may be waiting for a plugin that it has started.
    const child = spawn(program, args, {
      stdio: 'pipe',
      detached: true,
      env: { ...Object.fromEntries(inherited), ...env },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    // A plugin that ends without reading its input: its exit code says why.
    child.stdin.on('error', () => {});
    const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.once('error', (error) =>
        reject(
          new CniError(`plugin ${type} (${command}): ${executable} cannot be started: ${error.message}`, {
            failure: 'missing',
            plugin: type,
          }),
        ),
      );
      child.once('close', (code, by) => resolve({ code, signal: by }));
    });
    child.stdin.end(stdin);
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended in this moment.
      }
    };
    let timedOut = false;
    const done = new AbortController();
    const late = wallClock.sleep(timeoutMs, done.signal).then(
      () => {
        timedOut = true;
        kill();
      },
      () => {},
    );
    signal?.addEventListener('abort', kill, { once: true });
    try {
      const end = await ended;
      signal?.throwIfAborted();
      return {
        code: timedOut ? null : end.code,
        ...(end.signal === null ? {} : { signal: end.signal }),
        ...(timedOut ? { timedOutAfterMs: timeoutMs } : {}),
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      };
    } finally {
      signal?.removeEventListener('abort', kill);
      done.abort();
      await late;
    }
  }
}
