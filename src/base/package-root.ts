import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: { root: string; version: string } | undefined;

function find(): { root: string; version: string } {
  if (found) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      const json = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
      if (json.name === 'klab') {
        found = { root: folder, version: json.version ?? '0.0.0' };
        return found;
      }
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('klab cannot find its own package.json: the installation is damaged');
    folder = parent;
  }
}

/** The folder of klab's package.json, the same from sources and from bundles. */
export function packageRoot(): string {
  return find().root;
}

/** klab's own version. */
export function packageVersion(): string {
  return find().version;
}
