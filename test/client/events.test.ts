import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { Prng, silentLogger, TaskGroup, VirtualClock } from '../../src/base/index.ts';
import { ConnectionError, type CoreEvent, EventBroadcaster } from '../../src/client/index.ts';
import { FakeApi } from '../helpers/fake-api.ts';

function setUp() {
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  const api = new FakeApi(clock);
  const client = api.client();
  const broadcaster = new EventBroadcaster({ client, clock, prng: new Prng('events'), log: silentLogger });
  const group = new TaskGroup();
  group.add(broadcaster);
  const recorder = broadcaster.recorder({ component: 'kubelet', host: 'node-1' });
  const settle = () => clock.advanceUntil(() => broadcaster.idle, 600_000);
  const events = async () => (await client.resource<CoreEvent>('events').list()).items;
  return { clock, api, recorder, settle, events, group };
}

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '5' },
};

describe('an event recorder', () => {
  it('writes events as kubectl describes them', async () => {
    const s = setUp();
    s.recorder.event(pod, 'Normal', 'Pulled', 'Container image "nginx" already present on machine');
    await s.settle();
    const [event] = await s.events();
    expect(event!.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/);
    expect(event).toMatchObject({
      metadata: { namespace: 'default' },
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace: 'default',
        name: 'web',
        uid: 'u1',
        resourceVersion: '5',
      },
      reason: 'Pulled',
      message: 'Container image "nginx" already present on machine',
      source: { component: 'kubelet', host: 'node-1' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
      type: 'Normal',
      eventTime: null,
      reportingComponent: 'kubelet',
      reportingInstance: 'node-1',
    });
    await s.group.stop();
  });

  it('puts events about cluster-scoped objects into the default namespace', async () => {
    const s = setUp();
    s.recorder.event(
      { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n1' },
      'Normal',
      'Starting',
      'Starting kubelet.',
    );
    await s.settle();
    expect((await s.events())[0]!.metadata.namespace).toBe('default');
    await s.group.stop();
  });

  it('counts the same event instead of writing it again', async () => {
    const s = setUp();
    for (let i = 0; i < 3; i++) {
      s.recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting failed container');
      await s.settle();
      await s.clock.advance(10_000);
    }
    const [event, ...others] = await s.events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      count: 3,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:20Z',
    });
    await s.group.stop();
  });

  it('combines ten that differ only in their message', async () => {
    const s = setUp();
    for (let i = 1; i <= 12; i++) s.recorder.event(pod, 'Normal', 'SuccessfulCreate', `Created pod: web-${i}`);
    await s.settle();
    const events = await s.events();
    expect(events).toHaveLength(10);
    expect(events.at(-1)).toMatchObject({ message: '(combined from similar events): Created pod: web-12', count: 3 });
    await s.group.stop();
  });

  it('holds back a source that goes on about one object: 25, then one every five minutes', async () => {
    const s = setUp();
    for (let i = 0; i < 40; i++) s.recorder.event(pod, 'Normal', `Reason${i}`, 'x');
    await s.settle();
    expect(await s.events()).toHaveLength(25);
    await s.clock.advance(300_000);
    s.recorder.event(pod, 'Normal', 'Later', 'x');
    s.recorder.event({ ...pod, metadata: { ...pod.metadata, uid: 'u2' } }, 'Normal', 'Other', 'x');
    await s.settle();
    expect(await s.events()).toHaveLength(27);
    await s.group.stop();
  });

  it('writes a counted event anew when the old one is gone', async () => {
    const s = setUp();
    s.recorder.event(pod, 'Warning', 'BackOff', 'again');
    await s.settle();
    await s.api
      .client()
      .resource('events')
      .namespace('default')
      .delete((await s.events())[0]!.metadata.name!);
    s.recorder.event(pod, 'Warning', 'BackOff', 'again');
    await s.settle();
    expect((await s.events())[0]).toMatchObject({ count: 2 });
    await s.group.stop();
  });

  it('tries again while the server is out of reach', async () => {
    const s = setUp();
    let failures = 2;
    s.api.intercept((_, { resource }) => {
      if (resource === 'events' && failures-- > 0) throw new ConnectionError('refused');
    });
    s.recorder.event(pod, 'Normal', 'Started', 'x');
    await s.clock.advance(60_000);
    expect(await s.events()).toHaveLength(1);
    await s.group.stop();
  });
});
