/** `-f`: files, folders, URLs, stdin. Upstream: cli-runtime/pkg/resource/{builder,visitor}.go. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../exit-codes.ts';

export interface Source {
  /** As messages name it: the path, the URL, or STDIN. */
  readonly name: string;
  readonly text: string;
}

export interface SourceOptions {
  /** `-R`: folders below folders too. */
  readonly recursive?: boolean;
  readonly signal?: AbortSignal;
  readonly stdin?: () => Promise<string>;
}

const extensions = ['.json', '.yaml', '.yml'];

/** @throws UserError for what cannot be read, in kubectl's words. */
export async function readSources(names: readonly string[], options: SourceOptions = {}): Promise<Source[]> {
  const out: Source[] = [];
  for (const name of names) {
    if (name === '-') out.push({ name: 'STDIN', text: await (options.stdin ?? readStdin)() });
    else if (/^https?:\/\//.test(name)) out.push({ name, text: await readUrl(name, options.signal) });
    else out.push(...readPath(name, options.recursive ?? false));
  }
  return out;
}

export async function readUrl(url: string, signal?: AbortSignal): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const cause = (error as Error).cause as Error | undefined;
    throw new UserError(`unable to read URL "${url}": ${cause?.message || (error as Error).message}`, 1, {
      cause: error,
    });
  }
  if (response.status !== 200) {
    const status = `${response.status} ${response.statusText}`;
    throw new UserError(`unable to read URL "${url}", server reported ${status}, status code=${response.status}`);
  }
  return response.text();
}

function readPath(path: string, recursive: boolean): Source[] {
  let folder: boolean;
  try {
    folder = statSync(path).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UserError(`the path "${path}" does not exist`);
    throw new UserError(`the path "${path}" cannot be accessed: ${(error as Error).message}`);
  }
  if (!folder) return [{ name: path, text: readText(path) }];
  const files = filesOf(path, recursive);
  if (files.length === 0) {
    throw new UserError(`error reading [${path}]: recognized file extensions are [${extensions.join(' ')}]`);
  }
  return files.map((file) => ({ name: file, text: readText(file) }));
}

/** In the order of their names, as upstream walks. */
function filesOf(folder: string, recursive: boolean): string[] {
  const out: string[] = [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? statSync(path) : entry;
    if (kind.isDirectory()) {
      if (recursive) out.push(...filesOf(path, true));
    } else if (extensions.some((extension) => entry.name.endsWith(extension))) out.push(path);
  }
  return out;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`error reading "${path}": ${(error as Error).message}`);
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
