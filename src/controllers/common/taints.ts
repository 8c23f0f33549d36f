/** Node taints. Upstream: pkg/util/taints, controller.AddOrUpdateTaintOnNode. */

import type { Node, Taint } from '../../api/index.ts';
import type { Clock, Prng } from '../../base/index.ts';
import { type KubeClient, retryOnConflict } from '../../client/index.ts';

export type TaintKey = Pick<Taint, 'key' | 'effect'>;

export function sameTaint(a: TaintKey, b: TaintKey): boolean {
  return a.key === b.key && a.effect === b.effect;
}

/**
 * Adds `add` and removes `remove` in one patch that fails when the taints changed meanwhile, and is then tried again.
 * Returns whether anything had to be changed.
 */
export async function changeTaints(
  deps: { readonly client: KubeClient; readonly clock: Clock; readonly prng: Prng },
  nodeName: string,
  add: readonly Taint[],
  remove: readonly TaintKey[],
): Promise<boolean> {
  const nodes = deps.client.resource<Node>('nodes');
  let changed = false;
  await retryOnConflict({ clock: deps.clock, prng: deps.prng, steps: 5, initialMs: 100 }, async () => {
    const node = await nodes.get(nodeName);
    const old = node.spec?.taints ?? [];
    const kept = old.filter(
      (taint) => !remove.some((r) => sameTaint(r, taint)) || add.some((a) => sameTaint(a, taint)),
    );
    const next = [...kept];
    for (const taint of add) {
      const index = next.findIndex((other) => sameTaint(other, taint));
      if (index < 0) next.push(taint);
      else if ((next[index]!.value ?? '') !== (taint.value ?? '')) next[index] = taint;
    }
    changed = next.length !== old.length || next.some((taint, i) => taint !== old[i]);
    if (!changed) return;
    const metadata = { resourceVersion: node.metadata.resourceVersion };
    await nodes.patch(nodeName, 'merge', { metadata, spec: { taints: next.length > 0 ? next : null } });
  });
  return changed;
}
