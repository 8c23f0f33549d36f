/**
 * `-k`: builds a kustomization without kustomize: resources and bases, generators, patches, then transformers in
 * kustomize's order. What it does not know is refused by name, never passed over.
 * Upstream: kustomize api/internal/target/kusttarget.go.
 */
import { readFileSync, statSync } from 'node:fs';
import { join, normalize, resolve } from 'node:path';
import { deepCopy, type KubeObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Manifest } from '../manifests/manifest.ts';
import { parseManifests } from '../manifests/read.ts';
import { readUrl } from '../manifests/sources.ts';
import { contentHash, runGenerator } from './generators.ts';
import { groupOf, type Item, idText, rename } from './item.ts';
import { kustomizationFile, type LoadedKustomization, loadKustomization } from './kustomization.ts';
import { fixReferences } from './name-references.ts';
import { applyPatch, strategicEntry } from './patches.ts';
import {
  addAnnotations,
  addLabels,
  affixNames,
  type ScopeOf,
  setImages,
  setNamespace,
  setReplicas,
} from './transform.ts';

export interface BuildOptions {
  readonly signal?: AbortSignal;
}

/** Objects of the kustomization in `folder`. @throws UserError with file, line and column. */
export async function buildKustomization(folder: string, options: BuildOptions = {}): Promise<Manifest[]> {
  if (/^[a-z+]+:\/\/|^git@/.test(folder)) {
    throw new UserError(`klab does not fetch remote kustomizations (${folder}); clone it and give its folder`);
  }
  const items = await accumulate(folder, [], options);
  for (const item of items) {
    if (item.needsHash) rename(item, `${item.object.metadata.name}-${contentHash(item.object)}`);
  }
  fixReferences(items);
  return items.map(({ manifest, object }) => ({ ...manifest, object }));
}

async function accumulate(folder: string, outer: readonly string[], options: BuildOptions): Promise<Item[]> {
  const here = resolve(folder);
  if (outer.includes(here))
    throw new UserError(`cycle detected: ${[...outer.slice(outer.indexOf(here)), here].join(' → ')}`);
  const kustomization = await loadKustomization(folder);
  const { content } = kustomization;
  const items: Item[] = [];
  for (const [i, resource] of (content.resources ?? []).entries()) {
    const path = `resources[${i}]`;
    for (const item of await readResource(resource, path, kustomization, folder, [...outer, here], options)) {
      if (items.some((other) => sameId(other.object, item.object))) {
        kustomization.fail(path, `may not add resource with an already registered id: ${idText(item.object)}`);
      }
      items.push(item);
    }
  }
  for (const field of ['configMapGenerator', 'secretGenerator'] as const) {
    for (const i of (content[field] ?? []).keys()) runGenerator(items, field, i, kustomization, folder);
  }
  await transform(items, kustomization, folder);
  fixReferences(items);
  return items;
}

/** kustomize's order of its built-in transformers. */
async function transform(items: Item[], kustomization: LoadedKustomization, folder: string): Promise<void> {
  const { content } = kustomization;
  for (const [i, entry] of (content.patchesStrategicMerge ?? []).entries()) {
    await applyPatch(items, strategicEntry(entry, folder), `patchesStrategicMerge[${i}]`, kustomization, folder);
  }
  for (const [i, entry] of (content.patches ?? []).entries()) {
    await applyPatch(items, entry, `patches[${i}]`, kustomization, folder);
  }
  if (content.namespace) setNamespace(items, content.namespace, await scopes(items));
  if (content.namePrefix || content.nameSuffix) affixNames(items, content.namePrefix ?? '', content.nameSuffix ?? '');
  for (const { pairs, includeSelectors = false, includeTemplates = false } of content.labels ?? []) {
    addLabels(items, pairs ?? {}, { selectors: includeSelectors, templates: includeTemplates });
  }
  if (content.commonLabels) addLabels(items, content.commonLabels, { selectors: true, templates: true });
  if (content.commonAnnotations) addAnnotations(items, content.commonAnnotations);
  for (const [i, entry] of (content.patchesJson6902 ?? []).entries()) {
    await applyPatch(items, entry, `patchesJson6902[${i}]`, kustomization, folder);
  }
  if (content.replicas) setReplicas(items, content.replicas, kustomization);
  if (content.images) setImages(items, content.images);
}

async function readResource(
  resource: string,
  path: string,
  kustomization: LoadedKustomization,
  folder: string,
  outer: readonly string[],
  options: BuildOptions,
): Promise<Item[]> {
  if (typeof resource !== 'string' || resource === '') kustomization.fail(path, 'a resource must be a path');
  if (/^https?:\/\//.test(resource)) {
    if (!/\.(ya?ml|json)(\?.*)?$/.test(resource)) {
      kustomization.fail(path, 'klab fetches single files, not remote kustomizations; clone it and name its folder');
    }
    return itemsOf(await parseManifests([{ name: resource, text: await readUrl(resource, options.signal) }], 'built'));
  }
  const file = normalize(join(folder, resource));
  let isFolder: boolean;
  try {
    isFolder = statSync(file).isDirectory();
  } catch {
    return kustomization.fail(path, `there is no file or folder "${file}"`);
  }
  if (!isFolder) return itemsOf(await parseManifests([{ name: file, text: readFileSync(file, 'utf8') }], 'built'));
  if (!kustomizationFile(file)) kustomization.fail(path, `"${file}" is a folder without a kustomization.yaml`);
  return accumulate(file, outer, options);
}

function itemsOf(manifests: readonly Manifest[]): Item[] {
  return manifests.map((manifest) => ({
    object: deepCopy(manifest.object),
    manifest,
    names: [],
    needsHash: false,
  }));
}

function sameId(a: KubeObject, b: KubeObject): boolean {
  return (
    a.kind === b.kind &&
    groupOf(a) === groupOf(b) &&
    a.metadata.name === b.metadata.name &&
    (a.metadata.namespace ?? '') === (b.metadata.namespace ?? '')
  );
}

/** Scopes of the built-in kinds and of the custom ones defined here; anything else is taken to be namespaced. */
async function scopes(items: readonly Item[]): Promise<ScopeOf> {
  const { builtinResources } = await import('../../api/index.ts');
  const cluster = new Set(builtinResources.filter((row) => !row.namespaced).map((row) => `${row.group}/${row.kind}`));
  for (const { object } of items) {
    if (object.kind !== 'CustomResourceDefinition') continue;
    const { group, names, scope } = object['spec'] ?? {};
    if (scope === 'Cluster') cluster.add(`${group}/${names?.kind}`);
  }
  return (object) => (cluster.has(`${groupOf(object)}/${object.kind}`) ? 'cluster' : 'namespaced');
}
