/** A critical pod on a full node. */
import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../src/kubelet/pod-types.ts';
import { podsToPreempt } from '../../src/kubelet/preemption.ts';
import { condition, Lab, main } from './lab.ts';

const container = (cpu?: string, limits?: Record<string, string>): Container => ({
  name: 'main',
  image: 'busybox:1.38',
  command: ['sh', '-c', 'sleep infinity'],
  resources: { ...(cpu && { requests: { cpu } }), ...(limits && { limits }) },
});
const critical = { priority: 2_000_000_000 };
const runs = (pod: Pod) => main(pod)?.state.running !== undefined;

describe('a critical pod', () => {
  it('that finds no room ends others and runs when they have ended', async () => {
    await using lab = await new Lab({ node: { capacity: { cpu: '2' } } }).start();
    await lab.createPod('small', { containers: [container('500m')] });
    await lab.createPod('large', { containers: [container('1500m')] });
    await lab.untilPod('large', 'runs', runs);
    await lab.createPod('urgent', { containers: [container('1')], ...critical });
    const large = await lab.untilPod('large', 'gone', (pod) => pod.status?.phase === 'Failed');
    expect(large.status).toMatchObject({ reason: 'Preempting', message: 'Preempted in order to admit critical pod' });
    expect(condition(large, 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'TerminationByKubelet',
      message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
    });
    expect(await lab.events('large')).toContain('Warning Preempting Preempted in order to admit critical pod');
    const urgent = await lab.untilPod('urgent', 'runs', runs);
    const [started, ended] = [main(urgent)!.state.running!.startedAt!, main(large)!.state.terminated!.finishedAt!];
    expect(Date.parse(started)).toBeGreaterThanOrEqual(Date.parse(ended));
    expect(runs(await lab.pod('small'))).toBe(true);
  });

  it('for which there is no room at all is an error of admission', async () => {
    await using lab = await new Lab({ node: { capacity: { cpu: '2' } } }).start();
    await lab.createPod('small', { containers: [container('500m')] });
    await lab.untilPod('small', 'runs', runs);
    await lab.createPod('huge', { containers: [container('1000')], ...critical });
    const huge = await lab.untilPod('huge', 'refused', (pod) => pod.status?.phase === 'Failed');
    expect(huge.status).toMatchObject({
      reason: 'UnexpectedAdmissionError',
      message:
        'Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 998000), ]',
    });
    expect(runs(await lab.pod('small'))).toBe(true);
  });

  it('is refused for anything but resources like any other', async () => {
    await using lab = await new Lab({ node: { capacity: { cpu: '2' } } }).start();
    await lab.createPod('astray', {
      containers: [container('4')],
      nodeSelector: { disk: 'ssd' },
      ...critical,
    } as object);
    const astray = await lab.untilPod('astray', 'refused', (pod) => pod.status?.phase === 'Failed');
    expect(astray.status?.reason).toBe('NodeAffinity');
  });
});

describe('who goes', () => {
  const pod = (name: string, cpu?: string, guaranteed = false): Pod => {
    const own = container(cpu, guaranteed ? { cpu: cpu!, memory: '1Mi' } : undefined);
    if (guaranteed) own.resources!.requests!['memory'] = '1Mi';
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [own] } } as Pod;
  };
  const preemptor = { ...pod('urgent'), spec: { containers: [container()], ...critical } } as Pod;
  const chosen = (pods: Pod[], resource: string, amount: number) =>
    podsToPreempt(preemptor, pods, [{ resource, amount }]).map(({ metadata }) => metadata.name);

  it('is of the worst class of service that has enough', () => {
    const pods = [pod('guaranteed', '2', true), pod('burstable', '2'), pod('best-effort')];
    expect(chosen(pods, 'cpu', 1000)).toEqual(['burstable']);
    expect(chosen(pods, 'cpu', 3000)).toEqual(['burstable', 'guaranteed']);
    expect(chosen(pods, 'pods', 1)).toEqual(['best-effort']);
  });

  it('is as few as possible, and of equals the smallest', () => {
    const pods = [pod('a', '1'), pod('b', '3'), pod('c', '2')];
    expect(chosen(pods, 'cpu', 1500)).toEqual(['c']);
    expect(chosen(pods, 'cpu', 4000)).toEqual(['b', 'a']);
  });

  it('is no other critical pod', () => {
    const other = { ...pod('other', '4'), spec: { containers: [container('4')], ...critical } } as Pod;
    expect(() => chosen([other], 'cpu', 1000)).toThrow('[(res: cpu, q: 1000), ]');
  });
});
