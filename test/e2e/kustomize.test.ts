/** `klab apply -k` builds what `kubectl kustomize` builds, and `klab kustomize` prints it byte for byte. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeYaml, encodeYaml, type KubeObject } from '../../src/apimachinery/index.ts';
import { buildKustomization } from '../../src/cli/kustomize/build.ts';
import { kubectlPath } from '../helpers/clients.ts';
import { bin, root } from '../helpers/lab.ts';

const folder = join(root, 'fixtures', 'kustomize');

function asTexts(objects: readonly KubeObject[]): string[] {
  return objects.map((object) => encodeYaml(object)).sort();
}

it.each(['base', 'base/store', 'overlay'])('%s', async (name) => {
  const path = join(folder, name);
  const wanted = decodeYaml(execFileSync(kubectlPath(), ['kustomize', path], { encoding: 'utf8', stdio: 'pipe' }));
  const got = await buildKustomization(path);
  expect(asTexts(got.map(({ object }) => object))).toEqual(asTexts(wanted.map(({ value }) => value as KubeObject)));
});

it.each(['base', 'base/store', 'overlay'])('klab kustomize %s', (name) => {
  const path = join(folder, name);
  const print = (file: string, ...args: string[]) =>
    execFileSync(file, [...args, 'kustomize', path], { encoding: 'utf8', stdio: 'pipe' });
  expect(print(process.execPath, bin)).toBe(print(kubectlPath()));
});
