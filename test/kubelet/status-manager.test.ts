import { expect, test } from 'vitest';
import { Deferred, silentLogger, VirtualClock } from '../../src/base/index.ts';
import type { PodApi } from '../../src/kubelet/node-api.ts';
import type { Pod, PodStatus } from '../../src/kubelet/pod-types.ts';
import { StatusManager } from '../../src/kubelet/status-manager.ts';

const uid = 'u1';

function pod(version: number, status: PodStatus): Pod {
  const metadata = { uid, name: 'web', namespace: 'default', resourceVersion: String(version) };
  return { metadata, spec: { containers: [] }, status } as unknown as Pod;
}

const running = (ready: 'True' | 'False'): PodStatus =>
  ({
    phase: 'Running',
    conditions: [{ type: 'Ready', status: ready, ...(ready === 'False' ? { reason: 'ContainersNotReady' } : {}) }],
  }) as PodStatus;

/** Writes are answered when told to; the server merges conditions by type, as a strategic merge patch does. */
function lab() {
  const written: { readonly patch: any; readonly answer: () => void }[] = [];
  const server = { pod: pod(1, { phase: 'Pending' } as PodStatus) };
  const seen = { pod: server.pod };
  const api: PodApi = {
    patchPodStatus: async (_namespace, _name, body: any) => {
      const deferred = new Deferred<Pod>();
      const { conditions = [], ...rest } = body.status;
      delete rest['$setElementOrder/conditions'];
      const old = server.pod.status?.conditions ?? [];
      const merged = conditions.map((patch: any) => {
        const all = { ...old.find((c: any) => c.type === patch.type), ...patch };
        return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
      });
      const kept = old.filter((c: any) => !merged.some((m: any) => m.type === c.type));
      const status = { ...server.pod.status, ...rest, conditions: [...kept, ...merged] } as PodStatus;
      server.pod = pod(Number(server.pod.metadata.resourceVersion) + 1, status);
      const answer = server.pod;
      written.push({ patch: body.status, answer: () => deferred.resolve(answer) });
      return deferred.promise;
    },
    deletePod: async () => {},
  };
  const manager = new StatusManager({
    api,
    clock: new VirtualClock({ startMs: 0 }),
    log: silentLogger,
    latestPod: () => seen.pod,
    couldHaveRunningContainers: () => true,
  });
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { manager, written, server, seen, settle };
}

test('a status that changes while the one before is being written waits for its answer, and wins', async () => {
  const { manager, written, server, seen, settle } = lab();
  const stop = new AbortController();
  const done = manager.run(stop.signal);
  manager.set(seen.pod, running('False'));
  await settle();
  manager.set(seen.pod, running('True'));
  await settle();
  expect(written, 'a second write would be made on the same base, and could come first').toHaveLength(1);
  written[0]!.answer();
  await settle();
  expect(written).toHaveLength(2);
  expect(written[1]!.patch.conditions, 'what the first one left is taken away').toMatchObject([
    { type: 'Ready', status: 'True', reason: null },
  ]);
  written[1]!.answer();
  await settle();
  expect(server.pod.status!.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
  expect(server.pod.status!.conditions![0]).not.toHaveProperty('reason');
  stop.abort();
  await done;
});

test('what another writer did to a status while it was being written is put right', async () => {
  const { manager, written, server, seen, settle } = lab();
  const stop = new AbortController();
  const done = manager.run(stop.signal);
  manager.set(seen.pod, running('True'));
  await settle();
  // Somebody writes on top, and the watch tells before the answer comes.
  seen.pod = pod(9, running('False'));
  server.pod = seen.pod;
  manager.reconcile(uid);
  written[0]!.answer();
  await settle();
  expect(written).toHaveLength(2);
  expect(written[1]!.patch.conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: null }]);
  written[1]!.answer();
  stop.abort();
  await done;
});
