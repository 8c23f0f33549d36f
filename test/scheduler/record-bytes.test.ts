/** Columns of numbers as bytes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader, readColumn, Writer, writeColumn } from '../../src/scheduler/decision/bytes.ts';
import { type Decision, DecisionStore } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

function bytesOf(values: readonly number[]): Uint8Array {
  const out = new Writer();
  out.start();
  writeColumn(out, values);
  return out.written.slice();
}

const numbers = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 100 })),
  fc.array(fc.constantFrom(0, 1, 7, 100, 4095, 4096)),
  fc.array(fc.constantFrom(...Array.from({ length: 17 }, (_, i) => i * 3)), { minLength: 40 }),
  fc.array(fc.maxSafeInteger()),
  fc.array(fc.double()),
);

describe('a column of scores', () => {
  it('reads back exactly, whatever the numbers are', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const out = new Writer();
        out.start();
        writeColumn(out, a);
        writeColumn(out, b);
        const input = new Reader(out.written);
        expect([readColumn(input, a.length), readColumn(input, b.length)]).toEqual([a, b]);
      }),
      { numRuns: 300 },
    );
  });

  it('takes half a byte a node when few values alternate, and next to nothing when they are equal', () => {
    const values = Array.from({ length: 500 }, (_, i) => [12, 90, 4000][i % 3]!);
    expect(bytesOf(values).length).toBeLessThan(260);
    expect(bytesOf(new Array(500).fill(90)).length).toBeLessThan(10);
  });
});

describe('a tie of hundreds of nodes', () => {
  const tied = () => {
    const nodes = Array.from({ length: 400 }, (_, i) => makeNode(`a-rather-long-name-${i}`));
    return cycleOver(nodes).run(makePod('web', { requests: { cpu: '1' } })).decision;
  };
  const kept = (decision: Decision) => {
    let size = 0;
    const store = new DecisionStore();
    const { pod } = decision;
    store.record(decision);
    const sizes = new DecisionStore({
      sink: {
        append: (_key, _time, _names, bytes) => {
          size = bytes.length;
        },
        list: () => [],
        putNames: () => {},
        hasNames: () => true,
        names: () => undefined,
      },
    });
    sizes.record(decision);
    return { size, back: store.of(pod.namespace, pod.name)[0]! };
  };

  it('is not written out, as the totals say it', () => {
    const decision = tied();
    expect(decision.tiedWith!.length).toBeGreaterThan(100);
    const { size, back } = kept(decision);
    expect(size).toBeLessThan(1500);
    expect(back.tiedWith).toEqual(decision.tiedWith);
  });

  it('is written out when the totals do not say it', () => {
    const decision = tied();
    const odd = { ...decision, tiedWith: decision.tiedWith!.slice(1), nodes: decision.nodes };
    expect(kept(odd).back.tiedWith).toEqual(odd.tiedWith);
  });
});

describe('an attempt whose arrays have gone', () => {
  const nodes = Array.from({ length: 150 }, (_, i) => makeNode(`node-${i}`, { cpu: `${1 + (i % 5)}` }));
  const pods = [
    makePod('small', { requests: { cpu: '1' } }),
    makePod('large', { requests: { cpu: '4' } }),
    makePod('huge', { requests: { cpu: '40' } }),
  ];
  const decisions = (sealed: boolean) => {
    const cycle = cycleOver(nodes, [], { sealed });
    // Read when all have run: each writes into the same memory.
    return pods.map((pod) => cycle.run(pod).decision);
  };

  it('tells the same as one that keeps them', () => {
    const [plain, sealed] = [decisions(false), decisions(true)];
    expect(plain.map(({ result }) => result)).toEqual(['Scheduled', 'Scheduled', 'Unschedulable']);
    expect(plain[0]!.tiedWith!.length).toBeGreaterThan(1);
    for (const [i, decision] of plain.entries()) {
      expect(sealed[i]!.nodes).toEqual(decision.nodes);
      expect({ ...sealed[i]! }).toEqual({ ...decision });
    }
  });

  it('is the same record', () => {
    const recorded = (sealed: boolean) => {
      const out: Uint8Array[] = [];
      const append = (_key: string, _time: number, _names: string, bytes: Uint8Array) => void out.push(bytes);
      const sink = { append, list: () => [], putNames: () => {}, hasNames: () => true, names: () => undefined };
      const store = new DecisionStore({ sink });
      for (const decision of decisions(sealed)) store.record(decision);
      return out.map((bytes) => Buffer.from(bytes).toString('latin1'));
    };
    expect(recorded(true)).toEqual(recorded(false));
  });
});
