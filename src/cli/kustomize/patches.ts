/** patches: strategic merge and JSON 6902, on one object or on all that a target selects. Upstream: kustomize api/internal/builtins/PatchTransformer.go. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  isObject,
  type KubeObject,
  parseLabelSelector,
} from '../../apimachinery/index.ts';
import { builtinTypeOf } from '../apply/client-side.ts';
import { readYaml } from '../manifests/yaml.ts';
import { groupOf, type Item, idText, isNamed, versionOf } from './item.ts';
import type { LoadedKustomization, PatchEntry, PatchTarget } from './kustomization.ts';

/** Applies one entry of `patches` (or of its two old fields); objects that it deletes leave `items`. */
export async function applyPatch(
  items: Item[],
  entry: PatchEntry,
  path: string,
  kustomization: LoadedKustomization,
  folder: string,
): Promise<void> {
  if (entry.path !== undefined && entry.patch !== undefined) kustomization.fail(path, 'patch and path are both given');
  const text = entry.patch ?? readPatchFile(entry.path, path, kustomization, folder);
  const name = entry.path ? join(folder, entry.path) : kustomization.file;
  const { documents, problems } = await readYaml(text, name);
  const [problem] = problems;
  if (problem) {
    if (entry.path === undefined)
      kustomization.fail(`${path}.patch`, `line ${problem.position.line} of the patch: ${problem.reason}`);
    kustomization.fail(path, `${name}:${problem.position.line}:${problem.position.column}: ${problem.reason}`);
  }
  for (const { value } of documents) {
    if (Array.isArray(value)) {
      if (!entry.target) kustomization.fail(path, 'must specify a target for JSON patch');
      for (const item of selected(items, entry.target)) {
        change(item, entry, () => asPatchError(kustomization, path, item, () => applyJsonPatch(item.object, value)));
      }
    } else if (isObject(value)) {
      const targets = entry.target
        ? selected(items, entry.target)
        : [addressed(items, value as KubeObject, path, kustomization)];
      for (const item of targets) await mergeInto(items, item, value, entry, path, kustomization);
    } else kustomization.fail(path, 'unable to parse SM or JSON patch');
  }
}

/** `patchesStrategicMerge`: a path, or the patch itself. */
export function strategicEntry(entry: string, folder: string): PatchEntry {
  return !entry.includes('\n') && existsSync(join(folder, entry)) ? { path: entry } : { patch: entry };
}

function readPatchFile(
  file: string | undefined,
  path: string,
  kustomization: LoadedKustomization,
  folder: string,
): string {
  if (file === undefined) return kustomization.fail(path, 'must specify one of patch and path');
  try {
    return readFileSync(join(folder, file), 'utf8');
  } catch (error) {
    return kustomization.fail(path, `cannot read "${file}": ${(error as Error).message}`);
  }
}

function addressed(items: readonly Item[], patch: KubeObject, path: string, kustomization: LoadedKustomization): Item {
  const { name = '', namespace } = patch.metadata ?? {};
  const found = items.filter(
    (item) =>
      item.object.apiVersion === patch.apiVersion &&
      item.object.kind === patch.kind &&
      isNamed(item, name) &&
      (namespace === undefined || item.object.metadata.namespace === namespace),
  );
  if (found.length !== 1) {
    const id = idText({
      ...patch,
      apiVersion: patch.apiVersion ?? '',
      kind: patch.kind ?? '',
      metadata: patch.metadata ?? {},
    });
    const count = found.length === 0 ? 'no matches' : 'multiple matches';
    return kustomization.fail(path, `failed to find unique target for patch ${id}: ${count} for Id ${id}`);
  }
  return found[0]!;
}

function selected(items: readonly Item[], target: PatchTarget): Item[] {
  const pattern = (text: string | undefined) =>
    text === undefined || text === '' ? undefined : new RegExp(`^(?:${text})$`);
  const [group, version, kind, name, namespace] = [
    target.group,
    target.version,
    target.kind,
    target.name,
    target.namespace,
  ].map(pattern);
  const labels = target.labelSelector ? parseLabelSelector(target.labelSelector) : undefined;
  const annotations = target.annotationSelector ? parseLabelSelector(target.annotationSelector) : undefined;
  return items.filter((item) => {
    const { object } = item;
    const { metadata } = object;
    return (
      (!group || group.test(groupOf(object))) &&
      (!version || version.test(versionOf(object))) &&
      (!kind || kind.test(object.kind)) &&
      (!name || [metadata.name ?? '', ...item.names].some((text) => name.test(text))) &&
      (!namespace || namespace.test(metadata.namespace ?? '')) &&
      (!labels || labels.matches(metadata.labels)) &&
      (!annotations || annotations.matches(metadata.annotations))
    );
  });
}

async function mergeInto(
  items: Item[],
  item: Item,
  patch: Readonly<Record<string, unknown>>,
  entry: PatchEntry,
  path: string,
  kustomization: LoadedKustomization,
): Promise<void> {
  const { $patch: directive, ...content } = patch;
  if (directive === 'delete') {
    items.splice(items.indexOf(item), 1);
    return;
  }
  const { object } = item;
  const type = await builtinTypeOf({
    group: groupOf(object),
    version: versionOf(object),
    kind: object.kind,
    plural: '',
    namespaced: true,
  });
  change(item, entry, () =>
    asPatchError(kustomization, path, item, () => {
      if (directive === 'replace') return content as KubeObject;
      return type
        ? applyStrategicMergePatch(object, content, type.schema, type.schemas)
        : applyMergePatch(object, content);
    }),
  );
}

/** Names and kinds stay, unless the patch may change them. */
function change(item: Item, { options }: PatchEntry, patched: () => KubeObject): void {
  const { apiVersion, kind } = item.object;
  const { name, namespace } = item.object.metadata;
  const result = patched();
  if (!options?.allowKindChange) Object.assign(result, { apiVersion, kind });
  const renamed = result.metadata?.name;
  result.metadata = { ...result.metadata, name };
  if (namespace !== undefined) result.metadata.namespace = namespace;
  if (options?.allowNameChange && renamed !== undefined && renamed !== name) {
    item.names.push(name ?? '');
    result.metadata.name = renamed;
  }
  item.object = result;
}

function asPatchError<T>(kustomization: LoadedKustomization, path: string, item: Item, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return kustomization.fail(path, `the patch does not fit ${idText(item.object)}: ${(error as Error).message}`);
  }
}
