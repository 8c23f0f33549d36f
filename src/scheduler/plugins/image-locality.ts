/** Prefers nodes that have the pod's images. Upstream: scheduler/framework/plugins/imagelocality. */
import { maxNodeScore, type Plugin } from '../framework/types.ts';

const minThreshold = 23 * 1024 * 1024;
const maxContainerThreshold = 1000 * 1024 * 1024;

/** `nginx` is `nginx:latest`; a tag is what follows the last slash. */
function normalizedImageName(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
}

interface State {
  /** Images of the pod that some node has, with the share of the nodes that do. */
  readonly known: readonly { readonly name: string; readonly share: number }[];
  readonly containers: number;
}

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  preScore(state, { pod }, _nodes, snapshot) {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const known = containers
      .map(({ image }) => normalizedImageName(image ?? ''))
      .map((name) => ({ name, share: snapshot.nodesWithImage(name) / snapshot.nodes.length }))
      .filter(({ share }) => share > 0);
    state.set('ImageLocality', { known, containers: containers.length } satisfies State);
    return undefined;
  },
  score(state, _pod, node) {
    const { known, containers } = state.get<State>('ImageLocality')!;
    if (known.length === 0) return 0;
    let sum = 0;
    for (const { name, share } of known) {
      const size = node.images.get(name);
      if (size !== undefined) sum += Math.trunc(size * share);
    }
    const max = maxContainerThreshold * containers;
    const clamped = Math.min(max, Math.max(minThreshold, sum));
    return Math.trunc((maxNodeScore * (clamped - minThreshold)) / (max - minThreshold));
  },
};
