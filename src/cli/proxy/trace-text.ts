/** A trace as a page to read: what happened, in order, with the rules that did it. */
import type { PathEnd, PathStep } from '../../proxy/index.ts';
import { renderTable } from '../output.ts';
import type { ProxyTraceAnswer, TraceAnswer } from './trace.ts';
import { carriedLines } from './trace-carry.ts';

/** Chains that only hand on to Services: what does not match there is another Service's. */
const dispatchers = new Set([
  'KUBE-SERVICES',
  'KUBE-NODEPORTS',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-PROXY-FIREWALL',
  'KUBE-NODE-PORT',
  'KUBE-IPVS-FILTER',
  'KUBE-LOAD-BALANCER',
]);

export function traceText(answer: ProxyTraceAnswer): string {
  const parts = [`${answer.from} → ${answer.to}`, `DNS\n${indent(dnsLines(answer))}`];
  for (const trace of answer.traces) parts.push(traceSection(trace, answer.rules));
  if (answer.traces.length > 1) parts.push(comparison(answer.traces));
  if (answer.diagnosis) parts.push(`Why nobody answers\n  ${answer.diagnosis.what}.\n  Fix: ${answer.diagnosis.fix}.`);
  return parts.join('\n\n');
}

function dnsLines({ dns }: ProxyTraceAnswer): string[] {
  if (dns.asked.length === 0) return [dns.answer];
  return dns.asked.map((name, i) =>
    i === dns.asked.length - 1 ? `${name}. → ${dns.answer}` : `${name}. → NXDOMAIN, next in the search path`,
  );
}

function traceSection(trace: TraceAnswer, rules: ProxyTraceAnswer['rules']): string {
  const outcome = trace.outcomes[trace.chosen]!;
  const lines = [
    `${trace.mode} on ${trace.node}${rules?.node === trace.node ? `, rules of ${rules.file}` : ''}: ${count(trace.rules, 'rule')} there, ${triedText(outcome.tried)} tried for this packet`,
  ];
  const { carried } = trace;
  const all = groups(trace.steps);
  const leaves = all.findLastIndex(([first]) => first!.hook === 'routing' && first!.node === carried?.from);
  for (const [i, group] of all.entries()) {
    lines.push(...groupLines(group));
    if (carried && i === leaves) lines.push(...carriedLines(carried));
  }
  // Where IPVS sends it on from INPUT there was no routing to tell.
  if (carried && leaves < 0) lines.push(`  between ${carried.from} and ${carried.to}:`, ...carriedLines(carried));
  if (outcome.verdict !== undefined) lines.push(`  NetworkPolicy: ${outcome.verdict}`);
  const denied = outcome.policy?.allowed === false;
  if (carried && !carried.arrived)
    lines.push(`  ✗ it ends between ${carried.from} and ${carried.to}; with a network that carries it:`);
  lines.push(`  ${endText(outcome.end, outcome.destination, outcome.source, denied)}`);
  if (denied) {
    lines.push(
      '  The network plugin drops it: the sender hears nothing. Fix: allow it in a policy that selects the pod.',
    );
  } else if (outcome.listener !== undefined) lines.push(`  ${outcome.listener}`);
  if (trace.conntrack && !denied) {
    const { original, reply, protocol } = trace.conntrack;
    const tuple = (t: typeof original) =>
      `src=${t.source} dst=${t.destination} sport=${t.sourcePort} dport=${t.destinationPort}`;
    lines.push('', `  conntrack: ${protocol} ${tuple(original)} ${tuple(reply)}`);
    lines.push(...trace.reply.map((line, i) => `  ${i === 0 ? 'reply:' : '      '} ${line}`));
  }
  const affinity = affinityText(trace);
  if (affinity !== undefined) lines.push('', `  affinity: ${affinity}`);
  const table = endpointTable(trace);
  return [...lines, ...(table === '' ? [] : ['', ...indent(table.split('\n'), '  ').split('\n')])].join('\n');
}

/** What the Service remembers of its clients, and what it made of this one. */
function affinityText({ affinity, outcomes, chosen, connection }: TraceAnswer): string | undefined {
  if (!affinity) return undefined;
  const kept = `for ${affinity.seconds} s after its last connection`;
  const { remembered, held } = affinity;
  if (remembered !== undefined && held)
    return `${connection.source} came before and goes to ${remembered} again, ${kept}`;
  const { end, destination } = outcomes[chosen]!;
  if (remembered !== undefined)
    return `${connection.source} was remembered by ${remembered}, to which no rule leads any more: it is a new client`;
  if (end.kind !== 'pod' && end.kind !== 'node') return undefined;
  return `a first packet; from now on ${connection.source} goes to ${destination}, ${kept} (--remembered ${destination} shows it)`;
}

/** Steps of one table at one hook of one node. */
function groups(steps: readonly PathStep[]): PathStep[][] {
  const out: PathStep[][] = [];
  for (const step of steps) {
    const last = out.at(-1)?.[0];
    const same = last && last.node === step.node && last.hook === step.hook && last.table === step.table;
    if (same) out.at(-1)!.push(step);
    else out.push([step]);
  }
  return out;
}

function groupLines(steps: readonly PathStep[]): string[] {
  const { hook, table, node, why } = steps[0]!;
  if (hook === 'routing') return [`  routing on ${node}: ${why}`];
  const where = `  ${hook}${table === undefined ? '' : ` (${table})`} on ${node}`;
  const told = steps.filter(worthTelling);
  if (told.every((step) => step.moves !== undefined)) {
    const chains = [...new Set(steps.map(({ chain }) => chain))].join(', ');
    return [`${where}: nothing there is for it (${chains})`];
  }
  // A chain that was entered and left without effect says nothing.
  const busy = new Set(told.filter((step) => step.moves !== 'return').map(({ chain }) => chain));
  return [
    where,
    ...told.flatMap((step, i) => {
      const into = step.moves === 'jump' ? told[i + 1]?.chain : undefined;
      return step.moves === 'jump' && (into === undefined || into === step.chain || !busy.has(into))
        ? []
        : stepLines(step);
    }),
  ];
}

/** Chains that belong to no Service; what does not match in them is another's. */
const shared =
  /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING|KUBE-FORWARD|KUBE-FIREWALL|services|masquerading|filter-.*|nat-.*|.*-check)$/;

/** Rules that held, and those on the Service's own chains that did not. */
function worthTelling({ matched, chain }: PathStep): boolean {
  return matched || (chain !== undefined && !dispatchers.has(chain) && !shared.test(chain));
}

function stepLines(step: PathStep): string[] {
  const odds = step.odds === undefined || step.odds >= 1 ? '' : ` [${percent(step.odds)}]`;
  const translation = step.translation
    ? `${step.translation.kind} ${step.translation.from} → ${step.translation.to}: `
    : '';
  return [`    ${step.matched ? '✓' : '·'} ${step.rule ?? ''}`, `        ${translation}${step.why}${odds}`];
}

function endText(end: PathEnd, destination: string, source: string, denied: boolean): string {
  switch (end.kind) {
    case 'pod':
      if (denied) {
        return `✗ never arrives at ${destination}, pod ${end.namespace}/${end.name} on ${end.node}, which would see it come from ${source}`;
      }
      return `→ arrives at ${destination}, pod ${end.namespace}/${end.name} on ${end.node}, which sees it come from ${source}`;
    case 'node':
      return `→ arrives at ${destination} on node ${end.name} itself: whoever listens there answers`;
    case 'outside':
      if (denied) return `✗ never leaves the cluster for ${destination}`;
      return `→ leaves the cluster for ${destination}, with source ${source}`;
    case 'dropped':
      return `✗ dropped on ${end.node}: the sender waits until it gives up`;
    case 'rejected':
      return `✗ rejected on ${end.node}: the sender sees "connection refused" at once`;
    case 'lost':
      return `✗ lost: no rule on ${end.node} takes it, and nobody has the address ${destination}`;
  }
}

function endpointTable(trace: TraceAnswer): string {
  if (trace.endpoints.length === 0) return '';
  const { destination } = trace.outcomes[trace.chosen]!;
  const rows = trace.endpoints.map(({ address, node, odds, why }) => [
    `${address}${address === destination ? ' *' : ''}`,
    node ?? '<none>',
    percent(odds),
    why,
  ]);
  return renderTable(['ENDPOINT', 'NODE', 'ODDS', 'WHY'], rows).trimEnd();
}

/** Why ipvs and nftables do not mind how many Services there are. */
function comparison(traces: readonly TraceAnswer[]): string {
  const rows = traces.map((trace) => {
    const outcome = trace.outcomes[trace.chosen]!;
    return [
      trace.mode,
      String(trace.rules),
      String(sum(outcome.tried)),
      outcome.destination,
      outcome.snat === undefined ? 'no' : 'yes',
    ];
  });
  const table = renderTable(['MODE', 'RULES', 'TRIED', 'TO', 'SNAT'], rows).trimEnd();
  return `Side by side\n${indent(table.split('\n'))}\n  iptables tries rule after rule until one matches, so a new connection costs more the more Services there are;\n  ipvs and nftables look the address up in a hash table, whatever their number.`;
}

const sum = (tried: Readonly<Record<string, number>>): number =>
  Object.values(tried).reduce((all, each) => all + each, 0);

function triedText(tried: Readonly<Record<string, number>>): string {
  const nodes = Object.entries(tried);
  if (nodes.length === 1) return String(nodes[0]![1]);
  return `${sum(tried)} (${nodes.map(([node, number]) => `${number} on ${node}`).join(', ')})`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
const percent = (odds: number): string => `${Number((odds * 100).toFixed(1))}%`;
const indent = (lines: readonly string[], by = '  '): string => lines.map((line) => `${by}${line}`).join('\n');
