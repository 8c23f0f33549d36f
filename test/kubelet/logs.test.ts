import { describe, expect, test } from 'vitest';
import { Lab, main } from './lab.ts';
import { SimNode } from './sim-helpers.ts';

const message = (promise: Promise<unknown>) => promise.then(String, (error) => `${error.code} ${error.message}`);

describe('what the kubelet answers', () => {
  test('a container that waits has no log yet', async () => {
    await using lab = await new Lab({ runtime: { instant: false, pullMs: () => 60_000 } }).start();
    await lab.createPod('slow');
    await lab.untilPod('slow', 'has a status', (p) => main(p) !== undefined);
    expect(await message(lab.logs('slow'))).toBe(
      '400 container "main" in pod "slow" is waiting to start: ContainerCreating',
    );
    expect(await message(lab.logs('slow', { container: 'other' }))).toBe(
      '400 container other is not valid for pod slow',
    );
  });

  test('the log of the instance before', async () => {
    await using lab = await new Lab().start();
    await lab.createPod('crash', { main: 'echo life $(date +%s); sleep 5; exit 1' });
    await lab.untilPod('crash', 'started', (p) => main(p)?.containerID !== undefined);
    expect(await message(lab.logs('crash', { previous: true }))).toBe(
      '400 previous terminated container "main" in pod "crash" not found',
    );
    await lab.untilPod(
      'crash',
      'backs off',
      (p) => main(p)?.restartCount === 2 && main(p)!.state.waiting !== undefined,
    );
    expect(await lab.logs('crash', { previous: true })).toMatch(/^life \d+\n$/);
    expect(await lab.logs('crash')).toMatch(/^life \d+\n$/);
  });
});

describe('the log itself', () => {
  const lines = 'for i in 1 2 3 4 5; do echo line $i; sleep 1; done';

  test('tail, limit and timestamps', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['sh', '-c', lines] });
    await node.clock.advance(10_000);
    expect(await node.logs(id, { tailLines: 2 })).toBe('line 4\nline 5\n');
    expect(await node.logs(id, { limitBytes: 9 })).toBe('line 1\nli');
    expect(await node.logs(id, { tailLines: 1, timestamps: true })).toBe('2026-11-22T10:00:04.000000000Z line 5\n');
    expect(await node.logs(id, { tailLines: 0 })).toBe('');
  });

  test('following ends when the container does', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['sh', '-c', lines] });
    let text = '';
    let ended = false;
    const options = { follow: true, timestamps: false };
    const reading = (async () => {
      for await (const chunk of node.runtime.containerLogs(id, options, new AbortController().signal))
        text += Buffer.from(chunk);
      ended = true;
    })();
    await node.clock.advance(2_500);
    expect(text).toBe('line 1\nline 2\nline 3\n');
    expect(ended).toBe(false);
    await node.clock.advance(10_000);
    await reading;
    expect(text.endsWith('line 5\n')).toBe(true);
  });

  test('a log is bounded: the oldest lines go', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['sh', '-c', 'seq 60000'] });
    await node.clock.advance(60_000);
    const text = await node.logs(id);
    expect(text.length).toBeLessThan(1024 * 1024);
    expect(text.endsWith('60000\n')).toBe(true);
    expect(text.startsWith('1\n')).toBe(false);
  });

  test('a runaway script is slowed down instead of stopping everything', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['sh', '-c', 'while true; do i=$((i+1)); echo $i; done'] });
    await node.clock.advance(60_000);
    const last = Number((await node.logs(id, { tailLines: 1 })).trim());
    expect(last).toBeGreaterThan(1_000);
    expect(last).toBeLessThan(1_000_000);
  });
});
