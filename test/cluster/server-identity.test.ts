/** What an API server writes about itself: the Lease by which it is known, and since when it notes the use of tokens. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConfigMap, Lease, Secret } from '../../src/api/index.ts';
import { parseTime, VirtualClock } from '../../src/base/index.ts';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster, startMs, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const leases = () =>
  cluster.server.reader
    .list('leases.coordination.k8s.io')
    .filter(({ metadata }) => metadata.labels?.['apiserver.kubernetes.io/identity'] !== undefined) as Lease[];

describe('the identity Lease', () => {
  it('is named for the host, says who holds it for an hour, and is renewed every ten seconds', async () => {
    cluster = await quietCluster({ nodes: 0, name: 'bookshop' });
    await until(cluster, 'a lease', () => leases().length === 1);
    const [lease] = leases();
    const { name, namespace, labels } = lease!.metadata;
    // 26 characters of base32: five bits each, 128 bits of the digest.
    expect(name).toMatch(/^apiserver-[a-z2-7]{26}$/);
    const bits = [...name!.slice('apiserver-'.length)]
      .map((letter) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter).toString(2).padStart(5, '0'))
      .join('');
    const digest = createHash('sha256').update('bookshop').digest('hex').slice(0, 32);
    expect(BigInt(`0b${bits.slice(0, 128)}`)).toBe(BigInt(`0x${digest}`));
    expect(namespace).toBe('kube-system');
    expect(labels).toEqual({
      'apiserver.kubernetes.io/identity': 'kube-apiserver',
      'kubernetes.io/hostname': 'bookshop',
    });
    expect(lease!.spec!.holderIdentity).toMatch(new RegExp(`^${name}_[0-9a-f-]{36}$`));
    expect(lease!.spec!.leaseDurationSeconds).toBe(3600);

    const versions = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await cluster.clock.advance(1000);
      versions.add(leases()[0]!.spec!.renewTime!);
    }
    // Ten seconds and up to 4 % more.
    expect(versions.size).toBeGreaterThanOrEqual(6);
    expect(versions.size).toBeLessThanOrEqual(7);
  });

  it('goes with its server, and the next life holds it under another name', async () => {
    cluster = await quietCluster({ nodes: 0 });
    await until(cluster, 'a lease', () => leases().length === 1);
    const { holderIdentity } = leases()[0]!.spec!;
    const { name } = leases()[0]!.metadata;
    const stored = async () => {
      const { kvs } = await cluster.etcd.member().range({
        key: Buffer.from(`/registry/leases/kube-system/${name}`),
      });
      return kvs.length;
    };
    expect(await stored()).toBe(1);
    await cluster.components.stop('apiserver');
    expect(await stored()).toBe(0);
    await cluster.components.start('apiserver');
    await until(cluster, 'a lease', () => leases().length === 1);
    expect(leases()[0]!.metadata.name).toBe(name);
    expect(leases()[0]!.spec!.holderIdentity).not.toBe(holderIdentity);
  });

  it('comes back when somebody deletes or changes it', async () => {
    cluster = await quietCluster({ nodes: 0 });
    await until(cluster, 'a lease', () => leases().length === 1);
    const { name = '' } = leases()[0]!.metadata;
    const { holderIdentity } = leases()[0]!.spec!;
    const client = cluster.client.resource('leases').namespace('kube-system');
    await client.delete(name);
    await until(cluster, 'again', () => leases().length === 1, 11_000);
    await client.patch(name, 'merge', { spec: { holderIdentity: 'somebody' }, metadata: { labels: { mine: 'yes' } } });
    await until(cluster, 'mine again', () => leases()[0]!.spec!.holderIdentity === holderIdentity, 11_000);
    expect(leases()[0]!.metadata.labels).toMatchObject({ mine: 'yes' });
  });

  it('of a server that is gone is removed within an hour after it ran out; others of kube-system stay', async () => {
    cluster = await quietCluster({ nodes: 0, controllers: [] });
    await until(cluster, 'a lease', () => leases().length === 1);
    const client = cluster.client.resource<Lease>('leases').namespace('kube-system');
    const make = (name: string, spec: Lease['spec'], identity?: string) =>
      client.create({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, ...(identity ? { labels: { 'apiserver.kubernetes.io/identity': identity } } : {}) },
        spec: spec!,
      });
    const old = { leaseDurationSeconds: 3600, renewTime: '2025-12-31T23:30:00.000000Z' };
    await make('gone', old, 'kube-apiserver');
    await make('empty', {}, 'kube-apiserver');
    await make('aggregated', old, 'other-apiserver');
    await make('plain', old);
    const names = () =>
      cluster.server.reader
        .list('leases.coordination.k8s.io')
        .map(({ metadata }) => metadata.name!)
        .filter((name) => !name.startsWith('apiserver-'))
        .sort();
    await cluster.clock.advance(3_500_000);
    expect(names()).toEqual(['aggregated', 'empty', 'gone', 'plain']);
    await cluster.clock.advance(200_000);
    expect(names()).toEqual(['aggregated', 'plain']);
  });
});

describe('tracking of tokens in Secrets', () => {
  const tracking = () =>
    cluster.server.reader.get(
      'configmaps',
      'kube-system',
      'kube-apiserver-legacy-service-account-token-tracking',
    ) as ConfigMap;

  it('says since when, keeps what it said, puts nonsense right, and comes back half an hour after it was deleted', async () => {
    // An hour before midnight: the next life is of another day.
    cluster = await quietCluster({ nodes: 0, clock: new VirtualClock({ startMs: startMs + 23 * 3_600_000 }) });
    await until(cluster, 'since', () => tracking() !== undefined);
    expect(tracking().data).toEqual({ since: '2026-01-01' });
    const client = cluster.client.resource('configmaps').namespace('kube-system');
    const { name = '' } = tracking().metadata;
    await client.patch(name, 'merge', { data: { since: '2025-02-28' } });
    await cluster.clock.advance(10_000);
    expect(tracking().data).toEqual({ since: '2025-02-28' });
    await client.patch(name, 'merge', { data: { since: '2025-02-30' } });
    await until(cluster, 'put right', () => tracking().data!['since'] === '2026-01-01', 10_000);
    await client.delete(name);
    await cluster.clock.advance(1_700_000);
    expect(tracking()).toBeUndefined();
    await until(cluster, 'made again', () => tracking() !== undefined, 200_000);
    await cluster.components.stop('apiserver');
    await cluster.clock.advance(3_600_000);
    await cluster.components.start('apiserver');
    await cluster.clock.advance(10_000);
    expect(tracking().data).toEqual({ since: '2026-01-01' });
  }, 60_000);

  it('writes the day of the last use on the Secret, warns of those nobody asked for, and refuses marked ones in words', async () => {
    cluster = await createCluster({ nodes: 0, etcd: false, seed: 'tokens' });
    const accounts = cluster.client.resource<any>('serviceaccounts').namespace('default');
    const secrets = cluster.client.resource<Secret>('secrets').namespace('default');
    await accounts.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bot' } });
    for (const name of ['asked-for', 'generated']) {
      await secrets.create({
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/service-account-token',
        metadata: { name, annotations: { 'kubernetes.io/service-account.name': 'bot' } },
      });
    }
    await accounts.patch('bot', 'merge', { secrets: [{ name: 'generated' }] });
    const secret = (name: string) => cluster.server.reader.get('secrets', 'default', name) as Secret;
    await expect.poll(() => secret('asked-for').data?.['token'] && secret('generated').data?.['token']).toBeTruthy();
    const ask = async (name: string) => {
      const token = Buffer.from(secret(name).data!['token']!, 'base64').toString();
      const warnings: string[] = [];
      const answer = await cluster.server
        .handle({
          method: 'GET',
          path: '/version',
          query: new URLSearchParams(),
          headers: { authorization: `Bearer ${token}` },
          signal: new AbortController().signal,
          warnings,
        })
        .then(({ code }) => code)
        .catch((error: { code: number }) => error.code);
      return { answer, warnings };
    };
    const review = async (name: string): Promise<any> =>
      (
        await cluster.client.resource<any>('tokenreviews').create({
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          metadata: {},
          spec: { token: Buffer.from(secret(name).data!['token']!, 'base64').toString() },
        })
      ).status;
    const lastUsed = (name: string) => secret(name).metadata.labels?.['kubernetes.io/legacy-token-last-used'];
    expect(lastUsed('asked-for')).toBeUndefined();
    expect(await ask('asked-for')).toEqual({ answer: 200, warnings: [] });
    await expect.poll(() => lastUsed('asked-for')).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(Math.abs(parseTime(`${lastUsed('asked-for')}T00:00:00Z`) - cluster.clock.now())).toBeLessThan(
      2 * 86_400_000,
    );
    const { resourceVersion } = secret('asked-for').metadata;
    await ask('asked-for');
    expect(await ask('generated')).toEqual({
      answer: 200,
      warnings: [
        'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.',
      ],
    });
    await expect.poll(() => lastUsed('generated')).toBeTruthy();
    // Once a day.
    expect(secret('asked-for').metadata.resourceVersion).toBe(resourceVersion);
    const label = 'kubernetes.io/legacy-token-invalid-since';
    await secrets.patch('generated', 'merge', { metadata: { labels: { [label]: '2026-01-01' } } });
    await expect.poll(() => secret('generated').metadata.labels?.[label]).toBeTruthy();
    expect(await ask('generated')).toMatchObject({ answer: 401 });
    expect(await review('generated')).toMatchObject({
      error: expect.stringContaining(
        `the token in secret default/generated for service account default/bot has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${label}' label from the secret to temporarily allow use of this token`,
      ),
    });
  });
});
