/** Prefers nodes that have the pod's images. Upstream: scheduler/framework/plugins/imagelocality. */
import { maxNodeScore, type Plugin, type Snapshot } from '../framework/types.ts';

const minThreshold = 23 * 1024 * 1024;
const maxContainerThreshold = 1000 * 1024 * 1024;

/** `nginx` is `nginx:latest`; a tag is what follows the last slash. */
function normalizedImageName(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
}

interface State {
  readonly snapshot: Snapshot;
  readonly names: readonly string[];
  /** Image → how many nodes have it. */
  readonly having: Map<string, number>;
}

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  preScore(state, { pod }, _nodes, snapshot) {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const names = containers.map(({ image }) => normalizedImageName(image ?? ''));
    state.set('ImageLocality', { snapshot, names, having: new Map() } satisfies State);
    return undefined;
  },
  score(state, _pod, node) {
    const { snapshot, names, having } = state.get<State>('ImageLocality')!;
    let sum = 0;
    for (const name of names) {
      const size = node.images.get(name);
      if (size === undefined) continue;
      let nodes = having.get(name);
      if (nodes === undefined) {
        nodes = 0;
        for (const other of snapshot.nodes) if (other.images.has(name)) nodes++;
        having.set(name, nodes);
      }
      sum += Math.trunc(size * (nodes / snapshot.nodes.length));
    }
    const max = maxContainerThreshold * names.length;
    const clamped = Math.min(max, Math.max(minThreshold, sum));
    return Math.trunc((maxNodeScore * (clamped - minThreshold)) / (max - minThreshold));
  },
};
