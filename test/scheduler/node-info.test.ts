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

it('a copy of a node is what the node would be, were it made anew; changing it does not change the node', () => {
  const full = (uid: string): Pod => {
    const pod = randomPod(uid);
    const ports = prng.int(2) === 0 ? [{ containerPort: 80, hostPort: 8000 + prng.int(9) }] : [];
    const resources = { requests: { cpu: `${prng.int(9)}00m`, memory: '1Gi', 'example.com/gpu': '1' } };
    const volumes =
      prng.int(2) === 0 ? [{ name: 'v', persistentVolumeClaim: { claimName: prng.pick(['a', 'b']) } }] : [];
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] } };
    const spec = { containers: [{ name: 'c', ports, resources }], volumes, ...(prng.int(2) === 0 && { affinity }) };
    return { ...pod, spec } as Pod;
  };
  const node = new NodeInfo('n');
  node.setNode({
    metadata: { name: 'n', labels: { a: 'b' } },
    status: { allocatable: { cpu: '8', pods: '9' } },
  } as never);
  const pods = Array.from({ length: 30 }, (_, i) => full(`p${i}`));
  for (const pod of pods) node.addPod(podInfoOf(pod));
  for (let i = 0; i < 30; i += 3) node.removePod(`p${i}`);
  const anew = new NodeInfo('n');
  anew.setNode(node.node);
  for (const info of node.pods.values()) anew.addPod(info);
  const parts = ({
    pods,
    kin,
    podsWithAffinity,
    podsWithRequiredAntiAffinity,
    usedPorts,
    claims,
    generation: _,
    ...rest
  }: NodeInfo) => ({
    ...rest,
    kin: new Map([...kin].map(([key, { count }]) => [key, count])),
    lists: [pods, podsWithAffinity, podsWithRequiredAntiAffinity, usedPorts, claims],
  });
  const copy = node.clone();
  expect(parts(copy)).toEqual(parts(anew));
  for (const uid of [...copy.pods.keys()]) copy.removePod(uid);
  expect([copy.kin.size, copy.usedPorts.size, copy.claims.size, copy.requested.milliCPU]).toEqual([0, 0, 0, 0]);
  expect(parts(node)).toEqual(parts(anew));
});
