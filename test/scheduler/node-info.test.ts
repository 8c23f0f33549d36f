import { expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { Prng } from '../../src/base/index.ts';
import { NodeInfo, podInfoOf } from '../../src/scheduler/framework/node-info.ts';

const prng = new Prng('kin');

function randomPod(uid: string): Pod {
  const labels: Record<string, string> = {};
  // In either order: equal labels are equal however they were written.
  for (const key of prng.int(2) === 0 ? ['app', 'tier'] : ['tier', 'app']) {
    if (prng.int(3) > 0) labels[key] = prng.pick(['a', 'b']);
  }
  const terminating = prng.int(5) === 0 ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
  const metadata = { name: uid, uid, namespace: prng.pick(['x', 'y']), labels, ...terminating };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
}

it('a node counts its pods by their labels, as they come and go', () => {
  const node = new NodeInfo('n');
  const count = (namespace: string, app: string, of: NodeInfo): number => {
    let found = 0;
    for (const { like, count } of of.kin.values())
      if (like.namespace === namespace && like.labels['app'] === app) found += count;
    return found;
  };
  for (let step = 0; step < 500; step++) {
    const uid = `p${prng.int(40)}`;
    if (node.pods.has(uid)) node.removePod(uid);
    else node.addPod(podInfoOf(randomPod(uid)));
    const there = [...node.pods.values()].filter(({ terminating }) => !terminating);
    for (const namespace of ['x', 'y']) {
      for (const app of ['a', 'b']) {
        const wanted = there.filter((pod) => pod.namespace === namespace && pod.labels['app'] === app).length;
        expect(count(namespace, app, node)).toBe(wanted);
        expect(count(namespace, app, node.clone())).toBe(wanted);
      }
    }
    expect(node.kin.size).toBe(
      new Set(there.map(({ namespace, labels }) => JSON.stringify([namespace, labels['app'], labels['tier']]))).size,
    );
  }
});
