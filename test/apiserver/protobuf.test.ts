/** What client-go's typed clients do: they send protobuf, prefer it, and take JSON where there is none. */
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeProtobuf, encodeProtobuf } from '../../src/api/index.ts';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { type Answer, type HttpsServer, startHttpsServer } from './https-server.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const preferred = `${protobuf},application/json`;
const maps = '/api/v1/namespaces/team/configmaps';
const pods = '/api/v1/namespaces/team/pods';

let server: HttpsServer;
beforeAll(async () => {
  server = await startHttpsServer({}, { compression: 'always' });
  await ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
  await ask('POST', '/api/v1/namespaces/team/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
});
afterAll(() => server.close());

const configMap = (name: string, data: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

/** As client-go asks. */
function ask(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
  return server.ask(method, path, {
    headers: { accept: preferred, ...headers },
    ...(body ? { body: encodeProtobuf(body), contentType: protobuf } : {}),
  });
}

function decoded(answer: Answer): KubeObject {
  expect(answer.headers['content-type']).toBe(protobuf);
  return decodeProtobuf(answer.bytes);
}

describe('protobuf over HTTP', () => {
  it('creates, reads, updates and deletes as JSON does', async () => {
    const created = await ask('POST', `${maps}?fieldManager=me`, configMap('a', { k: 'v' }));
    expect(created.code).toBe(201);
    const object = decoded(created);
    expect(object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { k: 'v' } });
    expect(object.metadata.managedFields).toMatchObject([{ manager: 'me', fieldsV1: { 'f:data': { 'f:k': {} } } }]);

    const asJson = (await server.ask('GET', `${maps}/a`)).body;
    expect(decoded(await ask('GET', `${maps}/a`))).toEqual(asJson);

    const updated = await ask('PUT', `${maps}/a`, { ...object, data: { k: 'w' } });
    expect(decoded(updated)['data']).toEqual({ k: 'w' });
    const again = decoded(await ask('PUT', `${maps}/a`, decoded(updated)));
    expect(again.metadata.resourceVersion).toBe(decoded(updated).metadata.resourceVersion);
    expect((await ask('PUT', `${maps}/a`, object)).code).toBe(409);

    const patch = await server.ask('PATCH', `${maps}/a`, {
      headers: { accept: preferred },
      body: { data: { p: '1' } },
      contentType: 'application/merge-patch+json',
    });
    expect(decoded(patch)['data']).toEqual({ k: 'w', p: '1' });

    const options = (uid: string) => ({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } });
    expect((await ask('DELETE', `${maps}/a`, options('another'))).code).toBe(409);
    const deleted = decoded(await ask('DELETE', `${maps}/a`, options(object.metadata.uid!)));
    expect(deleted).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'a' } });
  });

  it('changes nothing of a pod that only went through protobuf and back', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: {
        containers: [
          {
            name: 'c',
            image: 'nginx',
            ports: [{ containerPort: 80 }],
            env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
            // Zeros that Go does not show, and some that it does.
            stdin: false,
            workingDir: '',
            securityContext: { privileged: false, runAsUser: 0 },
            livenessProbe: { httpGet: { port: 80 }, initialDelaySeconds: 0 },
            volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
          },
        ],
        hostNetwork: false,
        volumes: [{ name: 'tmp', emptyDir: {} }],
      },
    };
    const stored = (await server.ask('POST', pods, { body: pod })).body;
    expect(stored.spec).not.toHaveProperty('hostNetwork');
    expect(stored.spec.containers[0].securityContext).toEqual({ privileged: false, runAsUser: 0 });
    const back = decoded(await ask('PUT', `${pods}/p`, decoded(await ask('GET', `${pods}/p`))));
    expect(back.metadata.resourceVersion).toBe(stored.metadata.resourceVersion);
    expect(back['spec']).toEqual(stored.spec);
  });

  it('tells of failures as a Status', async () => {
    const missing = await ask('GET', `${maps}/none`);
    expect(missing.code).toBe(404);
    expect(decoded(missing)).toMatchObject({ kind: 'Status', reason: 'NotFound', details: { name: 'none' } });
    const invalid = await ask('POST', maps, configMap('Not_A_Name'));
    expect(invalid.code).toBe(422);
    expect(decoded(invalid)['details'].causes).toMatchObject([{ field: 'metadata.name' }]);
  });

  it('refuses bodies that are no protobuf, or of another kind', async () => {
    const bad = await server.ask('POST', maps, { body: 'k8s', contentType: protobuf });
    expect(bad.body).toMatchObject({
      code: 400,
      message:
        'the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (6b3873)',
    });
    const other = await ask('POST', maps, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } });
    expect(decoded(other)).toMatchObject({
      code: 400,
      message:
        'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    });
  });

  it('answers subresources and reviews', async () => {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: {},
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    expect(decoded(await ask('POST', path, review))['status']).toMatchObject({ allowed: true });

    const token = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { audiences: [], expirationSeconds: 600 },
    };
    const answer = await ask('POST', '/api/v1/namespaces/team/serviceaccounts/default/token', token);
    expect(decoded(answer)['status'].token).toMatch(/^ey/);

    await ask('POST', '/apis/apps/v1/namespaces/team/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: {
        selector: { matchLabels: { app: 'd' } },
        template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
    const scalePath = '/apis/apps/v1/namespaces/team/deployments/d/scale';
    const scale = decoded(await ask('GET', scalePath));
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 1 } });
    const scaled = await ask('PUT', scalePath, { ...scale, spec: { replicas: 3 } });
    expect(decoded(scaled)['spec']).toEqual({ replicas: 3 });
  });

  it('lists, in one piece or compressed', async () => {
    for (const name of ['l1', 'l2']) await ask('POST', `${maps}`, configMap(name, { text: name.repeat(60_000) }));
    const asJson = (await server.ask('GET', maps)).body;
    const plain = await ask('GET', maps);
    expect(Number(plain.headers['content-length'])).toBe(plain.bytes.length);
    const list = decoded(plain);
    expect(list).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1', metadata: asJson.metadata });
    // Items of lists do not say what they are, here as in Go.
    expect(list['items']).toEqual(asJson.items.map(({ apiVersion: _, kind: __, ...item }: KubeObject) => item));
    const { gunzipSync } = await import('node:zlib');
    const packed = await ask('GET', maps, undefined, { 'accept-encoding': 'gzip' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.bytes).equals(plain.bytes)).toBe(true);
    expect(decoded(await ask('GET', `${maps}?labelSelector=none`))['items']).toBeUndefined();
  });

  it('streams a watch as frames', async () => {
    const events = await watch(`${maps}?watch=1&resourceVersion=1&fieldSelector=metadata.name=w`, 2, async () => {
      await ask('POST', maps, configMap('w'));
      await ask('DELETE', `${maps}/w`);
    });
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
    expect(events[0]!.object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'w' } });
  });

  it('writes metadata alone as protobuf, and Tables as JSON to those who take it', async () => {
    const as = (kind: string, type: string) => `${type};as=${kind};g=meta.k8s.io;v=v1`;
    const partial = await ask('GET', maps, undefined, { accept: as('PartialObjectMetadataList', protobuf) });
    expect(decoded(partial)).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' });
    expect(decoded(partial)['items'][0].metadata.name).toBe('l1');
    const accept = `${as('Table', protobuf)},${as('Table', 'application/json')}`;
    expect((await ask('GET', maps, undefined, { accept })).body.kind).toBe('Table');
    expect((await ask('GET', maps, undefined, { accept: as('Table', protobuf) })).code).toBe(406);
  });

  it('answers custom resources as JSON, or 406 to those who take nothing else', async () => {
    const { builtinResources } = await import('../../src/api/index.ts');
    const row = builtinResources.find((each) => each.plural === 'configmaps')!;
    await server.server.installResource({
      ...row,
      group: 'stable.example.com',
      kind: 'CronTab',
      listKind: 'CronTabList',
      plural: 'crontabs',
      etcdPrefix: 'stable.example.com/crontabs',
      storageVersion: 'stable.example.com/v1',
      schema: { type: 'object', preserveUnknownFields: true },
    });
    const tabs = '/apis/stable.example.com/v1/namespaces/team/crontabs';
    const body = { apiVersion: 'stable.example.com/v1', kind: 'CronTab', metadata: { name: 't' } };
    expect((await server.ask('POST', tabs, { body })).code).toBe(201);
    expect((await ask('GET', tabs)).body.items).toHaveLength(1);
    expect((await ask('GET', `${tabs}/t`)).body.kind).toBe('CronTab');
    expect((await ask('GET', tabs, undefined, { accept: protobuf })).code).toBe(406);
    const partial = `${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
    expect(decoded(await ask('GET', `${tabs}/t`, undefined, { accept: partial })).metadata.name).toBe('t');
    expect((await ask('DELETE', `${tabs}/t`, { apiVersion: body.apiVersion, kind: 'DeleteOptions' })).code).toBe(200);
  });
});

/** The first `count` events of a watch that is open while `during` runs. */
function watch(
  path: string,
  count: number,
  during: () => Promise<void>,
): Promise<{ type: string; object: KubeObject }[]> {
  const { pki, port } = server;
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        ca: pki.ca.cert,
        servername: 'localhost',
        agent: false,
        cert: pki.admin.cert,
        key: pki.admin.key,
        headers: { accept: preferred },
      },
      (response) => {
        expect(response.headers['content-type']).toBe(`${protobuf};stream=watch`);
        during().catch(reject);
        let bytes = Buffer.alloc(0);
        const events: { type: string; object: KubeObject }[] = [];
        response.on('data', (chunk: Buffer) => {
          bytes = Buffer.concat([bytes, chunk]);
          while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
            const size = bytes.readUInt32BE(0);
            events.push(eventOf(bytes.subarray(4, 4 + size)));
            bytes = bytes.subarray(4 + size);
          }
          if (events.length < count) return;
          request.destroy();
          resolve(events);
        });
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** meta/v1 WatchEvent: type = 1, object = 2, whose raw = 1. */
function eventOf(frame: Buffer): { type: string; object: KubeObject } {
  const typeSize = frame[1]!;
  const start = frame.indexOf('k8s\0');
  expect(frame[0]).toBe(0x0a);
  expect(frame[2 + typeSize]).toBe(0x12);
  return { type: frame.toString('utf8', 2, 2 + typeSize), object: decodeProtobuf(frame.subarray(start)) };
}
