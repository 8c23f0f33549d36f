/** What a client must know of a resource to call it; every `ResourceDefinition` row is one. */
import type { ResourceDefinition } from '../api/index.ts';
import type { GroupVersionResource } from '../apimachinery/index.ts';

/** The client's part of a ResourceDefinition; also made from live discovery for foreign servers and CRDs. */
export type ResourceDescription = Pick<ResourceDefinition, 'group' | 'version' | 'kind' | 'plural' | 'namespaced'> &
  Partial<Pick<ResourceDefinition, 'listKind' | 'singular' | 'shortNames' | 'categories' | 'verbs'>> & {
    /** Names of subresources (`status`, `scale`, …), when known. */
    readonly subresources?: readonly { readonly name: string }[];
  };

/** How callers name a resource: a row, `{group, version, resource}`, or kubectl's words (`po`, `deploy.apps`, …). */
export type ResourceRef = ResourceDescription | GroupVersionResource | string;

/** Path of a collection or object, each segment encoded. `name` empty = the collection. */
export function resourcePath(
  resource: Pick<ResourceDescription, 'group' | 'version' | 'plural' | 'namespaced'>,
  namespace: string,
  name = '',
  subresource = '',
): string {
  let path = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  if (resource.namespaced && namespace !== '') path += `/namespaces/${encodeURIComponent(namespace)}`;
  path += `/${resource.plural}`;
  if (name !== '') path += `/${encodeURIComponent(name)}`;
  if (subresource !== '') path += `/${subresource}`;
  return path;
}

/** `pods`, `deployments.apps`. */
export function resourceName(resource: { readonly group: string; readonly plural: string }): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** `apps/v1`, `v1`. */
export function groupVersionText(resource: { readonly group: string; readonly version: string }): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}
