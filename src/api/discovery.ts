/**
 * Discovery documents out of resource rows: `/api`, `/apis`, one group, one group version, and the aggregated form.
 * Upstream: apiserver/pkg/endpoints/discovery (1.36). Built on demand; callers cache them until the rows change.
 */
import { createHash } from 'node:crypto';
import { apiVersionOf, type ResourceDefinition, type SubresourceDefinition } from './definition.ts';

export interface APIResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

interface GroupVersionEntry {
  readonly groupVersion: string;
  readonly version: string;
}

export interface APIGroup {
  kind?: 'APIGroup';
  apiVersion?: 'v1';
  name: string;
  versions: GroupVersionEntry[];
  preferredVersion: GroupVersionEntry;
}

const versionPattern = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;
const stabilityRank = { '': 2, beta: 1, alpha: 0 } as const;

/**
 * Best version first: GA before beta before alpha, higher numbers first, names of other forms last in alphabetical order.
 * Upstream: apimachinery/pkg/version/helpers.go.
 */
export function compareVersions(left: string, right: string): number {
  const a = versionPattern.exec(left);
  const b = versionPattern.exec(right);
  if (a === null || b === null) {
    if (a === null && b === null) return left < right ? -1 : Number(left > right);
    return a === null ? 1 : -1;
  }
  const rank = (match: RegExpExecArray) => stabilityRank[(match[2] ?? '') as keyof typeof stabilityRank];
  return rank(b) - rank(a) || Number(b[1]) - Number(a[1]) || Number(b[3] ?? 0) - Number(a[3] ?? 0);
}

const versionHashes = new Map<string, string>();

/** First eight bytes of SHA-256 over `group/version/kind` of the stored form, base64. */
export function storageVersionHash(definition: Pick<ResourceDefinition, 'storageVersion' | 'kind'>): string {
  const { storageVersion, kind } = definition;
  const key = `${storageVersion.includes('/') ? storageVersion : `/${storageVersion}`}/${kind}`;
  let hash = versionHashes.get(key);
  if (hash === undefined) {
    hash = createHash('sha256').update(key).digest().subarray(0, 8).toString('base64');
    versionHashes.set(key, hash);
  }
  return hash;
}

const endingVerbs: ReadonlySet<string> = new Set(['delete', 'deletecollection', 'get', 'list', 'watch']);

/** Custom resources whose definition goes are shown without the verbs that make more of them. */
function verbsOf({ verbs, terminating }: ResourceDefinition): readonly string[] {
  return terminating ? verbs.filter((verb) => endingVerbs.has(verb)) : verbs;
}

function resourceEntry(definition: ResourceDefinition): APIResource {
  const entry: APIResource = {
    name: definition.plural,
    singularName: definition.singular,
    namespaced: definition.namespaced,
    kind: definition.kind,
    verbs: verbsOf(definition),
  };
  if (definition.shortNames.length > 0) entry.shortNames = definition.shortNames;
  if (definition.categories.length > 0) entry.categories = definition.categories;
  if (definition.virtual !== true) entry.storageVersionHash = storageVersionHash(definition);
  return entry;
}

function subresourceEntry(definition: ResourceDefinition, subresource: SubresourceDefinition): APIResource {
  const entry: APIResource = {
    name: `${definition.plural}/${subresource.name}`,
    singularName: '',
    namespaced: definition.namespaced,
    kind: subresource.kind,
    verbs: subresource.verbs,
  };
  if (subresource.group !== undefined) entry.group = subresource.group;
  if (subresource.version !== undefined) entry.version = subresource.version;
  return entry;
}

const byName = (left: ResourceDefinition, right: ResourceDefinition): number => (left.plural < right.plural ? -1 : 1);

function rowsOf(definitions: Iterable<ResourceDefinition>, group: string, version: string): ResourceDefinition[] {
  return [...definitions].filter((row) => row.group === group && row.version === version).sort(byName);
}

/** `/api/v1`, `/apis/<group>/<version>`; undefined when nothing is served there. */
export function buildResourceList(
  definitions: Iterable<ResourceDefinition>,
  group: string,
  version: string,
): { kind: string; apiVersion: string; groupVersion: string; resources: APIResource[] } | undefined {
  const rows = rowsOf(definitions, group, version);
  if (rows.length === 0) return undefined;
  const resources = rows.flatMap((row) => [
    resourceEntry(row),
    ...row.subresources.map((subresource) => subresourceEntry(row, subresource)),
  ]);
  resources.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources };
}

/** Groups in the order of their first row, versions best first. */
function versionsByGroup(definitions: Iterable<ResourceDefinition>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, version } of definitions) {
    const versions = groups.get(group);
    if (versions === undefined) groups.set(group, [version]);
    else if (!versions.includes(version)) versions.push(version);
  }
  for (const versions of groups.values()) versions.sort(compareVersions);
  return groups;
}

function groupEntry(name: string, versions: readonly string[]): APIGroup {
  const entries = versions.map((version) => ({ groupVersion: apiVersionOf({ group: name, version }), version }));
  return { name, versions: entries, preferredVersion: entries[0]! };
}

/** `/api`. `serverAddress` is host and port that clients reach. */
export function buildApiVersions(definitions: Iterable<ResourceDefinition>, serverAddress: string): object {
  return {
    kind: 'APIVersions',
    versions: versionsByGroup(definitions).get('') ?? [],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis`. */
export function buildGroupList(definitions: Iterable<ResourceDefinition>): object {
  const groups = [...versionsByGroup(definitions)].filter(([name]) => name !== '');
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map(([name, versions]) => groupEntry(name, versions)),
  };
}

/** `/apis/<group>`. */
export function buildGroup(definitions: Iterable<ResourceDefinition>, group: string): APIGroup | undefined {
  const versions = versionsByGroup(definitions).get(group);
  if (versions === undefined || group === '') return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) };
}

function aggregatedResource(row: ResourceDefinition): object {
  const subresources = [...row.subresources].sort((left, right) => (left.name < right.name ? -1 : 1));
  return {
    resource: row.plural,
    responseKind: { group: '', version: '', kind: row.kind },
    scope: row.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: row.singular,
    verbs: verbsOf(row),
    ...(row.shortNames.length > 0 ? { shortNames: row.shortNames } : {}),
    ...(row.categories.length > 0 ? { categories: row.categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: {
              group: subresource.group ?? '',
              version: subresource.version ?? '',
              kind: subresource.kind,
            },
            verbs: subresource.verbs,
          })),
        }
      : {}),
  };
}

/**
 * Aggregated discovery, `apidiscovery.k8s.io/v2`: of `/api` (`core`) or of `/apis` (`groups`). `creationTimestamp` null
 * as Go writes it is left out, as the server does since 1.34.
 */
export function buildAggregatedDiscovery(definitions: Iterable<ResourceDefinition>, part: 'core' | 'groups'): object {
  const rows = [...definitions].filter((row) => (row.group === '') === (part === 'core'));
  const items = [...versionsByGroup(rows)].map(([group, versions]) => ({
    metadata: group === '' ? {} : { name: group },
    versions: versions.map((version) => ({
      version,
      resources: rowsOf(rows, group, version).map(aggregatedResource),
      freshness: 'Current',
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}
