/** What each plugin gives points for, in words: what `explain` tells those who see a score table for the first time. */
const favours: Readonly<Record<string, string>> = {
  TaintToleration: 'nodes with fewer PreferNoSchedule taints that the pod does not tolerate',
  NodeAffinity: "nodes that the pod's preferred node affinity asks for",
  NodeResourcesFit: 'nodes with more cpu and memory left (under MostAllocated: less)',
  NodeResourcesBalancedAllocation: 'nodes whose cpu and memory would then be used in like shares',
  ImageLocality: "nodes that have the pod's images already",
  PodTopologySpread: 'nodes in zones, or other domains, that have fewer pods like this one',
  InterPodAffinity: 'nodes near the pods it prefers, and away from those it avoids',
  DynamicResources: 'nodes that can give it the devices it named first',
};

/** A sentence's half about a plugin; undefined for one that is not upstream's. */
export function favouredBy(plugin: string): string | undefined {
  return favours[plugin];
}
