/** From a manifest to the resource and namespace it is sent to. Upstream: cli-runtime/pkg/resource/{mapper,visitor}.go. */
import { type KubeObject, withMetadata } from '../../apimachinery/index.ts';
import { NoMatchError, type ResourceDescription } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Manifest } from '../manifests/manifest.ts';
import type { Session } from '../session.ts';

export interface Target {
  readonly manifest: Manifest;
  /** The manifest's object with its namespace filled in. */
  readonly object: KubeObject;
  readonly resource: ResourceDescription;
  /** '' for cluster-scoped resources. */
  readonly namespace: string;
  readonly name: string;
}

/** `deployment.apps/web`, as kubectl names objects in its lines. */
export function targetName(resource: ResourceDescription, name: string): string {
  return `${typeName(resource)}/${name}`;
}

/** `deployment.apps`, `pod`. */
export function typeName(resource: ResourceDescription): string {
  const singular = resource.singular || resource.kind.toLowerCase();
  return resource.group === '' ? singular : `${singular}.${resource.group}`;
}

/** @throws UserError in kubectl's words: an unknown kind, a namespace that contradicts `-n`. */
export async function targetOf(session: Session, manifest: Manifest): Promise<Target> {
  const { object } = manifest;
  const { name = '', namespace = '' } = object.metadata;
  let resource: ResourceDescription;
  try {
    resource = await session.resolveKind(object.apiVersion, object.kind);
  } catch (error) {
    if (!(error instanceof NoMatchError)) throw error;
    throw new UserError(
      `resource mapping not found for name: "${name}" namespace: "${namespace}" from "${manifest.position.file}": ${error.message}\nensure CRDs are installed first`,
      1,
      { cause: error },
    );
  }
  if (!resource.namespaced) return { manifest, object, resource, namespace: '', name };
  if (namespace !== '' && session.namespaceGiven && namespace !== session.namespace) {
    throw new UserError(
      `the namespace from the provided object "${namespace}" does not match the namespace "${session.namespace}". You must pass '--namespace=${namespace}' to perform this operation.`,
    );
  }
  const placed = namespace === '' ? withMetadata(object, { namespace: session.namespace }) : object;
  return { manifest, object: placed, resource, namespace: placed.metadata.namespace!, name };
}
