/** Sums that are kept between cycles are those that counting anew gives. */
import { expect, it } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import { type Contribute, Tally, Trial } from '../../src/scheduler/framework/tally.ts';
import { SchedulerCache } from '../../src/scheduler/index.ts';
import { makeNode, makePod } from './objects.ts';

const byZone: Contribute = (node, add) => {
  const { zone } = node.labels;
  if (zone !== undefined) add('zone', zone, node.pods.size);
};

const shown = (tally: Tally) =>
  [...tally.slots].map((slot) => [slot, Object.fromEntries([...tally.sums(slot)].sort()), tally.least(slot)]);

it('follows pods and nodes that come, change and go, read often or seldom', () => {
  const prng = new Prng('tally');
  const cache = new SchedulerCache();
  const kept = new Tally(byZone);
  let late = new Tally(byZone);
  const pods: string[] = [];
  for (let step = 0; step < 6000; step++) {
    const node = `n${prng.int(20)}`;
    const what = prng.int(10);
    if (what < 2) cache.setNode(makeNode(node, prng.int(5) === 0 ? {} : { labels: { zone: `z${prng.int(4)}` } }));
    else if (what === 2) cache.removeNode(node);
    else if (what < 7 || pods.length === 0) {
      const pod = makePod(`p${step}`, { nodeName: node });
      pods.push(pod.metadata.uid!);
      cache.setPod(pod);
    } else cache.removePod(pods.splice(prng.int(pods.length), 1)[0]!);
    if (prng.int(step < 3000 ? 3 : 3000) !== 0) continue;
    kept.refresh(cache);
    late.refresh(cache);
    expect(shown(late).flat(9), `step ${step}, late`).toEqual(shown(kept).flat(9));
    late = new Tally(byZone).refresh(cache);
    const anew = new Tally(byZone).refresh(cache);
    expect(shown(kept).flat(9), `step ${step}`).toEqual(shown(anew).flat(9));
    expect(kept.total).toBe(anew.total);
  }
});

it('a trial changes nothing but itself', () => {
  const cache = new SchedulerCache();
  for (const [name, zone] of Object.entries({ a: '1', b: '2' })) cache.setNode(makeNode(name, { labels: { zone } }));
  cache.setPod(makePod('p', { nodeName: 'a' }));
  const tally = new Tally(byZone).refresh(cache);
  const trial = new Trial(tally);
  trial.add('zone', '2', 3);
  expect([trial.amount('zone', '1'), trial.amount('zone', '2'), trial.least('zone'), trial.total]).toEqual([
    1, 3, 1, 4,
  ]);
  trial.add('zone', '2', -3);
  trial.add('zone', '1', -1);
  expect([trial.amount('zone', '1'), trial.least('zone'), trial.total]).toEqual([0, 0, 0]);
  expect([tally.least('zone'), tally.total]).toEqual([0, 1]);
});
