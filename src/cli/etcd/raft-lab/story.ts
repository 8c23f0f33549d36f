/** A played scenario as a story for people. */
import chalk from 'chalk';
import { renderTable } from '../../output.ts';
import type { LabEvent } from './network.ts';
import type { MemberPicture } from './picture.ts';
import type { Play, PlayedStep } from './play.ts';
import type { Action } from './scenario.ts';

export interface StoryOptions {
  /** Tell every message too. */
  readonly messages: boolean;
  readonly width?: number;
}

const defaultWidth = 100;
/** Room for `tick 2000 `. */
const gutter = 10;

export function renderStory(play: Play, options: StoryOptions): string {
  const width = options.width ?? defaultWidth;
  const out: string[] = [chalk.bold(play.title), chalk.dim(`seed ${play.seed}`)];
  if (play.about) out.push('', ...paragraphs(play.about, width));
  for (const step of play.steps) out.push(...stepLines(step, options, width));
  out.push('', chalk.bold('In the end'), ...memberLines(play.members, width), '');
  const checks = play.steps.flatMap((step) => step.checks);
  const failed = checks.filter(({ ok }) => !ok).length;
  const were = (n: number) => `${n} expectation${n === 1 ? '' : 's'}`;
  out.push(
    failed === 0
      ? chalk.green(`${were(checks.length)}, all of them met.`)
      : chalk.red(`${were(checks.length)}, ${failed} of them not met.`),
  );
  return out.join('\n');
}

function stepLines(step: PlayedStep, options: StoryOptions, width: number): string[] {
  const { action, events, checks, position } = step;
  if (action.do === 'say') return ['', ...paragraphs(action.text, width)];
  if (action.do === 'show') return ['', ...memberLines(step.members ?? [], width)];
  const out: string[] = [];
  if (action.do !== 'expect') out.push('', chalk.cyan(`▸ ${actionText(action)}`));
  out.push(...eventLines(events, options, width));
  for (const { expected, ok, found } of checks) {
    if (ok) out.push(`  ${chalk.green('✓')} ${expected}`);
    else {
      out.push(`  ${chalk.red('✗')} ${expected}; it is ${found}`);
      out.push(chalk.dim(`    ${position.file}:${position.line}:${position.column}`));
    }
  }
  return out;
}

/** What several members do in one tick in the same words is one line; losses are counted unless messages are told. */
function eventLines(events: readonly LabEvent[], { messages }: StoryOptions, width: number): string[] {
  const lines: { readonly tick: number; readonly who: string[]; readonly event: LabEvent }[] = [];
  const lost = new Map<string, number>();
  for (const event of events) {
    if (event.kind === 'message' && !messages) continue;
    if (event.kind === 'lost' && event.one.startsWith('Msg') && !messages) {
      const way = `${event.who} to ${event.one.slice(event.one.lastIndexOf(' to ') + 4, -' is lost'.length)}`;
      lost.set(way, (lost.get(way) ?? 0) + 1);
      continue;
    }
    const same = lines.find(
      ({ tick, event: other }) => tick === event.tick && other.many === event.many && other.kind === event.kind,
    );
    if (same && event.kind !== 'message') same.who.push(event.who);
    else lines.push({ tick: event.tick, who: [event.who], event });
  }
  let before = -1;
  const out = lines.flatMap(({ tick, who, event }) => {
    const when = tick === before ? '' : `tick ${tick}`;
    before = tick;
    const text = `${who.sort().join(', ')} ${who.length === 1 ? event.one : event.many}`;
    return hanging(when, text, width).map(([left, line]) => {
      return `  ${chalk.dim(left)}${event.kind === 'message' ? chalk.dim(line) : line}`;
    });
  });
  if (lost.size > 0) {
    const ways = [...lost].map(([way, n]) => `${n} from ${way}`).join(', ');
    for (const [left, line] of hanging('', `messages lost: ${ways}`, width)) out.push(`  ${left}${chalk.dim(line)}`);
  }
  return out;
}

/** A text beside the gutter, filled up to the width: what goes on stands further in. */
function hanging(left: string, text: string, width: number): (readonly [left: string, line: string])[] {
  return fill(text.split(' '), width - gutter - 4).map((line, i) => {
    return i === 0 ? [left.padEnd(gutter), line] : [' '.repeat(gutter + 2), line];
  });
}

/** Logs with what is committed in front of the bar; those longer than a line go on in their column. */
export function memberLines(members: readonly MemberPicture[], width: number = defaultWidth): string[] {
  const table = renderTable(
    ['MEMBER', 'ROLE', 'TERM', 'VOTE', 'COMMIT', 'APPLIED', 'LOG (index:term:entry, committed | not yet)'],
    members.map((member) => [
      member.name,
      member.state === 'crashed' ? 'crashed' : member.state === 'paused' ? `${member.role} (paused)` : member.role,
      String(member.term),
      member.vote === 'none' ? '-' : member.vote,
      String(member.commit),
      String(member.applied),
      logText(member),
    ]),
  );
  const [head, ...rows] = table.split('\n');
  const column = head!.indexOf('LOG (');
  const lines = rows.flatMap((row) => {
    const [first, ...more] = fill(
      row
        .slice(column)
        .trimEnd()
        .split(/ (?![^(]*\))/),
      width - column - 2,
    );
    return [`${row.slice(0, column)}${first}`, ...more.map((line) => `${' '.repeat(column)}${line}`)];
  });
  return [head!, ...lines].map((line) => `  ${line.trimEnd()}`);
}

export function logText({ log, commit, snapshot }: MemberPicture): string {
  const words = log.map(({ index, term, text }) => ({ index, word: `${index}:${term}:${text}` }));
  const committed = words.filter(({ index }) => index <= commit).map(({ word }) => word);
  const open = words.filter(({ index }) => index > commit).map(({ word }) => word);
  const parts = [...(snapshot > 0 ? [`[snapshot to ${snapshot}]`] : []), ...committed];
  if (open.length > 0) parts.push('|', ...open);
  return parts.join(' ');
}

function actionText(action: Action): string {
  switch (action.do) {
    case 'tick':
      return `${action.count} tick${action.count === 1 ? '' : 's'} pass`.replace('1 tick pass', '1 tick passes');
    case 'until':
      return 'time passes';
    case 'propose':
      return `a client proposes ${action.commands.join(', ')}${action.at ? ` at ${action.at}` : ''}`;
    case 'read':
      return `a client reads ${action.key}${action.at ? ` at ${action.at}` : ''} (read ${action.as})`;
    case 'campaign':
      return `${action.members.join(', ')} campaign${action.members.length === 1 ? 's' : ' at the same time'}`;
    case 'crash':
      return `${action.members.join(', ')} crash${action.members.length === 1 ? 'es' : ''}`;
    case 'stall':
      return `the disk of ${action.members.join(', ')} becomes slow`;
    case 'finish':
      return `the disk of ${action.members.join(', ')} has written`;
    case 'compact':
      return `${action.members.join(', ')}: the log up to what is applied goes`;
    case 'restart':
    case 'pause':
    case 'resume':
      return `${action.do} ${action.members.join(', ')}`;
    case 'isolate':
      return `${action.members.join(', ')}: cut off from everyone`;
    case 'partition':
      return `the network falls apart: ${action.groups.map((group) => group.join(' ')).join(' | ')}`;
    case 'cut':
      return `nothing gets from ${action.from} to ${action.to} any more`;
    case 'drop':
    case 'delay': {
      const way = [action.from && `from ${action.from}`, action.to && `to ${action.to}`].filter(Boolean).join(' ');
      const what = `${action.type ?? 'every message'}${way ? ` ${way}` : ''}`;
      return action.do === 'drop' ? `${what} is lost from now on` : `${what} takes ${action.ticks} ticks from now on`;
    }
    case 'heal':
      return 'the network heals';
    case 'transfer':
      return `the leader is asked to hand over to ${action.to}`;
    case 'add':
      return `${action.member} is added${action.learner ? ' as learner' : ''}`;
    case 'promote':
      return `${action.member} is promoted to voter`;
    case 'remove':
      return `${action.member} is removed`;
    case 'say':
    case 'show':
    case 'expect':
      return '';
  }
}

/** Blank lines part paragraphs; lines are filled up to the width. */
function paragraphs(text: string, width: number): string[] {
  return text
    .split(/\n\s*\n/)
    .flatMap((paragraph, i) => [...(i > 0 ? [''] : []), ...fill(paragraph.split(/\s+/), width)]);
}

/** Lines as full as they get; a word longer than a line is a line. */
function fill(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
