/**
 * What a pod's containers ask of extended resources, as requests of a claim.
 * Upstream: plugins/dynamicresources/extendeddynamicresources.go (createRequestsAndMappings) (1.36).
 */
import type { Pod } from '../../api/index.ts';
import { wholeValueOf } from '../../apimachinery/index.ts';
import type { ExtendedClassSource } from './extended-classes.ts';

/** Which request of the claim a container's resource comes from. */
export interface RequestMapping {
  readonly containerName: string;
  readonly resourceName: string;
  readonly requestName: string;
}

export interface DeviceRequest {
  readonly name: string;
  readonly exactly: {
    readonly deviceClassName: string;
    readonly allocationMode: 'ExactCount';
    readonly count: number;
  };
}

export interface ExtendedRequests {
  readonly requests: readonly DeviceRequest[];
  readonly mappings: readonly RequestMapping[];
}

type Container = NonNullable<NonNullable<Pod['spec']>['containers']>[number];

interface Asked {
  /** Absent: what others have by then is enough. */
  readonly request?: DeviceRequest;
  readonly mappings: readonly RequestMapping[];
}

/** `index`: of the container among all. `reusable`: requests of containers that start later, whose devices are free until then. */
function ask(
  index: number,
  { name: containerName, resources }: Container,
  resourceName: string,
  className: string,
  reusable: readonly (DeviceRequest | undefined)[],
): Asked | undefined {
  const asked = (resources?.requests ?? {}) as Readonly<Record<string, string | number>>;
  const quantity = asked[resourceName];
  const wanted = quantity === undefined ? 0 : wholeValueOf(quantity);
  if (wanted === 0) return undefined;
  const mappings: RequestMapping[] = [];
  let had = 0;
  for (const other of reusable) {
    if (!other) continue;
    had += other.exactly.count;
    mappings.push({ containerName, resourceName, requestName: other.name });
    if (had >= wanted) return { mappings };
  }
  const name = `container-${index}-request-${Object.keys(asked).sort().indexOf(resourceName)}`;
  mappings.push({ containerName, resourceName, requestName: name });
  const exactly = { deviceClassName: className, allocationMode: 'ExactCount', count: wanted - had } as const;
  return { request: { name, exactly }, mappings };
}

/**
 * A request per container and resource. Init containers that end use the devices of those that start after them, and share
 * one request for what they need beyond that: they run one at a time.
 */
export function extendedRequests(
  pod: Readonly<Pod>,
  resources: readonly string[],
  classOf: ExtendedClassSource,
): ExtendedRequests {
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const all = [...initContainers, ...containers];
  const ends = (i: number) => i < initContainers.length && all[i]!.restartPolicy !== 'Always';
  const requests: DeviceRequest[] = [];
  const mappings: RequestMapping[] = [];
  for (const resource of [...resources].sort()) {
    const className = classOf(resource)?.metadata.name;
    if (className === undefined) continue;
    const lasting: (DeviceRequest | undefined)[] = all.map(() => undefined);
    for (const [i, container] of all.entries()) {
      const asked = ends(i) ? undefined : ask(i, container, resource, className, []);
      if (!asked) continue;
      lasting[i] = asked.request;
      mappings.push(...asked.mappings);
    }
    const passing: RequestMapping[] = [];
    const names = new Set<string>();
    let most: DeviceRequest | undefined;
    for (const [i, container] of all.entries()) {
      const asked = ends(i) ? ask(i, container, resource, className, lasting.slice(i)) : undefined;
      if (!asked) continue;
      passing.push(...asked.mappings);
      const { request } = asked;
      if (!request) continue;
      names.add(request.name);
      if (!most || most.exactly.count < request.exactly.count) most = request;
    }
    for (const mapping of passing) {
      mappings.push(names.has(mapping.requestName) ? { ...mapping, requestName: most!.name } : mapping);
    }
    if (most) requests.push(most);
    for (const request of lasting) if (request) requests.push(request);
  }
  requests.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { requests, mappings };
}
