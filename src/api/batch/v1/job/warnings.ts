/** Upstream: pkg/api/job/warnings.go, pkg/registry/batch/{job,cronjob}/strategy.go (1.36). */
import { deepEqual, type KubeObject } from '../../../../apimachinery/index.ts';
import { nameWarnings, templateWarnings } from '../../../core/v1/pod/warnings.ts';
import type { JobSpec } from '../../../types.ts';

const manyCompletions = 100_000;
const manyAtOnce = 10_000;
const cannotTrack =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';

/** `path`: where the spec of the job stands. Said again only when it changed. */
export function jobWarnings(path: readonly string[]) {
  const ofTemplate = templateWarnings({ path: [...path, 'template'] });
  const at = (root: Readonly<KubeObject>): JobSpec => path.reduce((value: any, name) => value?.[name], root) ?? {};
  return (object: Readonly<KubeObject>, old?: Readonly<KubeObject>): string[] => {
    if (old !== undefined && deepEqual(object['spec'], old['spec'])) return [];
    const { completionMode, completions = 0, parallelism = 0 } = at(object);
    const isHuge = completionMode === 'Indexed' && completions > manyCompletions && parallelism > manyAtOnce;
    return [
      ...(old === undefined ? nameWarnings(object, 'Pod names and hostnames') : []),
      ...(isHuge ? [`${path.join('.')}: ${cannotTrack}`] : []),
      ...ofTemplate(object, old),
    ];
  };
}
