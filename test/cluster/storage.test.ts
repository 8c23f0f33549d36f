import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../src/api/index.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

async function small(): Promise<Cluster> {
  return createCluster({
    nodes: 2,
    clock: 'virtual',
    seed: 'storage',
    api: false,
    etcd: false,
    instantContainers: true,
  });
}

async function until(cluster: Cluster, what: string, done: () => boolean | Promise<boolean>) {
  if (!(await cluster.clock.advanceUntil(done, 600_000))) throw new Error(`not within 600 s: ${what}`);
}

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'default' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
} as PersistentVolumeClaim;

function makePod(name: string, script: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'c',
          image: 'busybox',
          command: ['sh', '-c', script],
          volumeMounts: [{ name: 'v', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    },
  } as Pod;
}

describe('the default class', () => {
  it('gives a claim a disk where its first pod runs, and the next pod finds what was written there', async () => {
    await using cluster = await small();
    const pods = cluster.client.resource<Pod>('pods').namespace('default');
    const claims = cluster.client.resource<PersistentVolumeClaim>('persistentvolumeclaims').namespace('default');
    const warnings: string[] = [];
    await claims.create(claim, { onWarning: (text) => warnings.push(text) });
    expect(warnings.filter((text) => text.includes('nothing acts'))).toEqual([]);
    const ended = async (name: string) => {
      await until(cluster, `${name} ends`, async () => (await pods.get(name)).status?.phase === 'Succeeded');
      return pods.get(name);
    };
    await pods.create(makePod('writer', 'echo kept > /data/file'));
    const writer = await ended('writer');
    const bound = await claims.get('data');
    expect(bound.spec!.storageClassName).toBe('standard');
    expect(bound.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    await pods.delete('writer', { gracePeriodSeconds: 0 });
    await pods.create(makePod('reader', 'grep -q kept /data/file'));
    const reader = await ended('reader');
    expect(reader.spec!.nodeName).toBe(writer.spec!.nodeName);

    await claims.delete('data');
    await cluster.clock.advance(60_000);
    expect((await claims.get('data')).metadata.deletionTimestamp).toBeDefined();
    await pods.delete('reader', { gracePeriodSeconds: 0 });
    const volumes = cluster.client.resource<PersistentVolume>('persistentvolumes');
    await until(cluster, 'the volume goes', async () => (await volumes.list()).items.length === 0);

    // A new claim of the same name starts empty.
    await claims.create(claim);
    await pods.create(makePod('again', 'test ! -e /data/file'));
    await ended('again');
  });
});
