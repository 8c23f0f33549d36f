/** The smallest strategic merge patch from one pod status to another, as the kubelet's status writes are. */
import { deepEqual } from '../apimachinery/index.ts';
import type { PodCondition, PodStatus } from './pod-types.ts';

/** Lists that strategic merge joins by a key, and the key. Container statuses are atomic: sent whole. */
const mergeKeys: Record<string, string> = { conditions: 'type', podIPs: 'ip', hostIPs: 'ip' };

/** The `status` member of the patch, or undefined when nothing differs. */
export function statusPatch(old: PodStatus, next: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(next)) {
    const before = old[key];
    const after = next[key];
    if (after === undefined || deepEqual(before, after)) continue;
    if (key === 'conditions') Object.assign(patch, conditionsPatch(before ?? [], after));
    else if (key in mergeKeys && before?.length > 0) patch[key] = [{ $patch: 'replace' }, ...after];
    else patch[key] = after;
  }
  for (const key of Object.keys(old)) {
    if (old[key] !== undefined && next[key] === undefined) patch[key] = null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function conditionsPatch(before: readonly PodCondition[], after: readonly PodCondition[]): Record<string, unknown> {
  const changed: Record<string, unknown>[] = [];
  for (const condition of after) {
    const old = before.find((c) => c.type === condition.type);
    if (deepEqual(old, condition)) continue;
    const entry: Record<string, unknown> = { ...condition };
    for (const key of Object.keys(old ?? {}) as (keyof PodCondition)[]) {
      if (old![key] !== undefined && condition[key] === undefined) entry[key] = null;
    }
    changed.push(entry);
  }
  for (const condition of before) {
    if (!after.some((c) => c.type === condition.type)) changed.push({ $patch: 'delete', type: condition.type });
  }
  const order = after.map(({ type }) => ({ type }));
  return changed.length === 0 ? {} : { '$setElementOrder/conditions': order, conditions: changed };
}
