import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/api/index.ts';
import { Prng, silentLogger, TaskGroup, VirtualClock } from '../../src/base/index.ts';
import { ConnectionError, LeaderElector } from '../../src/client/index.ts';
import { FakeApi } from '../helpers/fake-api.ts';

function setUp() {
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  const api = new FakeApi(clock);
  const leading: string[] = [];
  const candidate = (identity: string, releaseOnCancel = false) => {
    const client = api.client(identity);
    const group = new TaskGroup();
    const elector = new LeaderElector(
      { client, clock, prng: new Prng(identity), log: silentLogger },
      { namespace: 'kube-system', name: 'kube-scheduler', identity, releaseOnCancel },
      async (signal) => {
        leading.push(identity);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        leading.splice(leading.indexOf(identity), 1);
      },
    );
    group.add(elector);
    return { elector, group };
  };
  const lease = () => api.client().resource<Lease>('leases').namespace('kube-system').get('kube-scheduler');
  return { clock, api, leading, candidate, lease };
}

describe('leader election', () => {
  it('lets one lead at a time, and another when the leader’s lease has run out', async () => {
    const s = setUp();
    const a = s.candidate('a');
    await s.clock.advanceUntil(() => s.leading.length > 0, 10_000);
    const b = s.candidate('b');
    await s.clock.advance(60_000);
    expect(s.leading).toEqual(['a']);
    expect(b.elector.leader).toBe('a');
    await a.group.stop();
    const stoppedAt = s.clock.monotonic();
    await s.clock.advanceUntil(() => s.leading.includes('b'), 60_000);
    expect(s.clock.monotonic() - stoppedAt).toBeGreaterThan(10_000);
    expect((await s.lease()).spec).toMatchObject({
      holderIdentity: 'b',
      leaseDurationSeconds: 15,
      leaseTransitions: 1,
    });
    await b.group.stop();
  });

  it('hands over at once when the leader gives its lease up', async () => {
    const s = setUp();
    const a = s.candidate('a', true);
    await s.clock.advanceUntil(() => s.leading.length > 0, 10_000);
    const b = s.candidate('b');
    await s.clock.advance(5_000);
    await a.group.stop();
    const stoppedAt = s.clock.monotonic();
    await s.clock.advanceUntil(() => s.leading.includes('b'), 60_000);
    expect(s.clock.monotonic() - stoppedAt).toBeLessThan(5_000);
    await b.group.stop();
  });

  it('stops leading when the lease cannot be renewed in time', async () => {
    const s = setUp();
    const a = s.candidate('a');
    await s.clock.advanceUntil(() => s.leading.length > 0, 10_000);
    s.api.intercept((request, { resource }) => {
      if (resource === 'leases' && request.headers!['x-user'] === 'a') throw new ConnectionError('cut off');
    });
    const b = s.candidate('b');
    const both: boolean[] = [];
    await s.clock.advanceUntil(() => {
      both.push(s.leading.length > 1);
      return s.leading.includes('b');
    }, 60_000);
    expect(both).not.toContain(true);
    expect(s.leading).toEqual(['b']);
    await Promise.all([a.group.wait(), b.group.stop()]);
  });
});
