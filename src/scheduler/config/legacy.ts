/**
 * Names of predicates and priorities from before plugins, and what they are now.
 * Upstream: pkg/scheduler/framework/plugins/legacy_registry.go (up to 1.22).
 */

/** Old predicate → the plugins that filter in its stead. Empty: what it did is gone. */
export const legacyPredicates: Readonly<Record<string, readonly string[]>> = {
  GeneralPredicates: ['NodeResourcesFit', 'NodeName', 'NodePorts', 'NodeAffinity'],
  PodFitsResources: ['NodeResourcesFit'],
  PodFitsHostPorts: ['NodePorts'],
  PodFitsPorts: ['NodePorts'],
  HostName: ['NodeName'],
  PodFitsHost: ['NodeName'],
  MatchNodeSelector: ['NodeAffinity'],
  NoDiskConflict: ['VolumeRestrictions'],
  PodToleratesNodeTaints: ['TaintToleration'],
  CheckNodeUnschedulable: ['NodeUnschedulable'],
  CheckVolumeBinding: ['VolumeBinding'],
  NoVolumeZoneConflict: ['VolumeZone'],
  MaxEBSVolumeCount: ['NodeVolumeLimits'],
  MaxGCEPDVolumeCount: ['NodeVolumeLimits'],
  MaxAzureDiskVolumeCount: ['NodeVolumeLimits'],
  MaxCinderVolumeCount: ['NodeVolumeLimits'],
  MaxCSIVolumeCountPred: ['NodeVolumeLimits'],
  MatchInterPodAffinity: ['InterPodAffinity'],
  EvenPodsSpread: ['PodTopologySpread'],
  CheckNodeLabelPresence: [],
  CheckServiceAffinity: [],
};

/** On whatever a policy says. */
export const mandatoryPredicates = ['PodToleratesNodeTaints', 'CheckNodeUnschedulable'] as const;

export interface LegacyPriority {
  /** Absent: what it did is gone, or was nothing. */
  readonly plugin?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

const strategy = (type: string): LegacyPriority => ({
  plugin: 'NodeResourcesFit',
  args: { scoringStrategy: { type } },
});

export const legacyPriorities: Readonly<Record<string, LegacyPriority>> = {
  LeastRequestedPriority: strategy('LeastAllocated'),
  MostRequestedPriority: strategy('MostAllocated'),
  RequestedToCapacityRatioPriority: {
    plugin: 'NodeResourcesFit',
    args: {
      scoringStrategy: {
        type: 'RequestedToCapacityRatio',
        requestedToCapacityRatio: {
          shape: [
            { utilization: 0, score: 10 },
            { utilization: 100, score: 0 },
          ],
        },
      },
    },
  },
  BalancedResourceAllocation: { plugin: 'NodeResourcesBalancedAllocation' },
  NodeAffinityPriority: { plugin: 'NodeAffinity' },
  TaintTolerationPriority: { plugin: 'TaintToleration' },
  ImageLocalityPriority: { plugin: 'ImageLocality' },
  InterPodAffinityPriority: { plugin: 'InterPodAffinity' },
  EvenPodsSpreadPriority: { plugin: 'PodTopologySpread' },
  SelectorSpreadPriority: { plugin: 'PodTopologySpread' },
  ServiceSpreadingPriority: { plugin: 'PodTopologySpread' },
  NodePreferAvoidPodsPriority: {},
  NodeLabelPriority: {},
  ServiceAntiAffinityPriority: {},
  EqualPriority: {},
};

/** What is said of an old name. */
export function legacyNote(name: string, now: readonly string[]): string {
  return now.length === 0 ? `${name} does nothing any more` : `${name} is now ${now.join(', ')}`;
}
