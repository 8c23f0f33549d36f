import { describe, expect, test } from 'vitest';
import { created, createErrors, deployment, printed, rowOf, updateErrors } from '../objects.ts';

const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] },
};

function workload(kind: string, spec: object): any {
  return { apiVersion: 'apps/v1', kind, metadata: { name: 'web', namespace: 'default' }, spec };
}

describe('deployments', () => {
  test('a minimal deployment is stored as a cluster stores it', () => {
    expect(created('deployments', deployment())).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        progressDeadlineSeconds: 600,
        replicas: 1,
        revisionHistoryLimit: 10,
        selector: { matchLabels: { app: 'web' } },
        strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              {
                image: 'nginx:1.27',
                imagePullPolicy: 'IfNotPresent',
                name: 'web',
                ports: [{ containerPort: 80, protocol: 'TCP' }],
                resources: {},
                terminationMessagePath: '/dev/termination-log',
                terminationMessagePolicy: 'File',
              },
            ],
            dnsPolicy: 'ClusterFirst',
            restartPolicy: 'Always',
            schedulerName: 'default-scheduler',
            securityContext: {},
            terminationGracePeriodSeconds: 30,
          },
        },
      },
      status: {},
    });
  });

  test.each([
    ['no selector', { selector: undefined }, ['spec.selector: Required value']],
    [
      'an empty selector',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'a template it does not select',
      { selector: { matchLabels: { app: 'other' } } },
      ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
    ],
    [
      'pods that end',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'no way to roll',
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'a share above all',
      { strategy: { rollingUpdate: { maxUnavailable: '110%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "110%": must not be greater than 100%'],
    ],
    ['less than nothing', { replicas: -1 }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  ])('refuse %s', (_, spec, expected) => {
    expect(createErrors('deployments', deployment(spec))).toEqual(expected);
  });

  test('the selector is immutable', () => {
    const errors = updateErrors('deployments', deployment(), (object) => {
      object.spec.selector.matchLabels.tier = 'front';
      object.spec.template.metadata.labels.tier = 'front';
    });
    expect(errors).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"front"}}: field is immutable',
    ]);
  });

  test('new annotations are a new generation', () => {
    const { strategy } = rowOf('deployments');
    const old = { ...created('deployments', deployment()) };
    old.metadata = { ...old.metadata, generation: 4 };
    const object = structuredClone(old);
    object.metadata.annotations = { note: 'x' };
    strategy.prepareForUpdate?.(object, old, { namespace: '', now: 0, subresource: '' });
    expect(object.metadata.generation).toBe(5);
  });

  test('print what kubectl shows', () => {
    const object = created('deployments', deployment());
    object.metadata.creationTimestamp = '2026-01-02T00:04:05Z';
    object.status = { readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 };
    expect(printed('deployments', object, { wide: true })).toEqual([
      'web',
      '1/1',
      1,
      1,
      '3h',
      'web',
      'nginx:1.27',
      'app=web',
    ]);
  });
});

test('a status write through a status subresource keeps the spec', () => {
  const { strategy } = rowOf('replicasets');
  const old = created('replicasets', workload('ReplicaSet', { selector: { matchLabels: { app: 'web' } }, template }));
  expect(old.status).toEqual({ replicas: 0 });
  const object = { ...structuredClone(old), spec: { replicas: 9 }, status: { replicas: 1 } };
  strategy.prepareForUpdate?.(object, old, { namespace: '', now: 0, subresource: 'status' });
  expect(object).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 1 } });
});

test('stateful sets complete their claims and keep most of their spec', () => {
  const set = workload('StatefulSet', {
    selector: { matchLabels: { app: 'web' } },
    template: {
      ...template,
      spec: { containers: [{ name: 'web', image: 'x:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  });
  expect(createErrors('statefulsets', set)).toEqual([]);
  expect(created('statefulsets', set).spec).toMatchObject({
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    volumeClaimTemplates: [
      { kind: 'PersistentVolumeClaim', spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } },
    ],
  });
  expect(updateErrors('statefulsets', set, (object) => (object.spec.serviceName = 'other'))).toEqual([
    expect.stringContaining(
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals',",
    ),
  ]);
});

test('daemon sets count their templates in an annotation', () => {
  const set = workload('DaemonSet', { selector: { matchLabels: { app: 'web' } }, template });
  const key = 'deprecated.daemonset.template.generation';
  expect(created('daemonsets', set).metadata.annotations[key]).toBe('1');
  expect(createErrors('daemonsets', set)).toEqual([]);
  const both = { maxSurge: 1, maxUnavailable: 1 };
  expect(
    createErrors('daemonsets', workload('DaemonSet', { ...set.spec, updateStrategy: { rollingUpdate: both } })),
  ).toEqual([
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
  ]);
});

describe('jobs', () => {
  const job = (spec: object = {}): any => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'once', namespace: 'default', uid: 'u-1' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x:1' }] } }, ...spec },
  });

  test('select their pods by their own uid', () => {
    expect(created('jobs', job()).spec).toMatchObject({
      backoffLimit: 6,
      completions: 1,
      completionMode: 'NonIndexed',
      parallelism: 1,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u-1' } },
      template: {
        metadata: { labels: { 'batch.kubernetes.io/job-name': 'once', 'job-name': 'once', 'controller-uid': 'u-1' } },
      },
    });
    expect(createErrors('jobs', job())).toEqual([]);
  });

  test('do not restart for ever', () => {
    const template = { spec: { containers: [{ name: 'c', image: 'x:1' }] } };
    expect(createErrors('jobs', job({ template }))).toEqual([
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
  });

  test.each([
    ['*/5 * * * *', undefined],
    ['@daily', undefined],
    ['0 9 * * mon-fri', undefined],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['@often', 'unrecognized descriptor: @often'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ])('the schedule %j', (schedule, problem) => {
    const cron: any = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'often', namespace: 'default' },
      spec: { schedule, jobTemplate: { spec: job().spec } },
    };
    const expected = problem === undefined ? [] : [`spec.schedule: Invalid value: "${schedule}": ${problem}`];
    expect(createErrors('cronjobs', cron)).toEqual(expected);
  });
});
