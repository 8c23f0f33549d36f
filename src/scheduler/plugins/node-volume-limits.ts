/**
 * A node attaches no more volumes of a CSI driver than its CSINode says.
 * Upstream: scheduler/framework/plugins/nodevolumelimits/csi.go (1.36).
 */
import { claimsOfPod, classOfClaim, type Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { hasPlace } from '../framework/events.ts';
import type { PodInfo } from '../framework/node-info.ts';
import type { Plugin } from '../framework/types.ts';
import type { VolumeBinder } from './volume-binder.ts';
import { isClaimOf, type VolumeSources } from './volume-sources.ts';

/** Driver → how many volumes it attaches to the node. */
function limitsOf(csiNode: Readonly<KubeObject> | undefined): Map<string, number> {
  const drivers = (csiNode?.['spec']?.drivers ?? []) as { name: string; allocatable?: { count?: number } }[];
  return new Map(
    drivers.flatMap(({ name, allocatable }) => (allocatable?.count === undefined ? [] : [[name, allocatable.count]])),
  );
}

export function nodeVolumeLimits(binder: VolumeBinder, sources: VolumeSources): Plugin {
  const addVolume = (name: string | undefined, into: Map<string, string>): boolean => {
    const csi = name ? binder.volume(name)?.spec?.csi : undefined;
    if (csi) into.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    return name !== undefined && binder.volume(name) !== undefined;
  };

  /** Unique volumes of a pod by handle, with their driver. What is still to be provisioned counts too. */
  const volumesOf = ({ pod, namespace }: PodInfo, into: Map<string, string>) => {
    if (!pod.spec?.volumes?.length) return;
    for (const { name } of claimsOfPod(pod)) {
      const claim = binder.claim(namespace, name);
      if (!claim || addVolume(claim.spec?.volumeName || undefined, into)) continue;
      const driver = sources.storageClass(classOfClaim(claim))?.['provisioner'] as string | undefined;
      if (driver) into.set(`${driver}/unbound-${namespace}/${name}`, driver);
    }
  };

  return {
    name: 'NodeVolumeLimits',
    events: [
      { resource: 'nodes', actions: ['add'] },
      { resource: 'csinodes', actions: ['add'] },
      {
        resource: 'csinodes',
        actions: ['update'],
        hint(_pod, old, now) {
          const before = limitsOf(old);
          const after = limitsOf(now);
          if ([...before.keys()].some((driver) => !after.has(driver))) return true;
          return [...after].some(([driver, limit]) => limit > (before.get(driver) ?? 0));
        },
      },
      {
        resource: 'pods',
        actions: ['delete'],
        hint: (_pod, old) => claimsOfPod(old as Pod).length > 0 && hasPlace(old),
      },
      {
        resource: 'persistentvolumeclaims',
        actions: ['add'],
        hint: (pod, _old, now) => isClaimOf(pod, now!),
      },
      {
        resource: 'volumeattachments',
        actions: ['delete'],
        hint: ({ pod }) => claimsOfPod(pod).length > 0,
      },
    ],
    preFilter(state, info) {
      const wanted = new Map<string, string>();
      volumesOf(info, wanted);
      if (wanted.size === 0) return { skip: true };
      state.set('NodeVolumeLimits', wanted);
      return undefined;
    },
    filter(state, _info, node) {
      const wanted = state.get<Map<string, string>>('NodeVolumeLimits')!;
      const limits = limitsOf(sources.csiNode(node.name));
      if (![...wanted.values()].some((driver) => limits.has(driver))) return undefined;
      const there = new Map<string, string>();
      for (const pod of node.pods.values()) volumesOf(pod, there);
      // Of pods that are gone, or of nobody: they take their place until they are detached.
      for (const { spec } of sources.attachmentsOn(node.name)) addVolume(spec.source?.persistentVolumeName, there);
      for (const [driver, limit] of limits) {
        const count = (volumes: ReadonlyMap<string, string>, skip?: ReadonlyMap<string, string>) =>
          [...volumes].filter(([handle, owner]) => owner === driver && !skip?.has(handle)).length;
        const more = count(wanted, there);
        if (more === 0 || count(there) + more <= limit) continue;
        return {
          code: 'Unschedulable',
          reasons: ['node(s) exceed max volume count'],
          detail: `${driver} takes ${limit} volumes, ${count(there)} are attached`,
        };
      }
      return undefined;
    },
  };
}
