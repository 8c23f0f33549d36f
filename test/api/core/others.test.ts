import { describe, expect, test } from 'vitest';
import { builtinResources } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { created, createErrors, printed, rowOf, updateErrors } from '../objects.ts';

const object = (kind: string, fields: object = {}, apiVersion = 'v1'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', namespace: 'default' },
  ...fields,
});

describe('secrets', () => {
  test('take text as data, Opaque by default', () => {
    expect(created('secrets', object('Secret', { stringData: { password: 'geheim' } }))).toEqual(
      object('Secret', { type: 'Opaque', data: { password: 'Z2VoZWlt' } }),
    );
  });

  test('of a type need its keys', () => {
    expect(createErrors('secrets', object('Secret', { type: 'kubernetes.io/tls' }))).toEqual([
      'data[tls.crt]: Required value',
      'data[tls.key]: Required value',
    ]);
  });

  test('immutable ones stay', () => {
    const secret = object('Secret', { immutable: true, data: { a: 'YQ==' } });
    expect(updateErrors('secrets', secret, (changed) => (changed.data = { a: 'Yg==' }))).toEqual([
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(updateErrors('secrets', object('Secret'), (changed) => (changed.type = 'other'))).toEqual([
      'type: Invalid value: "other": field is immutable',
    ]);
  });
});

test('config maps have keys that are file names, in data or binaryData', () => {
  expect(createErrors('configmaps', object('ConfigMap', { data: { a: '1' }, binaryData: { a: 'MQ==' } }))).toEqual([
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ]);
  expect(createErrors('configmaps', object('ConfigMap', { data: { '': '1' } }))[0]).toMatch(
    /^data\[\]: Invalid value: ""/,
  );
});

test('namespaces carry their name as a label and the finalizer of their content', () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-a' } };
  expect(created('namespaces', namespace)).toEqual({
    ...namespace,
    metadata: { name: 'team-a', labels: { 'kubernetes.io/metadata.name': 'team-a' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
});

test('nodes bring their status and are taken as they register', () => {
  const node = object('Node', { status: { capacity: { cpu: '4', memory: '4096Mi' }, conditions: [] } });
  const { status } = created('nodes', node);
  expect(status.allocatable).toEqual({ cpu: '4', memory: '4Gi' });
  expect(status.nodeInfo.kubeletVersion).toBe('');
  expect(
    createErrors(
      'nodes',
      object('Node', {
        spec: {
          taints: [
            { key: 'a', effect: 'NoExecute' },
            { key: 'a', effect: 'NoExecute' },
          ],
        },
      }),
    ),
  ).toEqual([
    'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoExecute"}: taints must be unique by key and effect pair',
  ]);
});

test('nodes print roles and cordons', () => {
  const node = object('Node', {
    spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  node.metadata.labels = { 'node-role.kubernetes.io/control-plane': '', 'node-role.kubernetes.io/worker': '' };
  expect(printed('nodes', node)).toEqual(['x', 'Ready,SchedulingDisabled', 'control-plane,worker', '<unknown>', '']);
});

test('events are about something in their own namespace', () => {
  const event = object('Event', { involvedObject: { kind: 'Pod', name: 'web', namespace: 'other' } });
  expect(createErrors('events', event)).toEqual([
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ]);
});

test('events print since when and how often', () => {
  const event = object('Event', {
    involvedObject: { kind: 'Pod', name: 'web' },
    type: 'Warning',
    reason: 'BackOff',
    message: 'Back-off restarting\n',
    firstTimestamp: '2026-01-02T03:00:05Z',
    lastTimestamp: '2026-01-02T03:03:05Z',
    count: 4,
    source: { component: 'kubelet', host: 'node-1' },
  });
  expect(printed('events', event, { wide: true })).toEqual([
    '60s',
    'Warning',
    'BackOff',
    'pod/web',
    '',
    'kubelet, node-1',
    'Back-off restarting',
    '4m',
    4,
    'x',
  ]);
});

test('one event, two versions: what is stored is the core form', () => {
  const row = rowOf('events', 'events.k8s.io');
  const event = object(
    'Event',
    { regarding: { kind: 'Pod' }, note: 'hello', reportingController: 'c' },
    'events.k8s.io/v1',
  );
  const copy = structuredClone(event);
  row.conversion!.toStorage(copy);
  expect(copy).toMatchObject({
    apiVersion: 'v1',
    involvedObject: { kind: 'Pod' },
    message: 'hello',
    reportingComponent: 'c',
  });
  row.conversion!.fromStorage(copy);
  expect(copy).toEqual(event);
});

test('one autoscaler, two versions: what v1 cannot say travels in annotations', () => {
  const v1 = builtinResources.find((row) => row.kind === 'HorizontalPodAutoscaler' && row.version === 'v1')!;
  const v2Object = object(
    'HorizontalPodAutoscaler',
    {
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
          { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
        ],
      },
    },
    'autoscaling/v2',
  );
  const copy = structuredClone(v2Object);
  v1.conversion!.fromStorage(copy);
  expect(copy['spec']).toEqual({
    maxReplicas: 3,
    scaleTargetRef: { kind: 'Deployment', name: 'web' },
    targetCPUUtilizationPercentage: 50,
  });
  v1.conversion!.toStorage(copy);
  expect(copy).toEqual(v2Object);
});

test('role bindings complete their subjects and keep their role', () => {
  const binding = object(
    'RoleBinding',
    {
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'User', name: 'ada' },
        { kind: 'ServiceAccount', name: 's' },
      ],
    },
    'rbac.authorization.k8s.io/v1',
  );
  const group = 'rbac.authorization.k8s.io';
  expect(created('rolebindings', binding)).toMatchObject({
    roleRef: { apiGroup: group },
    subjects: [{ apiGroup: group }, {}],
  });
  expect(createErrors('rolebindings', binding)).toEqual([]);
  expect(updateErrors('rolebindings', binding, (changed) => (changed.roleRef.name = 'other'))).toEqual([
    `roleRef: Invalid value: {"kind":"Role","name":"other","apiGroup":"${group}"}: cannot change roleRef`,
  ]);
});

test('claims need a size and a mode', () => {
  expect(createErrors('persistentvolumeclaims', object('PersistentVolumeClaim'))).toEqual([
    'spec.accessModes: Required value: at least 1 access mode is required',
    'spec.resources[storage]: Required value',
  ]);
});

test('leases, limits and priorities', () => {
  const lease = object('Lease', { spec: { leaseDurationSeconds: 0 } }, 'coordination.k8s.io/v1');
  expect(createErrors('leases', lease)).toEqual([
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ]);
  const limits = object('LimitRange', {
    spec: { limits: [{ type: 'Container', max: { cpu: '2' }, default: { cpu: '3' } }] },
  });
  expect(createErrors('limitranges', limits)).toContain(
    'spec.limits[0].default[cpu]: Invalid value: "3": default value 3 must be less than or equal to max value 2',
  );
  const priority = object('PriorityClass', { value: 2_000_000_000 }, 'scheduling.k8s.io/v1');
  expect(createErrors('priorityclasses', priority)).toEqual([
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ]);
});

test('endpoint slices hold addresses of their type', () => {
  const slice = object(
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['fd00::1'] }, { addresses: [] }], ports: [{ port: 80 }] },
    'discovery.k8s.io/v1',
  );
  expect(created('endpointslices', slice).ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
  expect(createErrors('endpointslices', slice)).toEqual([
    'endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address',
    'endpoints[1].addresses: Required value: must contain at least 1 address',
  ]);
});

describe('resource quotas', () => {
  const errors = (spec: object) => createErrors('resourcequotas', object('ResourceQuota', { spec }));

  test('name standard resources, or anything with a slash', () => {
    expect(
      errors({ hard: { 'count/widgets.example.test': '1', 'hugepages-2Mi': '1', 'services.nodeports': '1' } }),
    ).toEqual([]);
    expect(errors({ hard: { 'count.widgets': '1' } })).toEqual([
      'spec.hard[count.widgets]: Invalid value: "count.widgets": must be a standard resource type or fully qualified',
      'spec.hard[count.widgets]: Invalid value: "count.widgets": must be a standard resource for quota',
    ]);
  });

  test('have scopes that fit what they count, and each other', () => {
    expect(errors({ hard: { pods: '1', 'count/widgets': '1' }, scopes: ['BestEffort', 'Terminating'] })).toEqual([]);
    expect(errors({ hard: { services: '1' }, scopes: ['BestEffort'] })).toEqual([
      'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
    ]);
    expect(errors({ scopes: ['Terminating', 'NotTerminating'] })).toEqual([
      'spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes',
    ]);
    expect(errors({ scopes: ['Sometimes'] })).toEqual(['spec.scopes: Invalid value: ["Sometimes"]: unsupported scope']);
  });

  test('select scopes with operators that make sense', () => {
    const selecting = (scopeName: string, operator: string, values?: string[]) =>
      errors({ scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values && { values }) }] } });
    const at = 'spec.scopeSelector.matchExpressions';
    expect(selecting('PriorityClass', 'In', ['high'])).toEqual([]);
    expect(selecting('PriorityClass', 'In')).toEqual([
      `${at}.values: Required value: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`,
    ]);
    expect(selecting('PriorityClass', 'Exists', ['high'])).toEqual([
      `${at}.values: Invalid value: ["high"]: must be no value when \`operator\` is 'Exist' or 'DoesNotExist' for scope selector`,
    ]);
    expect(selecting('Terminating', 'DoesNotExist')[0]).toMatch(
      /operator: Invalid value: "DoesNotExist": must be 'Exists' when scope is any of/,
    );
    expect(selecting('PriorityClass', 'Like')).toEqual([
      `${at}.operator: Invalid value: "Like": not a valid selector operator`,
    ]);
  });
});
