/**
 * What `klab scheduler watch` shows on a terminal, as data: queues, a heat map of the nodes, the decisions. Pure; time comes
 * in as an argument.
 */
import { decisionLine, type SchedulerNews } from '../cli/index.ts';
import type { Tone } from './watch-model.ts';

type Decision = SchedulerNews['decisions'][number];
type NodeUse = NonNullable<SchedulerNews['nodes']>[number];

export type Measure = 'cpu' | 'memory' | 'pods';

/** Decisions that can be scrolled back to. */
const keptMax = 500;
/** Over which time decisions are counted. */
const rateMs = 10_000;

interface Arrival {
  readonly at: number;
  readonly scheduled: boolean;
}

export interface SchedulerState {
  /** Undefined until the first answer. */
  readonly running: boolean | undefined;
  readonly lengths: Readonly<Record<string, number>>;
  readonly nodes: readonly NodeUse[];
  /** Newest first. */
  readonly decisions: readonly Decision[];
  readonly arrivals: readonly Arrival[];
  readonly measure: Measure;
  /** While set, new decisions are kept but the list stands still: how many there are above it. */
  readonly held: number | undefined;
  /** First decision shown. */
  readonly offset: number;
  /** Set while the server cannot be reached. */
  readonly lost: string | undefined;
}

export const emptySchedulerState: SchedulerState = {
  running: undefined,
  lengths: {},
  nodes: [],
  decisions: [],
  arrivals: [],
  measure: 'cpu',
  held: undefined,
  offset: 0,
  lost: undefined,
};

const identity = ({ serial, finishedAt, pod }: Decision): string => `${serial}/${finishedAt}/${pod.uid}`;

/** The state after an answer. What fell before the screen opened is shown, but is not part of the rate. */
export function applyNews(state: SchedulerState, news: SchedulerNews, now: number): SchedulerState {
  // After a lost connection the newest decisions come again.
  const known = new Set(state.lost === undefined ? [] : state.decisions.map(identity));
  const fresh = news.decisions.filter((decision) => !known.has(identity(decision)));
  const arrived =
    state.running === undefined
      ? []
      : fresh.map(({ result }): Arrival => ({ at: now, scheduled: result === 'Scheduled' }));
  return {
    ...state,
    running: news.running,
    lengths: news.lengths,
    nodes: news.nodes ?? state.nodes,
    decisions: [...fresh.toReversed(), ...state.decisions].slice(0, keptMax),
    arrivals: [...state.arrivals, ...arrived].filter(({ at }) => now - at < rateMs),
    held: state.held === undefined ? undefined : Math.min(keptMax, state.held + fresh.length),
    lost: undefined,
  };
}

export function loseConnection(state: SchedulerState, message: string): SchedulerState {
  return { ...state, lost: message };
}

export function measureBy(state: SchedulerState, measure: Measure): SchedulerState {
  return { ...state, measure };
}

/** Stops the list of decisions, or lets it go on from the newest. */
export function hold(state: SchedulerState): SchedulerState {
  return state.held === undefined ? { ...state, held: 0 } : { ...state, held: undefined, offset: 0 };
}

export function scrollDecisions(state: SchedulerState, by: number): SchedulerState {
  const most = Math.max(0, state.decisions.length - (state.held ?? 0) - 1);
  return { ...state, offset: Math.max(0, Math.min(state.offset + by, most)) };
}

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Span[];

export interface SchedulerView {
  readonly queues: Line;
  readonly mapTitle: string;
  /** One line a zone, more when it has many nodes. */
  readonly map: readonly Line[];
  readonly decisionsTitle: string;
  readonly decisions: readonly Line[];
  readonly footer: string;
}

export interface SchedulerViewOptions {
  readonly now: number;
  readonly columns: number;
  /** Lines of the terminal. */
  readonly lines: number;
}

const plain = (text: string): Span => ({ text, tone: 'plain' });

const blocks = '▁▂▃▄▅▆▇█';

/** `·` nothing, ▁…█ a share, `!` more than there is. */
function glyph(share: number): string {
  if (share <= 0) return '·';
  if (share > 1) return '!';
  return blocks[Math.min(blocks.length - 1, Math.ceil(share * blocks.length) - 1)]!;
}

function heat(share: number): Tone {
  if (share <= 0) return 'plain';
  return share < 0.7 ? 'good' : share < 0.9 ? 'waiting' : 'bad';
}

const percent = (share: number): string => `${Math.round(share * 100)}%`;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function byZone(nodes: readonly NodeUse[]): Map<string, NodeUse[]> {
  const zones = new Map<string, NodeUse[]>();
  for (const node of nodes) {
    const list = zones.get(node.zone);
    if (list) list.push(node);
    else zones.set(node.zone, [node]);
  }
  return zones;
}

const cellsOf = (zones: ReadonlyMap<string, readonly NodeUse[]>, perCell: number, perLine: number): number =>
  [...zones.values()].reduce((lines, { length }) => lines + Math.ceil(Math.ceil(length / perCell) / perLine), 0);

/** Neighbours of one tone as one span. */
function joined(cells: readonly Span[]): Span[] {
  const out: { text: string; tone: Tone }[] = [];
  for (const { text, tone } of cells) {
    const last = out.at(-1);
    if (last && last.tone === tone) last.text += text;
    else out.push({ text, tone });
  }
  return out;
}

/** A cell a node; when they are too many for `linesMax`, a cell stands for the mean of some neighbours. */
function heatMap(nodes: readonly NodeUse[], measure: Measure, columns: number, linesMax: number) {
  const zones = byZone(nodes);
  const names = [...zones.keys()].map((zone) => zone || 'no zone');
  const label = Math.min(16, Math.max(0, ...names.map(({ length }) => length)));
  // Label, a gap on both sides of the cells, and a share.
  const perLine = Math.max(1, columns - label - 8);
  let perCell = 1;
  while (cellsOf(zones, perCell, perLine) > Math.max(linesMax, zones.size)) perCell++;
  const lines: Line[] = [];
  for (const [i, members] of [...zones.values()].entries()) {
    const cells: Span[] = [];
    for (let at = 0; at < members.length; at += perCell) {
      const group = members.slice(at, at + perCell);
      const share = mean(group.map((node) => node[measure]));
      if (group.every(({ unschedulable }) => unschedulable)) cells.push(plain('x'));
      else cells.push({ text: glyph(share), tone: heat(share) });
    }
    for (let at = 0; at < cells.length; at += perLine) {
      const name = at === 0 ? names[i]!.slice(0, label) : '';
      const part = cells.slice(at, at + perLine);
      const all = at === 0 ? percent(mean(members.map((node) => node[measure]))) : '';
      lines.push([plain(`${name.padEnd(label)} `), ...joined(part), plain(` ${all}`)]);
    }
  }
  const shown = lines.slice(0, Math.max(1, linesMax));
  return { lines: shown, perCell, hidden: lines.length - shown.length, zones: zones.size };
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const queueTones: Readonly<Record<string, Tone>> = {
  active: 'good',
  backoff: 'waiting',
  unschedulable: 'bad',
  gated: 'waiting',
};

function queuesOf({ running, lengths }: SchedulerState): Line {
  if (running === undefined) return [plain('loading…')];
  if (!running) return [{ text: 'the scheduler does not run', tone: 'bad' }];
  const spans = Object.entries(lengths).flatMap(([queue, length]): Span[] => [
    plain(`  ${queue} `),
    { text: String(length), tone: length > 0 ? (queueTones[queue] ?? 'plain') : 'plain' },
  ]);
  return [plain('queues'), ...spans];
}

function rateOf({ arrivals }: SchedulerState, now: number): string {
  const lately = arrivals.filter(({ at }) => now - at < rateMs);
  const scheduled = lately.filter((arrival) => arrival.scheduled).length;
  return `${counted(lately.length, 'decision')} in ${rateMs / 1000} s: ${scheduled} scheduled, ${lately.length - scheduled} not`;
}

function decisionOf(decision: Decision, columns: number): Line {
  const text = decisionLine(decision);
  const tone: Tone = decision.result === 'Scheduled' ? 'good' : decision.result === 'Error' ? 'bad' : 'waiting';
  const short = text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text;
  const [time, mark] = [short.slice(0, 8), short.search(/[→✗]/)];
  if (mark < 0) return [plain(short)];
  return [plain(time), plain(short.slice(8, mark)), { text: short[mark]!, tone }, plain(short.slice(mark + 1))];
}

export function schedulerViewOf(state: SchedulerState, options: SchedulerViewOptions): SchedulerView {
  const { now, columns, lines } = options;
  const { nodes, measure, held, offset, decisions, lost } = state;
  // Queues, two titles, footer and the cursor's line.
  const free = Math.max(2, lines - 5);
  const map = heatMap(nodes, measure, columns, Math.max(1, Math.floor(free / 2)));
  const parts = [counted(nodes.length, 'node')];
  if (nodes.some(({ zone }) => zone !== '')) parts.push(counted(map.zones, 'zone'));
  if (map.perCell > 1) parts.push(`a cell is ${map.perCell} nodes`);
  if (map.hidden > 0) parts.push(`${counted(map.hidden, 'line')} more`);
  const what = measure === 'pods' ? 'pods of those allowed' : `${measure} requested`;
  const first = (held ?? 0) + offset;
  const room = Math.max(1, free - map.lines.length);
  const holding = held === undefined ? '' : ` · held, ${held} newer`;
  return {
    queues: queuesOf(state),
    mapTitle: nodes.length === 0 ? 'no nodes' : `${what}: ${parts.join(', ')}`,
    map: map.lines,
    decisionsTitle: rateOf(state, now) + holding,
    decisions: decisions.slice(first, first + room).map((decision) => decisionOf(decision, columns)),
    footer: lost
      ? `connection lost, trying again: ${lost}`
      : 'c cpu · m memory · p pods · space holds · ↑↓ scroll · q quits',
  };
}
