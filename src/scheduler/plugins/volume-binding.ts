/**
 * Claims of a pod must be bound to volumes the node reaches, or be bindable there.
 * Upstream: scheduler/framework/plugins/volumebinding/volume_binding.go (1.36).
 */
import { type CSIDriver, type CSIStorageCapacity, claimsOfPod, ephemeralClaimError } from '../../api/index.ts';
import { compareQuantity, deepEqual } from '../../apimachinery/index.ts';
import type { PodInfo } from '../framework/node-info.ts';
import type { CycleState, Plugin, Refusal, Snapshot } from '../framework/types.ts';
import type { Claim, NodeVolumes, PodClaims, VolumeBinder } from './volume-binder.ts';
import { isClaimOf } from './volume-sources.ts';

const name = 'VolumeBinding';

interface State {
  readonly claims: PodClaims;
  readonly byNode: Map<string, NodeVolumes>;
  assumed?: NodeVolumes;
}

const refuse = (reason: string, detail?: string): Refusal => ({
  code: 'UnschedulableAndUnresolvable',
  reasons: [reason],
  ...(detail === undefined ? {} : { detail }),
});

/** The pod's claims, or what is wrong with one of them. Upstream: podHasPVCs. */
export function findClaims(
  { pod, namespace }: PodInfo,
  find: (namespace: string, name: string) => Claim | undefined,
): readonly Claim[] | Refusal {
  const claims: Claim[] = [];
  for (const { name: claimName, ephemeral } of claimsOfPod(pod)) {
    const claim = find(namespace, claimName);
    if (!claim) {
      return refuse(
        ephemeral
          ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"`
          : `persistentvolumeclaim "${claimName}" not found`,
      );
    }
    if (claim.status?.phase === 'Lost') {
      const volume = claim.spec?.volumeName ?? '';
      return refuse(`persistentvolumeclaim "${claimName}" bound to non-existent persistentvolume "${volume}"`);
    }
    if (claim.metadata.deletionTimestamp) return refuse(`persistentvolumeclaim "${claimName}" is being deleted`);
    const foreign = ephemeral ? ephemeralClaimError(pod, claim) : undefined;
    if (foreign !== undefined) return refuse(foreign);
    claims.push(claim);
  }
  return claims;
}

const migratedPlugins = 'storage.alpha.kubernetes.io/migrated-plugins';

/** The largest volume is the more exact figure. */
function volumeLimit({ maximumVolumeSize, capacity }: Readonly<CSIStorageCapacity>): string | undefined {
  return (maximumVolumeSize ?? capacity) as string | undefined;
}

function hasGrown(before: string | undefined, after: string | undefined): boolean {
  return after !== undefined && (before === undefined || compareQuantity(after, before) > 0);
}

/** `bindTimeoutSeconds` of VolumeBindingArgs. Default 600. */
export function volumeBinding(
  binder: VolumeBinder,
  snapshot: () => Snapshot,
  { bindTimeoutMs = 600_000 }: { readonly bindTimeoutMs?: number } = {},
): Plugin {
  const stateOf = (state: CycleState) => state.get<State>(name);
  return {
    name,
    events: [
      {
        resource: 'persistentvolumeclaims',
        actions: ['add', 'update'],
        hint: (pod, _old, now) => isClaimOf(pod, now!),
      },
      { resource: 'persistentvolumes', actions: ['add', 'update'] },
      {
        resource: 'storageclasses',
        actions: ['add', 'update'],
        hint: (_pod, old, now) => !old || !deepEqual(old['allowedTopologies'] ?? [], now!['allowedTopologies'] ?? []),
      },
      { resource: 'nodes', actions: ['add', 'updateLabel'] },
      {
        resource: 'csinodes',
        actions: ['add', 'update'],
        hint: (_pod, old, now) =>
          !old || old.metadata.annotations?.[migratedPlugins] !== now!.metadata.annotations?.[migratedPlugins],
      },
      {
        resource: 'csidrivers',
        actions: ['update'],
        // Capacity does not count any more.
        hint: (_pod, old, now) =>
          (old as CSIDriver).spec?.storageCapacity === true && !(now as CSIDriver).spec?.storageCapacity,
      },
      {
        resource: 'csistoragecapacities',
        actions: ['add', 'update'],
        hint: (_pod, old, now) =>
          !old || hasGrown(volumeLimit(old as CSIStorageCapacity), volumeLimit(now as CSIStorageCapacity)),
      },
    ],
    preFilter(state, info) {
      const claims = findClaims(info, (namespace, claim) => binder.claim(namespace, claim));
      if ('code' in claims) return claims;
      if (claims.length === 0) return { skip: true };
      const sorted = binder.sort(claims);
      if (sorted.immediate.length > 0) {
        const names = sorted.immediate.map((claim) => `${claim.metadata.name} is ${claim.status?.phase ?? 'Pending'}`);
        return refuse('pod has unbound immediate PersistentVolumeClaims', `claim ${names.join(', ')}`);
      }
      state.set(name, { claims: sorted, byNode: new Map() } satisfies State);
      return undefined;
    },
    filter(state, _info, node) {
      const own = stateOf(state);
      if (!own) return undefined;
      const found = binder.find(own.claims, node);
      if (found.reasons) return { ...refuse('', found.detail), reasons: found.reasons };
      own.byNode.set(node.name, found.volumes);
      return undefined;
    },
    reserve(state, _info, node) {
      const own = stateOf(state);
      const found = own?.byNode.get(node);
      if (own && found) own.assumed = binder.assume(found, node);
      return undefined;
    },
    unreserve(state) {
      const own = stateOf(state);
      if (own?.assumed) binder.revert(own.assumed);
    },
    preBindPreFlight(state) {
      const assumed = stateOf(state)?.assumed;
      return assumed !== undefined && assumed.bindings.length + assumed.provisions.length > 0;
    },
    async preBind(state, _info, node, signal) {
      const assumed = stateOf(state)?.assumed;
      if (!assumed || assumed.bindings.length + assumed.provisions.length === 0) return;
      await binder.bind(assumed, () => snapshot().get(node), bindTimeoutMs, signal);
    },
  };
}
