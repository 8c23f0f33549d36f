/**
 * A node attaches no more volumes of a CSI driver than its CSINode says.
 * Upstream: scheduler/framework/plugins/nodevolumelimits/csi.go (1.36).
 */
import { claimsOfPod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { PodInfo } from '../framework/node-info.ts';
import type { Plugin } from '../framework/types.ts';
import type { VolumeBinder } from './volume-binder.ts';

export function nodeVolumeLimits(
  binder: VolumeBinder,
  csiNode: (name: string) => Readonly<KubeObject> | undefined,
): Plugin {
  /** Unique volumes of a pod by handle, with their driver. */
  const attached = ({ pod, namespace }: PodInfo, into: Map<string, string>) => {
    for (const { name } of claimsOfPod(pod)) {
      const bound = binder.claim(namespace, name)?.spec?.volumeName;
      const csi = bound ? binder.volume(bound)?.spec?.csi : undefined;
      if (csi) into.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    }
  };
  return {
    name: 'NodeVolumeLimits',
    events: [
      { resource: 'csinodes', actions: ['add', 'update'] },
      { resource: 'pods', actions: ['delete'] },
      { resource: 'persistentvolumeclaims', actions: ['add', 'update'] },
    ],
    preFilter(state, info) {
      const wanted = new Map<string, string>();
      attached(info, wanted);
      if (wanted.size === 0) return { skip: true };
      state.set('NodeVolumeLimits', wanted);
      return undefined;
    },
    filter(state, _info, node) {
      const drivers = (csiNode(node.name)?.['spec']?.drivers ?? []) as {
        name: string;
        allocatable?: { count?: number };
      }[];
      const limits = new Map(drivers.map(({ name, allocatable }) => [name, allocatable?.count]));
      const wanted = state.get<Map<string, string>>('NodeVolumeLimits')!;
      if (![...wanted.values()].some((driver) => limits.get(driver) !== undefined)) return undefined;
      const there = new Map<string, string>();
      for (const pod of node.pods.values()) attached(pod, there);
      for (const [driver, limit] of limits) {
        if (limit === undefined) continue;
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
