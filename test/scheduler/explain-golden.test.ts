/** What `klab scheduler explain` prints at 3, 300 and 5,000 nodes, to the letter. */
import { describe, expect, it } from 'vitest';
import { renderTable } from '../../src/cli/output.ts';
import { type Decision, explainDecision, whyDecision } from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

function text(decision: Decision): string {
  const { headline, story, tables } = explainDecision(decision);
  const parts = [[headline, ...story.map((sentence) => `  ${sentence}`)].join('\n')];
  for (const { title, columns, rows } of tables) parts.push(`${title}\n${renderTable(columns, rows)}`);
  parts.push(`why: ${whyDecision(decision).sentence}`);
  return `${parts.join('\n\n')}\n`;
}

const cluster = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    makeNode(`node-${i}`, {
      cpu: i % 4 === 3 ? '500m' : String(2 + (i % 3) * 2),
      labels: { 'topology.kubernetes.io/zone': `zone-${i % 3}` },
      taints: i % 5 === 2 ? [{ key: 'gpu', value: 'true', effect: 'NoSchedule' }] : undefined,
      unschedulable: i % 97 === 50 || undefined,
    }),
  );

describe('explain, printed', () => {
  for (const count of [3, 300, 5000]) {
    it(`reads well at ${count} nodes`, async () => {
      const { decision } = cycleOver(cluster(count)).run(makePod('web', { requests: { cpu: '1', memory: '1Gi' } }));
      const printed = text(decision);
      expect(printed.split('\n').length).toBeLessThan(40);
      await expect(printed).toMatchFileSnapshot(`golden/explain-${count}.txt`);
    });
  }

  it('reads well when nothing fits', async () => {
    const { decision } = cycleOver(cluster(300)).run(makePod('web', { requests: { cpu: '7' } }));
    await expect(text(decision)).toMatchFileSnapshot('golden/explain-none-fits.txt');
  });
});
