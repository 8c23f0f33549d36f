import { describe, expect, it } from 'vitest';
import type { ConfigMap, Pod, Secret, ServiceAccount } from '../../src/api/index.ts';
import { rfc3339 } from '../../src/base/index.ts';
import { LegacyTokenCleaner, ServiceAccountTokenController } from '../../src/controllers/index.ts';
import { quietCluster, until } from '../cluster/lab.ts';
import { Lab } from '../helpers/controllers.ts';

const namespace = 'default';
const account = (name = 'bot', extra: object = {}): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
  ...extra,
});
const tokenSecret = (name = 'bot-token', of = 'bot'): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/service-account-token',
  metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': of } },
});
const text = (value: string | undefined) => Buffer.from(value ?? '', 'base64').toString();

function start(l: Lab): Lab {
  return l.start(new ServiceAccountTokenController(l.context, (claims) => `token:${JSON.stringify(claims)}`));
}

describe('token Secrets', () => {
  it('are filled with token, CA and namespace, and name the uid of their account', async () => {
    await using l = start(new Lab());
    const bot = await l.create('serviceaccounts', account());
    await l.create('secrets', tokenSecret());
    const secret = () => l.get<Secret>('secrets', namespace, 'bot-token');
    await l.until('filled', async () => (await secret())!.data?.['token'] !== undefined);
    const { data, metadata } = (await secret())!;
    expect(text(data!['ca.crt'])).toBe('PEM');
    expect(text(data!['namespace'])).toBe(namespace);
    expect(JSON.parse(text(data!['token']).slice('token:'.length))).toEqual({
      iss: 'kubernetes/serviceaccount',
      sub: 'system:serviceaccount:default:bot',
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': 'bot-token',
      'kubernetes.io/serviceaccount/service-account.name': 'bot',
      'kubernetes.io/serviceaccount/service-account.uid': bot.metadata.uid,
    });
    expect(metadata.annotations!['kubernetes.io/service-account.uid']).toBe(bot.metadata.uid);
  });

  it('go when their account goes, and at once when it never was', async () => {
    await using l = start(new Lab());
    await l.create('serviceaccounts', account());
    await l.create('secrets', tokenSecret());
    await l.create('secrets', tokenSecret('stray', 'nobody'));
    await l.create('secrets', { ...tokenSecret('other'), type: 'Opaque' });
    const names = async () => (await l.list('secrets')).map(({ metadata }) => metadata.name).sort();
    await l.until('stray gone', async () => (await names()).join() === 'bot-token,other');
    await l.client.resource('serviceaccounts').namespace(namespace).delete('bot');
    await l.until('gone', async () => (await names()).join() === 'other');
  });

  it('are made anew by hand: a Secret whose account was replaced goes, one of the new account is filled', async () => {
    await using l = start(new Lab());
    await l.create('serviceaccounts', account());
    await l.create('secrets', tokenSecret());
    await l.until(
      'filled',
      async () => (await l.get<Secret>('secrets', namespace, 'bot-token'))?.data?.['token'] !== undefined,
    );
    await l.client.resource('serviceaccounts').namespace(namespace).delete('bot');
    await l.create('serviceaccounts', account());
    await l.until('old gone', async () => (await l.list('secrets')).length === 0);
    await l.create('secrets', tokenSecret());
    await l.until('filled', async () => (await l.get<Secret>('secrets', namespace, 'bot-token'))?.data !== undefined);
  });

  it('that go are no longer listed by their account', async () => {
    await using l = start(new Lab());
    await l.create('serviceaccounts', account('bot', { secrets: [{ name: 'bot-token' }, { name: 'mine' }] }));
    await l.create('secrets', tokenSecret());
    await l.clock.advance(100);
    await l.client.resource('secrets').namespace(namespace).delete('bot-token');
    const listed = async () => (await l.get<ServiceAccount>('serviceaccounts', namespace, 'bot'))!.secrets;
    await l.until('not listed', async () => (await listed())!.length === 1);
    expect(await listed()).toEqual([{ name: 'mine' }]);
  });

  it('are taken by the API server for as long as they exist', async () => {
    await using cluster = await quietCluster({ nodes: 0 });
    const secrets = cluster.client.resource<Secret>('secrets').namespace(namespace);
    await cluster.client.resource<ServiceAccount>('serviceaccounts').namespace(namespace).create(account());
    await secrets.create(tokenSecret());
    const token = () => text(cluster.server.reader.get('secrets', namespace, 'bot-token')?.['data']?.token);
    await until(cluster, 'filled', () => token() !== '');
    const review = async (value: string): Promise<any> =>
      (
        await cluster.client.resource('tokenreviews').create({
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          metadata: {},
          spec: { token: value },
        } as any)
      )['status'];
    const held = token();
    expect(await review(held)).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:bot' },
    });
    expect((await review(`${held.slice(0, -4)}AAAA`)).authenticated).not.toBe(true);
    await secrets.delete('bot-token');
    expect(await review(held)).toMatchObject({ error: expect.stringContaining('has been invalidated') });
  });
});

describe('tokens of old clusters', () => {
  const day = 86_400_000;
  const period = 10 * day;
  const tracking = (since: string): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace: 'kube-system' },
    data: { since },
  });

  it('are marked a period after tracking began, and deleted another period later; what is used, mounted or hand-made stays', async () => {
    await using l = new Lab({ legacyTokenCleanUpMs: period });
    await l.create('configmaps', tracking('2026-01-01'));
    const names = ['unused', 'used', 'mounted', 'handmade'];
    const listed = names.filter((name) => name !== 'handmade').map((name) => ({ name }));
    await l.create('serviceaccounts', account('bot', { secrets: listed }));
    for (const name of names) await l.create('secrets', tokenSecret(name));
    await l.create('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace },
      spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', secret: { secretName: 'mounted' } }] },
    } as Pod);
    l.start(new LegacyTokenCleaner(l.context));
    const secret = (name: string) => l.get<Secret>('secrets', namespace, name);
    const invalidSince = async (name: string) =>
      (await secret(name))?.metadata.labels?.['kubernetes.io/legacy-token-invalid-since'];
    const use = async () => {
      const labels = { 'kubernetes.io/legacy-token-last-used': rfc3339(l.clock.now()).slice(0, 10) };
      await l.client.resource('secrets').namespace(namespace).patch('used', 'merge', { metadata: { labels } });
    };
    await l.clock.advance(period);
    expect(await invalidSince('unused')).toBeUndefined();
    await use();
    await l.clock.advance(2 * day);
    expect(await invalidSince('unused')).toBe('2026-01-12');
    for (const name of ['used', 'mounted', 'handmade']) expect(await invalidSince(name)).toBeUndefined();
    await l.clock.advance(period - 3 * day);
    await use();
    expect(await secret('unused')).toBeDefined();
    await l.clock.advance(4 * day);
    expect(await secret('unused')).toBeUndefined();
    for (const name of ['used', 'mounted', 'handmade']) expect(await secret(name)).toBeDefined();
  });

  it('stay when nobody knows since when their use is noted', async () => {
    await using l = new Lab({ legacyTokenCleanUpMs: period });
    await l.create('serviceaccounts', account('bot', { secrets: [{ name: 'unused' }] }));
    await l.create('secrets', tokenSecret('unused'));
    l.start(new LegacyTokenCleaner(l.context));
    await l.clock.advance(3 * period);
    const secret = await l.get<Secret>('secrets', namespace, 'unused');
    expect(secret!.metadata.labels).toBeUndefined();
  });
});
