/**
 * Claims of a pod must exist and be bound. Upstream: scheduler/framework/plugins/volumebinding. Differs: nothing is bound
 * or provisioned here (the persistent volume controllers are later work), so an unbound claim always waits.
 */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Plugin } from '../framework/types.ts';

export interface ClaimSource {
  get(namespace: string, name: string): Readonly<KubeObject> | undefined;
}

function claimNames(pod: Readonly<Pod>): { name: string; ephemeral: boolean }[] {
  const out: { name: string; ephemeral: boolean }[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.persistentVolumeClaim) out.push({ name: volume.persistentVolumeClaim.claimName, ephemeral: false });
    else if (volume.ephemeral) out.push({ name: `${pod.metadata.name}-${volume.name}`, ephemeral: true });
  }
  return out;
}

export function volumeBinding(claims: ClaimSource): Plugin {
  return {
    name: 'VolumeBinding',
    events: [
      { resource: 'persistentvolumeclaims', actions: ['add', 'update'] },
      { resource: 'persistentvolumes', actions: ['add', 'update'] },
    ],
    preFilter(_state, { pod }) {
      const names = claimNames(pod);
      if (names.length === 0) return { skip: true };
      for (const { name } of names) {
        const claim = claims.get(pod.metadata.namespace!, name);
        if (!claim) {
          return { code: 'UnschedulableAndUnresolvable', reasons: [`persistentvolumeclaim "${name}" not found`] };
        }
        if (claim.metadata.deletionTimestamp) {
          return {
            code: 'UnschedulableAndUnresolvable',
            reasons: [`persistentvolumeclaim "${name}" is being deleted`],
          };
        }
        if (!claim['spec']?.volumeName) {
          return {
            code: 'UnschedulableAndUnresolvable',
            reasons: ['pod has unbound immediate PersistentVolumeClaims'],
            detail: `claim ${name} is ${claim['status']?.phase ?? 'Pending'}`,
          };
        }
      }
      return undefined;
    },
    filter: () => undefined,
  };
}
