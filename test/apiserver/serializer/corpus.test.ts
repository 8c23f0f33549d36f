/**
 * Published manifests through defaulting and protobuf: defaulting twice is defaulting once, and protobuf brings back what
 * JSON says. The manifests stand beside the repository, where they are at hand.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { builtinResources, decodeProtobuf, encodeProtobuf } from '../../../src/api/index.ts';
import { decodeYaml, type KubeObject } from '../../../src/apimachinery/index.ts';

const folder = join(import.meta.dirname, '../../../../shared/corpus');
const atHand = existsSync(folder);

function* manifests(at: string): Generator<string> {
  for (const entry of readdirSync(at, { withFileTypes: true })) {
    const path = join(at, entry.name);
    if (entry.isDirectory()) yield* manifests(path);
    else if (entry.name.endsWith('.yaml') && entry.name !== 'kustomization.yaml') yield path;
  }
}

const objects = (atHand ? [...manifests(folder)] : []).flatMap((file) =>
  decodeYaml(readFileSync(file, 'utf8'), { file })
    .map(({ value }) => value as unknown as KubeObject)
    .filter((object) => object?.kind !== undefined)
    .map((object) => [`${object.kind} ${object.metadata.name} of ${file.slice(folder.length + 1)}`, object] as const),
);

const rowOf = ({ apiVersion, kind }: KubeObject) =>
  builtinResources.find(
    (row) => row.kind === kind && apiVersion === (row.group === '' ? row.version : `${row.group}/${row.version}`),
  );

describe.skipIf(!atHand)('published manifests (skipped when the corpus does not stand beside the repository)', () => {
  test.each(objects)('%s', (_name, source) => {
    const row = rowOf(source);
    expect(row, 'a built-in kind').toBeDefined();
    const once = structuredClone(source);
    row!.strategy.applyDefaults?.(once);
    const twice = structuredClone(once);
    row!.strategy.applyDefaults?.(twice);
    expect(twice).toEqual(once);

    // What protobuf cannot say (empty lists, zeros of optional fields) is gone after the first way round.
    const back = decodeProtobuf(encodeProtobuf(once));
    expect(decodeProtobuf(encodeProtobuf(back))).toEqual(back);
    row!.strategy.applyDefaults?.(back);
    const again = decodeProtobuf(encodeProtobuf(structuredClone(back)));
    expect(again).toEqual(decodeProtobuf(encodeProtobuf(once)));
  });

  test('there are many', () => {
    expect(objects.length).toBeGreaterThan(70);
  });
});
