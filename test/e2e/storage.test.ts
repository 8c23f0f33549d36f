/** Real kubectl on storage, quotas, limits, metrics, autoscaling and load balancers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3');
});
afterAll(() => lab.dispose());

const apply = async (namespace: string, ...objects: object[]) => {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  return lab.tryKubectl(['apply', '-n', namespace, '-f', '-'], { input });
};
const applied = async (namespace: string, ...objects: object[]) => {
  const { code, stderr } = await apply(namespace, ...objects);
  expect(stderr).not.toContain('nothing acts');
  expect(code, stderr).toBe(0);
};

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

const user = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'c',
        image: 'busybox',
        command: ['sleep', '3600'],
        volumeMounts: [{ name: 'v', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
  },
});

describe('a claim of the default class', () => {
  const ns = ['-n', 'disks'];
  beforeAll(() => lab.kubectl('create', 'namespace', 'disks'));

  it('waits for its first consumer, then keeps what pods write to it', async () => {
    expect(await lab.kubectl('get', 'storageclass')).toMatch(
      /standard \(default\)\s+klab.dev\/sim-path\s+Delete\s+WaitForFirstConsumer\s+false/,
    );
    await applied('disks', claim);
    await eventually(
      () => lab.kubectl('describe', 'pvc', 'data', ...ns),
      (text) => text.includes('waiting for first consumer to be created before binding'),
    );
    await applied('disks', user('first'));
    await lab.kubectl('wait', 'pod/first', '--for=condition=Ready', '--timeout=60s', ...ns);
    expect(await lab.kubectl('get', 'pvc', 'data', ...ns)).toMatch(
      /data\s+Bound\s+pvc-[0-9a-f-]{36}\s+1Gi\s+RWO\s+standard/,
    );
    await lab.kubectl('exec', 'first', ...ns, '--', 'sh', '-c', 'echo kept > /data/file');
    await lab.kubectl('delete', 'pod', 'first', ...ns);
    await applied('disks', user('second'));
    await lab.kubectl('wait', 'pod/second', '--for=condition=Ready', '--timeout=60s', ...ns);
    expect(await lab.kubectl('exec', 'second', ...ns, '--', 'cat', '/data/file')).toBe('kept\n');
  });

  it('is protected while a pod uses it, and takes its volume along', async () => {
    await lab.kubectl('delete', 'pvc', 'data', '--wait=false', ...ns);
    expect(await lab.kubectl('get', 'pvc', 'data', ...ns)).toMatch(/data\s+Terminating/);
    await lab.kubectl('delete', 'pod', 'second', ...ns);
    await lab.kubectl('wait', 'pvc/data', '--for=delete', '--timeout=30s', ...ns);
    await eventually(
      async () => (await lab.json('get', 'pv')).items.length,
      (count) => count === 0,
    );
  });
});

describe('quotas and limits', () => {
  const ns = ['-n', 'small'];

  it('refuse what is too much, in upstream’s words', async () => {
    await lab.kubectl('create', 'namespace', 'small');
    await lab.kubectl('create', 'quota', 'q', '--hard=pods=2,count/deployments.apps=1', ...ns);
    await eventually(
      () => lab.kubectl('describe', 'quota', 'q', ...ns),
      (text) => /pods\s+0\s+2/.test(text),
    );
    await lab.kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=4', ...ns);
    await eventually(
      () => lab.kubectl('describe', 'quota', 'q', ...ns),
      (text) => /pods\s+2\s+2/.test(text),
    );
    const refused = await lab.tryKubectl(['run', 'extra', '--image=nginx', ...ns]);
    expect(refused.stderr).toBe(
      'Error from server (Forbidden): pods "extra" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2\n',
    );
    const second = await lab.tryKubectl(['create', 'deployment', 'more', '--image=nginx', ...ns]);
    expect(second.stderr).toContain('exceeded quota: q, requested: count/deployments.apps=1');
    await eventually(
      () => lab.kubectl('get', 'events', ...ns),
      (text) => text.includes('exceeded quota'),
    );
    await lab.kubectl('delete', 'deployment', 'web', ...ns);
    await eventually(
      () => lab.kubectl('describe', 'quota', 'q', ...ns),
      (text) => /pods\s+0\s+2/.test(text),
    );
  });

  it('give containers what they leave out', async () => {
    await lab.kubectl('create', 'namespace', 'defaults');
    await applied('defaults', {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'limits' },
      spec: { limits: [{ type: 'Container', default: { cpu: '500m' }, max: { cpu: '1' } }] },
    });
    await lab.kubectl('run', 'web', '--image=nginx', '-n', 'defaults');
    const pod = await lab.json('get', 'pod', 'web', '-n', 'defaults');
    expect(pod.spec.containers[0].resources).toEqual({ limits: { cpu: '500m' }, requests: { cpu: '500m' } });
    expect(pod.metadata.annotations['kubernetes.io/limit-ranger']).toContain('LimitRanger plugin set: cpu');
  });
});

describe('load', () => {
  const ns = ['-n', 'load'];

  it('shows in kubectl top and makes an autoscaler grow its deployment', async () => {
    await lab.kubectl('create', 'namespace', 'load');
    await applied(
      'load',
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'php-apache' },
        spec: {
          selector: { matchLabels: { run: 'php-apache' } },
          template: {
            metadata: { labels: { run: 'php-apache' } },
            spec: {
              containers: [
                {
                  name: 'php-apache',
                  image: 'registry.k8s.io/hpa-example',
                  ports: [{ containerPort: 80 }],
                  resources: { limits: { cpu: '500m' }, requests: { cpu: '200m' } },
                },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'php-apache' },
        spec: { selector: { run: 'php-apache' }, ports: [{ port: 80 }] },
      },
    );
    await lab.kubectl('rollout', 'status', 'deployment/php-apache', '--timeout=60s', ...ns);
    await lab.kubectl('autoscale', 'deployment', 'php-apache', '--cpu=50%', '--min=1', '--max=10', ...ns);
    const loop = 'while sleep 0.01; do wget -q -O- http://php-apache; done';
    await lab.kubectl(
      'run',
      'load-generator',
      '--image=busybox',
      '--restart=Never',
      ...ns,
      '--',
      '/bin/sh',
      '-c',
      loop,
    );
    const size = async () => (await lab.json('get', 'deployment', 'php-apache', ...ns)).spec.replicas as number;
    await eventually(size, (replicas) => replicas >= 3, 100_000);
    expect(await lab.kubectl('top', 'pods', ...ns)).toMatch(/php-apache-\S+\s+\d{2,3}m\s+\d+Mi/);
    expect(await lab.kubectl('top', 'pods', '--containers', '-l', 'run=php-apache', ...ns)).toContain('php-apache');
    expect(await lab.kubectl('top', 'nodes')).toMatch(/node-1\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/);
    expect(await lab.kubectl('get', 'hpa', 'php-apache', ...ns)).toMatch(/cpu: \d+%\/50%\s+1\s+10/);
    expect(await lab.kubectl('describe', 'hpa', 'php-apache', ...ns)).toContain(
      'cpu resource utilization (percentage of request) above target',
    );
  });
});

describe('addresses', () => {
  it('of load balancers and ingresses show in kubectl get', async () => {
    await lab.kubectl('create', 'namespace', 'edge');
    await lab.kubectl('create', 'service', 'loadbalancer', 'web', '--tcp=80:80', '-n', 'edge');
    await eventually(
      () => lab.kubectl('get', 'service', 'web', '-n', 'edge'),
      (text) => /LoadBalancer\s+10\.96\.\S+\s+127\.\d+\.\d+\.\d+\s/.test(text),
    );
    await lab.kubectl('create', 'ingress', 'web', '--rule=shop.example/*=web:80', '-n', 'edge');
    await eventually(
      () => lab.kubectl('get', 'ingress', 'web', '-n', 'edge'),
      (text) => /web\s+klab\s+shop\.example\s+127\.\d+\.\d+\.254\s+80/.test(text),
    );
    await lab.kubectl('delete', 'service', 'web', '-n', 'edge', '--timeout=30s');
  });
});
