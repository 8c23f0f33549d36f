/** When applied objects are ready, and why they are not. */
import { describe, expect, it } from 'vitest';
import { readinessOf } from '../../src/cli/apply/ready.ts';
import { reasonOf } from '../../src/cli/apply/wait.ts';

const object = (apiVersion: string, kind: string, rest: object): any => ({
  apiVersion,
  kind,
  metadata: { name: 'x', generation: 2 },
  ...rest,
});
const deployment = (status: object, replicas = 3) =>
  object('apps/v1', 'Deployment', { spec: { replicas }, status: { observedGeneration: 2, ...status } });

describe('a Deployment', () => {
  it.each([
    [
      'is not ready before its spec is observed',
      { observedGeneration: 1, availableReplicas: 3 },
      false,
      'the new spec is not observed yet',
    ],
    ['waits for new replicas', { updatedReplicas: 1, replicas: 4 }, false, '1 of 3 new replicas have been updated'],
    [
      'waits for old replicas to go',
      { updatedReplicas: 3, replicas: 4 },
      false,
      '1 old replicas are pending termination',
    ],
    [
      'waits for availability',
      { updatedReplicas: 3, replicas: 3, availableReplicas: 2 },
      false,
      '2 of 3 updated replicas are available',
    ],
    ['is ready then', { updatedReplicas: 3, replicas: 3, availableReplicas: 3 }, true, '3 of 3 replicas available'],
  ])('%s', (_, status, ready, text) => {
    expect(readinessOf(deployment(status))).toEqual({ ready, text });
  });

  it('says that it is late', () => {
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    expect(readinessOf(deployment({ conditions })).text).toContain('(it exceeded its progress deadline)');
  });

  it('of no replicas is ready at once', () => {
    expect(readinessOf(deployment({}, 0)).ready).toBe(true);
  });
});

describe('other kinds', () => {
  it('a pod is ready when its condition says so, or when it has completed', () => {
    const pod = (status: object) => readinessOf(object('v1', 'Pod', { status }));
    expect(pod({ phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }).ready).toBe(true);
    expect(pod({ phase: 'Succeeded' }).ready).toBe(true);
    expect(pod({ phase: 'Pending' })).toEqual({ ready: false, text: 'Pending' });
    expect(pod({ phase: 'Failed', message: 'evicted' })).toEqual({ ready: false, failed: true, text: 'evicted' });
  });

  it('a job that failed will not become ready', () => {
    const status = { conditions: [{ type: 'Failed', status: 'True', message: 'too often' }] };
    expect(readinessOf(object('batch/v1', 'Job', { spec: {}, status }))).toEqual({
      ready: false,
      failed: true,
      text: 'too often',
    });
  });

  it('a stateful set waits for its new revision', () => {
    const status = {
      observedGeneration: 2,
      readyReplicas: 1,
      updatedReplicas: 0,
      currentRevision: 'a',
      updateRevision: 'b',
    };
    const set = (change: object) =>
      object('apps/v1', 'StatefulSet', { spec: { replicas: 1 }, status: { ...status, ...change } });
    expect(readinessOf(set({})).ready).toBe(false);
    expect(readinessOf(set({ currentRevision: 'b' })).ready).toBe(true);
  });

  it('a daemon set of no nodes is ready', () => {
    expect(readinessOf(object('apps/v1', 'DaemonSet', { spec: {}, status: { observedGeneration: 2 } })).ready).toBe(
      true,
    );
  });

  it('everything else is ready once it exists', () => {
    expect(readinessOf(object('v1', 'ConfigMap', {}))).toEqual({ ready: true, text: 'exists' });
    expect(readinessOf(object('example.com/v1', 'Deployment', {})).ready).toBe(true);
  });
});

describe('the reason a pod is not ready', () => {
  it.each([
    [
      { containerStatuses: [{ name: 'c', state: { waiting: { message: 'no such image' } } }] },
      'container c: no such image',
    ],
    [{ initContainerStatuses: [{ name: 'i', state: { terminated: { exitCode: 3 } } }] }, 'container i: exit code 3'],
    [{ conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes' }] }, '0/3 nodes'],
    [{}, undefined],
  ])('%j', (status, expected) => {
    expect(reasonOf(object('v1', 'Pod', { status }))).toBe(expected);
  });
});
