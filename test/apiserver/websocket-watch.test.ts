/** Watches and logs over WebSocket: what Java's clients, browsers and dashboards do. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeDialer } from '../../src/apiserver/index.ts';
import { WebSocketConnection, type WebSocketMessage } from '../../src/wire/index.ts';
import { type HttpsServer, startHttpsServer } from './https-server.ts';
import { requestUpgrade, webSocketHeaders } from './upgrade-request.ts';

const refuse = () => Promise.reject(new Error('not asked'));
const nodes: NodeDialer = {
  http: refuse,
  exec: refuse,
  attach: refuse,
  portForward: refuse,
  containerLogs: async () =>
    (async function* () {
      yield Buffer.from('grün\n');
      yield Buffer.from([0, 255, 10]);
    })(),
};

let https: HttpsServer;
const configMaps = '/api/v1/namespaces/default/configmaps';
const create = async (path: string, body: object) => {
  const answer = await https.ask('POST', path, { body });
  expect(answer.code, answer.text).toBe(201);
  return answer.body;
};
beforeAll(async () => {
  const staticTokens = new Map([['s3cret/token', { name: 'jane', groups: ['system:masters'] }]]);
  https = await startHttpsServer({ staticTokens }, {}, undefined, nodes);
  await create('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await create('/api/v1/namespaces/default/pods', {
    metadata: { name: 'p' },
    spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'i' }] },
  });
});
afterAll(() => https.close());

const origin = { Origin: 'https://localhost' };

async function watch(query: string, headers: Record<string, string> = origin) {
  const { head, bytes, socket } = await requestUpgrade(https, 'GET', `${configMaps}?watch=true&${query}`, {
    ...webSocketHeaders(),
    ...headers,
  });
  expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols/);
  const connection = new WebSocketConnection(bytes, { role: 'client' });
  return { head, socket, connection, messages: connection.messages() };
}

async function next(messages: AsyncGenerator<WebSocketMessage>): Promise<WebSocketMessage> {
  const { value, done } = await messages.next();
  if (done) throw new Error('closed');
  return value;
}
const json = ({ data }: WebSocketMessage) => JSON.parse(Buffer.from(data).toString());

describe('a watch over WebSocket', () => {
  it('sends each event as one text message, as it happens', async () => {
    const made = await create(configMaps, { metadata: { name: 'first' }, data: { a: '1' } });
    const { messages, connection } = await watch(`resourceVersion=${Number(made.metadata.resourceVersion) - 1}`);
    const added = await next(messages);
    expect(added.binary).toBe(false);
    expect(json(added)).toMatchObject({ type: 'ADDED', object: { kind: 'ConfigMap', metadata: { name: 'first' } } });
    const patch = { body: { data: { a: '2' } }, contentType: 'application/merge-patch+json' };
    await https.ask('PATCH', `${configMaps}/first`, patch);
    expect(json(await next(messages))).toMatchObject({ type: 'MODIFIED', object: { data: { a: '2' } } });
    await https.ask('DELETE', `${configMaps}/first`);
    expect(json(await next(messages))).toMatchObject({ type: 'DELETED', object: { metadata: { name: 'first' } } });
    connection.close();
    expect((await messages.next()).done).toBe(true);
  });

  it('ends with a close frame when its time is over', async () => {
    const { messages } = await watch('timeoutSeconds=1&fieldSelector=metadata.name=none');
    expect((await messages.next()).done).toBe(true);
  });

  it('tells of a revision yet to come as a last event', async () => {
    const { messages } = await watch(
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=999999999',
    );
    expect(json(await next(messages))).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 504 } });
    expect((await messages.next()).done).toBe(true);
  });

  it('in protobuf a message is one event, without a length before it', async () => {
    const made = await create(configMaps, { metadata: { name: 'second' } });
    const accept = { Accept: 'application/vnd.kubernetes.protobuf;stream=watch' };
    const query = `resourceVersion=${Number(made.metadata.resourceVersion) - 1}`;
    const { messages, connection } = await watch(query, { ...origin, ...accept });
    const { binary, data } = await next(messages);
    expect(binary).toBe(true);
    // WatchEvent.type, field 1, then the object.
    expect(Buffer.from(data.subarray(0, 7)).toString('latin1')).toBe('\x0a\x05ADDED');
    expect(Buffer.from(data).includes('k8s\0')).toBe(true);
    connection.close();
  });

  it('ends in the server when the client says goodbye or just goes away', async () => {
    /** The gauge has a line for what is watched. */
    const cacheWatchers = async () =>
      Number(
        /^apiserver_longrunning_requests\{.*resource="configmaps".*\} (\d+)$/m.exec(
          (await https.ask('GET', '/metrics')).text,
        )?.[1] ?? 0,
      );
    const before = await cacheWatchers();
    const polite = await watch('fieldSelector=metadata.name=none');
    const rude = await watch('fieldSelector=metadata.name=none');
    expect(await cacheWatchers()).toBe(before + 2);
    polite.connection.close();
    for await (const _ of polite.messages);
    rude.socket.destroy();
    await expect.poll(cacheWatchers).toBe(before);
  });

  it('wants an Origin and at most one subprotocol, and answers with that one', async () => {
    const ask = (headers: Record<string, string>) => requestUpgrade(https, 'GET', `${configMaps}?watch=1`, headers);
    expect((await ask(webSocketHeaders())).head).toMatch(/^HTTP\/1\.1 403 /);
    expect((await ask({ ...webSocketHeaders('a, b'), ...origin })).head).toMatch(/^HTTP\/1\.1 400 /);
    const one = await ask({ ...webSocketHeaders('base64.binary.k8s.io'), ...origin });
    expect(one.head).toContain('Sec-WebSocket-Protocol: base64.binary.k8s.io');
    one.socket.destroy();
    const refused = await ask({ ...webSocketHeaders(), ...origin, Accept: 'application/xml' });
    expect(refused.head).toMatch(/^HTTP\/1\.1 406 /);
    const wrong = await requestUpgrade(https, 'GET', `${configMaps}?watch=1&resourceVersion=x`, {
      ...webSocketHeaders(),
      ...origin,
    });
    expect(wrong.head).toMatch(/^HTTP\/1\.1 400 /);
    expect(await wrong.body()).toContain('"kind":"Status"');
  });
});

describe('a log over WebSocket', () => {
  const log = '/api/v1/namespaces/default/pods/p/log';
  it.each([
    ['no subprotocol', undefined],
    ['binary.k8s.io', 'binary.k8s.io'],
    ['base64.binary.k8s.io', 'base64.binary.k8s.io'],
  ])('with %s: an empty message, then the bytes', async (_, protocol) => {
    const { head, bytes } = await requestUpgrade(https, 'GET', log, webSocketHeaders(protocol));
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    const base64 = protocol?.startsWith('base64') ?? false;
    const said: Buffer[] = [];
    for await (const { data, binary } of new WebSocketConnection(bytes, { role: 'client' }).messages()) {
      expect(binary).toBe(!base64);
      said.push(base64 ? Buffer.from(Buffer.from(data).toString(), 'base64') : Buffer.from(data));
    }
    expect(said).toEqual([Buffer.alloc(0), Buffer.from('grün\n'), Buffer.from([0, 255, 10])]);
  });

  it('refuses other subprotocols', async () => {
    const { head } = await requestUpgrade(https, 'GET', log, webSocketHeaders('v9.channel.k8s.io'));
    expect(head).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('a token as a subprotocol', () => {
  const path = `${configMaps}?watch=1&fieldSelector=metadata.name=none`;
  const bearer = (token: string) => `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
  const ask = (protocols: string) =>
    requestUpgrade(https, 'GET', path, { ...webSocketHeaders(protocols), ...origin }, null);

  it('says who asks, and is never sent back', async () => {
    const { head, socket } = await ask(`${bearer('s3cret/token')}, base64.binary.k8s.io`);
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(head).toContain('Sec-WebSocket-Protocol: base64.binary.k8s.io');
    expect(head).not.toContain('bearer');
    socket.destroy();
  });

  it.each([
    ['a wrong one', `${bearer('guess')}, x`],
    ['two', `${bearer('s3cret/token')}, ${bearer('s3cret/token')}, x`],
    ['no other subprotocol to answer with', bearer('s3cret/token')],
    ['bad base64', 'base64url.bearer.authorization.k8s.io.a+b=, x'],
  ])('%s is 401', async (_, protocols) => {
    expect((await ask(protocols)).head).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('none at all is anonymous, who may not watch', async () => {
    expect((await ask('x')).head).toMatch(/^HTTP\/1\.1 403 /);
  });
});
