import { describe, expect, test } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import type { EtcdServerApi } from '../../src/etcd/index.ts';
import { type Call, checkRegisters, type RegisterInput, type RegisterOutput } from '../helpers/linearizability.ts';
import { b, lab } from './harness.ts';

type KeyCall = Call<RegisterInput, RegisterOutput> & { readonly key: string };

async function ask(api: EtcdServerApi, key: string, input: RegisterInput): Promise<RegisterOutput> {
  switch (input.op) {
    case 'get': {
      const { kvs } = await api.range({ key: b(key) });
      return { op: 'get', value: kvs[0] ? String(kvs[0].value) : null };
    }
    case 'put':
      await api.put({ key: b(key), value: b(input.value) });
      return { op: 'put' };
    case 'delete':
      await api.deleteRange({ key: b(key) });
      return { op: 'delete' };
    case 'cas': {
      const { expected, value } = input;
      const { succeeded } = await api.txn({
        compare: [
          expected === null
            ? { key: b(key), target: 'version', version: 0, result: 'equal' }
            : { key: b(key), target: 'value', value: b(expected), result: 'equal' },
        ],
        success: [{ op: 'put', put: { key: b(key), value: b(value) } }],
        failure: [],
      });
      return { op: 'cas', succeeded };
    }
  }
}

/** Clients at single members and at whichever is live, while members and links fail. Gives what they saw. */
async function history(seed: string): Promise<KeyCall[]> {
  const { cluster, clock, m } = await lab({ members: 3, seed });
  const prng = new Prng(`${seed}/clients`);
  const any = cluster.anyMember();
  const calls: KeyCall[] = [];
  const known = new Map<string, string | null>();
  let running = 0;
  cluster.transport.setDefault({ delayMs: 5, jitterMs: 25, drop: 0.02 });
  const call = async (client: string, api: EtcdServerApi, n: number) => {
    running++;
    const key = `k${prng.int(3)}`;
    const dice = prng.int(10);
    let input: RegisterInput = { op: 'get' };
    if (dice >= 9) input = { op: 'delete' };
    else if (dice >= 7) input = { op: 'cas', expected: known.get(key) ?? null, value: `v${n}` };
    else if (dice >= 4) input = { op: 'put', value: `v${n}` };
    const invoked = clock.monotonic();
    let output: RegisterOutput | undefined;
    try {
      output = await ask(api, key, input);
      if (output.op === 'get') known.set(key, output.value);
    } catch (error) {
      expect(error).toMatchObject({ code: 'Unavailable' });
    }
    calls.push({ client, key, input, output, invoked, returned: clock.monotonic() });
    running--;
  };
  for (let n = 0; n < 120; n++) {
    const member = prng.int(3);
    const dice = prng.int(100);
    if (dice < 45) void call(`m${member + 1}`, m[member]!, n);
    else if (dice < 80) void call('any', any, n);
    else if (dice < 83) cluster.transport.partition([1 + member]);
    else if (dice < 85) cluster.transport.cut(1 + member, 1 + ((member + 1) % 3));
    else if (dice < 89) cluster.transport.heal();
    else if (dice < 91 && m.every((x) => x.running)) cluster.crash(member);
    else if (dice < 94) cluster.pause(member);
    else for (const [i, x] of m.entries()) x.running ? cluster.resume(i) : cluster.restart(i);
    await clock.advance(prng.int(60));
  }
  cluster.transport.heal();
  cluster.transport.clearRules();
  for (const [i, x] of m.entries()) x.running ? cluster.resume(i) : cluster.restart(i);
  expect(await clock.advanceUntil(() => running === 0, 60_000), 'a call never ended').toBe(true);
  // Everybody agrees in the end.
  for (const api of [...m, any]) void call('last', api, 1000);
  expect(await clock.advanceUntil(() => running === 0, 60_000), 'a call never ended').toBe(true);
  await cluster.close();
  return calls;
}

/** `KLAB_SIM_SEEDS` makes it a long run. That the checker refuses bad histories is shown in test/simulation. */
const count = Number(process.env['KLAB_SIM_SEEDS'] ?? 10);
const seeds = Array.from({ length: count }, (_, i) => `history-${i}`);

describe('what clients see under faults is linearizable', () => {
  test.each(seeds)(
    'seed %s',
    async (seed) => {
      const calls = await history(seed);
      expect(calls.filter(({ output }) => output).length).toBeGreaterThan(30);
      expect(checkRegisters(calls)).toBeUndefined();
      // One in twenty seeds leaves so much unanswered that the search takes half a minute.
    },
    120_000,
  );
});
