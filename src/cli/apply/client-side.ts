/**
 * `--server-side=false`: kubectl's client-side apply. The configuration applied last is kept in an annotation; the patch
 * deletes what was in it and is not wanted any more, and sets what differs from the live object.
 * Upstream: kubectl/pkg/cmd/apply/{apply,patcher}.go, kubectl/pkg/util/apply.go.
 */
import {
  applyMergePatch,
  createThreeWayMergePatch,
  createThreeWayStrategicMergePatch,
  isConflict,
  isNotFound,
  type KubeObject,
  type Schema,
  type SchemaSet,
  withMetadata,
} from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { type KubeClient, type ResourceDescription, retryOnConflict } from '../../client/index.ts';
import type { Target } from './target.ts';

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** The manager under which kubectl writes here. */
export const clientSideManager = 'kubectl-client-side-apply';

export interface ClientSideOptions {
  readonly fieldManager: string;
  readonly dryRun: 'none' | 'client' | 'server';
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  readonly signal?: AbortSignal;
  readonly onWarning?: (text: string) => void;
}

export interface ClientSideResult {
  readonly outcome: 'created' | 'configured' | 'unchanged';
  readonly object: Readonly<KubeObject>;
}

/** The object with its own configuration in the annotation. */
export function modifiedConfiguration(object: Readonly<KubeObject>): KubeObject {
  const { [lastAppliedAnnotation]: _, ...annotations } = object.metadata.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${goJson(plain)}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [lastAppliedAnnotation]: text } } };
}

/** JSON as Go's encoder writes a map: keys sorted, no spaces, `<`, `>`, `&` escaped. */
export function goJson(value: unknown): string {
  return sorted(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${sorted(item)}`).join(',')}}`;
}

export interface TypeSchema {
  readonly schema: Schema;
  readonly schemas: SchemaSet;
}

/** Schema of a built-in kind, undefined for custom ones: those are patched without merge keys, as upstream does. */
export async function builtinTypeOf(
  resource: Pick<ResourceDescription, 'group' | 'version' | 'kind'> & Partial<ResourceDescription>,
): Promise<TypeSchema | undefined> {
  const { builtinResources, loadBuiltinSchema } = await import('../../api/index.ts');
  const row = builtinResources.find(
    (row) => row.group === resource.group && row.version === resource.version && row.kind === resource.kind,
  );
  if (!row) return undefined;
  builtin ??= loadBuiltinSchema();
  const schema = typeof row.schema === 'string' ? builtin.get(row.schema) : row.schema;
  return schema && { schema, schemas: builtin };
}
let builtin: SchemaSet | undefined;

/** The patch that client-side apply sends, `{}` when nothing is to change. */
function threeWayPatch(
  original: unknown,
  modified: unknown,
  current: unknown,
  type: TypeSchema | undefined,
): Record<string, unknown> {
  if (!type) return createThreeWayMergePatch(original ?? {}, modified, current);
  return createThreeWayStrategicMergePatch(original ?? {}, modified, current, type.schema, type.schemas);
}

export async function applyClientSide(
  client: KubeClient,
  target: Target,
  options: ClientSideOptions,
): Promise<ClientSideResult> {
  const { resource, namespace, name } = target;
  const { signal, fieldManager, fieldValidation } = options;
  const calls = client.resource(resource).namespace(namespace);
  const write = { signal, fieldManager, fieldValidation, dryRun: options.dryRun === 'server' };
  const modified = modifiedConfiguration(target.object);
  const live = async (): Promise<Readonly<KubeObject> | undefined> => {
    try {
      return await calls.get(name, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  let current = await live();
  if (!current) {
    const object = options.dryRun === 'client' ? modified : await calls.create(modified, write);
    return { outcome: 'created', object };
  }
  if (current.metadata.annotations?.[lastAppliedAnnotation] === undefined) {
    options.onWarning?.(
      `resource ${resource.plural}/${name} is missing the ${lastAppliedAnnotation} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.`,
    );
  }
  const type = await builtinTypeOf(resource);
  return retryOnConflict({ clock: wallClock, signal }, async () => {
    current ??= (await live())!;
    const patch = threeWayPatch(lastApplied(current), modified, current, type);
    if (Object.keys(patch).length === 0) return { outcome: 'unchanged', object: current };
    if (options.dryRun === 'client') {
      const object = type ? modified : applyMergePatch(current, patch);
      return { outcome: 'configured', object };
    }
    try {
      const object = await calls.patch(name, type ? 'strategic' : 'merge', patch, write);
      return { outcome: 'configured', object };
    } catch (error) {
      if (isConflict(error)) current = undefined;
      throw error;
    }
  });
}

/**
 * What client-side apply would make of a live object, asked of the server without storing; the annotation stays as it is.
 * `locked` makes it a conflict when the object has changed since. Upstream: kubectl/pkg/cmd/diff, InfoObject.Merged.
 */
export async function mergedClientSide(
  client: KubeClient,
  { resource, namespace, name, object }: Target,
  live: Readonly<KubeObject>,
  options: { readonly fieldManager: string; readonly locked: boolean; readonly signal?: AbortSignal },
): Promise<Readonly<KubeObject>> {
  const type = await builtinTypeOf(resource);
  const { [lastAppliedAnnotation]: _, ...annotations } = object.metadata.annotations ?? {};
  // Never absent: the configuration applied last has the map too.
  const wanted = withMetadata(object, { annotations });
  const patch = threeWayPatch(lastApplied(live), wanted, live, type);
  if (Object.keys(patch).length === 0) return live;
  const { resourceVersion } = live.metadata;
  const metadata = { ...(patch['metadata'] as object | undefined), ...(options.locked && { resourceVersion }) };
  const body = Object.keys(metadata).length > 0 ? { ...patch, metadata } : patch;
  return client
    .resource(resource)
    .namespace(namespace)
    .patch(name, type ? 'strategic' : 'merge', body, {
      fieldManager: options.fieldManager,
      dryRun: true,
      signal: options.signal,
    });
}

/** undefined when the object was not made by apply. */
function lastApplied(object: Readonly<KubeObject>): unknown {
  const text = object.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
