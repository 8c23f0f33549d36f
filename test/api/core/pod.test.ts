import { describe, expect, test } from 'vitest';
import { imageTag } from '../../../src/api/core/v1/pod/defaults.ts';
import { podQosClass } from '../../../src/api/index.ts';
import { created, createErrors, pod, rowOf, updateErrors } from '../objects.ts';

describe('defaults', () => {
  test('a minimal pod is stored as a cluster stores it', () => {
    expect(
      created('pods', pod({ containers: [{ name: 'web', image: 'nginx', ports: [{ containerPort: 80 }] }] })),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        containers: [
          {
            name: 'web',
            image: 'nginx',
            imagePullPolicy: 'Always',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
          },
        ],
        dnsPolicy: 'ClusterFirst',
        enableServiceLinks: true,
        restartPolicy: 'Always',
        schedulerName: 'default-scheduler',
        securityContext: {},
        terminationGracePeriodSeconds: 30,
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
  });

  test.each([
    ['nginx', 'latest'],
    ['nginx:latest', 'latest'],
    ['nginx:1.27', '1.27'],
    ['registry.example.com:5000/team/app', 'latest'],
    ['registry.example.com:5000/team/app:v2', 'v2'],
    [`nginx@sha256:${'0'.repeat(64)}`, ''],
    [`nginx:latest@sha256:${'0'.repeat(64)}`, 'latest'],
  ])('the tag of %s is %j', (image, tag) => {
    expect(imageTag(image)).toBe(tag);
  });

  test('probes, volumes and environment get their numbers', () => {
    const { spec } = created(
      'pods',
      pod({
        containers: [
          {
            name: 'web',
            image: 'nginx:1.27',
            env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
            livenessProbe: { httpGet: { port: 80 } },
            readinessProbe: { grpc: { port: 9000 }, periodSeconds: 3 },
          },
        ],
        volumes: [
          { name: 'scratch' },
          { name: 'config', configMap: { name: 'c' } },
          { name: 'host', hostPath: { path: '/var' } },
          { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
        ],
      }),
    );
    const [container] = spec.containers;
    expect(container.env[0].valueFrom.fieldRef.apiVersion).toBe('v1');
    expect(container.livenessProbe).toEqual({
      httpGet: { path: '/', port: 80, scheme: 'HTTP' },
      failureThreshold: 3,
      periodSeconds: 10,
      successThreshold: 1,
      timeoutSeconds: 1,
    });
    expect(container.readinessProbe).toMatchObject({ grpc: { port: 9000, service: '' }, periodSeconds: 3 });
    expect(spec.volumes).toEqual([
      { name: 'scratch', emptyDir: {} },
      { name: 'config', configMap: { name: 'c', defaultMode: 420 } },
      { name: 'host', hostPath: { path: '/var', type: '' } },
      {
        name: 'token',
        projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] },
      },
    ]);
  });

  test('requests follow limits, amounts are canonical, host ports follow the host network', () => {
    const { spec } = created(
      'pods',
      pod({
        hostNetwork: true,
        containers: [
          {
            name: 'web',
            image: 'nginx:1.27',
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '0.5', memory: '1024Mi' }, requests: { cpu: '0.1' } },
          },
        ],
      }),
    );
    expect(spec.containers[0].resources).toEqual({
      limits: { cpu: '500m', memory: '1Gi' },
      requests: { cpu: '100m', memory: '1Gi' },
    });
    expect(spec.containers[0].ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: 'TCP' }]);
  });

  test('label keys are merged into selectors once, gates make a condition', () => {
    const object = pod({
      schedulingGates: [{ name: 'example.com/wait' }],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          matchLabelKeys: ['hash'],
          labelSelector: { matchLabels: { app: 'web' } },
        },
      ],
    });
    object.metadata.labels = { hash: 'abc' };
    const { spec, status } = created('pods', object);
    expect(spec.topologySpreadConstraints[0].labelSelector.matchExpressions).toEqual([
      { key: 'hash', operator: 'In', values: ['abc'] },
    ]);
    expect(status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }]);
  });
});

describe('quality of service', () => {
  const qos = (...resources: object[]) =>
    podQosClass(
      pod({ containers: resources.map((item, i) => ({ name: `c${i}`, image: 'x:1', resources: item })) }) as any,
    );
  const full = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } };

  test('all equal is guaranteed, nothing is best effort, the rest is burstable', () => {
    expect(qos(full, full)).toBe('Guaranteed');
    expect(qos({}, {})).toBe('BestEffort');
    expect(qos({ limits: { 'example.com/gpu': '1' } })).toBe('BestEffort');
    expect(qos(full, {})).toBe('Burstable');
    expect(qos({ ...full, requests: { cpu: '500m', memory: '1Gi' } })).toBe('Burstable');
  });
});

describe('validation', () => {
  const dnsLabel =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
  const container = (fields: object) => pod({ containers: [{ name: 'web', image: 'nginx:1.27', ...fields }] });
  const cases: [string, object, string[]][] = [
    ['no containers', pod({ containers: [] }), ['spec.containers: Required value']],
    ['a bad name', container({ name: 'Web' }), [`spec.containers[0].name: Invalid value: "Web": ${dnsLabel}`]],
    ['no image', container({ image: '' }), ['spec.containers[0].image: Required value']],
    [
      'two containers of a name',
      pod({
        containers: [
          { name: 'a', image: 'x:1' },
          { name: 'a', image: 'x:1' },
        ],
      }),
      ['spec.containers[1].name: Duplicate value: "a"'],
    ],
    [
      'more requested than allowed',
      container({ resources: { limits: { cpu: '100m' }, requests: { cpu: '1' } } }),
      ['spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 100m'],
    ],
    [
      'a volume that is not there',
      container({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      'a probe without a handler',
      container({ livenessProbe: { periodSeconds: 1 } }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'a probe with two',
      container({ livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } }),
      ['spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type'],
    ],
    [
      'a pull policy that does not exist',
      container({ imagePullPolicy: 'Sometimes' }),
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'a value and its source',
      container({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      'a field the downward API lacks',
      container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }] }),
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname',
      ],
    ],
    [
      'a toleration of nothing in particular',
      pod({ tolerations: [{ operator: 'Equal', value: 'x' }] }),
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'affinity without a topology',
      pod({
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: {}, topologyKey: 'a b' }] },
        },
      }),
      [
        expect.stringContaining(
          'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "a b": name part must consist of',
        ) as unknown as string,
      ],
    ],
    [
      'spread by nothing',
      pod({ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'Maybe' }] }),
      [
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway"',
      ],
    ],
    [
      'probes on an init container that ends',
      pod({ initContainers: [{ name: 'i', image: 'x:1', livenessProbe: { exec: { command: ['a'] } } }] }),
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'ephemeral containers from the start',
      pod({ ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }] }),
      ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
    ],
  ];
  test.each(cases)('refuses %s', (_, object, expected) => {
    expect(createErrors('pods', object as any)).toEqual(expected);
  });

  test('takes a pod that uses much', () => {
    const object = pod({
      initContainers: [
        { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 'http' } } },
      ],
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          ports: [{ name: 'http', containerPort: 80 }],
          envFrom: [{ configMapRef: { name: 'c' } }],
          lifecycle: { preStop: { sleep: { seconds: 5 } } },
          volumeMounts: [{ name: 'data', mountPath: '/data', subPath: 'a/b' }],
          securityContext: { runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        },
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      dnsConfig: { searches: ['_tcp.example.com', '.'] },
    });
    expect(createErrors('pods', object)).toEqual([]);
  });
});

describe('updates', () => {
  test('images may change', () => {
    expect(updateErrors('pods', pod(), (object) => (object.spec.containers[0].image = 'nginx:1.28'))).toEqual([]);
  });

  test('other fields may not, and the message says which may and what differed', () => {
    const [message, ...others] = updateErrors('pods', pod(), (object) => (object.spec.containers[0].command = ['sh']));
    expect(others).toEqual([]);
    expect(message).toMatch(
      /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,/,
    );
    expect(message).toContain('-   "Command": null,\n+   "Command": [\n+    "sh"\n+   ],\n');
  });

  test('containers may not be added', () => {
    expect(updateErrors('pods', pod(), (object) => object.spec.containers.push({ name: 'b', image: 'x:1' }))).toEqual([
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ]);
  });

  test('tolerations may be added, not taken away', () => {
    const tolerations = [{ key: 'a', operator: 'Exists' }];
    expect(
      updateErrors('pods', pod({ tolerations }), (object) =>
        object.spec.tolerations.push({ key: 'b', operator: 'Exists' }),
      ),
    ).toEqual([]);
    expect(updateErrors('pods', pod({ tolerations }), (object) => (object.spec.tolerations = []))).toEqual([
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ]);
  });

  test('gates may go, not come; a gated pod may narrow its nodes', () => {
    const gated = pod({ schedulingGates: [{ name: 'a/b' }] });
    expect(updateErrors('pods', gated, (object) => (object.spec.schedulingGates = []))).toEqual([]);
    expect(updateErrors('pods', gated, (object) => (object.spec.nodeSelector = { disk: 'ssd' }))).toEqual([]);
    expect(updateErrors('pods', gated, (object) => object.spec.schedulingGates.push({ name: 'c/d' }))).toEqual([
      "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'c/d'",
    ]);
  });
});

describe('graceful deletion', () => {
  const grace = (spec: object, status: object = {}) =>
    rowOf('pods').strategy.gracePeriodSeconds?.({ ...pod({ terminationGracePeriodSeconds: 30, ...spec }), status });

  test('a running pod has its period, one that runs nowhere or has ended has none', () => {
    expect(grace({ nodeName: 'n' })).toBe(30);
    expect(grace({})).toBe(0);
    expect(grace({ nodeName: 'n' }, { phase: 'Succeeded' })).toBe(0);
    expect(grace({ nodeName: 'n', terminationGracePeriodSeconds: -5 })).toBe(1);
  });
});

test('field selectors see what upstream lets them see', () => {
  const object = created('pods', pod({ nodeName: 'node-1' }));
  expect(rowOf('pods').selectableFields?.(object)).toEqual({
    'spec.nodeName': 'node-1',
    'spec.host': 'node-1',
    'spec.restartPolicy': 'Always',
    'spec.schedulerName': 'default-scheduler',
    'spec.serviceAccountName': '',
    'spec.hostNetwork': 'false',
    'status.phase': 'Pending',
    'status.podIPs': '',
    'status.podIP': '',
    'status.nominatedNodeName': '',
  });
});
