/**
 * Reads alpha and beta definitions from @kubernetes/client-node: kubernetes-models only has the stable ones. The classes
 * say a quantity is a string and raw JSON is any; where the stable version of a definition has the same field, its type
 * tells which it is.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model, ModelProperty, ModelType } from './model-reader.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const metaKinds = new Set(['Condition', 'GroupResource', 'LabelSelector', 'ListMeta', 'MicroTime', 'ObjectMeta']);

/** Objects without fields have no class in the package; where they stand it says any. */
const emptyObjects: Readonly<Record<string, string>> = {
  'StorageVersion.spec': 'StorageVersionSpec',
  'PodGroupSchedulingPolicy.basic': 'BasicSchedulingPolicy',
};
const empty = /\.(StorageVersionSpec|BasicSchedulingPolicy)$/;

interface Attribute {
  readonly name: string;
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

const docText = (comment: string): string =>
  comment
    .replace(/^\s*\/\*\*\s*/, '')
    .replace(/\s*\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .replaceAll("\\'", "'")
    .replaceAll('\\"', '"')
    // Line breaks became blanks in the package.
    .replaceAll(/ {2,}(?! )/g, '\n\n')
    .trim();

export class ClassReader {
  readonly #folder: string;

  constructor(nodeModules: string) {
    this.#folder = join(nodeModules, '@kubernetes/client-node/dist/gen/models');
  }

  /** `stable`: the definition of the same name in v1, if there is one. */
  read(name: string, stable: Model | undefined): Model | undefined {
    const parts = name.split('.');
    const [kind = '', version = ''] = parts.reverse();
    const prefix = version[0]!.toUpperCase() + version.slice(1);
    const file = join(this.#folder, `${prefix}${kind}`);
    if (!existsSync(`${file}.d.ts`)) {
      return empty.test(name) ? { description: emptyDocs[kind] ?? '', isKind: false } : undefined;
    }
    const declaration = readFileSync(`${file}.d.ts`, 'utf8');
    const script = readFileSync(`${file}.js`, 'utf8');
    const group = name.slice(0, name.length - kind.length - version.length - 2);
    const attributes = JSON.parse(
      /\.attributeTypeMap = (\[[\s\S]*?\n\]|\[\]);/.exec(script)?.[1] ?? '[]',
    ) as Attribute[];
    const properties = new Map<string, ModelProperty>();
    for (const attribute of attributes) {
      const place = new RegExp(`((?:/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/)?)\\s*'${attribute.name}'(\\??):`).exec(
        declaration,
      );
      const own = this.#type(attribute.type, { group, version, prefix });
      const known = stable?.properties?.get(attribute.baseName)?.type;
      const hidden = emptyObjects[`${kind}.${attribute.baseName}`];
      const hiddenType: ModelType | undefined =
        hidden === undefined ? undefined : { kind: 'ref', name: `${group}.${version}.${hidden}` };
      const type = hiddenType ?? (known !== undefined && isApimachinery(known) ? known : own);
      properties.set(attribute.baseName, {
        type,
        format: type.kind === 'ref' || attribute.format === 'date-time' ? '' : attribute.format,
        required: place?.[2] !== '?',
        description: betterDocs(docText(place?.[1] ?? ''), stable?.properties?.get(attribute.baseName)?.description),
      });
    }
    const description =
      /(\/\*\*(?:(?!\*\/|OpenAPI Generator)[\s\S])*\*\/)\s*export declare class/.exec(declaration)?.[1] ?? '';
    const isKind = properties.has('apiVersion') && properties.has('kind') && properties.has('metadata');
    for (const field of isKind ? ['apiVersion', 'kind'] : []) {
      properties.set(field, { ...properties.get(field)!, description: '' });
    }
    return { description: betterDocs(docText(description), stable?.description), properties, isKind };
  }

  #type(text: string, place: { group: string; version: string; prefix: string }): ModelType {
    const list = /^Array<(.*)>$/.exec(text);
    if (list !== null) return { kind: 'array', items: this.#type(list[1]!, place) };
    const map = /^\{ \[key: string\]: (.*); \}$/.exec(text);
    if (map !== null) return { kind: 'map', values: this.#type(map[1]!, place) };
    switch (text) {
      case 'string':
      case 'number':
      case 'boolean':
      case 'any':
        return { kind: text };
      case 'Date':
        return { kind: 'ref', name: `${meta}Time` };
      case 'IntOrString':
        return { kind: 'ref', name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' };
    }
    if (text.startsWith(place.prefix)) {
      return { kind: 'ref', name: `${place.group}.${place.version}.${text.slice(place.prefix.length)}` };
    }
    const stable = /^V1([A-Z]\w*)$/.exec(text)?.[1];
    if (stable === undefined) throw new Error(`${place.group}.${place.version}: unknown type ${text}`);
    return { kind: 'ref', name: metaKinds.has(stable) ? meta + stable : `io.k8s.api.core.v1.${stable}` };
  }
}

const folded = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/**
 * The package has lost line breaks, and docs beside references altogether: where the stable version says the same, or
 * there is nothing, its text is taken.
 */
function betterDocs(own: string, stable: string | undefined): string {
  const text = own.startsWith('MicroTime is version of Time') ? '' : own;
  return stable !== undefined && (text === '' || folded(text) === folded(stable)) ? stable : text;
}

const emptyDocs: Readonly<Record<string, string>> = {
  StorageVersionSpec: 'StorageVersionSpec is an empty spec.',
  BasicSchedulingPolicy: 'BasicSchedulingPolicy indicates that standard Kubernetes scheduling behavior should be used.',
};

/** A value of apimachinery's own (quantities, raw JSON), or a list or map of them. */
function isApimachinery(type: ModelType): boolean {
  if (type.kind === 'ref') return type.name.startsWith('io.k8s.apimachinery.') && !type.name.startsWith(meta);
  if (type.kind === 'array') return isApimachinery(type.items);
  return type.kind === 'map' && isApimachinery(type.values);
}
