/** configMapGenerator and secretGenerator, with the hash that makes a changed content a new object. Upstream: kustomize api/internal/generators, api/hasher. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Item } from './item.ts';
import type { GeneratorArgs, GeneratorOptions, LoadedKustomization } from './kustomization.ts';

export type GeneratorField = 'configMapGenerator' | 'secretGenerator';

/** Runs one generator: adds its object to `items`, or merges into the one that is there. */
export function runGenerator(
  items: Item[],
  field: GeneratorField,
  index: number,
  kustomization: LoadedKustomization,
  folder: string,
): void {
  const args = kustomization.content[field]![index]!;
  const path = `${field}[${index}]`;
  if (!args.name) kustomization.fail(path, 'a generator must have a name');
  const options = mergedOptions(args.options, kustomization.content.generatorOptions);
  const object = generate(field, args, options, (file) => readInput(kustomization, path, folder, file));
  const { behavior = 'create' } = args;
  const existing = items.find(
    (item) =>
      item.object.kind === object.kind &&
      item.names.concat(item.object.metadata.name ?? '').includes(args.name) &&
      (args.namespace === undefined || item.object.metadata.namespace === args.namespace),
  );
  if (behavior === 'create') {
    if (existing && (existing.object.metadata.namespace ?? '') === (args.namespace ?? '')) {
      kustomization.fail(
        path,
        `may not add resource with an already registered id: ${object.kind} "${args.name}"; behavior: merge or replace changes the one that exists`,
      );
    }
    const position = kustomization.locate(path);
    const manifest = { object, position, duplicates: [], locate: () => position, line: () => undefined };
    items.push({ object, manifest, names: [], needsHash: !options.disableNameSuffixHash });
    return;
  }
  if (behavior !== 'merge' && behavior !== 'replace') {
    kustomization.fail(`${path}.behavior`, `behavior must be create, merge or replace, not "${String(behavior)}"`);
  }
  if (!existing)
    kustomization.fail(path, `id matching ${object.kind} "${args.name}" does not exist; cannot merge or replace`);
  const old = existing.object;
  const { name, namespace, labels, annotations } = old.metadata;
  const merged: KubeObject = {
    ...object,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...withEntries('labels', labels, object.metadata.labels),
      ...withEntries('annotations', annotations, object.metadata.annotations),
    },
  };
  if (behavior === 'merge') {
    for (const part of ['data', 'binaryData'] as const) {
      const both = { ...old[part], ...object[part] };
      if (Object.keys(both).length > 0) merged[part] = both;
    }
    if (old['type'] !== undefined && args.type === undefined) merged['type'] = old['type'];
  }
  existing.object = merged;
  existing.needsHash ||= !options.disableNameSuffixHash;
}

function withEntries(field: string, ...maps: (Readonly<Record<string, string>> | undefined)[]): object {
  const all = Object.assign({}, ...maps);
  return Object.keys(all).length > 0 ? { [field]: all } : {};
}

/** What a generator says itself comes before what is said for all of them. */
function mergedOptions(own: GeneratorOptions = {}, all: GeneratorOptions = {}): GeneratorOptions {
  return {
    labels: { ...all.labels, ...own.labels },
    annotations: { ...all.annotations, ...own.annotations },
    disableNameSuffixHash: own.disableNameSuffixHash || all.disableNameSuffixHash,
    immutable: own.immutable || all.immutable,
  };
}

function generate(
  field: GeneratorField,
  args: GeneratorArgs,
  options: GeneratorOptions,
  read: (file: string) => Buffer,
): KubeObject {
  const secret = field === 'secretGenerator';
  const data: Record<string, string> = {};
  const binaryData: Record<string, string> = {};
  for (const [key, value] of contents(args, read)) {
    if (secret) data[key] = value.toString('base64');
    else if (isText(value)) data[key] = value.toString('utf8');
    else binaryData[key] = value.toString('base64');
  }
  const { name, namespace } = args;
  return {
    apiVersion: 'v1',
    kind: secret ? 'Secret' : 'ConfigMap',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...withEntries('labels', options.labels),
      ...withEntries('annotations', options.annotations),
    },
    ...(secret && { type: args.type ?? 'Opaque' }),
    ...(Object.keys(data).length > 0 && { data }),
    ...(Object.keys(binaryData).length > 0 && { binaryData }),
    ...(options.immutable && { immutable: true }),
  };
}

function* contents(args: GeneratorArgs, read: (file: string) => Buffer): Generator<[string, Buffer]> {
  for (const file of [...(args.envs ?? []), ...(args.env === undefined ? [] : [args.env])]) {
    for (const line of read(file)
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)) {
      const text = line.trimStart();
      if (text === '' || text.startsWith('#')) continue;
      const equals = text.indexOf('=');
      // A name alone takes its value from the environment, as docker's env files.
      if (equals < 0) yield [text, Buffer.from(process.env[text] ?? '')];
      else yield [text.slice(0, equals), Buffer.from(text.slice(equals + 1))];
    }
  }
  for (const literal of args.literals ?? []) {
    const equals = literal.indexOf('=');
    const key = equals < 0 ? literal : literal.slice(0, equals);
    yield [key, Buffer.from(unquoted(equals < 0 ? '' : literal.slice(equals + 1)))];
  }
  for (const entry of args.files ?? []) {
    const equals = entry.indexOf('=');
    const file = equals < 0 ? entry : entry.slice(equals + 1);
    yield [equals < 0 ? basename(file) : entry.slice(0, equals), read(file)];
  }
}

function unquoted(text: string): string {
  return text.length >= 2 && /^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text;
}

function isText(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function readInput(kustomization: LoadedKustomization, path: string, folder: string, file: string): Buffer {
  try {
    return readFileSync(join(folder, file));
  } catch (error) {
    return kustomization.fail(path, `cannot read "${file}": ${(error as Error).message}`);
  }
}

/** The suffix of a generated object's name. Upstream: kustomize api/hasher/hasher.go. */
export function contentHash(object: KubeObject): string {
  // The name is no part of it: a prefix does not change the suffix.
  const encoded: Record<string, unknown> = { kind: object.kind, name: '', data: object['data'] ?? '' };
  if (object.kind === 'Secret') {
    encoded['type'] = object['type'];
    if (object['stringData']) encoded['stringData'] = object['stringData'];
  } else if (object['binaryData']) encoded['binaryData'] = object['binaryData'];
  const hex = createHash('sha256').update(goJson(encoded)).digest('hex').slice(0, 10);
  // Letters and digits that cannot make words.
  return hex.replace(/[013ae]/g, (c) => ({ '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' })[c]!);
}

function goJson(value: unknown): string {
  const sorted = (node: unknown): unknown =>
    typeof node === 'object' && node !== null
      ? Object.fromEntries(
          Object.entries(node)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        )
      : node;
  return JSON.stringify(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
