/**
 * Volumes that only one pod, or one node, may use at a time.
 * Upstream: scheduler/framework/plugins/volumerestrictions/volume_restrictions.go (1.36).
 */
import { claimsOfPod, type Pod } from '../../api/index.ts';
import { type NodeInfo, type PodInfo, podInfoOf } from '../framework/node-info.ts';
import type { Plugin } from '../framework/types.ts';
import type { Claim } from './volume-binder.ts';
import { isClaimOf } from './volume-sources.ts';

const reasonDiskConflict = 'node(s) had no available disk';
const reasonOncePodConflict =
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';

type Disk = { readonly key: string; readonly readOnly: boolean };

/** Disks that pods name directly. */
function disksOf({ pod }: PodInfo): Disk[] {
  const disks: Disk[] = [];
  for (const volume of (pod.spec?.volumes ?? []) as Record<string, any>[]) {
    const { gcePersistentDisk: gce, awsElasticBlockStore: ebs, iscsi, rbd } = volume;
    if (gce) disks.push({ key: `gce/${gce.pdName}`, readOnly: gce.readOnly === true });
    // Even read-only, such a disk is attached to one node by one pod.
    if (ebs) disks.push({ key: `ebs/${ebs.volumeID}`, readOnly: false });
    if (iscsi) disks.push({ key: `iscsi/${iscsi.iqn}`, readOnly: iscsi.readOnly === true });
    for (const monitor of (rbd?.monitors ?? []) as string[]) {
      const key = `rbd/${monitor}/${rbd.pool ?? 'rbd'}/${rbd.image}`;
      disks.push({ key, readOnly: rbd.readOnly === true });
    }
  }
  return disks;
}

function conflict(a: Disk, b: Disk): boolean {
  return a.key === b.key && !(a.readOnly && b.readOnly);
}

function conflictsOn(node: NodeInfo, wanted: readonly Disk[]): string | undefined {
  for (const other of node.pods.values()) {
    if (!other.pod.spec?.volumes?.length) continue;
    for (const used of disksOf(other)) {
      if (wanted.some((disk) => conflict(disk, used))) return other.key;
    }
  }
  return undefined;
}

export function volumeRestrictions(find: (namespace: string, name: string) => Claim | undefined): Plugin {
  return {
    name: 'VolumeRestrictions',
    events: [
      {
        resource: 'pods',
        actions: ['delete'],
        hint(info, old) {
          const gone = podInfoOf(old as Pod);
          if (disksOf(gone).some((disk) => disksOf(info).some((other) => conflict(disk, other)))) return true;
          const freed = claimsOfPod(gone.pod).map(({ name }) => name);
          return gone.namespace === info.namespace && claimsOfPod(info.pod).some(({ name }) => freed.includes(name));
        },
      },
      { resource: 'nodes', actions: ['add'] },
      { resource: 'persistentvolumeclaims', actions: ['add'], hint: (pod, _old, now) => isClaimOf(pod, now!) },
    ],
    preFilter(state, info, snapshot) {
      const disks = disksOf(info);
      const exclusive: string[] = [];
      for (const { name, ephemeral } of claimsOfPod(info.pod)) {
        const claim = find(info.namespace, name);
        // VolumeBinding says what an ephemeral volume waits for.
        if (!claim && ephemeral) continue;
        if (!claim) return refuseMissing(name);
        if (claim.spec?.accessModes?.includes('ReadWriteOncePod')) exclusive.push(`${info.namespace}/${name}`);
      }
      if (disks.length === 0 && exclusive.length === 0) return { skip: true };
      const taken = exclusive.some((key) => snapshot.nodes.some((node) => node.claims.has(key)));
      state.set('VolumeRestrictions', { disks, taken });
      return undefined;
    },
    filter(state, _info, node) {
      const { disks, taken } = state.get<{ disks: Disk[]; taken: boolean }>('VolumeRestrictions')!;
      const holder = disks.length > 0 ? conflictsOn(node, disks) : undefined;
      if (holder !== undefined) {
        return { code: 'Unschedulable', reasons: [reasonDiskConflict], detail: `a disk is in use by ${holder}` };
      }
      return taken ? { code: 'Unschedulable', reasons: [reasonOncePodConflict] } : undefined;
    },
  };
}

function refuseMissing(name: string) {
  return { code: 'UnschedulableAndUnresolvable', reasons: [`persistentvolumeclaim "${name}" not found`] } as const;
}
