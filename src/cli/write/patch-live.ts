import { createMergePatch, createTwoWayStrategicMergePatch, type KubeObject } from '../../apimachinery/index.ts';
import { builtinTypeOf } from '../apply/client-side.ts';
import type { DryRun } from './dry-run.ts';
import type { LiveObject } from './live-objects.ts';

/**
 * Sends the difference between a live object and what it should be: a strategic merge patch for built-in kinds, a merge
 * patch for others. Undefined when there is none. A client dry run answers `after`.
 */
export async function patchLive(
  live: LiveObject,
  after: KubeObject,
  options: { readonly dryRun: DryRun; readonly fieldManager?: string; readonly signal?: AbortSignal },
): Promise<Readonly<KubeObject> | undefined> {
  const type = await builtinTypeOf(live.resource);
  const patch = type
    ? createTwoWayStrategicMergePatch(live.object, after, type.schema, type.schemas)
    : (createMergePatch(live.object, after) as object);
  if (Object.keys(patch).length === 0) return undefined;
  if (options.dryRun === 'client') return after;
  return live.calls.patch(live.name, type ? 'strategic' : 'merge', patch, {
    fieldManager: options.fieldManager,
    dryRun: options.dryRun === 'server',
    signal: options.signal,
  });
}
