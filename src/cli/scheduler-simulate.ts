/** `klab scheduler simulate`: a workload placed on a copy of a cluster, or on a made-up one without any server. */
import { basename } from 'node:path';
import type { KubeObject } from '../apimachinery/index.ts';
import type { Comparison, Criterion, Expanded, Simulation, WorldObjects } from '../scheduler/index.ts';
import { exitCodes, UserError } from './exit-codes.ts';
import { printData, renderTable } from './output.ts';
import { readSchedulerConfig, schedulerSetup } from './scheduler-setup.ts';
import { readWorkload, unaskedRules } from './scheduler-workload.ts';
import { readWorld } from './scheduler-world.ts';
import type { Session } from './session.ts';

export interface SimulateRequest {
  readonly files: readonly string[];
  /** Nodes of each shape that does not say its own count. */
  readonly nodes?: number;
  readonly shapes?: readonly string[];
  /** Files of KubeSchedulerConfiguration. */
  readonly configs?: readonly string[];
  readonly namespace?: string;
  readonly seed?: string;
  readonly output?: string;
  readonly signal: AbortSignal;
}

/** `session` is asked for only when the nodes are those of a cluster. @throws UserError */
export async function schedulerSimulate(request: SimulateRequest, session: () => Promise<Session>): Promise<string> {
  const { files, nodes, shapes, output, signal } = request;
  const { objects: workload, notes: about } = await readWorkload(files, signal);
  const notes = [...about];
  const scheduler = await import('../scheduler/index.ts');
  const { expandWorkloads, nodesOfShapes, parseShape } = scheduler;
  let configs = await Promise.all(
    (request.configs ?? []).map(async (file) => ({
      name: nameOfConfig(file, request.configs!),
      config: await readSchedulerConfig(file),
    })),
  );
  let objects: WorldObjects;
  let cluster: Session | undefined;
  if (nodes !== undefined || shapes !== undefined) {
    try {
      objects = { nodes: nodesOfShapes((shapes ?? ['cpu=4']).map((shape) => parseShape(shape, nodes ?? 1))) };
    } catch (error) {
      if (error instanceof RangeError) throw new UserError(error.message, exitCodes.usage);
      throw error;
    }
  } else {
    cluster = await session();
    objects = await readWorld(cluster);
    const { config, source } = await schedulerSetup(cluster);
    if (configs.length === 0 && source === 'cluster') configs = [{ name: 'cluster', config }];
  }
  const { namespace, seed } = request;
  let expanded: Expanded;
  try {
    const priorityClasses = objects.priorityclasses ?? [];
    expanded = expandWorkloads(workload as KubeObject[], {
      priorityClasses,
      ...(namespace !== undefined && { namespace }),
    });
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
  if (expanded.pods.length + expanded.daemons.length === 0) {
    throw new UserError(
      [
        'there is no workload in these files: pods, deployments, stateful sets, daemon sets, jobs',
        ...notes.map((note) => `  ${note}`),
      ].join('\n'),
    );
  }
  if (cluster) {
    const pods = [...expanded.pods, ...expanded.daemons];
    notes.push(...(await unaskedRules(cluster, new Set(pods.map(({ metadata }) => metadata.namespace ?? '')))));
  }
  const results = await scheduler.simulate({
    signal,
    objects,
    workload: expanded,
    ...(configs.length > 0 && { configs }),
    ...(seed !== undefined && { seed }),
  });
  const compared = results.length > 1 ? scheduler.compareSimulations(results) : undefined;
  if (output === 'json' || output === 'yaml') {
    const list = { kind: 'SimulationList', ...(notes.length > 0 && { notes }), items: results };
    return printData({ ...list, ...(compared && { comparison: compared }) }, output);
  }
  return [simulationText(results, compared), ...notes].join('\n\n');
}

/** Its base name, unless another one has the same. */
function nameOfConfig(file: string, all: readonly string[]): string {
  const name = basename(file);
  return all.some((other) => other !== file && basename(other) === name) ? file : name;
}

/** Rows shown before the rest is only counted. */
const rowsMax = 20;

const percent = (value: number): string => `${(value * 100).toFixed(value === 0 || value === 1 ? 0 : 1)}%`;

function bounded(columns: string[], rows: string[][], what: string): string {
  const rest = rows.length - rowsMax;
  const more = rest > 0 ? `\n… and ${rest} more ${what}; all with -o json` : '';
  return renderTable(columns, rows.slice(0, rowsMax)) + more;
}

/** Pure. */
export function simulationText(results: readonly Simulation[], compared?: Comparison): string {
  const parts: string[] = [];
  const summary = results.map(
    ({ config, placements, unscheduled, evicted, nodesInUse, nodes, utilisation, fragmentation, cost }) => [
      config,
      String(placements.length),
      String(unscheduled.length),
      String(evicted.length),
      `${nodesInUse}/${nodes.length}`,
      percent(utilisation.cpu),
      percent(utilisation.memory),
      percent(fragmentation.lost),
      cost ? `${cost.inUse} of ${cost.all}` : '-',
    ],
  );
  parts.push(
    renderTable(
      ['CONFIG', 'PLACED', 'UNSCHEDULED', 'EVICTED', 'NODES IN USE', 'CPU', 'MEMORY', 'FRAGMENTATION', 'COST PER HOUR'],
      summary,
    ),
  );
  if (compared) parts.push(comparisonText(results, compared));
  const [first, second] = results;
  if (results.length === 1 && first) {
    const byNode = first.nodes
      .filter(({ placed }) => placed > 0)
      .map(({ name, placed, pods, cpu, memory }) => [
        name,
        String(placed),
        String(pods),
        percent(cpu),
        percent(memory),
      ]);
    if (byNode.length > 0) parts.push(bounded(['NODE', 'PLACED', 'PODS', 'CPU', 'MEMORY'], byNode, 'nodes'));
  }
  if (results.length === 2 && first && second) parts.push(differences(first, second));
  for (const { config, unscheduled } of results) {
    if (unscheduled.length === 0) continue;
    const groups = new Map<string, string[]>();
    for (const { pod, why } of unscheduled) groups.set(why, [...(groups.get(why) ?? []), pod]);
    const lines = [...groups].map(([why, pods]) => {
      const names = pods.length <= 3 ? pods.join(', ') : `${pods.slice(0, 3).join(', ')} and ${pods.length - 3} more`;
      return `  ${names}: ${why}`;
    });
    parts.push([`Unscheduled${results.length > 1 ? ` with ${config}` : ''}:`, ...lines].join('\n'));
  }
  for (const { config, evicted } of results) {
    if (evicted.length === 0) continue;
    const rows = evicted.map(({ pod, node, by, again }) => [pod, node, by, again ?? '<none>']);
    const title = `Evicted to make room${results.length > 1 ? ` with ${config}` : ''}:`;
    parts.push(`${title}\n${bounded(['POD', 'FROM', 'BY', 'THEN ON'], rows, 'evictions')}`);
  }
  return parts.join('\n\n');
}

/** A simulation's figure, and what it counts. */
const measures: Readonly<Record<Criterion, readonly [figure: (simulation: Simulation) => string, what: string]>> = {
  placed: [({ placements }) => String(placements.length), 'pods placed'],
  evicted: [({ evicted }) => String(evicted.length), 'pods evicted'],
  cost: [({ cost }) => String(cost?.inUse ?? 0), 'per hour for the nodes in use'],
  nodesInUse: [({ nodesInUse }) => String(nodesInUse), 'nodes in use'],
  fragmentation: [({ fragmentation }) => percent(fragmentation.lost), 'of the free room lost in pieces'],
};

const order = 'pods placed, evictions, cost, nodes in use and fragmentation, in this order';

/** Who is ahead and by what: a choice that weighs something else finds it in the table. */
function comparisonText(results: readonly Simulation[], { ahead, by }: Comparison): string {
  if (!by) return `Nothing tells them apart by ${order}.`;
  const [figure, what] = measures[by];
  const winner = results.find(({ config }) => config === ahead[0])!;
  const others = results
    .filter(({ config }) => !ahead.includes(config))
    .map((simulation) => `${figure(simulation)} with ${simulation.config}`);
  const who = `${ahead.join(' and ')} ${ahead.length === 1 ? 'is' : 'are'} ahead`;
  return `By ${order}, ${who}: ${figure(winner)} ${what}, ${others.join(', ')}.`;
}

function differences(a: Simulation, b: Simulation): string {
  const nodeOf = (simulation: Simulation) => new Map(simulation.placements.map(({ pod, node }) => [pod, node]));
  const [before, after] = [nodeOf(a), nodeOf(b)];
  const rows: string[][] = [];
  for (const pod of new Set([...before.keys(), ...after.keys()])) {
    const [x, y] = [before.get(pod) ?? '<none>', after.get(pod) ?? '<none>'];
    if (x !== y) rows.push([pod, x, y]);
  }
  if (rows.length === 0) return 'Both place every pod on the same node.';
  return bounded(['POD', a.config.toUpperCase(), b.config.toUpperCase()], rows, 'pods that differ');
}
