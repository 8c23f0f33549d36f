import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutBarrels } from '../../src/build/barrels.ts';
import { withoutBuiltinFaces } from '../../src/build/builtins.ts';

describe('imports of built-ins while bundling', () => {
  it('become constants under the names the file uses', () => {
    expect(withoutBuiltinFaces("import { join, dirname as folderOf } from 'node:path';\nrest();\n")).toBe(
      "const { join, dirname: folderOf } = __klabBuiltin('node:path');\nrest();\n",
    );
  });

  it('lose their types and keep the number of lines', () => {
    expect(withoutBuiltinFaces("import {\n  type ClientRequest,\n  request,\n} from 'node:http';\nnext\n")).toBe(
      "const { request } = __klabBuiltin('node:http');\n\n\n\nnext\n",
    );
    expect(withoutBuiltinFaces("import { type Socket } from 'node:net';\nnext\n")).toBe('\nnext\n');
  });

  it('stay as they are where the whole module, a type or a package is meant', () => {
    for (const text of [
      "import * as nodeModule from 'node:module';\n",
      "import type { Server } from 'node:http';\n",
      "import { parse } from 'yaml';\n",
    ]) {
      expect(withoutBuiltinFaces(text)).toBe(text);
    }
  });
});

describe('imports through an index while bundling', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'klab-barrels-'));
    writeFileSync(
      join(folder, 'index.ts'),
      "export { one, two as zwei } from './numbers.ts';\nexport const own = 1;\n",
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('go to the file behind it under the name it has there; what the index defines stays with the index', () => {
    const text = "import { one, zwei as two, own } from './index.ts';\n";
    const numbers = JSON.stringify(join(folder, 'numbers.ts'));
    expect(withoutBarrels(text, join(folder, 'user.ts'), new Map())).toBe(
      `import { one as one } from ${numbers}; import { two as two } from ${numbers}; import { own as own } from ${JSON.stringify(join(folder, 'index.ts'))};\n`,
    );
  });
});
