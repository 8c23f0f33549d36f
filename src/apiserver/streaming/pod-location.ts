/** Which node and container a streaming request means. Upstream: pkg/registry/core/pod/strategy.go (streamLocation). */
import { type KubeObject, newBadRequest } from '../../apimachinery/index.ts';
import type { PodReference } from '../types.ts';

export interface PodLocation {
  readonly node: string;
  readonly pod: PodReference;
  /** Empty for port-forward. */
  readonly container: string;
}

interface Named {
  readonly name: string;
}

/** `container` undefined: none is needed. @throws StatusError 400 */
export function locatePod(pod: Readonly<KubeObject>, container: string | undefined): PodLocation {
  const { namespace = '', name = '', uid = '' } = pod.metadata;
  const chosen = container === undefined ? '' : chooseContainer(pod, container);
  const node: string = pod['spec'].nodeName ?? '';
  if (node === '') throw newBadRequest(`pod ${name} does not have a host assigned`);
  return { node, pod: { namespace, name, uid }, container: chosen };
}

function chooseContainer(pod: Readonly<KubeObject>, asked: string): string {
  const { name = '' } = pod.metadata;
  const spec = pod['spec'];
  const containers: readonly Named[] = spec.containers ?? [];
  const all: readonly Named[] = [...(spec.initContainers ?? []), ...containers, ...(spec.ephemeralContainers ?? [])];
  if (asked !== '') {
    if (!all.some((container) => container.name === asked)) {
      throw newBadRequest(`container ${asked} is not valid for pod ${name}`);
    }
    return asked;
  }
  if (containers.length === 1) return containers[0]!.name;
  throw newBadRequest(
    `a container name must be specified for pod ${name}, choose one of: [${all.map((container) => container.name).join(' ')}]`,
  );
}
