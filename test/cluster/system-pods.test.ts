/** kube-system as on a cluster of kubeadm: static pods with their mirrors, kube-proxy, CoreDNS. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { ensureSystemAddons } from '../../src/cluster/system-addons.ts';
import { quietCluster, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const systemPods = (): any[] =>
  cluster.server.reader.list('pods').filter(({ metadata }) => metadata.namespace === 'kube-system');
const pod = (name: string): any => cluster.server.reader.get('pods', 'kube-system', name);
const isReady = (each: any) => each.status.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True');
const names = () =>
  systemPods()
    .map(({ metadata }) => metadata.name.replace(/-[a-z0-9]{5}$/, '').replace(/-[a-z0-9]{8,10}$/, ''))
    .sort();
const client = () => cluster.client.resource('pods').namespace('kube-system');

async function boot(options: Parameters<typeof quietCluster>[0] = {}): Promise<void> {
  cluster = await quietCluster({ systemPods: true, ...options });
  const wanted = 6 + cluster.nodes.names.length;
  await until(cluster, 'kube-system is complete', () => systemPods().filter(isReady).length === wanted);
}

describe('kube-system', () => {
  it('is made complete again when much of it is there', async () => {
    await boot();
    const { client: api } = cluster;
    await api.resource('daemonsets').namespace('kube-system').delete('kube-proxy');
    const facts = { clusterDns: '10.96.0.10', podCidr: '10.244.0.0/16' };
    await ensureSystemAddons(api, facts, AbortSignal.timeout(10_000));
    expect(await api.resource('daemonsets').namespace('kube-system').get('kube-proxy')).toBeDefined();
  });

  it('shows what kubeadm would have started, all of it Ready', async () => {
    await boot();
    expect(names()).toEqual([
      'coredns',
      'coredns',
      'etcd-node-1',
      'kube-apiserver-node-1',
      'kube-controller-manager-node-1',
      'kube-proxy',
      'kube-proxy',
      'kube-proxy',
      'kube-scheduler-node-1',
    ]);
    const { metadata, spec, status } = pod('kube-scheduler-node-1');
    const hash = metadata.annotations['kubernetes.io/config.hash'];
    expect(metadata.annotations).toMatchObject({
      'kubernetes.io/config.mirror': hash,
      'kubernetes.io/config.source': 'file',
    });
    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(metadata.labels).toEqual({ component: 'kube-scheduler', tier: 'control-plane' });
    const node: any = cluster.server.reader.get('nodes', '', 'node-1');
    expect(metadata.ownerReferences).toEqual([
      { apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: node.metadata.uid, controller: true },
    ]);
    expect(spec).toMatchObject({
      hostNetwork: true,
      nodeName: 'node-1',
      priority: 2_000_001_000,
      priorityClassName: 'system-node-critical',
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    });
    expect(status).toMatchObject({ phase: 'Running', hostIP: node.status.addresses[0].address, qosClass: 'Burstable' });
    const dns: any = cluster.server.reader.get('services', 'kube-system', 'kube-dns');
    expect(dns.spec.clusterIP).toBe('10.96.0.10');
  });

  it('has the log of the component in its pod', async () => {
    await boot({ nodes: 1 });
    const read = async (name: string) => {
      const path = `/api/v1/namespaces/kube-system/pods/${name}/log`;
      let text = '';
      for await (const chunk of await cluster.transport.stream({ method: 'GET', path })) text += Buffer.from(chunk);
      return text;
    };
    expect(await read('kube-apiserver-node-1')).toMatch(
      /^I0101 \d\d:\d\d:\d\d\.\d{6} +1 "bootstrap objects are in place"/m,
    );
    expect(await read('kube-controller-manager-node-1')).toContain('deployment, replicaset');
    expect(await read('kube-scheduler-node-1')).toMatch(/plugins/);
    expect(await read('etcd-node-1')).toContain('member(s) on memory');
    const addon = (prefix: string) =>
      systemPods().find(({ metadata }) => metadata.name.startsWith(prefix)).metadata.name;
    expect(await read(addon('kube-proxy-'))).toMatch(/^I0101 .* "Version info" version="v1\.36\.0"$/m);
    expect(await read(addon('coredns-'))).toMatch(/^\.:53\nCoreDNS-\d/);
  });

  it('its node has the role, and takes work all the same', async () => {
    await boot();
    const role = 'node-role.kubernetes.io/control-plane';
    const nodes: any[] = [...cluster.server.reader.list('nodes')];
    expect(nodes.map(({ metadata, spec }) => [metadata.name, metadata.labels[role], spec.taints])).toEqual([
      ['node-1', '', undefined],
      ['node-2', undefined, undefined],
      ['node-3', undefined, undefined],
    ]);
  });

  it('the leases of its managers are held by one and renewed, also after the API server was away and by the next life', async () => {
    await boot({ nodes: 1 });
    const lease = (name: string): any =>
      cluster.server.reader.get('leases.coordination.k8s.io', 'kube-system', name)?.['spec'];
    const names = ['kube-controller-manager', 'kube-scheduler'];
    const holders = names.map((name) => lease(name).holderIdentity);
    expect(new Set(holders).size).toBe(2);
    const age = (name: string) => cluster.clock.now() - Date.parse(lease(name).renewTime);
    for (const name of names) {
      expect(lease(name)).toMatchObject({ leaseDurationSeconds: 15, leaseTransitions: 0 });
      expect(holders[names.indexOf(name)]).toMatch(/^default_[0-9a-f-]{36}$/);
    }
    const { acquireTime } = lease(names[0]!);
    await cluster.clock.advance(60_000);
    for (const name of names) expect(age(name)).toBeLessThanOrEqual(10_000);
    expect(lease(names[0]!).acquireTime).toBe(acquireTime);
    await cluster.components.stop('apiserver');
    await cluster.clock.advance(45_000);
    await cluster.components.start('apiserver');
    await cluster.components.stop('scheduler');
    await cluster.components.start('scheduler');
    await cluster.clock.advance(12_000);
    for (const [i, name] of names.entries()) {
      expect(lease(name)).toMatchObject({ holderIdentity: holders[i], leaseTransitions: 0 });
      expect(age(name)).toBeLessThanOrEqual(12_000);
    }
    const events = cluster.server.reader
      .list('events')
      .map((event: any) => `${event.reason}: ${event.note ?? event.message}`);
    expect(events).toContain(`LeaderElection: ${holders[1]} became leader`);
  });

  it('a mirror pod that is deleted is made anew; the container never notices', async () => {
    await boot({ nodes: 1 });
    const before = pod('etcd-node-1');
    await client().delete('etcd-node-1');
    const again = () => pod('etcd-node-1') && pod('etcd-node-1').metadata.uid !== before.metadata.uid;
    await until(cluster, 'there is another one', () => again() && isReady(pod('etcd-node-1')), 5_000);
    const [was] = before.status.containerStatuses;
    expect(pod('etcd-node-1').status.containerStatuses[0]).toMatchObject({
      containerID: was.containerID,
      restartCount: 0,
      state: was.state,
    });
  });

  it('a pod goes with its component and comes with it', async () => {
    await boot({ nodes: 1 });
    await cluster.components.stop('scheduler');
    await until(cluster, 'it is gone', () => pod('kube-scheduler-node-1') === undefined, 60_000);
    await cluster.components.start('scheduler');
    await until(cluster, 'it is there', () => isReady(pod('kube-scheduler-node-1') ?? { status: {} }), 60_000);
    // The API server's own: its image in the API can only follow when there is an API.
    const [before] = pod('kube-apiserver-node-1').status.containerStatuses;
    await cluster.components.stop('apiserver');
    await cluster.clock.advance(120_000);
    await cluster.components.start('apiserver');
    await until(
      cluster,
      'it runs anew',
      () =>
        isReady(pod('kube-apiserver-node-1') ?? { status: {} }) &&
        pod('kube-apiserver-node-1').status.containerStatuses[0].containerID !== before.containerID,
    );
    expect(systemPods().filter(({ metadata }) => metadata.name.startsWith('kube-apiserver'))).toHaveLength(1);
  });

  it('survives the node: not evicted while it is away, and back with it', async () => {
    await boot();
    const uid = pod('etcd-node-1').metadata.uid;
    await cluster.nodes.stop('node-1');
    await cluster.clock.advance(500_000);
    expect(pod('etcd-node-1').metadata).toMatchObject({ uid });
    expect(pod('etcd-node-1').metadata.deletionTimestamp).toBeUndefined();
    expect(isReady(pod('etcd-node-1'))).toBe(false);
    await cluster.nodes.start('node-1');
    await until(cluster, 'Ready again', () => isReady(pod('etcd-node-1')));
    expect(pod('etcd-node-1').status.containerStatuses[0].restartCount).toBe(1);
  });

  it('is empty without nodes, and leaves out what the cluster was made without', async () => {
    cluster = await quietCluster({ systemPods: true, nodes: 0 });
    await cluster.clock.advance(60_000);
    expect(systemPods()).toEqual([]);
    await cluster.stop();
    cluster = await quietCluster({ systemPods: true, nodes: 1, scheduler: false });
    await cluster.clock.advance(60_000);
    expect(names()).not.toContain('kube-scheduler-node-1');
    expect(names()).toContain('kube-controller-manager-node-1');
  });
});
