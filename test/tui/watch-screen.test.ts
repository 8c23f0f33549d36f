import { render } from 'ink-testing-library';
import { createElement } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/base/index.ts';
import { WatchScreen, WatchStore } from '../../src/tui/watch-screen.ts';
import { change } from './changes.ts';

const running: { unmount(): void }[] = [];
afterEach(() => {
  for (const screen of running.splice(0)) screen.unmount();
});

function open() {
  const store = new WatchStore(new VirtualClock(), {});
  let quits = 0;
  const onQuit = () => {
    quits++;
  };
  const screen = render(createElement(WatchScreen, { store, what: 'pods', options: {}, onQuit }));
  running.push(screen);
  // Colours apart, which the model's tones stand for.
  const text = () => (screen.lastFrame() ?? '').replace(/\x1b\[[0-9;]*m/g, '');
  return { store, screen, text, quits: () => quits };
}

describe('the screen of klab watch', () => {
  it('draws headers, rows and footer, and redraws them in place', async () => {
    const { store, text } = open();
    store.apply(change('ADDED', 'web-0', '0/1', 'Pending'));
    store.apply({ type: 'SYNCED' });
    await expect
      .poll(text)
      .toMatch(/^ {2}NAME +READY +STATUS +AGE\n {2}web-0 +0\/1 +Pending +\S+\n1 pods · 1 Pending · q quits$/);
    store.apply(change('MODIFIED', 'web-0', '1/1', 'Running'));
    await expect.poll(text).toMatch(/\n~ web-0 +1\/1 +Running/);
    expect(text().match(/web-0/g)).toHaveLength(1);
  });

  it('quits on q', async () => {
    const { screen, text, quits } = open();
    await expect.poll(text).toContain('q quits');
    screen.stdin.write('q');
    await expect.poll(quits).toBe(1);
  });
});
