/** Volumes that carry zone labels are used in that zone. Upstream: scheduler/framework/plugins/volumezone (1.36). */
import { claimsOfPod } from '../../api/index.ts';
import type { Plugin } from '../framework/types.ts';
import type { VolumeBinder } from './volume-binder.ts';
import { isClaimOf } from './volume-sources.ts';

const topologyLabels = [
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
];
/** Beta label → its successor, which nodes have. */
const successors: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};

interface Demand {
  readonly volume: string;
  readonly key: string;
  readonly values: readonly string[];
}

export function volumeZone(binder: VolumeBinder): Plugin {
  return {
    name: 'VolumeZone',
    events: [
      {
        resource: 'storageclasses',
        actions: ['add'],
        hint: (_pod, _old, now) => now!['volumeBindingMode'] === 'WaitForFirstConsumer',
      },
      { resource: 'nodes', actions: ['add', 'updateLabel'] },
      {
        resource: 'persistentvolumeclaims',
        actions: ['add', 'update'],
        hint: (pod, _old, now) => isClaimOf(pod, now!),
      },
      {
        resource: 'persistentvolumes',
        actions: ['add', 'update'],
        hint: (_pod, old, now) =>
          !old || topologyLabels.some((key) => old.metadata.labels?.[key] !== now!.metadata.labels?.[key]),
      },
    ],
    preFilter(state, { pod, namespace }) {
      const demands: Demand[] = [];
      for (const { name } of claimsOfPod(pod)) {
        const bound = binder.claim(namespace, name)?.spec?.volumeName;
        const volume = bound ? binder.volume(bound) : undefined;
        for (const key of topologyLabels) {
          const value = volume?.metadata.labels?.[key];
          // Several zones are joined by two underscores.
          if (value !== undefined) demands.push({ volume: volume!.metadata.name!, key, values: value.split('__') });
        }
      }
      if (demands.length === 0) return { skip: true };
      state.set('VolumeZone', demands);
      return undefined;
    },
    filter(state, _info, node) {
      const { labels } = node;
      // A node that says nothing about where it is, is everywhere.
      if (!topologyLabels.some((key) => key in labels)) return undefined;
      for (const { volume, key, values } of state.get<Demand[]>('VolumeZone')!) {
        const own = labels[key] ?? labels[successors[key] ?? key];
        if (own !== undefined && values.includes(own)) continue;
        return {
          code: 'UnschedulableAndUnresolvable',
          reasons: ['node(s) had no available volume zone'],
          detail: `volume ${volume} is in ${values.join(' or ')}, the node in ${own ?? 'no zone'}`,
        };
      }
      return undefined;
    },
  };
}
