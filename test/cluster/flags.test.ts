/** Clusters with flags of upstream's components. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';
import { ensureClusterPki } from '../../src/pki/index.ts';
import { changes, quietCluster } from './lab.ts';

/** An API server alone, as API tests want it. */
const alone = { nodes: 0, scheduler: false, controllers: ['-*'] } as const;

it('without nodes, scheduler and controllers only the API server acts', async () => {
  await using cluster = await quietCluster(alone);
  await cluster.client
    .resource('deployments')
    .namespace('default')
    .create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
      },
    });
  // The first moments are the server's own: statuses of FlowSchemas.
  await cluster.clock.advance(1000);
  const { revision } = cluster.server;
  await cluster.clock.advance(600_000);
  expect(cluster.server.reader.list('replicasets.apps')).toEqual([]);
  expect(cluster.server.reader.list('serviceaccounts')).toEqual([]);
  expect(cluster.scheduler).toBeUndefined();
  const { body } = await cluster.transport.request({ method: 'GET', path: '/api/v1/componentstatuses' });
  expect((body as any).items.map((item: any) => `${item.metadata.name} ${item.conditions[0].status}`)).toEqual([
    'controller-manager False',
    'etcd-0 True',
    'scheduler False',
  ]);
  const written = changes(cluster, revision).filter(({ key }) => !Buffer.from(key).includes('/leases/'));
  // Beside its own Lease the server writes what it compacts, and nothing else.
  expect(written.length).toBeLessThan(10);
});

it('a cluster with some controllers is ready without what the others make', async () => {
  await using cluster = await quietCluster({
    ...alone,
    controllers: ['*', '-serviceaccount', '-root-ca-cert-publisher'],
  });
  expect(cluster.server.reader.list('serviceaccounts')).toEqual([]);
});

it('flags that are wrong end the start before anything is made', async () => {
  await expect(quietCluster({ flags: { 'event-ttl': '5' } })).rejects.toMatchObject({ code: 'InvalidOption' });
  await expect(quietCluster({ controllers: ['nope'] })).rejects.toMatchObject({
    code: 'InvalidOption',
    message: '"nope" is not in the list of known controllers',
  });
});

it('serves what runtime-config and feature-gates ask for', async () => {
  await using cluster = await quietCluster({
    ...alone,
    flags: {
      'runtime-config': 'api/alpha=true,api/beta=true,batch/v1/cronjobs=false',
      'feature-gates': 'AllAlpha=true',
    },
  });
  const get = (path: string) => cluster.transport.request({ method: 'GET', path });
  const { body } = (await get('/apis/scheduling.k8s.io/v1alpha2')) as { body: any };
  expect(body.resources.length).toBeGreaterThan(0);
  await expect(get('/apis/batch/v1/cronjobs')).rejects.toThrow('the server could not find the requested resource');
});

it('ranges of addresses and ports are those of the flags', async () => {
  await using cluster = await quietCluster({
    ...alone,
    flags: { 'service-cluster-ip-range': '10.7.0.0/24', 'service-node-port-range': '31000-31009' },
  });
  const service = await cluster.client
    .resource('services')
    .namespace('default')
    .create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    });
  expect(service['spec'].clusterIP).toMatch(/^10\.7\.0\./);
  expect(service['spec'].ports[0].nodePort).toBeGreaterThanOrEqual(31000);
  expect(service['spec'].ports[0].nodePort).toBeLessThanOrEqual(31009);
  expect(cluster.server.reader.get('services', 'default', 'kubernetes')?.['spec'].clusterIP).toBe('10.7.0.1');
});

describe('over HTTPS', () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-flags-'));
  const foreign = ensureClusterPki(join(dir, 'foreign'), { hosts: [], now: Date.now() });
  const jane = foreign.issueClient({ commonName: 'jane', organizations: ['dev'] }, Date.now());
  let cluster: Cluster;

  beforeAll(async () => {
    writeFileSync(join(dir, 'tokens.csv'), 'secret-token,robot,uid-7,"bots,dev"\n');
    cluster = await createCluster({
      ...alone,
      etcd: false,
      flags: {
        'anonymous-auth': 'false',
        'authorization-mode': 'AlwaysAllow',
        'client-ca-file': foreign.ca.certPath,
        'storage-media-type': 'application/vnd.kubernetes.protobuf',
        'tls-cert-file': foreign.apiserver.certPath,
        'tls-private-key-file': foreign.apiserver.keyPath,
        'token-auth-file': join(dir, 'tokens.csv'),
      },
    });
  });
  afterAll(async () => {
    await cluster?.stop();
    rmSync(dir, { recursive: true });
  });

  function ask(options: { cert?: string; key?: string; token?: string }): Promise<{ code: number; body: any }> {
    const { token, ...pair } = options;
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${cluster.apiEndpoint}/apis/authentication.k8s.io/v1/selfsubjectreviews`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
          ca: [readFileSync(cluster.certificates!.ca, 'utf8'), foreign.ca.cert],
          ...pair,
        },
        (answer) => {
          let text = '';
          answer.on('data', (chunk) => {
            text += chunk;
          });
          answer.on('end', () => resolve({ code: answer.statusCode!, body: JSON.parse(text) }));
        },
      );
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify(review));
    });
  }

  it('static tokens and certificates of a further CA say who one is, and klab’s own keep to count', async () => {
    const robot = await ask({ token: 'secret-token' });
    expect(robot.body.status.userInfo).toMatchObject({ username: 'robot', uid: 'uid-7' });
    expect(robot.body.status.userInfo.groups).toEqual(expect.arrayContaining(['bots', 'dev', 'system:authenticated']));
    expect((await ask(jane)).body.status.userInfo).toMatchObject({ username: 'jane' });
    const own = {
      cert: readFileSync(cluster.certificates!.clientCert, 'utf8'),
      key: readFileSync(cluster.certificates!.clientKey, 'utf8'),
    };
    expect((await ask(own)).body.status.userInfo).toMatchObject({ username: 'kubernetes-admin' });
  });

  it('who is nobody is refused when anonymous requests are', async () => {
    expect((await ask({})).code).toBe(401);
    expect((await ask({ token: 'wrong' })).code).toBe(401);
  });

  it('objects lie in the store as protobuf', async () => {
    const key = Buffer.from('/registry/namespaces/default');
    const { kvs } = await cluster.etcd.member().range({ key });
    expect(Buffer.from(kvs[0]!.value).subarray(0, 4).toString('latin1')).toBe('k8s\0');
    const found = await cluster.client.resource('namespaces').get('default');
    expect(found['status'].phase).toBe('Active');
  });

  it('their history is objects too, Secrets masked', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: 'hunter2' } };
    await cluster.client.resource('secrets').namespace('default').create(secret);
    const historyOf = async (showSecrets: string) => {
      const query = { key: '/registry/secrets/default/s', showSecrets };
      const { body } = await cluster.transport.request({ method: 'GET', path: '/klab/v1/etcd/history', query });
      return (body as any).items[0].value;
    };
    expect(await historyOf('false')).toMatchObject({
      kind: 'Secret',
      metadata: { name: 's' },
      data: { password: '(masked; add --show-secrets to see it)' },
    });
    expect((await historyOf('true')).data).toEqual({ password: Buffer.from('hunter2').toString('base64') });
  });
});
