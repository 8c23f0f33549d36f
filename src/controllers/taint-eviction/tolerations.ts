/** Upstream: pkg/controller/tainteviction, component-helpers GetMatchingTolerations. */
import { type Taint, type Toleration, toleratesTaint } from '../../api/index.ts';

/**
 * How long a pod may stay on a node with these NoExecute taints: 0 = not at all, a number of ms, or 'forever'.
 * The shortest of the tolerations in use counts; one without seconds tolerates for ever.
 */
export function toleratedMs(taints: readonly Taint[], tolerations: readonly Toleration[]): number | 'forever' {
  let shortest: number | undefined;
  for (const taint of taints) {
    const used = tolerations.find((toleration) => toleratesTaint(toleration, taint));
    if (!used) return 0;
    const seconds = used.tolerationSeconds;
    if (seconds === undefined || seconds === null) continue;
    if (seconds <= 0) return 0;
    if (shortest === undefined || seconds < shortest) shortest = seconds;
  }
  return shortest === undefined ? 'forever' : shortest * 1000;
}

export function noExecuteTaints(taints: readonly Taint[] | undefined): Taint[] {
  return (taints ?? []).filter((taint) => taint.effect === 'NoExecute');
}
