/**
 * From a user's word to a resource: short names, singular, plural, `plural.group`, `plural.version.group`, kinds.
 * Upstream: apimachinery/pkg/api/meta/priority.go, client-go/restmapper/shortcut.go, cli-runtime resource builder.
 */
import { groupVersionText, type ResourceDescription, type ResourceRef } from './resource.ts';

/** No resource of that name: message as kubectl's. */
export class NoMatchError extends Error {
  override readonly name = 'NoMatchError';
}

/** Resolves names against a fixed list of resources, earlier entries preferred (server's order of groups and versions). */
export class RESTMapper {
  readonly #resources: ResourceDescription[] = [];
  readonly #byWord = new Map<string, ResourceDescription[]>();
  readonly #byKind = new Map<string, ResourceDescription[]>();

  constructor(resources: Iterable<ResourceDescription>) {
    for (const resource of resources) this.add(resource);
  }

  /** All resources, in order of preference. */
  get resources(): readonly ResourceDescription[] {
    return this.#resources;
  }

  /** Adds a resource (a CRD that came up); a row with the same group, version and plural is replaced. */
  add(resource: ResourceDescription): void {
    this.remove(resource);
    this.#resources.push(resource);
    for (const word of words(resource)) append(this.#byWord, word, resource);
    append(this.#byKind, resource.kind.toLowerCase(), resource);
  }

  remove(resource: Pick<ResourceDescription, 'group' | 'version' | 'plural'>): void {
    const same = (r: ResourceDescription) =>
      r.group === resource.group && r.version === resource.version && r.plural === resource.plural;
    const index = this.#resources.findIndex(same);
    if (index < 0) return;
    const old = this.#resources[index]!;
    this.#resources.splice(index, 1);
    for (const word of words(old)) drop(this.#byWord, word, old);
    drop(this.#byKind, old.kind.toLowerCase(), old);
  }

  /**
   * Resolves a row, a `{group, version, resource}`, or a word as kubectl takes it.
   * @throws NoMatchError `the server doesn't have a resource type "foo"`.
   */
  resolve(ref: ResourceRef): ResourceDescription {
    if (typeof ref !== 'string') {
      if ('plural' in ref) return ref;
      const found = this.#byWord
        .get(ref.resource.toLowerCase())
        ?.find((r) => r.group === ref.group && (ref.version === '' || r.version === ref.version));
      if (!found) throw new NoMatchError(`the server doesn't have a resource type "${ref.resource}"`);
      return found;
    }
    const found = this.find(ref);
    if (!found) throw new NoMatchError(`the server doesn't have a resource type "${ref}"`);
    return found;
  }

  /** Like `resolve` for words, undefined when there is none. */
  find(text: string): ResourceDescription | undefined {
    const word = text.toLowerCase();
    const [head = '', ...rest] = word.split('.');
    const plain = this.#lookup(word);
    if (plain.length > 0) return plain[0];
    if (rest.length === 0) return undefined;
    const candidates = this.#lookup(head);
    // `deployments.v1.apps` first, then `deployments.apps`, then a group prefix (`crd.apiextensions`), as upstream.
    const group = rest.slice(1).join('.');
    const whole = rest.join('.');
    return (
      candidates.find((r) => r.version === rest[0] && r.group === group) ??
      candidates.find((r) => r.group === whole) ??
      candidates.find((r) => r.group.startsWith(`${whole}.`)) ??
      candidates.find((r) => r.version === rest[0] && r.group.startsWith(`${group}.`) && group !== '')
    );
  }

  /**
   * The resource of an object's apiVersion and kind.
   * @throws NoMatchError `no matches for kind "Foo" in version "example.com/v1"`.
   */
  forKind(apiVersion: string, kind: string): ResourceDescription {
    const found = this.findKind(apiVersion, kind);
    if (!found) throw new NoMatchError(`no matches for kind "${kind}" in version "${apiVersion}"`);
    return found;
  }

  findKind(apiVersion: string, kind: string): ResourceDescription | undefined {
    return this.#byKind
      .get(kind.toLowerCase())
      ?.find((resource) => resource.kind === kind && groupVersionText(resource) === apiVersion);
  }

  /** Resources of a category such as `all`, preferred version each. */
  category(name: string): ResourceDescription[] {
    const seen = new Set<string>();
    return this.#resources.filter((resource) => {
      if (!resource.categories?.includes(name)) return false;
      const key = `${resource.plural}.${resource.group}`;
      return seen.has(key) ? false : seen.add(key);
    });
  }

  #lookup(word: string): readonly ResourceDescription[] {
    return this.#byWord.get(word) ?? this.#byKind.get(word) ?? [];
  }
}

function words(resource: ResourceDescription): Set<string> {
  const out = new Set<string>([resource.plural, resource.singular ?? resource.kind.toLowerCase()]);
  for (const short of resource.shortNames ?? []) out.add(short);
  return out;
}

function append(map: Map<string, ResourceDescription[]>, key: string, value: ResourceDescription): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function drop(map: Map<string, ResourceDescription[]>, key: string, value: ResourceDescription): void {
  const list = map.get(key)?.filter((entry) => entry !== value);
  if (list && list.length > 0) map.set(key, list);
  else map.delete(key);
}
