import { describe, expect, it } from 'vitest';
import { ManyErrors, renderError } from '../../../src/cli/errors.ts';
import { getResources } from '../../../src/cli/get/get.ts';
import type { GetRequest } from '../../../src/cli/get/plan.ts';
import { cliSession, podManifest } from '../../helpers/cli-session.ts';

async function get(words: string, request: Omit<GetRequest, 'words'> = {}, pods = ['web', 'db']) {
  const { client, session, io } = cliSession();
  for (const name of pods) await client.resource('pods').create(podManifest(name));
  let error: unknown;
  try {
    await getResources(session, { words: words.split(' ').filter(Boolean), ...request }, io);
  } catch (thrown) {
    error = thrown;
  }
  return { ...io, error, rendered: error === undefined ? undefined : renderError(error) };
}

describe('klab get', () => {
  it('prints names and ages when the server makes no tables', async () => {
    const { stdout } = await get('pods');
    expect(stdout).toMatch(/^NAME {3}AGE\nweb {4}\S+\ndb {5}\S+\n$/);
  });

  it('says on stderr that there is nothing, with the namespace when there is one', async () => {
    expect((await get('pods', {}, [])).stderr).toBe('No resources found in default namespace.\n');
    expect((await get('pods', { allNamespaces: true }, [])).stderr).toBe('No resources found\n');
    expect((await get('nodes', {}, [])).stderr).toBe('No resources found\n');
    expect(await get('pods', { ignoreNotFound: true }, [])).toMatchObject({ stderr: '', stdout: '' });
  });

  it('prints one object by name alone, and several as a list', async () => {
    expect(JSON.parse((await get('pod web', { output: 'json' })).stdout).metadata.name).toBe('web');
    const list = JSON.parse((await get('pods', { output: 'json' })).stdout);
    expect(list).toMatchObject({ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' } });
    expect(list.items.map((item: any) => `${item.kind} ${item.metadata.name}`)).toEqual(['Pod web', 'Pod db']);
  });

  it('shows what is there beside what is not, and every error on its own line', async () => {
    const { stdout, error, rendered } = await get('pods web x y', { output: 'name' });
    expect(stdout).toBe('pod/web\n');
    expect(error).toBeInstanceOf(ManyErrors);
    expect(rendered).toEqual({
      text: 'Error from server (NotFound): pods "x" not found\nError from server (NotFound): pods "y" not found',
      exitCode: 1,
    });
    expect((await get('pods web x', { output: 'name', ignoreNotFound: true })).error).toBeUndefined();
  });

  it('separates kinds by an empty line and prefixes names', async () => {
    const { session, client, io } = cliSession();
    await client.resource('pods').create(podManifest('web'));
    await client.resource('configmaps').create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
    });
    await getResources(session, { words: ['pods,svc,cm'] }, io);
    expect(io.stdout).toMatch(/^NAME +AGE\npod\/web +\S+\n\nNAME +AGE\nconfigmap\/settings +\S+\n$/);
  });

  it('asks by selectors and sorts', async () => {
    expect((await get('pods', { output: 'name', labelSelector: 'app=nope' })).stdout).toBe('');
    expect((await get('pods', { output: 'name', fieldSelector: 'metadata.name=db' })).stdout).toBe('pod/db\n');
    expect((await get('pods', { output: 'name', sortBy: '.metadata.name' })).stdout).toBe('pod/db\npod/web\n');
  });

  it.each([
    [{ raw: '/x', output: 'json' }, '--raw and --output are mutually exclusive'],
    [{ raw: '/x', watch: true }, '--raw may not be specified with other flags'],
    [{ showLabels: true, output: 'json' }, '--show-labels option cannot be used with json printer'],
    [{ outputWatchEvents: true }, '--output-watch-events option can only be used with --watch or --watch-only'],
    [{}, 'Required resource not specified.'],
  ])('refuses flags that contradict each other: %o', async (request, message) => {
    expect(String((await get('', request)).error)).toContain(message);
  });

  it('watches: what is there, then every change, with the type when asked', async () => {
    const stop = new AbortController();
    const { session, client, io } = cliSession({ signal: stop.signal });
    await client.resource('pods').create(podManifest('web'));
    const done = getResources(session, { words: ['pods'], watch: true, output: 'json', outputWatchEvents: true }, io);
    await expect.poll(() => io.stdout).toContain('"name":"web"');
    await client.resource('pods').create(podManifest('db'));
    await expect.poll(() => io.stdout).toContain('"name":"db"');
    stop.abort();
    await expect(done).rejects.toThrow();
    const events = io.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map((event) => `${event.type} ${event.object.metadata.name}`)).toEqual(['ADDED web', 'ADDED db']);
  });

  it('watches one object without telling its state twice', async () => {
    const stop = new AbortController();
    const { session, client, io } = cliSession({ signal: stop.signal });
    const pods = client.resource('pods').namespace('default');
    await pods.create(podManifest('web'));
    const done = getResources(session, { words: ['pod/web'], watch: true, output: 'name' }, io);
    await expect.poll(() => io.stdout).toBe('pod/web\n');
    await pods.patch('web', 'merge', { metadata: { labels: { a: 'b' } } });
    await expect.poll(() => io.stdout).toBe('pod/web\npod/web\n');
    stop.abort();
    await expect(done).rejects.toThrow();
  });
});
