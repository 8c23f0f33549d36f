/**
 * A decision in words and tables: what `klab scheduler explain` prints. Pure: the exact data is the Decision itself.
 * Built for 3, 300 and 5,000 nodes: equal refusals are grouped, of the feasible nodes the best and the nearest losers show.
 */
import type { NodeDecision } from './decision/columns.ts';
import type { Decision } from './decision/record.ts';
import { unseenBecause } from './decision/unseen.ts';
import { favouredBy } from './favours.ts';

export interface ExplainTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Explanation {
  /** `default/web-5d4 was scheduled to node-2 (attempt 1)`. */
  readonly headline: string;
  /** Sentences: how it came to be. */
  readonly story: readonly string[];
  readonly tables: readonly ExplainTable[];
}

export interface ExplainOptions {
  /** Feasible nodes shown in full. Default 10; Infinity with `-o wide`. */
  readonly nodesMax?: number;
  /** Only this node. */
  readonly node?: string;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Feasible nodes, best first; equal totals by name. */
function ranked(decision: Decision): NodeDecision[] {
  return decision.nodes
    .filter((node) => node.scores)
    .sort(
      (a, b) =>
        b.total! - a.total! ||
        (a.name === decision.node ? -1 : b.name === decision.node ? 1 : a.name < b.name ? -1 : 1),
    );
}

function scoreCell(node: NodeDecision, plugin: string): string {
  const score = node.scores!.find((entry) => entry.plugin === plugin);
  if (!score) return '-';
  return score.raw === score.normalised
    ? `${score.raw} ×${score.weight} = ${score.weighted}`
    : `${score.raw} → ${score.normalised} ×${score.weight} = ${score.weighted}`;
}

/** The first `max`; of nodes that share the highest total only half as many, so that the nearest losers show. */
function best(ranking: readonly NodeDecision[], max: number): readonly NodeDecision[] {
  const tied = ranking.findIndex(({ total }) => total !== ranking[0]!.total);
  const half = Math.ceil(max / 2);
  if (tied <= half || ranking.length <= max) return ranking.slice(0, max);
  return [...ranking.slice(0, half), ...ranking.slice(tied, tied + max - half)];
}

function scoreTable(decision: Decision, options: ExplainOptions): ExplainTable | undefined {
  const all = ranked(decision);
  if (all.length === 0) return undefined;
  const max = options.nodesMax ?? 10;
  const shown = options.node ? all.filter((node) => node.name === options.node) : best(all, max);
  const plugins = decision.plugins.filter((plugin) => !plugin.skipped).map((plugin) => plugin.name);
  const rows = shown.map((node) => [
    node.name === decision.node ? `${node.name} *` : node.name,
    String(node.total),
    ...plugins.map((plugin) => scoreCell(node, plugin)),
  ]);
  const hidden = options.node ? 0 : all.length - shown.length;
  const rest =
    hidden > 0 ? ` (${shown.length} of ${all.length}: the best and the nearest losers; all with -o wide)` : '';
  return {
    title: `Scores${rest}: raw → normalised ×weight = weighted`,
    columns: ['NODE', 'TOTAL', ...plugins.map((plugin) => plugin.toUpperCase())],
    rows,
  };
}

/** What the plugins that had a say give points for. */
function favoursTable(decision: Decision): ExplainTable | undefined {
  const rows = decision.plugins.flatMap(({ name, skipped }) => {
    const favoured = skipped || decision.feasible < 2 ? undefined : favouredBy(name);
    return favoured === undefined ? [] : [[name, favoured]];
  });
  if (rows.length === 0) return undefined;
  return { title: 'What earns points, 0 to 100 from each plugin', columns: ['PLUGIN', 'FAVOURS'], rows };
}

/** One row a node when they are few, else one a plugin and reason. */
function filterTable(decision: Decision, options: ExplainOptions): ExplainTable | undefined {
  const refused = decision.nodes.filter((node) => node.filter && (!options.node || node.name === options.node));
  if (refused.length === 0) return undefined;
  const max = options.nodesMax ?? 10;
  if (refused.length <= max) {
    return {
      title: 'Filtered out',
      columns: ['NODE', 'PLUGIN', 'REASON', 'DETAIL'],
      rows: refused.map(({ name, filter }) => [name, filter!.plugin, filter!.reasons.join(', '), filter!.detail ?? '']),
    };
  }
  const groups = new Map<string, NodeDecision[]>();
  for (const node of refused) {
    const key = `${node.filter!.plugin}\u0000${node.filter!.reasons.join(', ')}`;
    const group = groups.get(key);
    if (group) group.push(node);
    else groups.set(key, [node]);
  }
  return {
    title: 'Filtered out, by reason',
    columns: ['NODES', 'PLUGIN', 'REASON', 'FOR EXAMPLE'],
    rows: [...groups.values()]
      .sort((a, b) => b.length - a.length)
      .map((group) => {
        const { name, filter } = group[0]!;
        const example = filter!.detail ? `${name}: ${filter!.detail}` : name;
        return [String(group.length), filter!.plugin, filter!.reasons.join(', '), example];
      }),
  };
}

/** Where the winner got its lead over the runner-up. */
function lead(decision: Decision): string | undefined {
  const [first, second] = ranked(decision);
  if (!first || !second) return undefined;
  if (decision.tiedWith) {
    const others = decision.tiedWith.filter((name) => name !== decision.node);
    const named = others.length <= 3 ? others.join(', ') : `${others.length} other nodes`;
    return `${decision.node} shares the highest total of ${first.total} with ${named}; the seeded generator broke the tie.`;
  }
  const gains = first
    .scores!.map((score) => {
      const other = second.scores!.find((entry) => entry.plugin === score.plugin);
      return { plugin: score.plugin, by: score.weighted - (other?.weighted ?? 0) };
    })
    .filter(({ by }) => by !== 0)
    .sort((a, b) => Math.abs(b.by) - Math.abs(a.by))
    .map(({ plugin, by }) => `${plugin} ${by > 0 ? '+' : ''}${by}`);
  return `${first.name} leads ${second.name} by ${first.total! - second.total!} points: ${gains.join(', ')}.`;
}

/** Who would have to go where, best first, when preemption looked for room. */
function preemptionTable({ preemption }: Decision): ExplainTable | undefined {
  if (!preemption || preemption.candidates.length === 0) return undefined;
  const shown = preemption.candidates.slice(0, 10);
  const rest =
    preemption.candidates.length > shown.length ? ` (${shown.length} of ${preemption.candidates.length})` : '';
  return {
    title: `Preemption: nodes where evictions make room${rest}`,
    columns: ['NODE', 'PDB VIOLATIONS', 'HIGHEST PRIORITY', 'VICTIMS'],
    rows: shown.map(({ node, pdbViolations, victims }) => {
      const names = victims.map(({ namespace, name, priority }) => `${namespace}/${name} (${priority})`);
      const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
      return [
        node === preemption.chosen ? `${node} *` : node,
        String(pdbViolations),
        String(Math.max(...victims.map(({ priority }) => priority))),
        names.slice(0, 3).join(', ') + more,
      ];
    }),
  };
}

export function explainDecision(decision: Decision, options: ExplainOptions = {}): Explanation {
  const key = `${decision.pod.namespace}/${decision.pod.name}`;
  const attempt = `attempt ${decision.attempt}`;
  const total = decision.nodes.length;
  const refused = decision.nodes.filter((node) => node.filter).length;
  const skipped = decision.nodes.filter((node) => node.skipped).length;
  const story: string[] = [];
  const waited = decision.startedAt - decision.queuedAt;
  story.push(
    `${plural(total, 'node')}: ${refused} filtered out, ${decision.feasible} feasible${skipped > 0 ? `, ${skipped} not looked at` : ''}. ` +
      `It waited ${duration(waited)} in the queue; deciding and binding took ${duration(decision.finishedAt - decision.startedAt)}.`,
  );
  for (const { plugin, reasons, detail, nodes } of decision.preFilter) {
    if (reasons.length > 0) story.push(`PreFilter ${plugin}: ${reasons.join(', ')}${detail ? ` (${detail})` : ''}.`);
    else if (nodes !== undefined) story.push(`PreFilter ${plugin} pins the pod to ${plural(nodes, 'node')}.`);
  }
  const unseen = unseenBecause(decision, decision.nodes);
  if (unseen === 'Sampling')
    story.push(`No more nodes were looked at, as ${decision.feasible} feasible ones are enough to choose from.`);
  if (unseen === 'Nominated') {
    story.push(
      `Room had been made for the pod on ${decision.node}, so it was tried first and no other node was looked at.`,
    );
  } else if (decision.feasible === 1) story.push(`${ranked(decision)[0]!.name} is the only feasible node.`);
  else {
    const text = decision.node === undefined ? undefined : lead(decision);
    if (text) story.push(text);
  }
  const chosen = decision.preemption?.chosen;
  if (chosen !== undefined) {
    const victims = decision.preemption!.candidates.find(({ node }) => node === chosen)?.victims.length ?? 0;
    story.push(
      `To make room ${plural(victims, 'pod')} of lower priority had to leave ${chosen}: fewest broken disruption budgets, ` +
        `then the least important victims, then the fewest.`,
    );
  }
  const silent = decision.plugins.filter((plugin) => plugin.skipped).map((plugin) => plugin.name);
  if (silent.length > 0) story.push(`No say in this pod: ${silent.join(', ')}.`);
  if (decision.result !== 'Scheduled') story.push(`Its event says: ${decision.message}`);

  const headlines = {
    Scheduled: `${key} was scheduled to ${decision.node} (${attempt})`,
    Unschedulable: `${key} could not be scheduled (${attempt})`,
    Error: `${key} was meant for ${decision.node}, but ${decision.bindError ?? 'binding failed'} (${attempt})`,
  };
  const tables = [
    scoreTable(decision, options),
    filterTable(decision, options),
    preemptionTable(decision),
    favoursTable(decision),
  ];
  return { headline: headlines[decision.result], story, tables: tables.filter((table) => table !== undefined) };
}
