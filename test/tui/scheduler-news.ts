/** Answers as the scheduler's routes give them. */
import type { SchedulerNews } from '../../src/cli/index.ts';

type Decision = SchedulerNews['decisions'][number];
type NodeUse = NonNullable<SchedulerNews['nodes']>[number];

const noon = Date.UTC(2026, 10, 22, 12, 0, 0);

export function decision(serial: number, node?: string): Decision {
  const name = `web-${serial}`;
  return {
    serial,
    pod: { namespace: 'default', name, uid: `uid-${serial}` },
    attempt: 1,
    result: node === undefined ? 'Unschedulable' : 'Scheduled',
    finishedAt: noon + serial * 1000,
    ...(node !== undefined && { node }),
    feasible: node === undefined ? 0 : 2,
    message: node === undefined ? '0/2 nodes are available: 2 Insufficient cpu.' : '',
  };
}

export const use = (name: string, zone: string, cpu: number, more: Partial<NodeUse> = {}): NodeUse => ({
  name,
  zone,
  cpu,
  memory: 0.5,
  pods: 0.1,
  ...more,
});

export function news(decisions: readonly Decision[] = [], nodes?: readonly NodeUse[]): SchedulerNews {
  const lengths = { active: 3, backoff: 0, unschedulable: 1, gated: 0 };
  return { running: true, lengths, decisions, ...(nodes && { nodes }) };
}
