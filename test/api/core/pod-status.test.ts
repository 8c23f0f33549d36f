import { describe, expect, test } from 'vitest';
import { type Pod, podStatus } from '../../../src/api/index.ts';
import { pod, printed } from '../objects.ts';

const at = Date.UTC(2026, 0, 1, 1, 0, 0);

function withStatus(status: object, spec: object = {}, metadata: object = {}): Pod {
  const object = pod(spec) as Pod;
  Object.assign(object.metadata, { creationTimestamp: '2026-01-01T00:55:00Z' }, metadata);
  return Object.assign(object, { status });
}

const running = (name: string, ready: boolean, restartCount = 0) => ({
  name,
  ready,
  restartCount,
  image: '',
  imageID: '',
  state: { running: { startedAt: '2026-01-01T00:56:00Z' } },
});
const waiting = (name: string, reason: string, restartCount = 0) => ({
  ...running(name, false, restartCount),
  state: { waiting: { reason } },
});
const ended = (name: string, exitCode: number, more: object = {}) => ({
  ...running(name, false),
  state: { terminated: { exitCode, ...more } },
});
const two = { containers: [{ name: 'a' }, { name: 'b' }] };
const inits = { ...two, initContainers: [{ name: 'i0' }, { name: 'i1' }] };

describe('the word in STATUS', () => {
  const cases: [string, Pod, unknown[]][] = [
    ['phase alone', withStatus({ phase: 'Pending' }), ['web', '0/1', 'Pending', '0', '5m']],
    [
      'a reason of the pod wins over its phase',
      withStatus({ phase: 'Failed', reason: 'Evicted' }),
      ['web', '0/1', 'Evicted', '0', '5m'],
    ],
    [
      'gates',
      withStatus({
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      }),
      ['web', '0/1', 'SchedulingGated', '0', '5m'],
    ],
    [
      'everything runs',
      withStatus({ phase: 'Running', containerStatuses: [running('a', true, 3), running('b', true, 4)] }, two),
      ['web', '2/2', 'Running', '7', '5m'],
    ],
    [
      'the first container speaks last',
      withStatus(
        {
          phase: 'Running',
          containerStatuses: [waiting('a', 'CrashLoopBackOff', 2), waiting('b', 'ImagePullBackOff')],
        },
        two,
      ),
      ['web', '0/2', 'CrashLoopBackOff', '2', '5m'],
    ],
    [
      'one has completed, one runs but is not ready',
      withStatus(
        { phase: 'Running', containerStatuses: [ended('a', 0, { reason: 'Completed' }), running('b', true)] },
        two,
      ),
      ['web', '1/2', 'NotReady', '0', '5m'],
    ],
    [
      'one has completed, the pod is ready',
      withStatus(
        {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'True' }],
          containerStatuses: [ended('a', 0, { reason: 'Completed' }), running('b', true)],
        },
        two,
      ),
      ['web', '1/2', 'Running', '0', '5m'],
    ],
    [
      'a failure is not hidden by a completion',
      withStatus(
        {
          phase: 'Failed',
          containerStatuses: [ended('a', 0, { reason: 'Completed' }), ended('b', 2, { reason: 'Error' })],
        },
        two,
      ),
      ['web', '0/2', 'Error', '0', '5m'],
    ],
    [
      'a signal',
      withStatus({ phase: 'Failed', containerStatuses: [ended('web', 137, { signal: 9 })] }),
      ['web', '0/1', 'Signal:9', '0', '5m'],
    ],
    [
      'an exit code',
      withStatus({ phase: 'Failed', containerStatuses: [ended('web', 3)] }),
      ['web', '0/1', 'ExitCode:3', '0', '5m'],
    ],
    [
      'waiting for the second init container',
      withStatus({ phase: 'Pending', initContainerStatuses: [ended('i0', 0), running('i1', false)] }, inits),
      ['web', '0/2', 'Init:1/2', '0', '5m'],
    ],
    [
      'an init container that fails',
      withStatus({ phase: 'Pending', initContainerStatuses: [waiting('i0', 'CrashLoopBackOff', 5)] }, inits),
      ['web', '0/2', 'Init:CrashLoopBackOff', '5', '5m'],
    ],
    [
      'an init container that ended badly',
      withStatus({ phase: 'Failed', initContainerStatuses: [ended('i0', 4)] }, inits),
      ['web', '0/2', 'Init:ExitCode:4', '0', '5m'],
    ],
    [
      'a started sidecar counts as ready and lets the others go on',
      withStatus(
        {
          phase: 'Running',
          initContainerStatuses: [{ ...running('i0', true), started: true }],
          containerStatuses: [running('a', true), running('b', true)],
        },
        { ...two, initContainers: [{ name: 'i0', restartPolicy: 'Always' }] },
      ),
      ['web', '3/3', 'Running', '0', '5m'],
    ],
    [
      'on its way out',
      withStatus(
        { phase: 'Running', containerStatuses: [running('web', true)] },
        {},
        { deletionTimestamp: '2026-01-01T01:00:00Z' },
      ),
      ['web', '1/1', 'Terminating', '0', '5m'],
    ],
    [
      'ended pods are not terminating',
      withStatus(
        { phase: 'Succeeded', containerStatuses: [ended('web', 0, { reason: 'Completed' })] },
        {},
        { deletionTimestamp: '2026-01-01T01:00:00Z' },
      ),
      ['web', '0/1', 'Completed', '0', '5m'],
    ],
    [
      'lost with its node',
      withStatus({ phase: 'Running', reason: 'NodeLost' }, {}, { deletionTimestamp: '2026-01-01T01:00:00Z' }),
      ['web', '0/1', 'Unknown', '0', '5m'],
    ],
    [
      'the last restart has an age',
      withStatus({
        phase: 'Running',
        containerStatuses: [
          {
            ...running('web', true, 3),
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:50Z' } },
          },
        ],
      }),
      ['web', '1/1', 'Running', '3 (10s ago)', '5m'],
    ],
  ];
  test.each(cases)('%s', (_, object, expected) => {
    expect(printed('pods', object, { at })).toEqual(expected);
  });

  test('the derivation names every field that changed the word', () => {
    const { word, steps } = podStatus(
      withStatus({ phase: 'Running', containerStatuses: [waiting('web', 'CrashLoopBackOff', 2)] }),
    );
    expect(steps.map((step) => [step.field, step.value, step.word])).toEqual([
      ['status.phase', 'Running', 'Running'],
      ['status.containerStatuses[web].state.waiting', 'CrashLoopBackOff', 'CrashLoopBackOff'],
    ]);
    expect(steps.at(-1)?.word).toBe(word);
  });

  test('wide columns have addresses, node and readiness gates', () => {
    const object = withStatus(
      { phase: 'Running', podIPs: [{ ip: '10.244.1.3' }], conditions: [{ type: 'a/b', status: 'True' }] },
      { nodeName: 'node-1', readinessGates: [{ conditionType: 'a/b' }, { conditionType: 'c/d' }] },
    );
    expect(printed('pods', object, { at, wide: true }).slice(5)).toEqual(['10.244.1.3', 'node-1', '<none>', '1/2']);
  });
});
