/** Pod fields and resources as environment variables and files. Upstream: pkg/fieldpath, pkg/api/v1/resource. */
import { parseQuantity } from '../apimachinery/index.ts';
import { type Container, findContainer, type Pod } from './pod-types.ts';

export interface DownwardContext {
  readonly pod: Pod;
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  readonly nodeName: string;
  /** The node's allocatable: the limit of a container without one. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** A fieldRef as environment variable. @throws Error for an unknown path. */
export function fieldValue(path: string, context: DownwardContext): string {
  const { pod, podIPs, hostIPs, nodeName } = context;
  switch (path) {
    case 'spec.nodeName':
      return pod.spec.nodeName ?? nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return hostIPs[0] ?? '';
    case 'status.hostIPs':
      return hostIPs.join(',');
    case 'status.podIP':
      return podIPs[0] ?? '';
    case 'status.podIPs':
      return podIPs.join(',');
    default:
      return metadataValue(path, pod);
  }
}

/** Paths allowed in volumes too. */
export function metadataValue(path: string, pod: Pod): string {
  const { metadata } = pod;
  const subscript = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(path);
  if (subscript) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels ?? {});
    case 'metadata.annotations':
      return formatMap(metadata.annotations ?? {});
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** One `key="escaped value"` a line, sorted by key. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

/** A resourceFieldRef, in units of the divisor, rounded up. */
export function resourceValue(
  ref: { containerName?: string; resource: string; divisor?: string },
  container: Container | undefined,
  context: DownwardContext,
): string {
  const target = ref.containerName ? findContainer(context.pod, ref.containerName) : container;
  if (!target) throw new Error(`container ${ref.containerName ?? ''} not found`);
  const [kind, name = ''] = ref.resource.split(/\.(.*)/s) as [string, string?];
  const list = kind === 'limits' ? target.resources?.limits : target.resources?.requests;
  if (kind !== 'limits' && kind !== 'requests') throw new Error(`Unsupported container resource : ${ref.resource}`);
  let quantity = list?.[name];
  if (quantity === undefined && kind === 'limits') quantity = context.allocatable[name];
  if (quantity === undefined) return '0';
  const divisor = parseQuantity(ref.divisor && ref.divisor !== '0' ? ref.divisor : '1').nano;
  const { nano } = parseQuantity(quantity);
  return String((nano + divisor - 1n) / divisor);
}
