import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

export interface Directive {
  readonly command: string;
  /** Words after the command. */
  readonly args: readonly string[];
  /** Lines between the command and `----`. */
  readonly input: string;
}

/**
 * Tests told as stories: a file holds comments, commands, `----`, and what each command answers, separated by empty
 * lines. `KLAB_UPDATE=1` rewrites the answers; read the diff before committing it. `start` makes a fresh interpreter
 * for every file.
 */
export function stories(dir: string, start: () => (directive: Directive) => string): void {
  for (const file of readdirSync(dir).filter((f) => f.endsWith('.txt'))) {
    test(file.slice(0, -4).replaceAll('-', ' '), () => {
      const path = join(dir, file);
      const text = readFileSync(path, 'utf8');
      const told = retell(text, start());
      if (process.env['KLAB_UPDATE'] === '1') writeFileSync(path, told);
      else expect(told).toBe(text);
    });
  }
}

function retell(text: string, run: (directive: Directive) => string): string {
  return text
    .trimEnd()
    .split('\n\n')
    .map((block) => {
      const lines = block.split('\n');
      const comments = lines.filter((l) => l.startsWith('#'));
      const rest = lines.slice(comments.length);
      if (rest.length === 0) return block;
      const end = rest.indexOf('----');
      const [first, ...input] = end < 0 ? rest : rest.slice(0, end);
      const [command, ...args] = first!.split(/\s+/);
      const answer = run({ command: command!, args, input: input.join('\n') }).trimEnd();
      return [...comments, first, ...input, '----', ...(answer === '' ? ['ok'] : [answer])].join('\n');
    })
    .join('\n\n')
    .concat('\n');
}
