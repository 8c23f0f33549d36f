/** Every shell script of klab's own manifests, and of those others publish, is one that the mini shell can run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeYaml } from '../../../src/apimachinery/index.ts';
import { packageRoot } from '../../../src/base/index.ts';
import type { Script, Word } from '../../../src/kubelet/runtime/sim/shell/ast.ts';
import { parseScript } from '../../../src/kubelet/runtime/sim/shell/parser.ts';
import { SimNode } from '../sim-helpers.ts';

const fixtures = join(packageRoot(), 'fixtures');
const corpus = join(packageRoot(), '..', 'shared', 'corpus');

interface Use {
  readonly file: string;
  readonly image: string;
  readonly script: string;
}

/** Scripts in `command`, `args`, probes and hooks of everything that looks like a container. */
function scriptsOf(value: unknown, file: string, image = ''): Use[] {
  if (Array.isArray(value)) {
    const found = value.flatMap((each) => scriptsOf(each, file, image));
    return found;
  }
  if (value === null || typeof value !== 'object') return [];
  const fields = value as Record<string, any>;
  const own = typeof fields['image'] === 'string' ? fields['image'] : image;
  const found = Object.values(fields).flatMap((each) => scriptsOf(each, file, own));
  // A scheduler's plugin has args too: an object.
  const words = ['command', 'args'].flatMap((field): unknown[] => (Array.isArray(fields[field]) ? fields[field] : []));
  const at = words.findIndex((word) => /^-[a-z]*c$/.test(String(word)));
  const shell = /(^|\/)(sh|bash|ash)$/.test(String(words[0] ?? ''));
  if (own !== '' && shell && at > 0) found.push({ file, image: own, script: String(words[at + 1] ?? '') });
  return found;
}

function manifests(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name) && !name.includes('templates'))
    .map((name) => join(folder, name));
}

function usesIn(folder: string): Use[] {
  return manifests(folder).flatMap((file) => {
    const name = file.slice(folder.length + 1);
    return decodeYaml(readFileSync(file, 'utf8'), { file }).flatMap(({ value }) => scriptsOf(value, name));
  });
}

/** First words of its commands, as far as they stand there literally, less the functions it defines. */
function commandWords(script: Script): Set<string> {
  const words = new Set<string>();
  const functions = new Set<string>();
  const literal = (word: Word | undefined): string | undefined =>
    word?.every((part) => part.kind === 'text') ? word.map((part: any) => part.text).join('') : undefined;
  const visit = (node: any): void => {
    if (node === null || typeof node !== 'object') return;
    if (node.kind === 'simple') {
      const word = literal(node.words[0]);
      if (word) words.add(word);
    }
    if (node.kind === 'function') functions.add(node.name);
    for (const inner of Object.values(node)) visit(inner);
  };
  visit(script);
  for (const name of functions) words.delete(name);
  return words;
}

/** `file: image: word` of what is no command there. */
async function unknownWords(uses: readonly Use[]): Promise<string[]> {
  const node = new SimNode();
  const containers = new Map<string, string>();
  const unknown: string[] = [];
  for (const { file, image, script } of uses) {
    let id = containers.get(image);
    if (id === undefined) {
      id = await node.start({ image, command: ['sleep', 'infinity'] });
      containers.set(image, id);
    }
    for (const word of commandWords(parseScript(script))) {
      const { exitCode } = await node.runtime.execSync(id, ['sh', '-c', `command -v '${word}'`], 0);
      if (exitCode !== 0) unknown.push(`${file}: ${image}: ${word}`);
    }
  }
  node.runtime.close();
  return unknown;
}

describe('scripts in manifests', () => {
  it('the walk finds them, and what is no command', async () => {
    const uses = scriptsOf(
      { image: 'busybox', command: ['sh', '-c', 'f() { :; }; f && frobnicate | cat'] },
      'made.yaml',
    );
    expect(await unknownWords(uses)).toEqual(['made.yaml: busybox: frobnicate']);
  });

  it("klab's own use only commands that there are", async () => {
    const uses = usesIn(fixtures);
    expect(uses.length).toBeGreaterThan(30);
    expect(await unknownWords(uses)).toEqual([]);
  });

  it.skipIf(!existsSync(corpus))(
    'so do those that other projects publish (skipped when they are not at hand)',
    async () => {
      expect(await unknownWords(usesIn(corpus))).toEqual([]);
    },
  );
});
