import { render } from 'ink-testing-library';
import { createElement } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/base/index.ts';
import { SchedulerScreen, SchedulerStore } from '../../src/tui/scheduler-screen.ts';
import { decision, news, use } from './scheduler-news.ts';

const running: { unmount(): void }[] = [];
afterEach(() => {
  for (const screen of running.splice(0)) screen.unmount();
});

function open() {
  const store = new SchedulerStore(new VirtualClock());
  let quits = 0;
  const onQuit = () => {
    quits++;
  };
  const screen = render(createElement(SchedulerScreen, { store, onQuit }));
  running.push(screen);
  const text = () => (screen.lastFrame() ?? '').replace(/\x1b\[[0-9;]*m/g, '');
  return { store, screen, text, quits: () => quits };
}

describe('the live screen of the scheduler', () => {
  it('draws queues, map, decisions and keys', async () => {
    const { store, text } = open();
    store.apply(news([decision(1, 'n1')], [use('n1', 'a', 0.5), use('n2', 'b', 0.25)]));
    await expect
      .poll(text)
      .toBe(
        [
          'queues  active 3  backoff 0  unschedulable 1  gated 0',
          'cpu requested: 2 nodes, 2 zones',
          'a ▄ 50%',
          'b ▂ 25%',
          '0 decisions in 10 s: 0 scheduled, 0 not',
          '12:00:01 default/web-1 → n1 (attempt 1, 2 feasible)',
          'c cpu · m memory · p pods · space holds · ↑↓ scroll · q quits',
        ].join('\n'),
      );
  });

  it('obeys its keys', async () => {
    const { store, screen, text, quits } = open();
    store.apply(news([decision(1, 'n1'), decision(2, 'n1')], [use('n1', 'a', 0.5)]));
    await expect.poll(text).toContain('cpu requested');
    screen.stdin.write('m');
    await expect.poll(text).toContain('memory requested');
    screen.stdin.write(' ');
    await expect.poll(text).toContain('held, 0 newer');
    screen.stdin.write('j');
    await expect.poll(text).not.toContain('web-2');
    expect(text()).toContain('web-1');
    screen.stdin.write('q');
    await expect.poll(quits).toBe(1);
  });
});
