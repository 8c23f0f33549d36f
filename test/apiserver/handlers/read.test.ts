import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { yieldToEventLoop } from '../../../src/base/index.ts';
import { configMap, configMaps, type Harness, pod, pods, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
});
afterEach(() => h.close());

async function failure(work: Promise<unknown>): Promise<any> {
  try {
    await work;
  } catch (error) {
    return (error as { status: unknown }).status;
  }
  throw new Error('the request succeeded');
}

const namesOf = (list: any) => list.items.map((item: any) => item.metadata.name);

describe('list', () => {
  it('shows own writes at once, of one namespace or all, in key order', async () => {
    await h.post(configMaps, configMap('b'));
    await h.post(configMaps, configMap('a'));
    await h.post('/api/v1/namespaces/other/configmaps', configMap('c'));
    expect(namesOf(await h.get(configMaps))).toEqual(['a', 'b']);
    const all = await h.get('/api/v1/configmaps');
    expect(namesOf(all)).toEqual(['a', 'b', 'c']);
    expect(all.metadata).toEqual({ resourceVersion: '4' });
  });

  it('pages with limit and continue at the revision of the first page, from cache and from the store', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await h.post(configMaps, configMap(name));
    const first = await h.get(configMaps, { limit: '2' });
    expect(namesOf(first)).toEqual(['a', 'b']);
    expect(first.metadata).toMatchObject({ resourceVersion: '6', remainingItemCount: 3 });
    const token = JSON.parse(Buffer.from(first.metadata.continue, 'base64url').toString());
    expect(token).toEqual({ v: 'meta.k8s.io/v1', rv: 6, start: 'b\0' });
    const ranges = h.kv.calls['range'];
    const second = await h.get(configMaps, { limit: '2', continue: first.metadata.continue });
    expect(namesOf(second)).toEqual(['c', 'd']);
    expect(second.metadata.remainingItemCount).toBe(1);
    expect(h.kv.calls['range']).toBe(ranges);
    // Something changes: the pages still show the first page's revision.
    await h.delete(`${configMaps}/e`);
    await h.post(configMaps, configMap('f'));
    const third = await h.get(configMaps, { limit: '2', continue: second.metadata.continue });
    expect(namesOf(third)).toEqual(['e']);
    expect(third.metadata).toEqual({ resourceVersion: '6' });
    await h.kv.compact(8);
    const gone = await failure(h.get(configMaps, { limit: '2', continue: second.metadata.continue }));
    expect([gone.code, gone.reason]).toEqual([410, 'Expired']);
    const rest = await h.get(configMaps, { limit: '2', continue: gone.metadata.continue });
    expect(namesOf(rest)).toEqual(['f']);
  });

  it('selects by labels and fields and says which fields it does not know', async () => {
    await h.post(pods, pod('a', { nodeName: 'n1' }, { labels: { app: 'x' } }));
    await h.post(pods, pod('b', { nodeName: 'n2' }, { labels: { app: 'x' } }));
    await h.post(pods, pod('c', { nodeName: 'n1' }));
    expect(namesOf(await h.get(pods, { labelSelector: 'app in (x,y)' }))).toEqual(['a', 'b']);
    expect(namesOf(await h.get('/api/v1/pods', { fieldSelector: 'spec.nodeName=n1' }))).toEqual(['a', 'c']);
    expect(namesOf(await h.get(pods, { fieldSelector: 'metadata.name=b' }))).toEqual(['b']);
    expect((await failure(h.get(pods, { fieldSelector: 'spec.foo=1' }))).message).toBe(
      'field label not supported: spec.foo',
    );
    expect((await failure(h.get(configMaps, { fieldSelector: 'data=1' }))).message).toBe(
      '"data" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
    expect((await failure(h.get(pods, { labelSelector: 'a=b=c' }))).code).toBe(400);
  });

  it('answers past, present and future resourceVersions as upstream', async () => {
    await h.post(configMaps, configMap('a'));
    await h.post(configMaps, configMap('b'));
    const exact = { resourceVersion: '2', resourceVersionMatch: 'Exact' };
    expect(namesOf(await h.get(configMaps, exact))).toEqual(['a']);
    expect(namesOf(await h.get(configMaps, { resourceVersion: '2' }))).toEqual(['a', 'b']);
    expect(namesOf(await h.get(configMaps, { resourceVersion: '0' }))).toEqual(['a', 'b']);
    expect(await failure(h.get(configMaps, { resourceVersion: '99' }))).toMatchObject({
      code: 504,
      message: 'Timeout: Too large resource version: 99, current: 3',
    });
    await h.kv.compact(3);
    expect(await failure(h.get(configMaps, exact))).toMatchObject({ code: 410, reason: 'Expired' });
    expect((await failure(h.get(configMaps, { resourceVersionMatch: 'Exact' }))).message).toBe(
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  });

  it('joins cached bytes that equal the objects', async () => {
    await h.post(configMaps, configMap('a'));
    const response = await h.server.handle({
      method: 'GET',
      path: configMaps,
      query: new URLSearchParams(),
      headers: {},
      signal: new AbortController().signal,
      user: { name: 'x', groups: [] },
    });
    if (response.body.kind !== 'list') throw new Error('not a list');
    const [item] = response.body.items;
    expect(JSON.parse(Buffer.from(item!.encoded()).toString())).toEqual(item!.object);
    expect(item!.encoded()).toBe(item!.encoded());
  });
});

describe('tables and metadata', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

  it('prints rows with what includeObject asks for', async () => {
    await h.post(configMaps, configMap('a', { x: '1', y: '2' }));
    const read = async (query: Record<string, string>) =>
      (await h.client.request({ method: 'GET', path: configMaps, query, accept: table })).body;
    const printed = await read({});
    expect(printed).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    expect(printed.columnDefinitions.map((column: any) => column.name)).toEqual(['Name', 'Data', 'Age']);
    expect(printed.rows[0].cells).toEqual(['a', 2, '0s']);
    expect(printed.rows[0].object.kind).toBe('PartialObjectMetadata');
    expect((await read({ includeObject: 'None' })).rows[0].object).toBeNull();
    expect((await read({ includeObject: 'Object' })).rows[0].object.data).toEqual({ x: '1', y: '2' });
  });

  it('gives metadata alone', async () => {
    await h.post(configMaps, configMap('a'));
    const { body } = await h.client.request({
      method: 'GET',
      path: configMaps,
      accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    });
    expect(body.kind).toBe('PartialObjectMetadataList');
    expect(Object.keys(body.items[0]).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
  });

  it('is not acceptable for what is not stored', async () => {
    const { code } = await failure(
      h.client.request({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: { spec: {} },
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      }),
    );
    expect(code).toBe(406);
  });

  it('sends tables in watches, the columns once', async () => {
    await h.post(configMaps, configMap('a'));
    const events = await h.client.watch({ method: 'GET', path: configMaps, accept: table });
    await h.post(configMaps, configMap('b'));
    const seen: any[] = [];
    for await (const event of events) {
      seen.push(event.object);
      if (seen.length === 2) break;
    }
    expect(seen.map((each) => [each.columnDefinitions.length, each.rows[0].cells[0]])).toEqual([
      [3, 'a'],
      [0, 'b'],
    ]);
  });
});

describe('watch', () => {
  /** Reads events until `count` are there. */
  async function take(query: Record<string, string>, count: number, during?: () => Promise<void>): Promise<string[]> {
    const abort = new AbortController();
    const events = await h.client.watch({ method: 'GET', path: configMaps, query, signal: abort.signal });
    await during?.();
    const seen: string[] = [];
    for await (const { type, object } of events) {
      const { name, resourceVersion } = object.metadata as any;
      seen.push(`${type} ${name ?? ''}@${resourceVersion}`);
      if (seen.length === count) abort.abort();
    }
    return seen;
  }

  it('starts from the state, from a revision, or with initial events and their end', async () => {
    await h.post(configMaps, configMap('a'));
    await h.post(configMaps, configMap('b'));
    const change = async () => void (await h.patch(`${configMaps}/a`, { data: { n: String(h.kv.revision) } }));
    expect(await take({}, 3, change)).toEqual(['ADDED a@2', 'ADDED b@3', 'MODIFIED a@4']);
    expect(await take({ resourceVersion: '2' }, 2)).toEqual(['ADDED b@3', 'MODIFIED a@4']);
    const streaming = {
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
    };
    expect(await take(streaming, 3)).toEqual(['ADDED a@4', 'ADDED b@3', 'BOOKMARK @4']);
  });

  it('ends when its time is over, after a last bookmark', async () => {
    const events = await h.client.watch({
      method: 'GET',
      path: configMaps,
      query: { timeoutSeconds: '10', allowWatchBookmarks: 'true', resourceVersion: '0' },
    });
    await h.post(pods, pod('elsewhere'));
    await h.get(configMaps);
    const seen: string[] = [];
    const done = (async () => {
      for await (const event of events) seen.push(`${event.type}@${(event.object.metadata as any).resourceVersion}`);
    })();
    await h.clock.advance(8_500);
    // The first ends the initial events.
    expect(seen).toEqual(['BOOKMARK@1', 'BOOKMARK@2']);
    await h.clock.advance(2_000);
    await done;
  });

  it('answers an expired revision with an ERROR event', async () => {
    await h.close();
    const { kv } = h;
    for (let i = 0; i < 3; i++) await kv.put({ key: Buffer.from('/x'), value: Buffer.from('y') });
    await kv.compact(4);
    h = await startHarness({ kv });
    const events = await h.client.watch({ method: 'GET', path: configMaps, query: { resourceVersion: '1' } });
    for await (const event of events) {
      expect(event).toMatchObject({
        type: 'ERROR',
        object: { code: 410, reason: 'Expired', message: 'too old resource version: 1 (4)' },
      });
    }
  });

  it('refuses options that contradict each other', async () => {
    const status = await failure(
      h.client.watch({ method: 'GET', path: configMaps, query: { resourceVersionMatch: 'NotOlderThan' } }),
    );
    expect(status.message).toBe(
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  });

  it('leaves nothing behind when the client goes away', async () => {
    const abort = new AbortController();
    const events = await h.client.watch({ method: 'GET', path: configMaps, signal: abort.signal });
    abort.abort();
    for await (const _ of events) throw new Error('there is nothing to see');
    await yieldToEventLoop();
    expect(h.clock.nextTimerInMs).toBe(60_000);
  });
});

describe('versions of one resource', () => {
  it('shows events in both forms', async () => {
    await h.post('/api/v1/namespaces/default/events', {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p' },
      reason: 'Started',
      message: 'it started',
      type: 'Normal',
      count: 3,
    });
    const event = await h.get('/apis/events.k8s.io/v1/namespaces/default/events/e');
    expect(event).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      regarding: { kind: 'Pod', name: 'p' },
      note: 'it started',
      deprecatedCount: 3,
    });
    expect(event.involvedObject).toBeUndefined();
  });
});
