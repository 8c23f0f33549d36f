import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import {
  type Call,
  checkLinearizable,
  checkRegisters,
  type RegisterInput,
  type RegisterOutput,
  register,
} from '../helpers/linearizability.ts';

type RegisterCall = Call<RegisterInput, RegisterOutput>;

let clients = 0;
function call(
  times: readonly [number, number],
  input: RegisterInput,
  output: RegisterOutput | undefined,
): RegisterCall {
  return { client: `c${clients++}`, input, output, invoked: times[0], returned: times[1] };
}
const put = (times: readonly [number, number], value: string) => call(times, { op: 'put', value }, { op: 'put' });
const get = (times: readonly [number, number], value: string | null) =>
  call(times, { op: 'get' }, { op: 'get', value });
const cas = (times: readonly [number, number], expected: string | null, value: string, succeeded: boolean) =>
  call(times, { op: 'cas', expected, value }, { op: 'cas', succeeded });

const accepts = (...history: RegisterCall[]) => checkLinearizable(register, history).linearizable;

describe('histories that one copy could have made', () => {
  it('are accepted: one after the other', () => {
    expect(accepts(put([0, 1], 'a'), get([2, 3], 'a'), cas([4, 5], 'a', 'b', true), get([6, 7], 'b'))).toBe(true);
  });

  it('are accepted: a read that overlaps a write may see it or not', () => {
    expect(accepts(put([0, 10], 'a'), get([1, 2], null), get([3, 4], 'a'))).toBe(true);
    expect(accepts(put([0, 10], 'a'), get([1, 9], 'a'))).toBe(true);
  });

  it('are accepted: a call without answer may have happened late, early, or never', () => {
    const lost = call([0, 0], { op: 'put', value: 'a' }, undefined);
    expect(accepts(lost, get([5, 6], null), get([7, 8], 'a'))).toBe(true);
    expect(accepts(lost, get([5, 6], null))).toBe(true);
    expect(accepts(lost, get([5, 6], 'a'))).toBe(true);
  });
});

describe('histories that one copy could not have made', () => {
  it('are refused: a stale read', () => {
    const verdict = checkLinearizable(register, [put([0, 1], 'a'), put([2, 3], 'b'), get([4, 5], 'a')]);
    expect(verdict).toMatchObject({ linearizable: false, stuckAt: [{ input: { op: 'get' } }] });
  });

  it('are refused: a lost write', () => {
    expect(accepts(put([0, 1], 'a'), get([2, 3], null))).toBe(false);
  });

  it('are refused: two reads that see a write come and go', () => {
    expect(accepts(put([0, 20], 'a'), get([1, 2], 'a'), get([3, 4], null))).toBe(false);
  });

  it('are refused: one compare-and-swap that worked twice', () => {
    expect(accepts(cas([0, 5], null, 'a', true), cas([1, 6], null, 'b', true))).toBe(false);
  });

  it('are refused: a write without answer that is applied twice', () => {
    const lost = call([0, 0], { op: 'put', value: 'a' }, undefined);
    expect(accepts(lost, get([1, 2], 'a'), put([3, 4], 'b'), get([5, 6], 'a'))).toBe(false);
  });
});

/** What a true register with slow messages makes: each call takes effect at one moment between its ends. */
function trueHistory(prng: Prng, calls: number, lostShare = 0.1): RegisterCall[] {
  const clients = 3;
  const free = Array.from({ length: clients }, () => 0);
  const planned = Array.from({ length: calls }, (_, i) => {
    const client = Math.floor(prng.float() * clients);
    const invoked = free[client]! + Math.floor(prng.float() * 4);
    const moment = invoked + prng.float() * 6;
    const returned = moment + prng.float() * 6;
    free[client] = returned + 0.001;
    const value = `v${i}`;
    const roll = prng.float();
    const input: RegisterInput =
      roll < 0.4
        ? { op: 'get' }
        : roll < 0.7
          ? { op: 'put', value }
          : roll < 0.8
            ? { op: 'delete' }
            : { op: 'cas', expected: prng.float() < 0.3 ? null : `v${Math.floor(prng.float() * i)}`, value };
    return { client: `c${client}`, input, invoked, moment, returned, lost: prng.float() < lostShare };
  });
  let state: string | null = null;
  const outputs = new Map<number, RegisterOutput>();
  for (const [i, { input }] of [...planned.entries()].sort(([, a], [, b]) => a.moment - b.moment)) {
    if (input.op === 'get') outputs.set(i, { op: 'get', value: state });
    else if (input.op === 'cas') {
      outputs.set(i, { op: 'cas', succeeded: state === input.expected });
      if (state === input.expected) state = input.value;
    } else {
      outputs.set(i, { op: input.op });
      state = input.op === 'put' ? input.value : null;
    }
  }
  return planned.map(({ client, input, invoked, returned, lost }, i) => ({
    client,
    input,
    invoked,
    returned,
    output: lost ? undefined : outputs.get(i),
  }));
}

/** Tries every order that respects who came before whom. */
function naive(history: readonly RegisterCall[]): boolean {
  const go = (state: string | null, rest: readonly RegisterCall[]): boolean => {
    if (rest.every(({ output }) => output === undefined)) return true;
    return rest.some((next) => {
      const others = rest.filter((other) => other !== next);
      if (others.some(({ output, returned }) => output !== undefined && returned < next.invoked)) return false;
      const after = register.step(state, next.input, next.output);
      return after !== undefined && go(after, others);
    });
  };
  return go(register.initial, history);
}

describe('the checker', () => {
  it('accepts whatever a true register made', () => {
    for (let seed = 0; seed < 300; seed++) {
      const history = trueHistory(new Prng(`true-${seed}`), 40);
      expect(checkLinearizable(register, history).linearizable, `seed ${seed}`).toBe(true);
    }
  });

  it('agrees with trying every order, on histories with one answer changed', () => {
    let refused = 0;
    for (let seed = 0; seed < 1500; seed++) {
      const prng = new Prng(`naive-${seed}`);
      const history = trueHistory(prng, 7, seed % 2 === 0 ? 0.1 : 0.4);
      const at = Math.floor(prng.float() * history.length);
      const { output } = history[at]!;
      const other: RegisterOutput | undefined =
        output?.op === 'get'
          ? { op: 'get', value: prng.float() < 0.3 ? null : `v${Math.floor(prng.float() * 7)}` }
          : output?.op === 'cas'
            ? { op: 'cas', succeeded: !output.succeeded }
            : output;
      history[at] = { ...history[at]!, output: other };
      const expected = naive(history);
      if (!expected) refused++;
      expect(checkLinearizable(register, history).linearizable, `seed ${seed}`).toBe(expected);
      const keyed = history.map((each) => ({ ...each, key: 'k' }));
      expect(checkRegisters(keyed) === undefined, `seed ${seed}`).toBe(expected);
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('names the key whose history has no explanation', () => {
    const of = (key: string, ...calls: RegisterCall[]) => calls.map((one) => ({ ...one, key }));
    const good = of('a', put([0, 1], 'x'), get([2, 3], 'x'));
    expect(checkRegisters(good)).toBeUndefined();
    expect(checkRegisters([...good, ...of('b', put([0, 1], 'x'), get([2, 3], null))])?.key).toBe('b');
  });
});
