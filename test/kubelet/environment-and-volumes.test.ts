import { expect, test } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { Lab, main } from './lab.ts';

const create = (lab: Lab, resource: string, object: object) =>
  lab.client
    .resource(resource)
    .namespace('default')
    .create({ apiVersion: 'v1', ...object } as KubeObject);
const configMap = (name: string, data: object) => ({
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});
const secret = (name: string, data: Record<string, string>) => ({
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
});
const finished = (p: { status?: { phase?: string } }) =>
  p.status?.phase === 'Succeeded' || p.status?.phase === 'Failed';

test('environment variables come from values, fields, resources, ConfigMaps, Secrets and Services', async () => {
  await using lab = await new Lab().start();
  await create(lab, 'configmaps', configMap('settings', { COLOR: 'blue', SIZE: 'xl' }));
  await create(lab, 'secrets', secret('keys', { token: 's3cret' }));
  await create(lab, 'services', {
    kind: 'Service',
    metadata: { name: 'my-db', namespace: 'default' },
    spec: { clusterIP: '10.96.0.77', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] },
  });
  await lab.createPod(
    'env',
    {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', 'env | sort'],
          envFrom: [
            { prefix: 'CFG_', configMapRef: { name: 'settings' } },
            { secretRef: { name: 'absent', optional: true } },
          ],
          env: [
            { name: 'GREETING', value: 'hello $(CFG_COLOR) $$(CFG_COLOR) $(NOPE)' },
            { name: 'DB', value: '$(MY_DB_SERVICE_HOST):$(MY_DB_SERVICE_PORT_SQL)' },
            { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
            { name: 'ME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
          ],
          resources: { limits: { cpu: '250m' } },
        },
      ],
    },
    { labels: { app: 'demo' } },
  );
  await lab.untilPod('env', 'finished', finished);
  const lines = (await lab.logs('env')).split('\n');
  for (const line of [
    'CFG_COLOR=blue',
    'CFG_SIZE=xl',
    'GREETING=hello blue $(CFG_COLOR) $(NOPE)',
    'DB=10.96.0.77:5432',
    'TOKEN=s3cret',
    'ME=env',
    'IP=10.244.0.2',
    'NODE=n1',
    'APP=demo',
    'CPU=250',
    'MY_DB_SERVICE_HOST=10.96.0.77',
    'MY_DB_PORT=tcp://10.96.0.77:5432',
    'MY_DB_PORT_5432_TCP_ADDR=10.96.0.77',
    'HOSTNAME=env',
  ]) {
    expect(lines).toContain(line);
  }
});

test('a missing ConfigMap is CreateContainerConfigError until it appears', async () => {
  await using lab = await new Lab().start();
  const env = [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'later', key: 'x' } } }];
  await lab.createPod('waits', { containers: [{ name: 'main', image: 'busybox', command: ['sleep', '3600'], env }] });
  const pod = await lab.untilPod(
    'waits',
    'fails',
    (p) => main(p)?.state.waiting?.reason === 'CreateContainerConfigError',
  );
  expect(main(pod)!.state.waiting!.message).toBe('configmap "later" not found');
  expect(await lab.events('waits')).toContain('Warning Failed Error: configmap "later" not found');
  await create(lab, 'configmaps', configMap('later', { y: '1' }));
  await lab.untilPod(
    'waits',
    'finds the key missing',
    (p) => main(p)?.state.waiting?.message?.includes("couldn't find key") ?? false,
  );
  expect(main(await lab.pod('waits'))!.state.waiting!.message).toBe("couldn't find key x in ConfigMap default/later");
  await lab.client
    .resource('configmaps')
    .namespace('default')
    .patch('later', 'merge', { data: { x: '1' } });
  await lab.untilPod('waits', 'runs', (p) => main(p)?.state.running !== undefined);
});

test('ConfigMaps, Secrets and fields are files; changes of a ConfigMap arrive', async () => {
  await using lab = await new Lab().start();
  await create(lab, 'configmaps', configMap('pages', { 'index.html': 'v1', other: 'o' }));
  await create(lab, 'secrets', secret('keys', { token: 's3cret' }));
  const script =
    'cat /web/index.html /all/token /all/labels /all/p; ls /web; echo; while true; do cat /web/index.html; echo; sleep 30; done';
  await lab.createPod(
    'files',
    {
      volumes: [
        { name: 'web', configMap: { name: 'pages', items: [{ key: 'index.html', path: 'index.html' }] } },
        {
          name: 'all',
          projected: {
            sources: [
              { secret: { name: 'keys' } },
              { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
              { configMap: { name: 'pages', items: [{ key: 'other', path: 'p' }] } },
            ],
          },
        },
      ],
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', script],
          volumeMounts: [
            { name: 'web', mountPath: '/web' },
            { name: 'all', mountPath: '/all' },
          ],
        },
      ],
    },
    { labels: { app: 'x' } },
  );
  await lab.untilPod('files', 'runs', (p) => main(p)?.state.running !== undefined);
  await lab.clock.advance(1_000);
  expect(await lab.logs('files')).toBe('v1s3cretapp="x"oindex.html\n\nv1\n');
  await lab.client
    .resource('configmaps')
    .namespace('default')
    .patch('pages', 'merge', { data: { 'index.html': 'v2' } });
  await lab.until('the new page', async () => (await lab.logs('files')).includes('v2'), 300_000);
});

test('a volume that cannot be set up holds the pod with FailedMount', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('stuck', {
    volumes: [{ name: 'cfg', configMap: { name: 'absent' } }],
    containers: [{ name: 'main', image: 'busybox', volumeMounts: [{ name: 'cfg', mountPath: '/cfg' }] }],
  });
  await lab.until('the event', async () => (await lab.events('stuck')).length > 0, 60_000);
  expect(await lab.events('stuck')).toContain(
    'Warning FailedMount MountVolume.SetUp failed for volume "cfg" : configmap "absent" not found',
  );
  expect(main(await lab.pod('stuck'))!.state.waiting!.reason).toBe('ContainerCreating');
  await create(lab, 'configmaps', configMap('absent', {}));
  await lab.untilPod('stuck', 'runs', (p) => main(p)?.containerID !== undefined);
});

test('an emptyDir is shared by the containers of a pod and survives their restarts', async () => {
  await using lab = await new Lab().start();
  const volumeMounts = [{ name: 'd', mountPath: '/d' }];
  await lab.createPod('pair', {
    volumes: [{ name: 'd', emptyDir: {} }],
    containers: [
      {
        name: 'main',
        image: 'busybox',
        command: ['sh', '-c', 'echo x >> /d/count; wc -l < /d/count; [ $(wc -l < /d/count) -ge 3 ] && sleep infinity'],
        volumeMounts,
      },
      {
        name: 'reader',
        image: 'busybox',
        command: ['sh', '-c', 'until [ -f /d/count ]; do sleep 1; done; echo seen; sleep infinity'],
        volumeMounts,
      },
    ],
  });
  await lab.untilPod(
    'pair',
    'two restarts',
    (p) => main(p)?.restartCount === 2 && main(p)!.state.running !== undefined,
  );
  await lab.clock.advance(2_000);
  expect(await lab.logs('pair', { container: 'main' })).toBe('3\n');
  expect(await lab.logs('pair', { container: 'reader' })).toBe('seen\n');
});

test('$(VAR) in command and args is expanded, unknown names stay', async () => {
  await using lab = await new Lab().start();
  const container = {
    name: 'main',
    image: 'busybox',
    command: ['echo', '$(A)', '$(B)', '$$(A)'],
    env: [{ name: 'A', value: 'a' }],
  };
  await lab.createPod('args', { restartPolicy: 'Never', containers: [container] });
  await lab.untilPod('args', 'finished', finished);
  expect(await lab.logs('args')).toBe('a $(B) $(A)\n');
});
