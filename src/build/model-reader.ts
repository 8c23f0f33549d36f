/**
 * Reads Kubernetes' model packages from node_modules: structure, docs, required fields and enums from the type
 * declarations of kubernetes-models, number and date formats from the attribute maps of @kubernetes/client-node.
 * TypeScript 7 has no JS API, and the declarations are regular, so a small reader of our own does.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { ClassReader } from './class-reader.ts';

/** A type as the declarations say it. */
export type ModelType =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'any' }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'array'; readonly items: ModelType }
  | { readonly kind: 'map'; readonly values: ModelType }
  | { readonly kind: 'ref'; readonly name: string };

export interface ModelProperty {
  readonly type: ModelType;
  readonly required: boolean;
  readonly description: string;
  /** int32, int64, double, byte, date-time …; of the items or values in arrays and maps. */
  readonly format: string;
}

export interface Model {
  readonly description: string;
  /** Absent for definitions that are no objects with fields (Quantity, Time, …). */
  readonly properties?: ReadonlyMap<string, ModelProperty>;
  /** Real objects carry apiVersion and kind. */
  readonly isKind: boolean;
}

const apimachineryPackage = '@kubernetes-models/apimachinery';
const modelsPackage = 'kubernetes-models';

/** Folder of a group in the package where it is not the group's first label. */
const groupFolders: Readonly<Record<string, string>> = {
  admissionregistration: 'admissionregistration.k8s.io',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
  resource: 'resource.k8s.io',
  scheduling: 'scheduling.k8s.io',
  storage: 'storage.k8s.io',
};

const apiextensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.';
const aggregator = 'io.k8s.kube-aggregator.pkg.apis.apiregistration.';
const apimachinery = 'io.k8s.apimachinery.pkg.';

/** `io.k8s.api.core.v1.Pod` → `kubernetes-models/v1/Pod`. */
function modulePath(name: string): string {
  if (name.startsWith(apimachinery)) {
    return `${apimachineryPackage}/${name.slice(apimachinery.length).replaceAll('.', '/')}`;
  }
  if (name.startsWith(apiextensions)) {
    return `${modelsPackage}/apiextensions.k8s.io/${name.slice(apiextensions.length).replaceAll('.', '/')}`;
  }
  if (name.startsWith(aggregator)) {
    return `${modelsPackage}/apiregistration.k8s.io/${name.slice(aggregator.length).replaceAll('.', '/')}`;
  }
  const [group = '', version, kind] = name.replace('io.k8s.api.', '').split('.');
  if (group === 'core') return `${modelsPackage}/${version}/${kind}`;
  return `${modelsPackage}/${groupFolders[group] ?? group}/${version}/${kind}`;
}

/** The inverse of `modulePath`. */
function canonicalName(path: string): string {
  if (path.startsWith(`${apimachineryPackage}/`)) {
    return apimachinery + path.slice(apimachineryPackage.length + 1).replaceAll('/', '.');
  }
  const parts = path.slice(modelsPackage.length + 1).split('/');
  if (parts.length === 2) return `io.k8s.api.core.${parts.join('.')}`;
  const [folder = '', version, kind] = parts;
  if (folder === 'apiextensions.k8s.io') return `${apiextensions}${version}.${kind}`;
  if (folder === 'apiregistration.k8s.io') return `${aggregator}${version}.${kind}`;
  return `io.k8s.api.${folder.split('.')[0]}.${version}.${kind}`;
}

function docText(comment: string): string {
  return comment
    .replace(/^\/\*\*\s*/, '')
    .replace(/\s*\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .replace(/\n\s*@deprecated.*$/s, '')
    .replaceAll('\\*', '*')
    .trim();
}

interface Token {
  readonly kind: 'word' | 'string' | 'doc' | 'mark';
  readonly text: string;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /\/\*\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$]*|[{}[\]<>?:;|,()]/g;
  for (const [match] of text.matchAll(pattern)) {
    if (match.startsWith('/**')) tokens.push({ kind: 'doc', text: docText(match) });
    else if (match.startsWith('"')) tokens.push({ kind: 'string', text: JSON.parse(match) as string });
    else tokens.push({ kind: /^[A-Za-z_$]/.test(match) ? 'word' : 'mark', text: match });
  }
  return tokens;
}

/** Recursive descent over the body of one interface. */
class DeclarationReader {
  readonly #tokens: Token[];
  readonly #refs: ReadonlyMap<string, string>;
  readonly #place: string;
  #at = 0;

  constructor(body: string, refs: ReadonlyMap<string, string>, place: string) {
    this.#tokens = tokenize(body);
    this.#refs = refs;
    this.#place = place;
  }

  /** Reads to the end of the object or of the text. */
  properties(): Map<string, { type: ModelType; required: boolean; description: string }> {
    const result = new Map<string, { type: ModelType; required: boolean; description: string }>();
    let description = '';
    for (;;) {
      const token = this.#tokens[this.#at++];
      if (token === undefined || (token.kind === 'mark' && token.text === '}')) return result;
      if (token.kind === 'doc') {
        description = token.text;
        continue;
      }
      const required = !this.#take('?');
      this.#expect(':');
      const type = this.#type();
      this.#expect(';');
      result.set(token.text, { type, required, description });
      description = '';
    }
  }

  #take(mark: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'mark' || token.text !== mark) return false;
    this.#at++;
    return true;
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) {
      throw new Error(`${this.#place}: expected ${mark}, found ${this.#tokens[this.#at]?.text ?? 'the end'}`);
    }
  }

  #type(): ModelType {
    const parts = [this.#atom()];
    while (this.#take('|')) parts.push(this.#atom());
    const first = parts[0]!;
    if (parts.length === 1) return first;
    const values: string[] = [];
    for (const part of parts) {
      if (part.kind !== 'enum') throw new Error(`${this.#place}: a union that is no enum`);
      values.push(...part.values);
    }
    return { kind: 'enum', values };
  }

  #atom(): ModelType {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error(`${this.#place}: ends in a type`);
    if (token.kind === 'string') return { kind: 'enum', values: [token.text] };
    if (token.kind === 'mark' && token.text === '{') {
      if (!this.#take('[')) return this.#inlineKind();
      this.#at++;
      this.#expect(':');
      this.#at++;
      this.#expect(']');
      this.#expect(':');
      const values = this.#type();
      this.#take(';');
      this.#expect('}');
      return { kind: 'map', values };
    }
    switch (token.text) {
      case 'string':
      case 'number':
      case 'boolean':
        return { kind: token.text };
      case 'any':
      case 'unknown':
      case 'object':
        return { kind: 'any' };
      case 'Array': {
        this.#expect('<');
        const items = this.#type();
        this.#expect('>');
        return { kind: 'array', items };
      }
    }
    const ref = this.#refs.get(token.text);
    if (ref === undefined) throw new Error(`${this.#place}: unknown type ${token.text}`);
    return { kind: 'ref', name: ref };
  }

  /** A real kind written out in place (templates whose apiVersion may be absent): known by the type of its spec. */
  #inlineKind(): ModelType {
    const specType = this.properties().get('spec')?.type;
    if (specType?.kind !== 'ref' || !specType.name.endsWith('Spec')) {
      throw new Error(`${this.#place}: an inline object of unknown kind`);
    }
    return { kind: 'ref', name: specType.name.slice(0, -'Spec'.length) };
  }
}

/** Number and date formats per definition, out of client-node's attribute maps. */
class FormatReader {
  readonly #folder: string;
  readonly #files: readonly string[];

  constructor(nodeModules: string) {
    this.#folder = join(nodeModules, '@kubernetes/client-node/dist/gen/models');
    this.#files = readdirSync(this.#folder).filter((file) => file.endsWith('.js'));
  }

  /** Formats by property; of several models that end in the same name the one with the same properties. */
  formats(name: string, properties: ReadonlySet<string>): ReadonlyMap<string, string> {
    const parts = name.split('.');
    const kind = parts.at(-1)!;
    const version = parts.at(-2)!;
    const ending = `${version[0]!.toUpperCase()}${version.slice(1)}${kind}.js`;
    let best: ReadonlyMap<string, string> = new Map();
    let bestScore = -1;
    for (const file of this.#files) {
      if (!file.endsWith(ending)) continue;
      const formats = this.#read(file);
      let score = 0;
      for (const property of formats.keys()) score += properties.has(property) ? 1 : -1;
      if (score <= bestScore) continue;
      best = formats;
      bestScore = score;
    }
    return best;
  }

  #read(file: string): ReadonlyMap<string, string> {
    const text = readFileSync(join(this.#folder, file), 'utf8');
    const formats = new Map<string, string>();
    for (const match of text.matchAll(/"baseName": "([^"]*)",\s*"type": "[^"]*",\s*"format": "([^"]*)"/g)) {
      formats.set(match[1]!, match[2]!);
    }
    return formats;
  }
}

/** Reads definitions by canonical name, each once. */
export class ModelReader {
  readonly #nodeModules: string;
  readonly #formats: FormatReader;
  readonly #classes: ClassReader;

  constructor(nodeModules: string) {
    this.#nodeModules = nodeModules;
    this.#formats = new FormatReader(nodeModules);
    this.#classes = new ClassReader(nodeModules);
  }

  read(name: string): Model | undefined {
    const path = modulePath(name);
    const file = join(this.#nodeModules, `${path}.d.ts`);
    if (!existsSync(file)) return this.#readClass(name);
    const text = readFileSync(file, 'utf8');
    const kind = path.slice(path.lastIndexOf('/') + 1);
    const head = new RegExp(`(/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\n)?export (interface|type) I${kind}\\b([^{=]*)`).exec(
      text,
    );
    if (head === null) throw new Error(`${file}: no declaration of ${kind}`);
    const description = head[1] === undefined ? '' : docText(head[1].trim());
    if (head[2] === 'type') return { description, isKind: false };
    const start = text.indexOf('{', head.index + head[0].length - 1) + 1;
    const body = text.slice(start, text.indexOf('\n}', start - 1));
    const refs = this.#imports(text, path);
    refs.set(`I${kind}`, name);
    const raw = new DeclarationReader(body, refs, file).properties();
    if (raw.size === 0) return { description, isKind: false };
    const formats = this.#formats.formats(name, new Set(raw.keys()));
    const isKind = head[3]!.includes('TypeMeta');
    const properties = new Map<string, ModelProperty>();
    for (const [property, value] of raw) {
      properties.set(property, { ...value, format: formats.get(property) ?? '' });
    }
    return { description, properties, isKind };
  }

  /** Alpha and beta definitions, and what only they use, stand in another package. */
  #readClass(name: string): Model | undefined {
    const stable = name.replace(/\.v\d+(?:alpha|beta)\d+\./, '.v1.');
    const known =
      stable !== name && existsSync(join(this.#nodeModules, `${modulePath(stable)}.d.ts`))
        ? this.read(stable)
        : undefined;
    return this.#classes.read(name, known);
  }

  #imports(text: string, path: string): Map<string, string> {
    const refs = new Map<string, string>();
    for (const match of text.matchAll(/^import \{ (.*) \} from "([^"]+)";$/gm)) {
      const from = match[2]!;
      if (from === '@kubernetes-models/base') continue;
      const target = from.startsWith('.') ? posix.join(posix.dirname(path), from.replace(/\.js$/, '')) : from;
      for (const word of match[1]!.split(',')) refs.set(word.trim(), canonicalName(target));
    }
    return refs;
  }
}

/** The nearest `node_modules` that has the model packages, upwards from `folder`. */
export function findNodeModules(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules');
    if (existsSync(join(candidate, modelsPackage))) return candidate;
    if (at === dirname(at)) throw new Error(`no ${modelsPackage} in any node_modules above ${folder}`);
  }
}
