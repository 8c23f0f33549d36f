// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are shell scripts.
/** Scripts that hold ever more: they end as they would on a machine, and nobody else suffers. */
import { describe, expect, it } from 'vitest';
import { SimNode } from '../sim-helpers.ts';

const mebibyte = 1024 * 1024;

describe('input that never ends', () => {
  it.each(['sort', 'base64', 'wc -l', 'tr a b', 'tail -c 5', 'tac'])(
    '%s gets all the container’s memory: OOMKilled',
    async (command) => {
      const node = new SimNode();
      const id = await node.start({
        command: ['sh', '-c', `yes "$(seq 20000)" | ${command}`],
        memoryLimitBytes: 8 * mebibyte,
      });
      const ended = async () => (await node.runtime.containerStatus(id)).state === 'exited';
      expect(await node.clock.advanceUntil(ended, 3_600_000)).toBe(true);
      expect(await node.runtime.containerStatus(id)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    },
  );

  it('without a limit the command fails, and the script goes on', async () => {
    const result = await new SimNode().script(
      'yes "$(seq 100000)" | base64; echo $?; yes "$(seq 100000)" | sort; echo $?',
      {},
    );
    expect(result.output).toBe('base64: out of memory\n1\nsort: out of memory\n1\n');
  });

  it('tail holds its lines alone', async () => {
    const node = new SimNode();
    expect(
      (await node.script('seq 1 30000 | tail -n 2; seq 5 | tail -3; seq 5 | tail -n +4; seq 3 | tail -n 0')).output,
    ).toBe('29999\n30000\n3\n4\n5\n4\n5\n');
    const id = await node.start({
      command: ['sh', '-c', 'yes "$(seq 20000)" | tail -n 5'],
      memoryLimitBytes: 8 * mebibyte,
    });
    await node.clock.advance(60_000);
    expect(await node.runtime.containerStatus(id)).toMatchObject({ state: 'running' });
    await node.runtime.stopContainer(id, 0);
  });
});

describe('a script’s own memory', () => {
  it.each([
    ['x=1; while true; do x=$x$x; done', 'sh: out of memory\n', 2],
    ['x=ab; while true; do x=${x//b/$x}; done', 'sh: out of memory\n', 2],
    ['i=0; x=$(seq 90000); while true; do i=$((i+1)); eval "x$i=\\$x"; done', 'sh: out of memory\n', 2],
    ['set -- a; while true; do set -- "$@" "$@"; done', 'sh: out of memory\n', 2],
    ['awk \'BEGIN { x = "a"; while (1) x = x x }\'; echo $?', 'awk: out of memory\n1\n', 0],
  ])('%s', async (script, output, exitCode) => {
    expect(await new SimNode().script(script)).toMatchObject({ output, exitCode });
  });

  it('what is unset or set anew is free again', async () => {
    const script = 'x=$(seq 90000); i=0; while [ $i -lt 200 ]; do y=$x$x; unset y; i=$((i+1)); done; echo fine';
    expect((await new SimNode().script(script)).output).toBe('fine\n');
  });
});
