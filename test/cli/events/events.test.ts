import { describe, expect, it } from 'vitest';
import { type EventsRequest, eventAge, eventTime, printEvents } from '../../../src/cli/events/events.ts';
import { cliSession } from '../../helpers/cli-session.ts';

const event = (name: string, type: string, lastTimestamp: string, message = 'hello') => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, namespace: 'default' },
  involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'default' },
  type,
  reason: name,
  message,
  count: 1,
  firstTimestamp: lastTimestamp,
  lastTimestamp,
});

async function events(request: EventsRequest = {}) {
  const { client, session, io } = cliSession();
  await client.resource('events.v1.').create(event('Second', 'Warning', '2026-11-22T10:00:02Z', ' two\n'));
  await client.resource('events.v1.').create(event('First', 'Normal', '2026-11-22T10:00:01Z'));
  await printEvents(session, request, io);
  return io;
}

describe('klab events', () => {
  it('prints the oldest first', async () => {
    const lines = (await events()).stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE$/);
    expect(lines[1]).toMatch(/Normal +First +Pod\/web +hello$/);
    expect(lines[2]).toMatch(/Warning +Second +Pod\/web +two$/);
  });

  it('chooses types and refuses others', async () => {
    expect((await events({ types: ['warning'], noHeaders: true })).stdout).toMatch(/^\S+ +Warning .*\n$/);
    await expect(events({ types: ['foo'] })).rejects.toThrow('valid --types are Normal or Warning');
  });

  it('prints a list in other formats, and says when there is nothing', async () => {
    const list = JSON.parse((await events({ output: 'json' })).stdout);
    expect([list.kind, list.items.map((item: any) => item.reason)]).toEqual(['EventList', ['First', 'Second']]);
    const { session, io } = cliSession({ namespace: 'shop' });
    await printEvents(session, {}, io);
    expect(io.stderr).toBe('No events found in shop namespace.\n');
  });

  it('tells how often and over what time', () => {
    const now = Date.parse('2026-11-22T10:10:00Z');
    const one = event('x', 'Normal', '2026-11-22T10:09:00Z') as any;
    expect(eventAge(one, now)).toBe('60s');
    expect(eventAge({ ...one, count: 5, firstTimestamp: '2026-11-22T10:00:00Z' }, now)).toBe('60s (x5 over 10m)');
    const series = { count: 3, lastObservedTime: '2026-11-22T10:09:30.000000Z' };
    const eventTimed = { ...one, eventTime: '2026-11-22T10:05:00.000000Z', series };
    expect(eventAge(eventTimed, now)).toBe('30s (x3 over 5m)');
    expect(eventTime(eventTimed)).toBe(Date.parse('2026-11-22T10:09:30Z'));
  });
});
