/** What resourceVersion and its companions mean in get, list and watch. Upstream: "Resource versions" of the API concepts. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StatusError } from '../../../src/apimachinery/index.ts';
import { configMap, configMaps, type Harness, startHarness } from '../harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await startHarness();
  for (const name of ['a', 'b', 'c']) await h.post(configMaps, configMap(name));
  await h.delete(`${configMaps}/b`);
});
afterEach(() => h.close());

// Revisions: a at 2, b at 3, c at 4, b deleted at 5.
const names = (list: any) => list.items.map((item: any) => item.metadata.name).join('');
const seen = async (query: Record<string, string>) => {
  const list = await h.get(configMaps, query);
  return `${names(list)}@${list.metadata.resourceVersion}`;
};
async function refused(promise: Promise<unknown>): Promise<StatusError> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (!(error instanceof StatusError)) throw new Error(`not refused: ${error}`);
  return error;
}

describe('list', () => {
  it.each([
    ['the newest state', {}, 'ac@5'],
    ['any state', { resourceVersion: '0' }, 'ac@5'],
    ['a state not older', { resourceVersion: '3' }, 'ac@5'],
    ['a state not older, said aloud', { resourceVersion: '3', resourceVersionMatch: 'NotOlderThan' }, 'ac@5'],
    ['exactly that state', { resourceVersion: '3', resourceVersionMatch: 'Exact' }, 'ab@3'],
    ['exactly the newest state', { resourceVersion: '5', resourceVersionMatch: 'Exact' }, 'ac@5'],
    ['a limited list of any state', { resourceVersion: '0', limit: '1' }, 'a@5'],
    ['a limited list of exactly that state', { resourceVersion: '4', limit: '2' }, 'ab@4'],
    ['a limited list not older', { resourceVersion: '4', limit: '1', resourceVersionMatch: 'NotOlderThan' }, 'a@5'],
  ])('%s', async (_, query, expected) => {
    expect(await seen(query as unknown as Record<string, string>)).toBe(expected);
  });

  it.each([
    { resourceVersion: '99' },
    { resourceVersion: '99', resourceVersionMatch: 'Exact' },
    { resourceVersion: '99', limit: '1' },
  ])('a state that is yet to come: %j', async (query) => {
    const error = await refused(h.get(configMaps, query as unknown as Record<string, string>));
    expect(error.status).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: Too large resource version: 99, current: 5',
      details: {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    });
  });

  it('a state that is compacted is gone', async () => {
    await h.kv.compact(4);
    const error = await refused(h.get(configMaps, { resourceVersion: '3', resourceVersionMatch: 'Exact' }));
    expect([error.code, error.reason]).toEqual([410, 'Expired']);
    expect(error.message).toBe('The resourceVersion for the provided list is too old.');
    expect(await seen({ resourceVersion: '3' })).toBe('ac@5');
  });
});

describe('pages', () => {
  it('show one state, whatever happens meanwhile, and count what remains', async () => {
    const first = await h.get(configMaps, { limit: '1' });
    expect(first.metadata).toMatchObject({ resourceVersion: '5', remainingItemCount: 1 });
    await h.post(configMaps, configMap('d'));
    await h.delete(`${configMaps}/c`);
    const second = await h.get(configMaps, { limit: '1', continue: first.metadata.continue });
    expect(names(second)).toBe('c');
    expect(second.metadata).toEqual({ resourceVersion: '5' });
  });

  it('do not count with selectors, and select on every page', async () => {
    for (const name of ['m1', 'm2', 'm3']) await h.post(configMaps, configMap(name, {}, { labels: { x: 'y' } }));
    const first = await h.get(configMaps, { limit: '2', labelSelector: 'x=y' });
    expect(names(first)).toBe('m1m2');
    expect(first.metadata.remainingItemCount).toBeUndefined();
    const rest = await h.get(configMaps, { limit: '2', labelSelector: 'x=y', continue: first.metadata.continue });
    expect(names(rest)).toBe('m3');
  });

  it('that came too late go on, inconsistently, with the token of the refusal', async () => {
    const first = await h.get(configMaps, { limit: '1' });
    await h.post(configMaps, configMap('d'));
    await h.delete(`${configMaps}/c`);
    await h.kv.compact(7);
    const error = await refused(h.get(configMaps, { limit: '1', continue: first.metadata.continue }));
    expect([error.code, error.reason]).toEqual([410, 'Expired']);
    expect(error.message).toMatch(/^The provided continue parameter is too old to display a consistent list result\./);
    const token = (error.status.metadata as { continue: string }).continue;
    const rest = await h.get(configMaps, { limit: '1', continue: token });
    expect(names(rest)).toBe('d');
    expect(rest.metadata.resourceVersion).toBe('7');
  });
});

describe('get', () => {
  it('shows the newest, any, or one not older; never one to come', async () => {
    for (const query of [{}, { resourceVersion: '0' }, { resourceVersion: '3' }] as unknown as Record<
      string,
      string
    >[]) {
      expect((await h.get(`${configMaps}/a`, query)).metadata.resourceVersion).toBe('2');
    }
    expect((await refused(h.get(`${configMaps}/a`, { resourceVersion: '99' }))).code).toBe(504);
  });
});

describe('watch', () => {
  async function watched(query: Record<string, string>, count: number): Promise<string[]> {
    const abort = new AbortController();
    const events = await h.client.watch({ method: 'GET', path: configMaps, query, signal: abort.signal });
    const result: string[] = [];
    for await (const { type, object } of events) {
      const { name, resourceVersion, annotations } = (object as any).metadata ?? {};
      const end = annotations?.['k8s.io/initial-events-end'] === 'true' ? ' end' : '';
      result.push(
        type === 'ERROR' ? `ERROR ${(object as any).code}` : `${type} ${name ?? ''}@${resourceVersion}${end}`,
      );
      if (result.length === count) break;
    }
    abort.abort();
    return result;
  }

  const bookmarks = { allowWatchBookmarks: 'true' };
  const initial = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', ...bookmarks };
  it.each([
    ['the newest state', {}, ['ADDED a@2', 'ADDED c@4']],
    ['the newest state, told where it ends', bookmarks, ['ADDED a@2', 'ADDED c@4', 'BOOKMARK @5 end']],
    ['any state', { resourceVersion: '0' }, ['ADDED a@2', 'ADDED c@4']],
    [
      'any state, told where it ends',
      { resourceVersion: '0', ...bookmarks },
      ['ADDED a@2', 'ADDED c@4', 'BOOKMARK @5 end'],
    ],
    ['initial events', initial, ['ADDED a@2', 'ADDED c@4', 'BOOKMARK @5 end']],
    ['initial events not older', { ...initial, resourceVersion: '3' }, ['ADDED a@2', 'ADDED c@4', 'BOOKMARK @5 end']],
    ['initial events of the future', { ...initial, resourceVersion: '99' }, ['ERROR 504']],
    ['what came after', { resourceVersion: '3' }, ['ADDED c@4', 'DELETED b@5']],
  ])('%s', async (_, query, expected) => {
    expect(await watched(query as unknown as Record<string, string>, expected.length)).toEqual(expected);
  });

  it.each([[{ resourceVersion: '5' }], [{ sendInitialEvents: 'false', resourceVersionMatch: 'NotOlderThan' }]])(
    'only what comes now: %j',
    async (query) => {
      const events = watched(query as unknown as Record<string, string>, 1);
      await h.post(configMaps, configMap('now'));
      expect(await events).toEqual(['ADDED now@6']);
    },
  );

  it('from a revision to come waits for what comes after it', async () => {
    const events = watched({ resourceVersion: '7' }, 1);
    for (const name of ['x', 'y', 'z']) await h.post(configMaps, configMap(name));
    expect(await events).toEqual(['ADDED z@8']);
  });
});
