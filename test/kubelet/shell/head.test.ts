import { describe, expect, it } from 'vitest';
import { SimNode } from '../sim-helpers.ts';

describe('head -c', () => {
  it('reads no more than it prints, of a source that never ends', async () => {
    const node = new SimNode();
    const id = await node.start({ command: ['sleep', '1000'] });
    const run = async (script: string) => (await node.runtime.execSync(id, ['sh', '-c', script], 0)).stdout;
    expect(await run('yes | head -c 5')).toBe('y\ny\ny');
    expect(await run('echo ab | head -c 10')).toBe('ab\n');
    expect(await run('echo äb | head -c 2')).toBe('ä');
  });
});
