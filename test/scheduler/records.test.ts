/** Decisions as bytes: nothing is lost, little is kept, the oldest go first. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { decisionSink } from '../../src/cluster/decision-sink.ts';
import { type Decision, DecisionStore, decisionFromWire, decisionToWire } from '../../src/scheduler/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

function sideTable() {
  const dir = mkdtempSync(join(tmpdir(), 'klab-decisions-'));
  const storage = openStorage({ path: join(dir, 'cluster.db') });
  undo.push(() => {
    void storage.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return storage.side;
}

/** As JSON sees it: what a caller gets. */
const plain = (decision: Decision) => JSON.parse(JSON.stringify({ ...decision, nodes: decision.nodes }));

const shapes = fc.array(
  fc.record({
    cpu: fc.integer({ min: 1, max: 8 }),
    off: fc.boolean(),
    gpu: fc.boolean(),
    zone: fc.constantFrom('a', 'b', 'c'),
  }),
  { minLength: 0, maxLength: 150 },
);

describe('decision records', () => {
  it('read back as they were written, from memory, from the database and over the wire', () => {
    const side = sideTable();
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 9000 }), fc.boolean(), (list, milli, withSink) => {
        const nodes = list.map(({ cpu, off, gpu, zone }, i) =>
          makeNode(`n${i}`, {
            cpu: String(cpu),
            unschedulable: off,
            labels: { 'topology.kubernetes.io/zone': zone },
            taints: gpu ? [{ key: 'gpu', value: 'true', effect: 'NoSchedule' }] : [],
          }),
        );
        const store = new DecisionStore(withSink ? { sink: decisionSink(side) } : {});
        const pod = makePod('web', { requests: { cpu: `${milli}m` } });
        const cycle = cycleOver(nodes);
        const first = cycle.run(pod).decision;
        const second = { ...cycle.run(pod).decision, attempt: 2 };
        store.record(first);
        // Without its columns, as one that came over the wire.
        store.record(plain(second));
        const known = store.of('default', 'web', pod.metadata.uid!);
        expect(known.map(plain)).toEqual([plain(first), plain(second)]);
        const sent: ReturnType<typeof decisionToWire>[] = JSON.parse(JSON.stringify(known.map(decisionToWire)));
        expect(sent.every((decision) => 'columns' in decision && !('nodes' in decision))).toBe(true);
        expect(sent.map(decisionFromWire).map(plain)).toEqual([plain(first), plain(second)]);
        // One in full is read as well.
        expect(plain(decisionFromWire(plain(first)))).toEqual(plain(first));
      }),
      { numRuns: 60 },
    );
  });

  it('take a few kilobytes at 5,000 nodes, and name the nodes once', () => {
    const nodes = Array.from({ length: 5000 }, (_, i) =>
      makeNode(`worker-${i}.example.com`, {
        cpu: String(4 + (i % 5)),
        unschedulable: i % 50 === 0,
        labels: { 'topology.kubernetes.io/zone': `z${i % 3}` },
      }),
    );
    const sizes: number[] = [];
    const lists: number[] = [];
    const names = new Set<string>();
    const store = new DecisionStore({
      sink: {
        append: (_key, _time, _names, bytes) => sizes.push(bytes.length),
        list: () => [],
        putNames: (id, _time, bytes) => {
          names.add(id);
          lists.push(bytes.length);
        },
        hasNames: (id) => names.has(id),
        names: () => undefined,
      },
    });
    const cycle = cycleOver(nodes);
    for (let i = 0; i < 20; i++) store.record(cycle.run(makePod(`p${i}`, { requests: { cpu: '1' } })).decision);
    expect(lists).toHaveLength(1);
    expect(Math.max(...sizes)).toBeLessThan(4096);
  });

  it('stay within the bound of their size, oldest out first, their node names with them', () => {
    const side = sideTable();
    const store = new DecisionStore({ sink: decisionSink(side, { maxBytes: 40_000 }) });
    for (let i = 0; i < 1024; i++) {
      const cycle = cycleOver([makeNode(i < 600 ? 'old' : 'new')]);
      store.record({ ...cycle.run(makePod(`p${i}`)).decision, finishedAt: i });
    }
    expect(side.bytes('decision')).toBeLessThanOrEqual(40_000);
    expect(store.of('default', 'p0')).toEqual([]);
    expect(store.of('default', 'p1023')[0]!.nodes.map((node) => node.name)).toEqual(['new']);
    expect(side.keys('decision-nodes')).toHaveLength(1);
  });

  it('stay within the bound of their age', () => {
    const side = sideTable();
    const store = new DecisionStore({ sink: decisionSink(side, { maxAgeMs: 100 }) });
    const cycle = cycleOver([makeNode('n')]);
    for (let i = 0; i < 512; i++) store.record({ ...cycle.run(makePod(`p${i}`)).decision, finishedAt: i });
    expect(store.of('default', 'p400')).toEqual([]);
    expect(store.of('default', 'p411')).toHaveLength(1);
  });

  it('in memory stay within a bound as well', () => {
    const store = new DecisionStore({ maxBytes: 20_000 });
    const cycle = cycleOver([makeNode('n')]);
    for (let i = 0; i < 200; i++) store.record(cycle.run(makePod(`p${i}`)).decision);
    expect(store.of('default', 'p0')).toEqual([]);
    expect(store.of('default', 'p199')[0]).toMatchObject({ result: 'Scheduled', node: 'n' });
  });
});
