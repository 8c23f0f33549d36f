import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/api/index.ts';
import { type LogsRequest, printLogs } from '../../../src/cli/logs/logs.ts';
import { byActivity, byLogging, podSelectorOf } from '../../../src/cli/logs/pods-of.ts';
import { Session } from '../../../src/cli/session.ts';
import { KubeClient } from '../../../src/client/index.ts';
import { cliSession, podManifest } from '../../helpers/cli-session.ts';

const encoder = new TextEncoder();

/** Logs by container, cut into pieces at odd places. */
async function logs(request: LogsRequest, containers = ['app'], texts: Record<string, string> = {}) {
  const { api, client, io } = cliSession();
  for (const name of ['web-1', 'web-2']) {
    const spec = { containers: containers.map((container) => ({ name: container, image: 'x' })) };
    await client.resource('pods').create(podManifest(name, { spec }));
  }
  const asked: any[] = [];
  const transport = {
    ...api.transport(),
    stream: async (streamed: any) => {
      asked.push(streamed);
      const text = texts[streamed.query.container] ?? `${streamed.query.container}\n`;
      return (async function* () {
        for (const piece of text.match(/.{1,3}|\n/gs) ?? []) yield encoder.encode(piece);
      })();
    },
  };
  const session = new Session(new KubeClient(transport, { definitions: client.mapper }));
  await printLogs(session, request, io);
  return { ...io, asked };
}

describe('klab logs', () => {
  it('prints the log of the only container without a word', async () => {
    const { stdout, stderr, asked } = await logs({ words: ['web-1'], tail: 5, since: '90s' });
    expect([stdout, stderr]).toEqual(['app\n', '']);
    expect(asked[0]).toMatchObject({
      path: '/api/v1/namespaces/default/pods/web-1/log',
      query: { container: 'app', tailLines: '5', sinceSeconds: '90' },
    });
  });

  it('says which container it took out of several', async () => {
    expect((await logs({ words: ['pod/web-1'] }, ['app', 'side'])).stderr).toBe(
      'Defaulted container "app" out of: app, side\n',
    );
    expect((await logs({ words: ['web-1', 'side'] }, ['app', 'side'])).stdout).toBe('side\n');
    await expect(logs({ words: ['web-1'], container: 'no' }, ['app', 'side'])).rejects.toThrow(
      'container no is not valid for pod web-1 out of: app, side',
    );
  });

  it('begins every line with pod and container, also a last line without end', async () => {
    const texts = { app: 'one\ntwo\n\nthree' };
    expect((await logs({ words: ['web-1'], prefix: true }, ['app'], texts)).stdout).toBe(
      '[pod/web-1/app] one\n[pod/web-1/app] two\n[pod/web-1/app] \n[pod/web-1/app] three',
    );
    const both = await logs({ words: [], labelSelector: 'app=web', allContainers: true, prefix: true }, [
      'app',
      'side',
    ]);
    expect(both.stdout.split('\n')).toHaveLength(5);
    expect(both.asked[0].query.tailLines).toBe('10');
  });

  it.each([
    [{ words: [] }, 'POD or TYPE/NAME is a required argument for the logs command'],
    [{ words: ['a'], labelSelector: 'x=y' }, 'only a selector (-l) or a POD name is allowed'],
    [{ words: ['a', 'b'], container: 'c' }, 'only one of -c or an inline [CONTAINER] arg is allowed'],
    [{ words: ['a'], since: '1s', sinceTime: '2026-01-01T00:00:00Z' }, 'at most one of `sinceTime`'],
    [{ words: ['a'], tail: -2 }, '--tail must be greater than or equal to -1'],
    [{ words: ['a'], container: 'c', allContainers: true }, '--all-containers=true should not be specified'],
    [{ words: ['no'] }, 'error from server (NotFound): pods "no" not found in namespace "default"'],
  ])('refuses %o', async (request, message) => {
    await expect(logs(request)).rejects.toThrow(message);
  });

  it('finds the pods of workloads and services, the readiest first', () => {
    expect(
      podSelectorOf(
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: {},
          spec: { selector: { matchLabels: { a: 'b' } } },
        },
        'attach to',
      ),
    ).toBe('a=b');
    expect(
      podSelectorOf({ apiVersion: 'v1', kind: 'Service', metadata: {}, spec: { selector: { a: 'b' } } }, 'attach to'),
    ).toBe('a=b');
    expect(() => podSelectorOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }, 'get the logs from')).toThrow(
      'cannot get the logs from *v1.ConfigMap',
    );
    const pod = (name: string, status: object, nodeName = 'n') =>
      ({ metadata: { name }, spec: { nodeName }, status }) as Pod;
    const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const pods = [
      pod('unplaced', ready, ''),
      pod('pending', { phase: 'Pending' }),
      pod('running', { phase: 'Running' }),
      pod('ready', ready),
    ];
    expect(pods.sort(byLogging).map(({ metadata }) => metadata.name)).toEqual([
      'ready',
      'running',
      'pending',
      'unplaced',
    ]);
  });

  it('takes the pod that is ready longest and restarted most; to go into, the steadiest that is to stay', () => {
    const pod = (name: string, readyAt: string, restartCount = 0, deletionTimestamp?: string) =>
      ({
        metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z', deletionTimestamp },
        spec: { nodeName: 'n', initContainers: [{ name: 'side', restartPolicy: 'Always' }, { name: 'init' }] },
        status: {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: readyAt }],
          containerStatuses: [{ restartCount }],
          initContainerStatuses: [
            { name: 'init', restartCount: 9 },
            { name: 'side', restartCount: name === 'sidecar' ? 1 : 0 },
          ],
        },
      }) as unknown as Pod;
    const early = '2026-01-01T00:00:01Z';
    const pods = [
      pod('late', '2026-01-01T00:00:09Z'),
      pod('leaving', early, 0, '2026-01-01T01:00:00Z'),
      pod('leaving-later', early, 0, '2026-01-01T01:00:01Z'),
      pod('steady', early),
      pod('sidecar', early),
      pod('restarted', early, 2),
      pod('none', ''),
    ];
    const names = (order: typeof byLogging) => pods.toSorted(order).map(({ metadata }) => metadata.name);
    expect(names(byLogging)).toEqual(['restarted', 'sidecar', 'leaving', 'leaving-later', 'steady', 'late', 'none']);
    expect(names(byActivity)).toEqual(['steady', 'sidecar', 'restarted', 'late', 'none', 'leaving-later', 'leaving']);
    const done = { ...pods[3], status: { phase: 'Succeeded' } } as Pod;
    const pending = { ...pods[3], status: { phase: 'Pending' } } as Pod;
    expect([pending, done].sort(byLogging)[0]).toBe(done);
  });
});
