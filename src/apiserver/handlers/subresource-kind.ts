import type { SubresourceDefinition } from '../../api/index.ts';
import type { ExpectedKind } from '../registry/decode.ts';
import type { ResourceRegistry } from '../registry/registry.ts';

/** Schema name of the kinds that subresources take, by group: `io.k8s.api.authentication.v1.TokenRequest`. */
export function subresourceKind(registry: ResourceRegistry, subresource: SubresourceDefinition): ExpectedKind {
  const group = subresource.group ?? registry.definition.group;
  const version = subresource.version ?? registry.definition.version;
  const short = group === '' ? 'core' : group.replace(/\..*$/, '');
  return {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind: subresource.kind,
    group,
    schema: `io.k8s.api.${short}.${version}.${subresource.kind}`,
  };
}
