/**
 * Imports through a room's index, rewritten to the files behind it while bundling. esbuild splits by what a file can
 * reach, so an index would tie a command to everything its room has; this way it is tied to what it uses.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { withoutBuiltinFaces } from './builtins.ts';
import { specifiers } from './specifiers.ts';

interface Target {
  /** Absolute file, or a package. */
  readonly from: string;
  readonly name: string;
}

/** What an index passes on, by name. Its own exports are not in it: they stay imports from the index. */
function readIndex(file: string, known: Map<string, Map<string, Target>>): Map<string, Target> {
  const before = known.get(file);
  if (before) return before;
  const targets = new Map<string, Target>();
  known.set(file, targets);
  for (const [, list = '', path = ''] of readFileSync(file, 'utf8').matchAll(
    /^export\s*\{([^}]*)\}\s*from\s*'([^']+)';/gm,
  )) {
    const from = path.startsWith('.') ? join(dirname(file), path) : path;
    for (const { name, local } of specifiers(list)) {
      const behind = from.endsWith('/index.ts') ? readIndex(from, known).get(name) : undefined;
      targets.set(local, behind ?? { from, name });
    }
  }
  return targets;
}

/** The text with its imports from indexes replaced; as many lines as before. */
export function withoutBarrels(text: string, file: string, known: Map<string, Map<string, Target>>): string {
  return text.replace(
    /^import\s*\{([^}]*)\}\s*from\s*'(\.{1,2}\/[^']*index\.ts)';/gm,
    (whole: string, list: string, path: string) => {
      const index = join(dirname(file), path);
      const targets = readIndex(index, known);
      const imports = specifiers(list).map(({ name, local }) => {
        const target = targets.get(name) ?? { from: index, name };
        return `import { ${target.name} as ${local} } from ${JSON.stringify(target.from)};`;
      });
      return imports.join(' ') + '\n'.repeat(whole.split('\n').length - 1);
    },
  );
}

/** Our modules do nothing when they are loaded but define things, so the order they load in does not matter. */
export function barrels(root: string): Plugin {
  const known = new Map<string, Map<string, Target>>();
  return {
    name: 'barrels',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^(\.{1,2}|\/).*\.ts$/ }, ({ path, resolveDir, kind }) => {
        if (kind === 'entry-point') return undefined;
        return { path: path.startsWith('/') ? path : join(resolveDir, path), sideEffects: false };
      });
      onLoad({ filter: /\.tsx?$/ }, ({ path }) => {
        if (!path.startsWith(join(root, 'src')) && !path.startsWith(join(root, 'commands'))) return undefined;
        const contents = withoutBuiltinFaces(withoutBarrels(readFileSync(path, 'utf8'), path, known));
        return { contents, loader: path.endsWith('x') ? 'tsx' : 'ts' };
      });
    },
  };
}
