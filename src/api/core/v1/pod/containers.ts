/** Every container of a spec with its path, in upstream's order. Upstream: pkg/apis/core/pods/helpers.go (1.36). */
import type { FieldPath } from '../../../../apimachinery/index.ts';
import type { Container, EphemeralContainer, PodSpec } from '../../../types.ts';

export type AnyContainer = Container | EphemeralContainer;

export function* containersOf(spec: Readonly<PodSpec>, path: FieldPath): Generator<readonly [AnyContainer, FieldPath]> {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) yield [container, path.child(list).index(index)];
  }
}
