import { request as httpsRequest } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpsServer, startHttpsServer } from './https-server.ts';

let server: HttpsServer;
beforeAll(async () => {
  server = await startHttpsServer(
    {
      routes: [
        {
          path: '/klab/v1/ping',
          verb: 'get',
          handler: async () => ({ code: 200, body: { kind: 'object', object: { pong: true } } }),
        },
      ],
      notice: () => (paused ? 'the cluster clock is paused' : undefined),
    },
    { compression: 'always' },
  );
  await server.ask('POST', '/api/v1/namespaces', { body: namespace('team') });
  await server.ask('POST', '/api/v1/namespaces/team/serviceaccounts', { body: account('default') });
  await server.ask('POST', '/api/v1/namespaces/team/serviceaccounts', { body: account('bot') });
});
afterAll(() => server.close());
let paused = false;

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const account = (name: string) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
const configMap = (name: string, data: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
const maps = '/api/v1/namespaces/team/configmaps';

describe('a new server', () => {
  it('is ready and has what every cluster has', async () => {
    expect((await server.ask('GET', '/readyz')).text).toBe('ok');
    const namespaces = (await server.ask('GET', '/api/v1/namespaces')).body.items.map(
      (each: any) => each.metadata.name,
    );
    expect(namespaces).toEqual(expect.arrayContaining(['default', 'kube-system', 'kube-public', 'kube-node-lease']));
    const roles = (await server.ask('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles')).body.items;
    expect(roles.length).toBe(69);
    const kubernetes = (await server.ask('GET', '/api/v1/namespaces/default/services/kubernetes')).body;
    expect(kubernetes.spec.clusterIP).toBe('10.96.0.1');
    const slice = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes';
    expect((await server.ask('GET', slice)).body.endpoints[0].addresses).toEqual(['192.0.2.1']);
    const classes = (await server.ask('GET', '/apis/scheduling.k8s.io/v1/priorityclasses')).body.items;
    expect(classes.map((each: any) => each.metadata.name).sort()).toEqual([
      'system-cluster-critical',
      'system-node-critical',
    ]);
  });

  it('writes nothing when it finds all that in its store', async () => {
    const first = await startHttpsServer({ clientCa: 'the same' });
    const revision = first.kv.revision;
    await first.server.close();
    const second = await startHttpsServer({ clientCa: 'the same' }, {}, first.kv);
    expect(second.kv.revision).toBe(revision);
    await second.close();
    await first.close();
  });

  it('shows strangers its health and version only', async () => {
    const stranger = { certificate: null };
    expect((await server.ask('GET', '/version', stranger)).body.gitVersion).toBe('v1.36.0+klab.0.0.0');
    expect((await server.ask('GET', '/livez', stranger)).code).toBe(200);
    for (const path of ['/api/v1/pods', '/apis', '/klab/v1/ping', '/metrics']) {
      expect((await server.ask('GET', path, stranger)).code).toBe(403);
    }
    expect((await server.ask('GET', '/klab/v1/ping')).body).toEqual({ pong: true });
    const wrong = { certificate: null, headers: { authorization: 'Bearer nonsense' } };
    expect((await server.ask('GET', '/version', wrong)).body).toMatchObject({ code: 401, message: 'Unauthorized' });
  });
});

describe('encodings', () => {
  it('takes YAML and gives YAML, Tables, and gzip for big lists', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {a: "1"}\n';
    expect((await server.ask('POST', maps, { body: yaml, contentType: 'application/yaml' })).code).toBe(201);
    const answer = await server.ask('GET', `${maps}/from-yaml`, { headers: { accept: 'application/yaml' } });
    expect(answer.headers['content-type']).toBe('application/yaml');
    expect(answer.text).toContain('data:\n  a: "1"');
    const table = await server.ask('GET', maps, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
    });
    expect(table.body).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
    });

    await server.ask('POST', maps, { body: configMap('big', { text: 'x'.repeat(300_000) }) });
    const packed = await server.ask('GET', maps, { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).toBe('gzip');
    const names = JSON.parse(gunzipSync(packed.bytes).toString()).items.map((each: any) => each.metadata.name);
    expect(names).toEqual(expect.arrayContaining(['big', 'from-yaml']));
  });

  it('refuses bodies over three megabytes', async () => {
    const body = configMap('huge', { text: 'x'.repeat(3 * 1024 * 1024) });
    expect((await server.ask('POST', maps, { body })).body).toMatchObject({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
  });

  it('warns every client while the clock is paused', async () => {
    paused = true;
    expect((await server.ask('GET', maps)).headers['warning']).toBe('299 - "the cluster clock is paused"');
    paused = false;
    expect((await server.ask('GET', maps)).headers['warning']).toBeUndefined();
  });
});

describe('watch', () => {
  it('streams changes as they happen', async () => {
    const revision = (await server.ask('GET', maps)).body.metadata.resourceVersion;
    const lines: any[] = [];
    const request = httpsRequest({
      host: '127.0.0.1',
      port: server.port,
      path: `${maps}?watch=1&resourceVersion=${revision}&fieldSelector=metadata.name%3Dwatched`,
      ca: server.pki.ca.cert,
      servername: 'localhost',
      agent: false,
      cert: server.pki.admin.cert,
      key: server.pki.admin.key,
    });
    const done = new Promise<void>((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
          const parts = text.split('\n');
          text = parts.pop()!;
          for (const part of parts) lines.push(JSON.parse(part));
          if (lines.length === 3) resolve();
        });
        void (async () => {
          await server.ask('POST', maps, { body: configMap('watched', { a: '1' }) });
          await server.ask('POST', maps, { body: configMap('unwatched') });
          await server.ask('PUT', `${maps}/watched`, { body: configMap('watched', { a: '2' }) });
          await server.ask('DELETE', `${maps}/watched`);
        })().catch(reject);
      });
    });
    request.end();
    await done;
    request.on('error', () => {});
    request.destroy();
    expect(lines.map((line) => [line.type, line.object.data.a])).toEqual([
      ['ADDED', '1'],
      ['MODIFIED', '2'],
      ['DELETED', '2'],
    ]);
  });
});

describe('identity', () => {
  it('lets a service account in with a token, as far as RBAC goes, from the moment it is bound', async () => {
    const token = (
      await server.ask('POST', '/api/v1/namespaces/team/serviceaccounts/bot/token', {
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } },
      })
    ).body.status.token;
    const bot = { certificate: null, headers: { authorization: `Bearer ${token}` } };
    expect((await server.ask('GET', maps, bot)).body.message).toBe(
      'configmaps is forbidden: User "system:serviceaccount:team:bot" cannot list resource "configmaps" in API group "" in the namespace "team"',
    );
    const binding = await server.ask('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/team/rolebindings', {
      body: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'bot-views' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'team' }],
      },
    });
    expect(binding.code).toBe(201);
    expect((await server.ask('GET', maps, bot)).code).toBe(200);
    expect((await server.ask('GET', '/api/v1/namespaces/default/configmaps', bot)).code).toBe(403);
    const escalation = await server.ask('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles', {
      ...bot,
      body: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'x' }, rules: [] },
    });
    expect(escalation.code).toBe(403);
    await server.ask('DELETE', '/api/v1/namespaces/team/serviceaccounts/bot');
    expect((await server.ask('GET', maps, bot)).code).toBe(401);
  });

  it('lets the admin act as somebody else', async () => {
    const jane = { headers: { 'impersonate-user': 'jane', 'impersonate-group': ['dev', 'ops'] } };
    const review = await server.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      ...jane,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    });
    expect(review.body.status.userInfo).toEqual({ username: 'jane', groups: ['dev', 'ops', 'system:authenticated'] });
    expect((await server.ask('GET', maps, jane)).code).toBe(403);
  });
});

describe('services', () => {
  const services = '/api/v1/namespaces/team/services';
  const port = (nodePort?: number) => [{ port: 80, ...(nodePort ? { nodePort } : {}) }];

  it('get addresses and ports, keep them over updates, and give them back', async () => {
    const made = (
      await server.ask('POST', services, { body: service('web', { type: 'NodePort', ports: port(30_123) }) })
    ).body;
    expect(made.spec).toMatchObject({ clusterIPs: [made.spec.clusterIP], ports: [{ nodePort: 30_123 }] });
    const taken = await server.ask('POST', services, { body: service('b', { type: 'NodePort', ports: port(30_123) }) });
    expect(taken.body.message).toBe(
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30123: provided port is already allocated',
    );
    const dry = await server.ask('POST', `${services}?dryRun=All`, {
      body: service('c', { type: 'NodePort', ports: port(30_124) }),
    });
    expect(dry.code).toBe(201);
    const patched = await server.ask('PATCH', `${services}/web`, {
      body: { metadata: { labels: { a: 'b' } } },
      contentType: 'application/merge-patch+json',
    });
    expect(patched.body.spec.clusterIP).toBe(made.spec.clusterIP);
    const status = { ...patched.body, spec: { type: 'ExternalName', externalName: 'x.y' } };
    expect((await server.ask('PUT', `${services}/web/status`, { body: status })).body.spec.clusterIP).toBe(
      made.spec.clusterIP,
    );
    const still = service('still', { clusterIP: made.spec.clusterIP, ports: port() });
    expect((await server.ask('POST', services, { body: still })).code).toBe(422);
    expect((await server.ask('DELETE', `${services}/web`)).code).toBe(200);
    for (const nodePort of [30_123, 30_124]) {
      const again = await server.ask('POST', services, {
        body: service(`n${nodePort}`, { type: 'NodePort', ports: port(nodePort) }),
      });
      expect(again.code).toBe(201);
    }
  });
});
