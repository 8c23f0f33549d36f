/** A kustomization.yaml as it stands: which fields klab knows, checked strictly. Upstream: kustomize api/types. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isObject, type SourcePosition, type YamlDocument } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { excerpt, positionText } from '../manifests/manifest.ts';
import { readYaml } from '../manifests/yaml.ts';

export interface GeneratorArgs {
  readonly name: string;
  readonly namespace?: string;
  readonly behavior?: 'create' | 'merge' | 'replace';
  readonly files?: readonly string[];
  readonly literals?: readonly string[];
  readonly envs?: readonly string[];
  readonly env?: string;
  readonly options?: GeneratorOptions;
  /** Secrets only. */
  readonly type?: string;
}

export interface GeneratorOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly disableNameSuffixHash?: boolean;
  readonly immutable?: boolean;
}

export interface PatchTarget {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}

export interface PatchEntry {
  readonly path?: string;
  readonly patch?: string;
  readonly target?: PatchTarget;
  readonly options?: { readonly allowNameChange?: boolean; readonly allowKindChange?: boolean };
}

export interface ImageEntry {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly digest?: string;
  readonly tagSuffix?: string;
}

export interface LabelEntry {
  readonly pairs: Readonly<Record<string, string>>;
  readonly includeSelectors?: boolean;
  readonly includeTemplates?: boolean;
}

export interface Kustomization {
  readonly resources?: readonly string[];
  readonly namespace?: string;
  readonly namePrefix?: string;
  readonly nameSuffix?: string;
  readonly labels?: readonly LabelEntry[];
  readonly commonLabels?: Readonly<Record<string, string>>;
  readonly commonAnnotations?: Readonly<Record<string, string>>;
  readonly images?: readonly ImageEntry[];
  readonly replicas?: readonly { readonly name: string; readonly count: number }[];
  readonly patches?: readonly PatchEntry[];
  readonly patchesStrategicMerge?: readonly string[];
  readonly patchesJson6902?: readonly PatchEntry[];
  readonly configMapGenerator?: readonly GeneratorArgs[];
  readonly secretGenerator?: readonly GeneratorArgs[];
  readonly generatorOptions?: GeneratorOptions;
}

const generator = ['name', 'namespace', 'behavior', 'files', 'literals', 'envs', 'env', 'options'];
const patch = ['path', 'patch', 'target', 'options'];

/** Every field taken, with the fields of its entries; `true` = a free map or a plain value. */
const fields: Readonly<Record<string, true | readonly string[]>> = {
  apiVersion: true,
  kind: true,
  metadata: true,
  resources: true,
  bases: true,
  namespace: true,
  namePrefix: true,
  nameSuffix: true,
  labels: ['pairs', 'includeSelectors', 'includeTemplates'],
  commonLabels: true,
  commonAnnotations: true,
  images: ['name', 'newName', 'newTag', 'digest', 'tagSuffix'],
  replicas: ['name', 'count'],
  patches: patch,
  patchesStrategicMerge: true,
  patchesJson6902: patch,
  configMapGenerator: generator,
  secretGenerator: [...generator, 'type'],
  generatorOptions: ['labels', 'annotations', 'disableNameSuffixHash', 'immutable'],
};

/** Fields that hold lists, so that a single value is refused with a word instead of a crash. */
const lists = new Set([
  'resources',
  'bases',
  'labels',
  'images',
  'replicas',
  'patches',
  'patchesStrategicMerge',
  'patchesJson6902',
  'configMapGenerator',
  'secretGenerator',
]);

const fileNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

export interface LoadedKustomization {
  readonly file: string;
  readonly content: Kustomization;
  locate(path: string): SourcePosition;
  fail(path: string, reason: string): never;
}

/** The kustomization file of a folder, undefined when it has none. */
export function kustomizationFile(folder: string): string | undefined {
  return fileNames.map((name) => join(folder, name)).find((file) => existsSync(file) && statSync(file).isFile());
}

/** @throws UserError naming file, line and column of what cannot be read or is not known. */
export async function loadKustomization(folder: string): Promise<LoadedKustomization> {
  const file = kustomizationFile(folder);
  if (!file) {
    const names = fileNames.map((name) => `'${name}'`).join(', ');
    throw new UserError(`unable to find one of ${names} in directory '${folder}'`);
  }
  const text = readFileSync(file, 'utf8');
  const lines = text.split(/\r?\n/);
  const failAt = (position: SourcePosition, reason: string): never => {
    const line = lines[position.line - 1];
    throw new UserError(
      `${positionText(position)}: ${reason}${line === undefined ? '' : `\n${excerpt(line, position)}`}`,
    );
  };
  const { documents, problems } = await readYaml(text, file);
  if (problems[0]) failAt(problems[0].position, problems[0].reason);
  const [document, second] = documents;
  if (!document) throw new UserError(`${file}: kustomization.yaml is empty`);
  if (second) failAt(second.position, 'a kustomization file holds one document');
  if (!isObject(document.value)) failAt(document.position, 'a kustomization must be an object');
  check(document, failAt);
  const { bases = [], ...content } = document.value as Kustomization & { bases?: readonly string[] };
  return {
    file,
    content: bases.length > 0 ? { ...content, resources: [...bases, ...(content.resources ?? [])] } : content,
    locate: (path) => document.locate(path),
    fail: (path, reason) => failAt(document.locate(path), reason),
  };
}

function check(document: YamlDocument, failAt: (position: SourcePosition, reason: string) => never): void {
  const value = document.value as Record<string, unknown>;
  const { kind } = value;
  if (kind !== undefined && kind !== 'Kustomization') {
    failAt(document.locate('kind'), `kind should be Kustomization; klab does not build a ${String(kind)}`);
  }
  for (const [field, content] of Object.entries(value)) {
    const known = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (known === undefined) {
      failAt(
        document.locate([field]),
        `klab does not know the field "${field}" of a kustomization; build it with: kubectl kustomize DIR | klab apply -f -`,
      );
    }
    if (lists.has(field) && content !== null && !Array.isArray(content)) {
      failAt(document.locate([field]), `"${field}" must be a list`);
    }
    if (known === true || content === null) continue;
    const entries: [unknown, (string | number)[]][] = Array.isArray(content)
      ? content.map((entry, i) => [entry, [field, i]])
      : [[content, [field]]];
    for (const [entry, path] of entries) {
      if (!isObject(entry)) failAt(document.locate(path), `an entry of "${field}" must be an object`);
      for (const key of Object.keys(entry as object)) {
        if (!known!.includes(key)) {
          failAt(
            document.locate([...path, key]),
            `klab does not know the field "${key}" of "${field}" in a kustomization`,
          );
        }
      }
    }
  }
  for (const [field, content] of Object.entries(value)) if (content === null) delete value[field];
}
