import type { TablePrinter } from '../../../definition.ts';
import { ageOf, nameOfRow, printer } from '../../../printing.ts';
import type { Pod } from '../../../types.ts';
import { podStatus, restartsText } from './status.ts';

function readinessGates(pod: Readonly<Pod>): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) =>
    pod.status?.conditions?.some((condition) => condition.type === gate.conditionType && condition.status === 'True'),
  );
  return `${met.length}/${gates.length}`;
}

export const podPrinter: TablePrinter = printer(
  'Name:name, Ready, Status, Restarts, Age, IP*, Node*, Nominated Node*, Readiness Gates*',
  (object, context) => {
    const pod = object as Readonly<Pod>;
    const summary = podStatus(pod);
    return [
      nameOfRow(object),
      `${summary.readyContainers}/${summary.totalContainers}`,
      summary.word,
      restartsText(summary, context.now),
      ageOf(object, context),
      pod.status?.podIPs?.[0]?.ip || '<none>',
      pod.spec?.nodeName || '<none>',
      pod.status?.nominatedNodeName || '<none>',
      readinessGates(pod),
    ];
  },
);
