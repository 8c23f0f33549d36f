/** Looks over an image module before it is taken: its syntax, its imports, what it exports. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageSourceError } from './fields.ts';
import { startModule } from './module-process.ts';

/** What the module says of itself, and the JavaScript to run. Lines and columns are those of the source. */
export interface CheckedModule {
  readonly code: string;
  readonly name: string | undefined;
  readonly ports: readonly number[];
  readonly commands: readonly string[];
}

/** A module that is not done with loading by then never will be. Wall time. */
const loadTimeoutMs = 5_000;

/** @throws ImageSourceError with file:line:column. */
export async function checkModule(text: string, file: string): Promise<CheckedModule> {
  const code = /\.[cm]?ts$/.test(file) ? withoutTypes(text, file) : text;
  await checkSyntax(code, file);
  const child = startModule({ code, file, checkOnly: true });
  try {
    const loaded = await child.loaded(loadTimeoutMs);
    if (loaded.type === 'loaded') return { code, name: loaded.name, ports: loaded.ports, commands: loaded.commands };
    const { line, column } = loaded.place ?? placeOf(loaded.text, text);
    throw new ImageSourceError(`${file}:${line}:${column}: ${loaded.text}`);
  } finally {
    await child.terminate();
  }
}

/** An import is where its name stands; anything else is the module as a whole, where it exports. */
function placeOf(message: string, text: string): { readonly line: number; readonly column: number } {
  const specifier = /^import "([^"]+)"/.exec(message)?.[1];
  const at =
    specifier === undefined
      ? text.search(/^export default/m)
      : text.search(new RegExp(`['"]${escaped(specifier)}['"]`));
  const before = text.slice(0, Math.max(0, at)).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Types become blanks, so that places stay. */
function withoutTypes(text: string, file: string): string {
  const strip = (nodeModule as { stripTypeScriptTypes?: (code: string, options: object) => string })
    .stripTypeScriptTypes;
  if (!strip) {
    throw new ImageSourceError(`${file}:1:1: TypeScript needs Node 22.13 or later; this is ${process.version}`);
  }
  try {
    return withoutWarning(() => strip(text, { mode: 'strip', sourceUrl: file }));
  } catch (error) {
    throw syntaxError(String((error as Error).stack), file, (error as Error).message, error);
  }
}

/** Node says of the function that it is experimental; klab's users did not choose it. */
function withoutWarning<T>(work: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** V8 says where a mistake is only to those who print it: a Node of its own looks the file over. */
async function checkSyntax(code: string, file: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'klab-image-'));
  const path = join(folder, 'image.mjs');
  try {
    writeFileSync(path, code, { mode: 0o600 });
    const child = spawn(process.execPath, ['--check', path], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 });
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (status !== 0) throw syntaxError(said, file, 'the file is not valid JavaScript');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `file:3`, the line, a line with the caret, `SyntaxError: why`. */
function syntaxError(said: string, file: string, otherwise: string, cause?: unknown): ImageSourceError {
  const found = /:(\d+)\n(?:.*\n)*?( *)\^/.exec(said);
  const why = /^\w*Error(?: \[\w+\])?: (.*)$/m.exec(said)?.[1] ?? otherwise;
  const place = found ? `${found[1]}:${found[2]!.length + 1}` : '1:1';
  return new ImageSourceError(`${file}:${place}: ${why}`, { cause });
}
