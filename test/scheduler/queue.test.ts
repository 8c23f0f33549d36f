import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/base/index.ts';
import { type Plugin, SchedulingQueue } from '../../src/scheduler/index.ts';
import { prioritySort, schedulingGates } from '../../src/scheduler/plugins/simple.ts';
import { makeNode, makePod } from './objects.ts';

const fit: Plugin = {
  name: 'NodeResourcesFit',
  events: [
    { resource: 'nodes', actions: ['add'] },
    { resource: 'pods', actions: ['delete'], hint: (_pod, old) => old?.metadata.name === 'big' },
  ],
};

function setUp() {
  const clock = new VirtualClock({ startMs: 0 });
  const queue = new SchedulingQueue(clock, [schedulingGates, prioritySort, fit]);
  return { clock, queue };
}

async function popped(queue: SchedulingQueue) {
  const pod = await queue.pop();
  return pod!;
}

describe('the scheduling queue', () => {
  it('gives the highest priority first, then the oldest', async () => {
    const { clock, queue } = setUp();
    queue.add(makePod('first'));
    await clock.advance(10);
    queue.add(makePod('second'));
    queue.add(makePod('urgent', { priority: 100 }));
    const names = [];
    for (let i = 0; i < 3; i++) names.push((await popped(queue)).info.pod.metadata.name);
    expect(names).toEqual(['urgent', 'first', 'second']);
  });

  it('a refused pod waits for an event that may help it, then backs off 1, 2, 4, 8, 10, 10 seconds', async () => {
    const { clock, queue } = setUp();
    queue.add(makePod('p'));
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const pod = await popped(queue);
      queue.addUnschedulable(pod, ['NodeResourcesFit']);
      expect(queue.lengths.unschedulable).toBe(1);
      const before = clock.now();
      queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
      expect(queue.lengths.backoff).toBe(1);
      await clock.advanceUntil(() => queue.lengths.active === 1, 60_000);
      waits.push(clock.now() - before);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('an event that would help a pod which a gate holds leaves it where it is, once', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    let held = false;
    let asked = 0;
    const gate: Plugin = {
      name: 'Gate',
      preEnqueue() {
        asked++;
        return held ? { code: 'UnschedulableAndUnresolvable', reasons: ['not yet'] } : undefined;
      },
    };
    const queue = new SchedulingQueue(clock, [gate, prioritySort, fit]);
    for (const name of ['a', 'b']) queue.add(makePod(name));
    held = true;
    for (let i = 0; i < 2; i++) queue.addUnschedulable(await popped(queue), ['NodeResourcesFit']);
    asked = 0;
    queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    expect(asked).toBe(2);
    expect(queue.lengths).toMatchObject({ gated: 2, active: 0, backoff: 0 });
    held = false;
    queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('m') });
    expect(queue.lengths).toMatchObject({ gated: 0, backoff: 2 });
  });

  it('events that cannot help leave it where it is', async () => {
    const { queue } = setUp();
    queue.add(makePod('p'));
    queue.addUnschedulable(await popped(queue), ['NodeResourcesFit']);
    queue.onEvent({ resource: 'nodes', action: 'update', now: makeNode('n') });
    queue.onEvent({ resource: 'pods', action: 'delete', old: makePod('small') });
    expect(queue.lengths).toMatchObject({ unschedulable: 1, backoff: 0 });
    queue.onEvent({ resource: 'pods', action: 'delete', old: makePod('big') });
    expect(queue.lengths).toMatchObject({ unschedulable: 0, backoff: 1 });
  });

  it('an event during the attempt is not missed', async () => {
    const { queue } = setUp();
    queue.add(makePod('p'));
    const pod = await popped(queue);
    queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    queue.addUnschedulable(pod, ['NodeResourcesFit']);
    expect(queue.lengths).toMatchObject({ unschedulable: 0, backoff: 1 });
  });

  it('what nothing helps for five minutes is tried again', async () => {
    const { clock, queue } = setUp();
    queue.add(makePod('p'));
    queue.addUnschedulable(await popped(queue), ['NodeResourcesFit']);
    await clock.advance(299_000);
    queue.flushUnschedulable();
    expect(queue.lengths.unschedulable).toBe(1);
    await clock.advance(1_000);
    queue.flushUnschedulable();
    expect(queue.lengths.active).toBe(1);
  });

  it('a gated pod waits until its gates are gone', async () => {
    const { queue } = setUp();
    const gated = makePod('p', { schedulingGates: [{ name: 'a.example/b' }, { name: 'c' }] });
    expect(queue.add(gated)!.refusal.reasons).toEqual(['waiting for scheduling gates: [a.example/b c]']);
    expect(queue.lengths.gated).toBe(1);
    const half = { ...gated, spec: { ...gated.spec!, schedulingGates: [{ name: 'c' }] } };
    queue.update(gated, half);
    expect(queue.lengths.gated).toBe(1);
    queue.update(half, { ...gated, spec: { ...gated.spec!, schedulingGates: [] } });
    expect(queue.lengths).toMatchObject({ gated: 0, active: 1 });
  });

  it('a deleted pod is in no queue, and a waiting pop ends when the queue closes', async () => {
    const { queue } = setUp();
    const pod = makePod('p');
    queue.add(pod);
    queue.delete(pod.metadata.uid!);
    const waiting = queue.pop();
    queue.close();
    expect(await waiting).toBeUndefined();
  });
});
