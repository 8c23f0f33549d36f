import { describe, expect, it } from 'vitest';
import { printWatch } from '../../../src/cli/watch/print.ts';
import { type WatchChange, watchChanges, watchSubject } from '../../../src/cli/watch/watch-rows.ts';
import { ConnectionError } from '../../../src/client/index.ts';
import { cliSession, podManifest } from '../../helpers/cli-session.ts';

async function watching(words = ['pods']) {
  const stop = new AbortController();
  const lab = cliSession({ signal: stop.signal });
  const pods = lab.client.resource('pods').namespace('default');
  await pods.create(podManifest('web'));
  const subject = await watchSubject(lab.session, { words });
  const seen: string[] = [];
  const text = (change: WatchChange) => {
    const object = 'row' in change ? change.row.object : 'object' in change ? (change.object as any) : undefined;
    return [change.type, object?.metadata?.name].filter(Boolean).join(' ');
  };
  const done = (async () => {
    for await (const change of watchChanges(lab.session, subject, { tables: true, signal: stop.signal })) {
      seen.push(text(change));
    }
  })();
  await expect.poll(() => seen).toContain('SYNCED');
  return { ...lab, pods, subject, seen, stop: () => stop.abort(), done };
}

describe('watched rows', () => {
  it('tell what is there, then every change', async () => {
    const { pods, seen, stop, done } = await watching();
    await pods.create(podManifest('db'));
    await pods.delete('web', { gracePeriodSeconds: 0 });
    await expect.poll(() => seen).toEqual(['ADDED web', 'SYNCED', 'ADDED db', 'DELETED web']);
    stop();
    await done;
  });

  it('go on after the server ends a watch, and tell what was missed when its version is gone', async () => {
    const { api, pods, seen, stop, done } = await watching();
    await pods.create(podManifest('db'));
    await expect.poll(() => seen).toContain('ADDED db');
    // The connection is cut; before it is there again, history is forgotten.
    const heal = api.intercept(({ query }) => {
      if (query?.['watch'] === 'true') throw new ConnectionError('refused');
    });
    api.dropWatches();
    await pods.delete('db', { gracePeriodSeconds: 0 });
    await pods.create(podManifest('new'));
    api.compact();
    heal();
    await expect.poll(() => seen, { timeout: 5000 }).toContain('DELETED db');
    expect(seen.filter((text) => text === 'ADDED web')).toHaveLength(1);
    expect(seen).toContain('ADDED new');
    stop();
    await done;
  });

  it('are only those of one object when it is named, also before it exists', async () => {
    const { pods, seen, stop, done } = await watching(['pod/late']);
    await pods.create(podManifest('other'));
    await pods.create(podManifest('late'));
    await expect.poll(() => seen).toEqual(['SYNCED', 'ADDED late']);
    stop();
    await done;
  });

  it('are printed as one line of JSON each', async () => {
    const stop = new AbortController();
    const { client, session, io } = cliSession({ signal: stop.signal });
    await client.resource('pods').create(podManifest('web'));
    const subject = await watchSubject(session, { words: ['pods'] });
    const done = printWatch(session, subject, { output: 'json' }, io, stop.signal);
    await expect.poll(() => io.stdout).toContain('\n');
    stop.abort();
    await done;
    expect(JSON.parse(io.stdout)).toMatchObject({ type: 'ADDED', object: { kind: 'Pod', metadata: { name: 'web' } } });
  });
});
