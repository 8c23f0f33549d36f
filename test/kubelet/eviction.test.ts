/** What a node does that is short of memory, disk or processes. */
import { describe, expect, it } from 'vitest';
import {
  defaultEvictionHard,
  type EvictionFlags,
  type EvictionSignal,
  type Observations,
  parseEvictionFlags,
  thresholdInfo,
  thresholdsMet,
} from '../../src/kubelet/eviction/thresholds.ts';
import type { Container, Pod } from '../../src/kubelet/pod-types.ts';
import { condition, Lab, type LabOptions, main } from './lab.ts';

const Mi = 1024 * 1024;
const Gi = 1024 * Mi;

async function lab(flags: EvictionFlags = {}, options: LabOptions = {}): Promise<Lab> {
  const node = { capacity: { memory: '1Gi', 'ephemeral-storage': '1Gi' }, ...options.node };
  const made = new Lab({ ...options, node, kubelet: { eviction: parseEvictionFlags(flags) } });
  return made.start();
}

const nodeCondition = async (at: Lab, type: string): Promise<any> => {
  const node: any = await at.client.resource('nodes').get('n1');
  return node.status.conditions.find((each: any) => each.type === type);
};
const untilNode = (at: Lab, type: string, status: string) =>
  at.until(`${type} is ${status}`, async () => (await nodeCondition(at, type)).status === status);
const evicted = (pod: Pod) => pod.status?.reason === 'Evicted';
const runs = (pod: Pod) => main(pod)?.state.running !== undefined;

function stressing(bytes: string, resources: Container['resources'] = {}): { containers: Container[] } {
  const command = ['sh', '-c', `stress --vm 1 --vm-bytes ${bytes} --vm-hang 0`];
  return { containers: [{ name: 'main', image: 'busybox:1.38', command, resources }] };
}

async function leave(at: Lab, signal: EvictionSignal, left: number): Promise<void> {
  const observed = (await at.kubelet.eviction.observe()).get(signal)!;
  const use = at.runtime.machineUse;
  const more = observed.available - left;
  at.runtime.setMachineUse(
    signal === 'memory.available'
      ? { memoryBytes: use.memoryBytes + more }
      : signal === 'pid.available'
        ? { processes: use.processes + more }
        : { diskBytes: use.diskBytes + more },
  );
}

describe('memory', () => {
  it('short of it, the node evicts the pod that uses most over its request, and says so everywhere', async () => {
    await using at = await lab();
    await at.createPod('modest', stressing('200M', { requests: { memory: '300Mi' } }));
    await at.createPod('greedy', stressing('780M', { requests: { memory: '64Mi' } }));
    const pod = await at.untilPod('greedy', 'evicted', (p) => evicted(p) && p.status?.phase === 'Failed');
    const told =
      /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+(Ki|Mi)?\. Container main was using \d+(Ki|Mi)?, request is 64Mi, has larger consumption of memory\. $/;
    expect(pod.status?.message).toMatch(told);
    expect(condition(pod, 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'TerminationByKubelet',
      message: pod.status!.message,
    });
    expect(main(pod)?.state.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
    expect(await at.events('greedy')).toContainEqual(`Warning Evicted ${pod.status!.message}`);
    expect(await at.events('n1')).toContain('Warning EvictionThresholdMet Attempting to reclaim memory');
    expect(runs(await at.pod('modest'))).toBe(true);
  });

  it('the condition comes at once and goes five minutes after the shortage', async () => {
    await using at = await lab();
    await at.createPod('greedy', stressing('950M'));
    await untilNode(at, 'MemoryPressure', 'True');
    expect(await nodeCondition(at, 'MemoryPressure')).toMatchObject({
      reason: 'KubeletHasInsufficientMemory',
      message: 'kubelet has insufficient memory available',
    });
    await at.untilPod('greedy', 'evicted', evicted);
    const since = at.seconds;
    await untilNode(at, 'MemoryPressure', 'False');
    expect(at.seconds - since).toBeGreaterThan(280);
    expect(at.seconds - since).toBeLessThan(330);
    const reasons = (await at.events('n1')).map((line) => line.split(' ')[1]!);
    const told = reasons.filter((reason) => reason.endsWith('Memory'));
    expect(told).toEqual(['NodeHasSufficientMemory', 'NodeHasInsufficientMemory']);
    const { items } = await at.client.resource('events').list();
    const again = items.find((event) => event['reason'] === 'NodeHasSufficientMemory');
    expect(again?.['count']).toBe(2);
  });

  it('while it lasts, BestEffort pods are refused, others are not', async () => {
    await using at = await lab();
    await at.createPod('first');
    await at.untilPod('first', 'runs', runs);
    await leave(at, 'memory.available', 99 * Mi);
    // Its few bytes are enough: the node has the condition for five minutes yet.
    await at.untilPod('first', 'evicted', evicted);
    await at.createPod('best-effort');
    const refused = await at.untilPod('best-effort', 'refused', evicted);
    expect(refused.status).toMatchObject({
      phase: 'Failed',
      message: 'Pod was rejected: The node had condition: [MemoryPressure]. ',
    });
    expect(await at.events('best-effort')).toEqual(['Warning Evicted The node had condition: [MemoryPressure]. ']);
    await at.createPod('burstable', stressing('1M', { requests: { memory: '10Mi' } }));
    await at.untilPod('burstable', 'runs', runs);
    const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }];
    await at.createPod('tolerant', { tolerations } as object);
    await at.untilPod('tolerant', 'runs', runs);
  });

  it('of two that exceed their requests the one of lower priority goes; critical pods never', async () => {
    await using at = await lab();
    await at.createPod('system', { ...stressing('500M'), priority: 2_000_000_000 });
    await at.createPod('important', { ...stressing('250M'), priority: 1000 });
    await at.createPod('small', { ...stressing('200M'), priority: 0 });
    await at.untilPod('small', 'evicted', evicted);
    await at.clock.advance(60_000);
    expect(runs(await at.pod('important'))).toBe(true);
    await leave(at, 'memory.available', 0);
    await at.untilPod('important', 'evicted', evicted);
    await at.clock.advance(60_000);
    expect(runs(await at.pod('system'))).toBe(true);
  });

  it('a soft threshold waits its grace, and gives the pod its own, up to the maximum', async () => {
    await using at = await lab({
      evictionSoft: 'memory.available<300Mi',
      evictionSoftGracePeriod: 'memory.available=1m30s',
      evictionMaxPodGracePeriod: 20,
    });
    const [container] = stressing('850M').containers;
    const script = 'trap "" TERM; stress --vm 1 --vm-bytes 800M --vm-hang 0 & sleep infinity';
    await at.createPod('greedy', { containers: [{ ...container!, command: ['sh', '-c', script] }] });
    await untilNode(at, 'MemoryPressure', 'True');
    const since = at.seconds;
    await at.until('it is told', async () => (await at.events('greedy')).some((e) => e.startsWith('Warning Evicted')));
    expect(at.seconds - since).toBeGreaterThan(75);
    expect(at.seconds - since).toBeLessThan(101);
    const told = at.seconds;
    await at.untilPod('greedy', 'ended', (pod) => main(pod)?.state.terminated !== undefined);
    expect(at.seconds - told).toBeGreaterThanOrEqual(20);
    expect(at.seconds - told).toBeLessThan(23);
  });

  it('goes on until the minimum is won back', async () => {
    await using at = await lab({ evictionMinimumReclaim: 'memory.available=400Mi' });
    for (const name of ['a', 'b', 'c']) await at.createPod(name, stressing('230M'));
    await at.until('all run', async () => (await at.client.resource('pods').list()).items.length === 3);
    await leave(at, 'memory.available', 90 * Mi);
    await at.until('two are gone', async () => {
      const { items } = await at.client.resource('pods').list();
      return items.filter((pod) => evicted(pod as unknown as Pod)).length === 2;
    });
    await at.clock.advance(60_000);
    const { items } = await at.client.resource('pods').list();
    expect(items.filter((pod) => runs(pod as unknown as Pod))).toHaveLength(1);
  });
});

describe('disk', () => {
  it('short of it, unused images go first, and no pod when that is enough', async () => {
    await using at = await lab({}, { runtime: { preloaded: ['postgres:17', 'mysql:9'] } });
    await at.createPod('quiet');
    await at.untilPod('quiet', 'runs', runs);
    await leave(at, 'nodefs.available', 100 * Mi);
    await untilNode(at, 'DiskPressure', 'True');
    await at.clock.advance(60_000);
    expect(await at.runtime.imageStatus('postgres:17')).toBeUndefined();
    expect(runs(await at.pod('quiet'))).toBe(true);
    expect(await nodeCondition(at, 'DiskPressure')).toMatchObject({ reason: 'KubeletHasDiskPressure' });
  });

  it('then the pod that wrote most, files of its emptyDir among it', async () => {
    await using at = await lab({}, { node: { capacity: { memory: '1Gi', 'ephemeral-storage': '32Mi' } } });
    const mount = { volumeMounts: [{ name: 'cache', mountPath: '/cache' }] };
    const volumes = [{ name: 'cache', emptyDir: {} }];
    const writes = (place: string, megabytes: number): Partial<Container> => ({
      command: ['sh', '-c', `dd if=/dev/zero of=${place} bs=1M count=${megabytes}; sleep infinity`],
    });
    const base = { name: 'main', image: 'busybox:1.38' };
    await at.createPod('layer', { containers: [{ ...base, ...writes('/tmp/file', 12) }] });
    await at.createPod('volume', { containers: [{ ...base, ...mount, ...writes('/cache/file', 15) }], volumes });
    const pod = await at.untilPod('volume', 'evicted', evicted);
    expect(pod.status?.message).toMatch(
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d+, available: \d+(Ki|Mi)?\. Container main was using \d+, request is 0, has larger consumption of ephemeral-storage\. $/,
    );
    expect(runs(await at.pod('layer'))).toBe(true);
    await at.createPod('late', stressing('1M', { requests: { memory: '10Mi' } }));
    const late = await at.untilPod('late', 'refused', evicted);
    expect(late.status?.message).toBe('Pod was rejected: The node had condition: [DiskPressure]. ');
  });
});

describe('processes', () => {
  it('are counted only when there is a threshold; then the pod of lowest priority goes', async () => {
    await using at = await lab({ evictionHard: 'pid.available<10%' });
    await at.createPod('high', { priority: 10 });
    await at.createPod('low', { priority: 1 });
    await at.untilPod('low', 'runs', runs);
    await at.untilPod('high', 'runs', runs);
    await leave(at, 'pid.available', 100);
    const pod = await at.untilPod('low', 'evicted', evicted);
    expect(pod.status?.message).toBe('The node was low on resource: pids. Threshold quantity: 3276, available: 100. ');
    await untilNode(at, 'PIDPressure', 'True');
    expect(await nodeCondition(at, 'PIDPressure')).toMatchObject({
      status: 'True',
      reason: 'KubeletHasInsufficientPID',
    });
  });
});

describe('flags', () => {
  it('default to upstream values', () => {
    expect(parseEvictionFlags({})).toEqual(parseEvictionFlags({ evictionHard: defaultEvictionHard }));
    const { thresholds, transitionPeriodMs, maxPodGraceSeconds } = parseEvictionFlags({});
    expect(thresholds.map(({ signal, value }) => `${signal}<${value}`)).toEqual([
      'memory.available<100Mi',
      `nodefs.available<${Math.fround(0.1)}`,
      `nodefs.inodesFree<${Math.fround(0.05)}`,
      `imagefs.available<${Math.fround(0.15)}`,
      `imagefs.inodesFree<${Math.fround(0.05)}`,
      'allocatableMemory.available<100Mi',
    ]);
    expect([transitionPeriodMs, maxPodGraceSeconds]).toEqual([300_000, 0]);
  });

  it.each<[EvictionFlags, string]>([
    [{ evictionHard: 'memory.free<1Gi' }, 'unsupported eviction signal memory.free'],
    [{ evictionHard: 'memory.available=1Gi' }, 'malformed pair, expect string<string'],
    [{ evictionHard: 'memory.available<0' }, 'eviction threshold memory.available must be positive: 0'],
    [{ evictionHard: 'memory.available<-5%' }, 'eviction percentage threshold memory.available must be >= 0%: -5%'],
    [{ evictionHard: 'memory.available<101%' }, 'eviction percentage threshold memory.available must be <= 100%: 101%'],
    [
      { evictionSoft: 'memory.available<1Gi' },
      'grace period must be specified for the soft eviction threshold memory.available',
    ],
    [
      { evictionSoft: 'memory.available<1Gi', evictionSoftGracePeriod: 'memory.available=-1s' },
      'invalid eviction grace period specified: -1s, must be a positive value',
    ],
    [
      { evictionMinimumReclaim: 'nodefs.available=-1Gi' },
      'negative eviction minimum reclaim specified for nodefs.available',
    ],
  ])('%o is refused: %s', (flags, message) => {
    expect(() => parseEvictionFlags(flags)).toThrow(message);
  });

  it('of 0% and 100% turn a threshold off', () => {
    expect(parseEvictionFlags({ evictionHard: 'nodefs.available<0%,imagefs.available<100%' }).thresholds).toEqual([]);
  });

  it('a share is of the capacity, in whole bytes', () => {
    const { thresholds } = parseEvictionFlags({ evictionHard: 'nodefs.available<10%' });
    const at = (available: number): Observations => new Map([['nodefs.available', { available, capacity: 10 * Gi }]]);
    expect(thresholdsMet(thresholds, at(Gi + 100), false)).toEqual([]);
    expect(thresholdsMet(thresholds, at(Gi - 1), false)).toHaveLength(1);
    expect(thresholdInfo('ephemeral-storage', thresholds, at(512 * Mi))?.available).toBe('512Mi');
  });
});
