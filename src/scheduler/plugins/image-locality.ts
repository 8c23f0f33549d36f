/** Prefers nodes that have the pod's images. Upstream: scheduler/framework/plugins/imagelocality. */
import { maxNodeScore, type Plugin } from '../framework/types.ts';

const minThreshold = 23 * 1024 * 1024;
const maxContainerThreshold = 1000 * 1024 * 1024;

/** `nginx` is `nginx:latest`; a tag is what follows the last slash. */
function normalizedImageName(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
}

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  preScore(state, _pod, _nodes, snapshot) {
    state.set('ImageLocality', snapshot);
    return undefined;
  },
  score(state, { pod }, node) {
    const snapshot = state.get<{ nodes: readonly { images: Map<string, number> }[] }>('ImageLocality')!;
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    let sum = 0;
    for (const container of containers) {
      const name = normalizedImageName(container.image ?? '');
      const size = node.images.get(name);
      if (size === undefined) continue;
      let having = 0;
      for (const other of snapshot.nodes) if (other.images.has(name)) having++;
      sum += Math.trunc(size * (having / snapshot.nodes.length));
    }
    const max = maxContainerThreshold * containers.length;
    const clamped = Math.min(max, Math.max(minThreshold, sum));
    return Math.trunc((maxNodeScore * (clamped - minThreshold)) / (max - minThreshold));
  },
};
