/** The plugins of a profile, in upstream's order, with weights. Adding a plugin is a file and a line in this table. */
import type { Clock } from '../base/index.ts';
import type { KubeClient } from '../client/index.ts';
import type { Plugin, Snapshot } from './framework/types.ts';
import { imageLocality } from './plugins/image-locality.ts';
import { interPodAffinity, type NamespaceSource } from './plugins/inter-pod-affinity.ts';
import { nodeAffinity } from './plugins/node-affinity.ts';
import { balancedAllocation, nodeResourcesFit } from './plugins/node-resources.ts';
import { nodeVolumeLimits } from './plugins/node-volume-limits.ts';
import { podTopologySpread, type SpreadSources } from './plugins/pod-topology-spread.ts';
import {
  defaultBinder,
  nodeName,
  nodePorts,
  nodeUnschedulable,
  prioritySort,
  schedulingGates,
} from './plugins/simple.ts';
import { taintToleration } from './plugins/taints.ts';
import { VolumeBinder } from './plugins/volume-binder.ts';
import { volumeBinding } from './plugins/volume-binding.ts';
import { volumeRestrictions } from './plugins/volume-restrictions.ts';
import type { VolumeSources } from './plugins/volume-sources.ts';
import { volumeZone } from './plugins/volume-zone.ts';

export interface PluginDeps {
  readonly client: KubeClient;
  readonly spread: SpreadSources;
  readonly namespaces: NamespaceSource;
  readonly volumes: VolumeSources;
  readonly clock: Clock;
  /** The nodes as they are when asked. */
  readonly snapshot: () => Snapshot;
}

export interface ProfilePlugin {
  readonly plugin: Plugin;
  /** Of its score; 0 when it does not score. */
  readonly weight: number;
}

export interface Profile {
  readonly schedulerName: string;
  readonly plugins: readonly ProfilePlugin[];
}

/** Upstream: scheduler/apis/config/v1/default_plugins.go (1.36), without those the parity table names. */
export function defaultProfile(deps: PluginDeps): Profile {
  const { volumes } = deps;
  const binder = new VolumeBinder({ sources: volumes, client: deps.client, clock: deps.clock });
  const table: [Plugin, weight: number][] = [
    [schedulingGates, 0],
    [prioritySort, 0],
    [nodeUnschedulable, 0],
    [nodeName, 0],
    [taintToleration, 3],
    [nodeAffinity, 2],
    [nodePorts, 0],
    [nodeResourcesFit, 1],
    [volumeRestrictions((namespace, name) => binder.claim(namespace, name)), 0],
    [nodeVolumeLimits(binder, (name) => volumes.csiNode(name)), 0],
    [volumeBinding(binder, deps.snapshot), 0],
    [volumeZone(binder), 0],
    [podTopologySpread(deps.spread), 2],
    [interPodAffinity(deps.namespaces), 2],
    [balancedAllocation, 1],
    [imageLocality, 1],
    [defaultBinder(deps.client), 0],
  ];
  return { schedulerName: 'default-scheduler', plugins: table.map(([plugin, weight]) => ({ plugin, weight })) };
}
