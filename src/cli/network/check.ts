/** `klab network check`: whether the simulated network keeps the basic rules, by connections that are really opened. */
import type { NetworkCheckFailure, NetworkCheckOptions, NetworkCheckResult } from '../../cluster/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData, renderTable } from '../output.ts';
import type { Session } from '../session.ts';

export interface NetworkCheckRequest extends NetworkCheckOptions {
  readonly output?: 'json' | 'yaml';
}

/** More rows than this are no picture any more. */
const widestMatrix = 16;
/** Failures of one reason that are named one by one. */
const namedFailures = 5;

export async function networkCheck(
  session: Session,
  { output, ...options }: NetworkCheckRequest,
): Promise<{ readonly text: string; readonly sound: boolean }> {
  if (!session.server) {
    throw new UserError(
      'the check opens connections in klab’s simulated network; in another cluster nothing of klab runs that could. ' +
        'klab network explain and klab proxy trace work on any cluster',
    );
  }
  const { body } = await session.client.request({
    method: 'POST',
    path: '/klab/v1/network/check',
    body: options,
    signal: session.signal,
  });
  const result = body as unknown as NetworkCheckResult;
  const sound = result.failures.length === 0;
  return { text: output === undefined ? networkCheckText(result) : printData(result, output), sound };
}

export function networkCheckText(result: NetworkCheckResult): string {
  const { pods, podsTotal, nodes, connections, failures, port, seed } = result;
  const what = `${count(pods.length, 'pod')} and ${count(nodes.length, 'node')}: ${count(connections, 'connection')} to TCP port ${port}`;
  const parts = [
    pods.length < podsTotal
      ? `${what}\nOnly ${pods.length} of ${podsTotal} pods were tried, drawn by seed ${seed} (--pods, --seed).`
      : what,
  ];
  if (pods.length === 0) parts.push('No pod has an address of the pod network: nothing was tried.');
  else if (pods.length + nodes.length <= widestMatrix) parts.push(matrix(result));
  if (pods.length > 0) parts.push(rulesText(failures));
  if (failures.length > 0) parts.push(failuresText(failures));
  if (failures.some(({ policies }) => policies)) {
    parts.push(`Policies may allow other ports: --port N tries another. klab proxy trace follows one connection.`);
  }
  return parts.join('\n\n');
}

function matrix({ pods, nodes, failures }: NetworkCheckResult): string {
  const broken = new Set(failures.map(({ from, to }) => `${from} ${to}`));
  const senders = [...nodes.map((node) => `node/${node}`), ...pods.map(({ name }) => name)];
  const rows = senders.map((from) => {
    const number = pods.findIndex(({ name }) => name === from);
    return [
      `${number < 0 ? '' : `${number + 1} `}${from}`,
      ...pods.map(({ name }) => (broken.has(`${from} ${name}`) ? '✗' : '✓')),
    ];
  });
  return renderTable(['FROM \\ TO', ...pods.map((_, i) => String(i + 1))], rows);
}

function rulesText(failures: readonly NetworkCheckFailure[]): string {
  const broken = (test: (failure: NetworkCheckFailure) => boolean) => failures.filter(test).length;
  const line = (number: number, rule: string) =>
    `${number === 0 ? '✓' : '✗'} ${rule}${number === 0 ? '' : `: ${number} not`}`;
  return [
    line(
      broken(({ from, rule }) => rule === 'reach' && from.startsWith('pod/')),
      'every pod reaches every pod',
    ),
    line(
      broken(({ from, rule }) => rule === 'reach' && from.startsWith('node/')),
      'every node reaches every pod',
    ),
    line(
      broken(({ rule }) => rule === 'address'),
      'without NAT: a pod sees the address that the other has itself',
    ),
  ].join('\n');
}

/** By reason, as one policy or one lost node breaks many. */
function failuresText(failures: readonly NetworkCheckFailure[]): string {
  const byReason = new Map<string, NetworkCheckFailure[]>();
  for (const failure of failures) byReason.set(failure.reason, [...(byReason.get(failure.reason) ?? []), failure]);
  return [...byReason]
    .map(([reason, all]) => {
      const named = all.slice(0, namedFailures).map(({ from, to }) => `  ${from} → ${to}`);
      const more = all.length > namedFailures ? [`  and ${all.length - namedFailures} more (-o json has all)`] : [];
      return [`${reason}:`, ...named, ...more].join('\n');
    })
    .join('\n');
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
