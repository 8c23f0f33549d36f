/**
 * What a server serves, from its own mouth. Upstream: client-go/discovery: the aggregated documents first, the old ones
 * per group and version when the server has no others.
 */
import { isNotFound, parseGroupVersion, StatusError } from '../apimachinery/index.ts';
import type { ResourceDescription } from './resource.ts';
import { RESTMapper } from './rest-mapper.ts';
import type { Transport } from './transport.ts';

const aggregatedAccept =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

export interface DiscoveryResult {
  /** In the server's order of preference. */
  readonly resources: readonly ResourceDescription[];
  /** Group versions that could not be read (a broken aggregated API). */
  readonly failed: readonly { readonly groupVersion: string; readonly error: Error }[];
}

/** @throws ConnectionError or StatusError when not even the group list can be had. */
export async function discover(transport: Transport, signal?: AbortSignal): Promise<DiscoveryResult> {
  const get = async (path: string, accept?: string) =>
    (await transport.request({ method: 'GET', path, accept, signal })).body;
  const [core, groups] = await Promise.all([get('/api', aggregatedAccept), get('/apis', aggregatedAccept)]);
  const resources: ResourceDescription[] = [];
  const failed: { groupVersion: string; error: Error }[] = [];
  const plain: string[] = [];
  for (const document of [core, groups]) {
    if (document.kind === 'APIGroupDiscoveryList') readAggregated(document, resources, failed);
    else if (document.kind === 'APIVersions') for (const version of document.versions) plain.push(version);
    else {
      for (const group of document.groups ?? []) {
        const preferred = group.preferredVersion?.groupVersion;
        const versions: string[] = group.versions.map((v: { groupVersion: string }) => v.groupVersion);
        plain.push(...versions.filter((v) => v === preferred), ...versions.filter((v) => v !== preferred));
      }
    }
  }
  const lists = await Promise.all(
    plain.map(async (groupVersion) => {
      try {
        return await get(groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        if (!isNotFound(error)) failed.push({ groupVersion, error });
        return undefined;
      }
    }),
  );
  for (const list of lists) if (list) readResourceList(list, resources);
  return { resources, failed };
}

/** A mapper over everything the server serves now. */
export async function discoverMapper(transport: Transport, signal?: AbortSignal): Promise<RESTMapper> {
  return new RESTMapper((await discover(transport, signal)).resources);
}

function readAggregated(
  document: any,
  out: ResourceDescription[],
  failed: { groupVersion: string; error: Error }[],
): void {
  for (const group of document.items ?? []) {
    const name: string = group.metadata?.name ?? '';
    for (const version of group.versions ?? []) {
      const groupVersion = name === '' ? version.version : `${name}/${version.version}`;
      if (version.freshness === 'Stale')
        failed.push({ groupVersion, error: new Error(`stale GroupVersion discovery: ${groupVersion}`) });
      for (const resource of version.resources ?? []) {
        out.push({
          group: name,
          version: version.version,
          kind: resource.responseKind?.kind ?? '',
          plural: resource.resource,
          singular: resource.singularResource,
          namespaced: resource.scope === 'Namespaced',
          verbs: resource.verbs ?? [],
          shortNames: resource.shortNames ?? [],
          categories: resource.categories ?? [],
          subresources: (resource.subresources ?? []).map((s: { subresource: string }) => ({ name: s.subresource })),
        });
      }
    }
  }
}

function readResourceList(list: any, out: ResourceDescription[]): void {
  const { group, version } = parseGroupVersion(list.groupVersion);
  const own = (list.resources ?? []).filter((r: { name: string }) => !r.name.includes('/'));
  for (const resource of own) {
    const prefix = `${resource.name}/`;
    const below = list.resources.filter((r: { name: string }) => r.name.startsWith(prefix));
    out.push({
      group,
      version,
      kind: resource.kind,
      plural: resource.name,
      singular: resource.singularName || resource.kind.toLowerCase(),
      namespaced: resource.namespaced,
      verbs: resource.verbs ?? [],
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      subresources: below.map((r: { name: string }) => ({ name: r.name.slice(prefix.length) })),
    });
  }
}
