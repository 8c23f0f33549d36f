/** Hints of `spec.trafficDistribution`: each ready endpoint names its own place. Upstream: endpointslice/trafficdist. */
import type { Endpoint, EndpointSlice, Service } from '../../api/index.ts';
import { deepEqual } from '../../apimachinery/index.ts';
import type { SliceChanges } from './reconcile.ts';

type ReadSlice = Readonly<EndpointSlice>;
type Hints = Endpoint['hints'];

const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];

/** Undefined when the service says nothing that leads to hints; the topology annotation overrules it. */
export function trafficDistributionOf(service: Readonly<Service>): string | undefined {
  const { trafficDistribution } = service.spec ?? {};
  return distributions.includes(trafficDistribution ?? '') ? trafficDistribution : undefined;
}

export function isReady(endpoint: Readonly<Endpoint>): boolean {
  return endpoint.conditions?.ready === true;
}

/** The endpoint with other hints; itself when they are these. */
export function withHints(endpoint: Endpoint, hints: Hints): Endpoint {
  if (deepEqual(endpoint.hints, hints)) return endpoint;
  const { hints: _, ...rest } = endpoint;
  return hints === undefined ? rest : { ...rest, hints };
}

/** Gives hints to the slices that are written, and writes those of `unchanged` that lack them. */
export function addDistributionHints(
  distribution: string,
  changes: SliceChanges,
  unchanged: readonly ReadSlice[],
): void {
  const toNode = distribution === 'PreferSameNode';
  const hinted = (endpoint: Endpoint): Endpoint => {
    if (!isReady(endpoint)) return endpoint;
    const { zone, nodeName } = endpoint;
    const hints = {
      ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
      ...(toNode && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {}),
    };
    return withHints(endpoint, Object.keys(hints).length > 0 ? hints : undefined);
  };
  rehint(changes, unchanged, hinted);
}

/** No hints in any slice of the service. */
export function removeHints(changes: SliceChanges, unchanged: readonly ReadSlice[]): void {
  rehint(changes, unchanged, (endpoint) => withHints(endpoint, undefined));
}

function rehint(
  changes: SliceChanges,
  unchanged: readonly ReadSlice[],
  hinted: (endpoint: Endpoint) => Endpoint,
): void {
  for (const slice of [...changes.create, ...changes.update]) slice.endpoints = (slice.endpoints ?? []).map(hinted);
  for (const slice of unchanged) {
    const endpoints = slice.endpoints ?? [];
    const next = endpoints.map((endpoint) => hinted(endpoint as Endpoint));
    if (next.some((endpoint, i) => endpoint !== endpoints[i])) changes.update.push({ ...slice, endpoints: next });
  }
}
