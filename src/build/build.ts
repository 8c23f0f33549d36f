/**
 * Builds `dist/`: the schema files, one bundle per command with shared chunks, the server, and oclif's manifest.
 * Bundling serves start-up time only: what klab uses at run time stands under `dependencies` all the same.
 *
 * Usage: `node src/build/build.ts [--schema-only]`. Runs on any Node that strips types (22.18+), else through esbuild's
 * own loader by `npm run build`.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { barrels } from './barrels.ts';
import { builtinRequire } from './builtins.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = join(root, 'dist');

/** CommonJS packages inside ESM bundles call `require` for Node's built-ins. */
const banner = [
  "import { createRequire as __klabCreateRequire } from 'node:module';",
  'const require = __klabCreateRequire(import.meta.url);',
  `const ${builtinRequire} = require;`,
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('\n');

function commandFiles(folder = join(root, 'commands')): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function bundle(): Promise<void> {
  mkdirSync(dist, { recursive: true });
  const entryPoints: Record<string, string> = {};
  for (const file of commandFiles()) {
    entryPoints[join('commands', relative(join(root, 'commands'), file)).replace(/\.tsx?$/, '')] = file;
  }
  const named: Record<string, string> = {
    klab: 'src/cli/main.ts',
    server: 'src/cluster/server-start.ts',
    index: 'src/cluster/library.ts',
  };
  for (const [name, file] of Object.entries(named)) {
    if (existsSync(join(root, file))) entryPoints[name] = join(root, file);
  }
  const { metafile } = await build({
    metafile: true,
    plugins: [barrels(root)],
    absWorkingDir: root,
    entryPoints,
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    jsx: 'automatic',
    chunkNames: 'chunks/[name]-[hash]',
    external: ['better-sqlite3', 'react-devtools-core'],
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
    banner: { js: banner },
    sourcemap: 'linked',
    sourcesContent: false,
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
  });
  // Only once the new bundles stand are those of former builds removed: a failed build leaves a working klab.
  const written = new Set(Object.keys(metafile.outputs).map((file) => join(root, file)));
  for (const folder of ['commands', 'chunks']) {
    for (const entry of readdirSync(join(dist, folder), { withFileTypes: true, recursive: true })) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && !written.has(file)) rmSync(file);
    }
  }
}

/** Without a manifest oclif would load every command at each start. */
async function writeManifest(): Promise<void> {
  rmSync(join(root, 'oclif.manifest.json'), { force: true });
  const { Plugin } = await import('@oclif/core/config');
  const plugin = new Plugin({ root, ignoreManifest: true, errorOnManifestCreate: true } as never);
  await plugin.load();
  writeFileSync(join(root, 'oclif.manifest.json'), JSON.stringify(plugin.manifest));
}

/**
 * `npx klab` in a checkout: npm links a package's program for those who depend on it, not for the package itself, and
 * would make a copy of the checkout in its cache instead.
 */
function linkProgram(): void {
  const folder = join(root, 'node_modules', '.bin');
  if (process.platform === 'win32' || !existsSync(folder)) return;
  const link = join(folder, 'klab');
  rmSync(link, { force: true });
  symlinkSync(join('..', '..', 'bin', 'klab.js'), link);
}

const schemaGenerator = join(root, 'src', 'build', 'gen-schema.ts');
if (existsSync(schemaGenerator)) {
  const { generateSchema } = await import('./gen-schema.ts');
  await generateSchema(join(dist, 'schema'));
}
if (!process.argv.includes('--schema-only')) {
  await bundle();
  if (commandFiles().length > 0) await writeManifest();
  linkProgram();
}
