/** The user's editor on a temporary file. Upstream: kubectl/pkg/cmd/util/editor/editor.go. */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../exit-codes.ts';

export interface EditorCommand {
  readonly words: readonly string[];
  /** The last word is a script for a shell. */
  readonly shell: boolean;
}

/** `$KUBE_EDITOR`, else `$EDITOR`, else vi or notepad; what has quotes in it is given to the shell. */
export function editorCommand(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): EditorCommand {
  const windows = platform === 'win32';
  const editor = env['KUBE_EDITOR'] || env['EDITOR'] || (windows ? 'notepad' : 'vi');
  if (!editor.includes(' ')) return { words: [editor], shell: false };
  if (!/["'\\]/.test(editor)) return { words: editor.split(' '), shell: false };
  const shell = env['SHELL'] || (windows ? 'cmd' : '/bin/bash');
  return { words: [shell, shell === 'cmd' ? '/C' : '-c', editor], shell: true };
}

/** A file that only its user reads, named as kubectl names it. */
export function writeEditFile(text: string, extension: string): string {
  for (;;) {
    const path = join(tmpdir(), `klab-edit-${randomInt(2 ** 32)}${extension}`);
    try {
      writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Opens the editor on the file, waits until it ends, and reads what it left. @throws UserError when it fails. */
export function editFile(path: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { words, shell } = editorCommand(env);
  const said = JSON.stringify(words.join(' '));
  const [program = '', ...args] = words;
  if (shell) args.push(`${args.pop()} ${JSON.stringify(path)}`);
  else args.push(path);
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT' && !/[\\/]/.test(program)) {
    throw new UserError(`unable to launch the editor ${said}`);
  }
  if (error || status !== 0) throw new UserError(`there was a problem with the editor ${said}`);
  return readFileSync(path, 'utf8');
}
