import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** File the specifier leads to, relative to the root; undefined for packages. */
  readonly target: string | undefined;
}

export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** Text with comments and string contents blanked, for word scans. */
  readonly code: string;
  readonly imports: readonly Import[];
}

function posix(path: string): string {
  return path.split(sep).join('/');
}

/** Blanks comments and the insides of quotes; keeps line breaks so that line numbers hold. */
export function blank(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, (match) =>
    match.replace(/[^\n]/g, ' '),
  );
}

const importPattern = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(importPattern)) {
    const specifier = (match[2] ?? match[3])!;
    const target = specifier.startsWith('.')
      ? posix(relative(root, resolve(root, dirname(path), specifier)))
      : undefined;
    found.push({ specifier, typeOnly: match[1] !== undefined, target });
  }
  return found;
}

function roomOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' ? parts[1]! : parts[0]!;
}

export function sourceFiles(): SourceFile[] {
  const files: SourceFile[] = [];
  for (const folder of ['src', 'commands']) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
      const path = posix(relative(root, join(entry.parentPath, entry.name)));
      const text = readFileSync(join(root, path), 'utf8');
      files.push({ path, room: roomOf(path), text, code: blank(text), imports: importsOf(path, text) });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function roomOfPath(path: string): string {
  return roomOf(path);
}
