import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StatusError } from '../../src/apimachinery/index.ts';
import type { NodeDialer } from '../../src/apiserver/index.ts';
import type { Transport } from '../../src/client/index.ts';
import { configMap, configMaps, type Harness, pod, pods, startHarness } from './harness.ts';

let h: Harness;
const asked: unknown[] = [];
const nodes: Pick<NodeDialer, 'containerLogs'> = {
  async containerLogs(node, { name }, options) {
    asked.push([node, name, options.container, options.tailLines]);
    return (async function* () {
      yield Buffer.from('one\n');
      yield Buffer.from('two\n');
    })();
  },
};
beforeEach(async () => {
  h = await startHarness({ deps: { nodes: nodes as NodeDialer } });
});
afterEach(() => h.close());

describe('the in-process door', () => {
  it('is a transport for clients', () => {
    const transport: Transport = h.client;
    expect(transport).toBe(h.client);
  });

  it('hands out shared objects that nobody can change', async () => {
    await h.post(configMaps, configMap('a'));
    const first = await h.get(`${configMaps}/a`);
    expect(await h.get(`${configMaps}/a`)).toBe(first);
    expect((await h.get(configMaps)).items[0]).toBe(first);
    expect(() => {
      first.data.a = 'changed';
    }).toThrow(TypeError);
  });

  it('throws failures as StatusErrors', async () => {
    const error = await h.get(`${configMaps}/none`).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StatusError);
    expect((await h.get('/api/v1/nothings').catch((thrown: unknown) => thrown)) as StatusError).toMatchObject({
      status: { code: 404, message: 'the server could not find the requested resource' },
    });
  });

  it('streams logs of the container that is meant', async () => {
    const read = async (name: string, query: Record<string, string> = {}) => {
      let text = '';
      const chunks = await h.client.stream({ method: 'GET', path: `${pods}/${name}/log`, query });
      for await (const chunk of chunks) text += Buffer.from(chunk).toString();
      return text;
    };
    await h.post(pods, pod('one', { nodeName: 'n1' }));
    const two = { nodeName: 'n1', containers: ['a', 'b'].map((name) => ({ name, image: 'x' })) };
    await h.post(pods, pod('two', two));
    await h.post(pods, pod('waiting'));
    expect(await read('one', { tailLines: '5' })).toBe('one\ntwo\n');
    expect(asked.at(-1)).toEqual(['n1', 'one', 'web', 5]);
    expect(await read('waiting')).toBe('');
    await expect(read('two')).rejects.toThrow('a container name must be specified for pod two, choose one of: [a b]');
    await expect(read('two', { container: 'c' })).rejects.toThrow('container c is not valid for pod two');
  });

  it('refuses verbs a path does not have', async () => {
    const code = (request: Parameters<typeof h.client.request>[0]) =>
      h.client.request(request).then(
        () => 200,
        (error: StatusError) => error.code,
      );
    expect(await code({ method: 'DELETE', path: '/api/v1/configmaps' })).toBe(405);
    expect(await code({ method: 'POST', path: '/api/v1/configmaps', body: configMap('a') })).toBe(405);
    expect(await code({ method: 'GET', path: `${configMaps}/a/status` })).toBe(404);
    expect(await code({ method: 'GET', path: '/api/v1/namespaces/default/nodes' })).toBe(404);
    expect(await code({ method: 'DELETE', path: `${pods}/a/binding` })).toBe(405);
  });
});

describe('resources at run time', () => {
  it('come and go', async () => {
    const [definition] = h.server.definitions().filter(({ plural }) => plural === 'configmaps');
    const widgets = { ...definition!, group: 'example.com', plural: 'widgets', kind: 'Widget' };
    const { version } = h.server;
    await h.server.installResource({
      ...widgets,
      storageVersion: 'example.com/v1',
      etcdPrefix: 'example.com/widgets',
      schema: { type: 'object', preserveUnknownFields: true },
      strategy: {},
    });
    expect(h.server.version).toBeGreaterThan(version);
    const path = '/apis/example.com/v1/namespaces/default/widgets';
    await h.post(path, { metadata: { name: 'w' }, size: 3 });
    expect((await h.get(path)).items[0].size).toBe(3);
    expect(h.server.reader.get('widgets.example.com', 'default', 'w')?.['size']).toBe(3);
    h.server.removeResource(widgets);
    await expect(h.get(path)).rejects.toThrow('the server could not find the requested resource');
  });
});
