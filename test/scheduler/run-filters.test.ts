import { expect, it } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import { podInfoOf } from '../../src/scheduler/framework/node-info.ts';
import { Nominator } from '../../src/scheduler/framework/nominator.ts';
import { FilterRunner } from '../../src/scheduler/framework/run-filters.ts';
import { CycleState, type Plugin } from '../../src/scheduler/framework/types.ts';
import { SchedulerCache } from '../../src/scheduler/index.ts';
import { makeNode, makePod } from './objects.ts';

/** Refuses what is more than two cores, and says what it saw. */
const twoCores: Plugin = {
  name: 'TwoCores',
  filter: (_state, pod, node) => {
    const sum = node.requested.milliCPU + pod.requests.milliCPU;
    return sum > 2000 ? { code: 'Unschedulable', reasons: [`${sum}`] } : undefined;
  },
};

const core = (name: string, priority = 0) => podInfoOf(makePod(name, { requests: { cpu: '1' }, priority }));

it('a pod is filtered with those nominated to the node now, on the node as it is now', () => {
  const cache = new SchedulerCache();
  cache.setNode(makeNode('n'));
  const nominator = new Nominator();
  const runner = new FilterRunner([twoCores], nominator);
  const asked = core('asked', 5);
  const seen = () => runner.run([twoCores], new CycleState(), asked, cache.get('n')!)?.refusal.reasons[0];
  const prng = new Prng('nominated');
  const pods = Array.from({ length: 8 }, (_, i) => core(`p${i}`, i));
  const here = new Set<string>();
  const nominated = new Set<string>();
  for (let step = 0; step < 400; step++) {
    const pod = prng.pick(pods);
    if (prng.int(2) === 0) {
      if (here.delete(pod.uid)) cache.removePod(pod.uid);
      else cache.assume(pod, here.add(pod.uid) && 'n');
    } else if (nominated.delete(pod.uid)) nominator.delete(pod.uid);
    else nominator.set(pod, nominated.add(pod.uid) && 'n');
    if (prng.int(9) === 0) cache.setNode(makeNode('n', { labels: { step: `${step}` } }));
    // Those of lower priority would have to give way; those here already count once.
    const counted = pods.filter(({ uid, priority }) => here.has(uid) || (nominated.has(uid) && priority >= 5));
    const sum = 1000 * (counted.length + 1);
    expect(seen()).toBe(sum > 2000 ? `${sum}` : undefined);
    expect(seen()).toBe(sum > 2000 ? `${sum}` : undefined);
  }
});
