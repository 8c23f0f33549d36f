import { expect, test } from 'vitest';
import { at, condition, Lab } from './lab.ts';

test('the node registers itself with labels, capacity, addresses and conditions', async () => {
  await using lab = await new Lab({
    node: { region: 'r1', zone: 'z1', instanceType: 'big', reserved: { cpu: '500m' } },
  }).start();
  const node = await lab.client.resource('nodes').get('n1');
  expect(node.metadata.labels).toMatchObject({
    'kubernetes.io/hostname': 'n1',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'node.kubernetes.io/instance-type': 'big',
    'topology.kubernetes.io/region': 'r1',
    'topology.kubernetes.io/zone': 'z1',
  });
  const { status } = node as any;
  expect(status.capacity).toMatchObject({ cpu: '4', memory: '8Gi', pods: '110' });
  expect(status.allocatable).toMatchObject({ cpu: '3500m' });
  expect(status.addresses).toEqual([
    { type: 'InternalIP', address: '172.18.0.2' },
    { type: 'Hostname', address: 'n1' },
  ]);
  expect(status.nodeInfo).toMatchObject({
    kubeletVersion: 'v1.36.0',
    containerRuntimeVersion: 'sim://0.1.0',
    operatingSystem: 'linux',
  });
  expect(status.conditions.map((c: any) => `${c.type} ${c.status} ${c.reason}: ${c.message}`)).toEqual([
    'MemoryPressure False KubeletHasSufficientMemory: kubelet has sufficient memory available',
    'DiskPressure False KubeletHasNoDiskPressure: kubelet has no disk pressure',
    'PIDPressure False KubeletHasSufficientPID: kubelet has sufficient PID available',
    'Ready True KubeletReady: kubelet is posting ready status',
  ]);
});

test('an idle node renews its lease each 10 s and reports each 5 min, and does nothing else', async () => {
  await using lab = await new Lab().start();
  await lab.clock.advance(30_000);
  const from = lab.api.requests.length;
  await lab.clock.advance(600_000);
  const requests = lab.api.requests.slice(from).filter((r) => !r.path.includes('/events'));
  const leases = requests.filter((r) => r.path.includes('/leases/'));
  expect(leases.length).toBe(60);
  const status = requests.filter((r) => r.path.endsWith('/nodes/n1/status'));
  expect(status.length).toBe(2);
  const others = requests.filter((r) => !r.path.includes('/leases/') && !r.path.includes('/nodes/n1'));
  expect(others.map((r) => `${r.method} ${r.path}`)).toEqual([]);
  const lease = (await lab.client.resource('leases').namespace('kube-node-lease').get('n1')) as any;
  expect(lease.spec).toMatchObject({ holderIdentity: 'n1', leaseDurationSeconds: 40 });
  expect(lease.metadata.ownerReferences[0]).toMatchObject({ kind: 'Node', name: 'n1' });
});

test('without a pod range the node is not ready; pods wait for it, but not those on the host network', async () => {
  await using lab = await new Lab({ node: { podCIDR: undefined } }).start();
  const ready = async () => ((await lab.client.resource('nodes').get('n1')) as any).status.conditions.at(-1);
  expect(await ready()).toMatchObject({
    status: 'False',
    reason: 'KubeletNotReady',
    message:
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
  });
  await lab.createPod('waits');
  await lab.createPod('host', { hostNetwork: true });
  await lab.untilPod('host', 'runs', (p) => p.status?.phase === 'Running');
  expect((await lab.pod('waits')).status!.phase).toBe('Pending');
  await lab.client.resource('nodes').patch('n1', 'merge', { spec: { podCIDR: '10.244.7.0/24' } });
  const pod = await lab.untilPod('waits', 'runs', (p) => p.status?.phase === 'Running');
  expect(pod.status!.podIP).toBe('10.244.7.2');
  expect(await ready()).toMatchObject({ status: 'True' });
});

test('the images on the node are reported', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('web', { containers: [{ name: 'main', image: 'nginx:1.29' }] });
  const images = async () => ((await lab.client.resource('nodes').get('n1')) as any).status.images;
  await lab.until('the image is listed', async () => (await images()).length === 1, 60_000);
  expect((await images())[0].names).toContain('docker.io/library/nginx:1.29');
});

test('a pod that does not fit is refused', async () => {
  await using lab = await new Lab({ node: { capacity: { cpu: '1' } } }).start();
  const container = {
    name: 'main',
    image: 'busybox',
    command: ['sleep', '3600'],
    resources: { requests: { cpu: '600m' } },
  };
  await lab.createPod('first', { containers: [container] });
  await lab.untilPod('first', 'runs', (p) => p.status?.phase === 'Running');
  await lab.createPod('second', { containers: [container] });
  const pod = await lab.untilPod('second', 'refused', (p) => p.status?.phase === 'Failed');
  expect(pod.status).toMatchObject({
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 600, used: 600, capacity: 1000",
    startTime: at(0),
  });
  expect(condition(pod, 'Ready')?.status).not.toBe('True');
});

test('a selector is judged by the labels the node has now', async () => {
  await using lab = await new Lab().start();
  await lab.createPod('no', { nodeSelector: { disk: 'ssd' } });
  const refused = await lab.untilPod('no', 'refused', (p) => p.status?.phase === 'Failed');
  expect(refused.status!.reason).toBe('NodeAffinity');
  await lab.client.resource('nodes').patch('n1', 'merge', { metadata: { labels: { disk: 'ssd' } } });
  await lab.createPod('yes', { nodeSelector: { disk: 'ssd' } });
  await lab.untilPod('yes', 'runs', (p) => p.status?.phase === 'Running');
});
