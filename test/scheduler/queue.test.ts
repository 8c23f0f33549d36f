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

  it('what failed backs off 1, 2, 4, 8, 10, 10 seconds, and until the next whole second is over', async () => {
    const { clock, queue } = setUp();
    await clock.advance(300);
    queue.add(makePod('p'));
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      queue.addUnschedulable(await popped(queue), []);
      expect(queue.lengths.backoff).toBe(1);
      const before = clock.now();
      await clock.advanceUntil(() => queue.lengths.active === 1, 60_000);
      waits.push(clock.now() - before);
    }
    // From 0.3 s to the second after 1.3 s, and on whole seconds from then on.
    expect(waits).toEqual([1700, 3000, 5000, 9000, 11_000, 11_000]);
  });

  it('refusals and failures have a backoff of their own', async () => {
    const { clock, queue } = setUp();
    queue.add(makePod('p'));
    const addNode = () => queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    for (let i = 0; i < 3; i++) {
      queue.addUnschedulable(await popped(queue), ['NodeResourcesFit']);
      addNode();
    }
    queue.addUnschedulable(await popped(queue), []);
    await clock.advance(2_000);
    expect(queue.lengths.active).toBe(1);
    queue.addUnschedulable(await popped(queue), ['NodeResourcesFit']);
    addNode();
    await clock.advance(8_000);
    expect(queue.lengths).toMatchObject({ active: 0, backoff: 1 });
    await clock.advance(1_000);
    expect(queue.lengths).toMatchObject({ active: 1, backoff: 0 });
  });

  it('with nothing else to try, a pod that an event may help need not wait out its backoff', async () => {
    const { queue } = setUp();
    queue.add(makePod('refused'));
    queue.addUnschedulable(await popped(queue), ['NodeResourcesFit']);
    queue.add(makePod('failed'));
    queue.addUnschedulable(await popped(queue), []);
    const waiting = popped(queue);
    queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    expect((await waiting).info.pod.metadata.name).toBe('refused');
    expect(queue.lengths).toMatchObject({ active: 0, backoff: 1 });
  });

  it('a plugin that asked for it has its pod tried at once', async () => {
    const { queue } = setUp();
    queue.add(makePod('p'));
    queue.addUnschedulable(await popped(queue), ['NodeResourcesFit'], ['NodeResourcesFit']);
    queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    expect(queue.lengths).toMatchObject({ active: 1, backoff: 0 });
  });

  it('a gated pod hears only what the plugin of the gate listens to, and goes back if the gate is shut', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    let held = false;
    let asked = 0;
    const gate: Plugin = {
      name: 'Gate',
      events: [{ resource: 'services', actions: ['add'] }],
      preEnqueue() {
        asked++;
        return held ? { code: 'UnschedulableAndUnresolvable', reasons: ['not yet'] } : undefined;
      },
    };
    const queue = new SchedulingQueue(clock, [gate, prioritySort, fit]);
    for (const name of ['a', 'b']) queue.add(makePod(name));
    const both = [await popped(queue), await popped(queue)];
    for (const pod of both) queue.addUnschedulable(pod, ['NodeResourcesFit']);
    held = true;
    asked = 0;
    const addNode = () => queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    const addService = () => queue.onEvent({ resource: 'services', action: 'add', now: makePod('s') });
    addNode();
    expect(asked).toBe(2);
    expect(queue.lengths).toMatchObject({ gated: 2, active: 0, backoff: 0 });
    addNode();
    expect(asked).toBe(2);
    addService();
    expect(asked).toBe(4);
    expect(queue.lengths.gated).toBe(2);
    held = false;
    addService();
    expect(queue.lengths).toMatchObject({ gated: 0, backoff: 2 });
  });

  it('of several pods being tried, each is told what came since it was taken', async () => {
    const { queue } = setUp();
    for (const name of ['a', 'b', 'c']) queue.add(makePod(name));
    const a = await popped(queue);
    queue.onEvent({ resource: 'nodes', action: 'add', now: makeNode('n') });
    const b = await popped(queue);
    const c = await popped(queue);
    queue.done(a.info.uid);
    queue.addUnschedulable(b, ['NodeResourcesFit']);
    expect(queue.lengths).toMatchObject({ unschedulable: 1, backoff: 0 });
    for (let i = 0; i < 2000; i++) queue.onEvent({ resource: 'services', action: 'add', now: makePod('s') });
    queue.onEvent({ resource: 'pods', action: 'delete', old: makePod('big') });
    queue.addUnschedulable(c, ['NodeResourcesFit']);
    expect(queue.lengths).toMatchObject({ unschedulable: 0, backoff: 2 });
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
