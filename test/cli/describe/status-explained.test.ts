import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/api/index.ts';
import { explainStatus, statusExplainedText } from '../../../src/cli/describe/status-explained.ts';

const now = Date.UTC(2026, 10, 22, 12, 0, 0);

function pod(status: object, options: { readonly spec?: object; readonly metadata?: object } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', ...options.metadata },
    spec: { containers: [{ name: 'app', image: 'registry.example/app:1' }], nodeName: 'node-1', ...options.spec },
    status,
  } as Pod;
}
const waiting = (reason: string, extra: object = {}) => ({
  phase: 'Running',
  containerStatuses: [{ name: 'app', ready: false, restartCount: 4, state: { waiting: { reason } }, ...extra }],
});

describe('status explained', () => {
  it('goes from phase over conditions to container states', () => {
    const explained = explainStatus(
      pod({
        ...waiting('CrashLoopBackOff', { lastState: { terminated: { exitCode: 3, reason: 'Error' } } }),
        conditions: [
          { type: 'PodScheduled', status: 'True' },
          { type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
        ],
      }),
      now,
    );
    expect(explained.steps).toEqual([
      { field: 'status.phase', says: 'Running', word: 'Running' },
      { field: 'status.conditions[Ready]', says: 'False (ContainersNotReady)', word: 'Running' },
      { field: 'status.containerStatuses[app].state.waiting', says: 'CrashLoopBackOff', word: 'CrashLoopBackOff' },
    ]);
    expect(explained).toMatchObject({ word: 'CrashLoopBackOff', ready: '0/1', restarts: 4 });
    expect(explained.advice).toContain('last time it ended with exit code 3');
    expect(explained.advice).toContain('klab logs web --previous');
  });

  it('tells a pod that does not fit from one that was not looked at', () => {
    const unschedulable = {
      phase: 'Pending',
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available.' },
      ],
    };
    const explained = explainStatus(pod(unschedulable, { spec: { nodeName: undefined } }), now);
    expect(explained).toMatchObject({ word: 'Pending', why: '0/3 nodes are available.' });
    expect(explained.advice).toContain('klab scheduler explain pod web');
    expect(explainStatus(pod({ phase: 'Pending' }, { spec: { nodeName: undefined } }), now).advice).toContain(
      'scheduler',
    );
    expect(explainStatus(pod({ phase: 'Pending' }), now).advice).toContain('node-1 has not reported');
  });

  it.each([
    ['ImagePullBackOff', waiting('ImagePullBackOff'), 'image registry.example/app:1'],
    ['CreateContainerConfigError', waiting('CreateContainerConfigError'), 'ConfigMap or Secret'],
    ['Evicted', { phase: 'Failed', reason: 'Evicted', message: 'low on memory' }, 'klab describe node node-1'],
    [
      'OOMKilled',
      {
        phase: 'Failed',
        containerStatuses: [{ name: 'app', state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }],
      },
      'raise resources.limits.memory of container app',
    ],
    [
      'Init:CrashLoopBackOff',
      {
        phase: 'Pending',
        initContainerStatuses: [
          {
            name: 'setup',
            restartCount: 2,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1 } },
          },
        ],
      },
      'init container setup ended with exit code 1',
    ],
    [
      'Init:0/1',
      { phase: 'Pending', initContainerStatuses: [{ name: 'setup', state: { running: {} } }] },
      '"setup" is next',
    ],
    [
      'Error',
      {
        phase: 'Failed',
        containerStatuses: [{ name: 'app', state: { terminated: { exitCode: 2, reason: 'Error' } } }],
      },
      'container app ended with exit code 2',
    ],
  ])('has advice for %s', (word, status, advice) => {
    const explained = explainStatus(pod(status, { spec: { initContainers: [{ name: 'setup', image: 'x' }] } }), now);
    expect(explained.word).toBe(word);
    expect(explained.advice).toContain(advice);
  });

  it('tells a pod that stops from one that hangs', () => {
    const at = (seconds: number, extra: object = {}) =>
      explainStatus(
        pod(
          { phase: 'Running' },
          {
            metadata: {
              deletionTimestamp: new Date(now + seconds * 1000).toISOString(),
              deletionGracePeriodSeconds: 30,
              ...extra,
            },
          },
        ),
        now,
      );
    expect(at(20)).toMatchObject({ word: 'Terminating', advice: 'wait; containers have 30s to stop, 20s of it left' });
    expect(at(-90).advice).toContain('over 90s ago and node node-1 has not confirmed');
    expect(at(-90, { finalizers: ['example.com/keep'] }).advice).toContain('example.com/keep');
  });

  it('names the last event', () => {
    const event = (reason: string, at: string) =>
      ({ type: 'Warning', reason, message: `${reason} message`, lastTimestamp: at, firstTimestamp: at }) as never;
    const events = [event('BackOff', '2026-01-01T00:00:05Z'), event('Pulled', '2026-01-01T00:00:01Z')];
    const text = statusExplainedText(pod({ phase: 'Pending' }), Date.parse('2026-01-01T00:00:10Z'), events);
    expect(text).toMatch(/Last event: +Warning BackOff, age 5s: BackOff message\n/);
  });

  it('asks for nothing when all is well', () => {
    const status = {
      phase: 'Running',
      containerStatuses: [{ name: 'app', ready: true, restartCount: 0, state: { running: {} } }],
    };
    expect(statusExplainedText(pod(status), now)).toBe(
      [
        'Status explained:',
        '  Field                                        Says     Status so far',
        '  -----                                        ----     -------------',
        '  status.phase                                 Running  Running',
        '  status.containerStatuses[app].state.running  ready    Running',
        '  Shown:       Running (1/1 containers ready)',
        '  What to do:  nothing; it runs and is ready',
        '',
      ].join('\n'),
    );
  });
});
