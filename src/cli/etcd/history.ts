/** `klab etcd history KEY`: every revision of a key, who wrote it and why, and what changed. */
import chalk from 'chalk';
import { encodeYaml, isObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { diffLines, hunks } from '../line-diff.ts';
import { printData, renderTable } from '../output.ts';
import type { ChangesRange, HistoryItem, HistorySource, ShowValues } from './history-source.ts';

export interface HistoryRequest extends ShowValues {
  readonly key: string;
  /** Newest revisions shown. */
  readonly limit: number;
  readonly showManagedFields: boolean;
  readonly output?: string;
}

const contextLines = 2;

/** Oldest first, as a story. @throws UserError when the key never was. */
export async function etcdHistory(source: HistorySource, request: HistoryRequest): Promise<string> {
  // One more than shown: the oldest one shown differs from something, too.
  const items = [...(await source.history(request.key, request.limit + 1, request))].reverse();
  if (items.length === 0)
    throw new UserError(`key "${request.key}" has no history; see: klab etcd get --prefix --keys-only`);
  const before = items.length > request.limit ? items.shift() : undefined;
  if (request.output === 'json' || request.output === 'yaml') {
    return printData({ kind: 'KeyHistory', key: request.key, items }, request.output);
  }
  return renderHistory(items, before, request);
}

export function renderHistory(
  items: readonly HistoryItem[],
  before: HistoryItem | undefined,
  options: { readonly showManagedFields: boolean },
): string {
  let previous = before;
  const out: string[] = [];
  if (before) out.push(chalk.dim('(older revisions are left out; more with --limit)'), '');
  for (const item of items) {
    out.push(headLine(item), ...whoLines(item));
    out.push(...changeLines(previous, item, options).map((line) => `  ${line}`), '');
    previous = item;
  }
  return out.join('\n').trimEnd();
}

/** The key at two revisions, and what differs. @throws UserError when it is at neither */
export async function etcdDiff(
  source: HistorySource,
  request: ShowValues & {
    readonly key: string;
    readonly from: number;
    readonly to: number;
    readonly showManagedFields: boolean;
  },
): Promise<string> {
  const { key, from, to } = request;
  const [a, b] = await Promise.all([source.at(key, from, request), source.at(key, to, request)]);
  if (!a && !b) throw new UserError(`key "${key}" is at neither revision; see: klab etcd history ${key}`);
  return renderDiff(a, b, request);
}

/** As `diff -u` has it; empty when nothing differs. */
export function renderDiff(
  a: HistoryItem | undefined,
  b: HistoryItem | undefined,
  options: { readonly key: string; readonly showManagedFields: boolean },
): string {
  const lines = hunks(diffLines(linesOf(a, options), linesOf(b, options)), contextLines);
  if (lines.length === 0) return '';
  const name = (item: HistoryItem | undefined) =>
    !item || item.type === 'delete'
      ? '(not there)'
      : `${options.key} at revision ${item.revision}, ${item.time ?? 'time unknown'}`;
  const body = lines.map((line) => {
    if (!line) return chalk.dim('…');
    if (line.mark === '+') return chalk.green(`+${line.text}`);
    return line.mark === '-' ? chalk.red(`-${line.text}`) : ` ${line.text}`;
  });
  return [chalk.bold(`--- ${name(a)}`), chalk.bold(`+++ ${name(b)}`), ...body].join('\n');
}

/** Changes of all keys with a prefix, oldest first: one line each. */
export async function etcdChanges(
  source: HistorySource,
  request: ChangesRange & ShowValues & { readonly output?: string },
): Promise<string> {
  const { output, raw } = request;
  const items = await source.changes(request, request);
  if (output === 'json' || output === 'yaml') return printData({ kind: 'ChangeList', items }, output);
  if (items.length === 0) return 'nothing changed there';
  return renderTable(
    ['REVISION', 'TIME', 'CHANGE', 'KEY', 'WHO', ...(raw ? ['VALUE'] : [])],
    items.map(({ revision, time = '-', type, key, actor = 'unknown', value, base64 = String(value ?? '-') }) => [
      String(revision),
      time,
      type,
      key,
      actor,
      ...(raw ? [base64] : []),
    ]),
  );
}

function headLine({ revision, type, time = 'time unknown', version }: HistoryItem): string {
  const colour = type === 'create' ? chalk.green : type === 'delete' ? chalk.red : chalk.yellow;
  const which = type === 'delete' ? '' : `  version ${version}`;
  return `${chalk.bold(`revision ${revision}`)}  ${colour(type)}  ${time}${which}`;
}

function whoLines({ actor = 'unknown', agent, cause }: HistoryItem): string[] {
  const lines = [`  by ${actor}${agent ? ` (${agent})` : ''}`];
  if (cause?.object) {
    const revision = cause.revision === undefined ? '' : ` at revision ${cause.revision}`;
    const merged = (cause.count ?? 1) > 1 ? `, the newest of ${cause.count} changes` : '';
    lines.push(`  because of ${cause.object}${revision}${merged}`);
  } else if (cause?.timer) lines.push(`  because of a timer: ${cause.timer}`);
  return lines;
}

function changeLines(
  previous: HistoryItem | undefined,
  item: HistoryItem,
  options: { readonly showManagedFields: boolean },
): string[] {
  if (item.type === 'delete') return [chalk.red('(the key is gone)')];
  const lines = hunks(diffLines(linesOf(previous, options), linesOf(item, options)), contextLines);
  if (lines.length === 0) return [chalk.dim('(nothing changed but managedFields or bytes)')];
  return lines.map((line) => {
    if (!line) return chalk.dim('…');
    if (line.mark === '+') return chalk.green(`+ ${line.text}`);
    return line.mark === '-' ? chalk.red(`- ${line.text}`) : `  ${line.text}`;
  });
}

function linesOf(item: HistoryItem | undefined, options: { readonly showManagedFields: boolean }): string[] {
  if (!item || item.type === 'delete') return [];
  const { value, base64 } = item;
  if (base64 !== undefined) return rawLines(base64);
  if (!isObject(value)) return String(value ?? '').split('\n');
  let shown = value as Record<string, any>;
  if (!options.showManagedFields && isObject(shown['metadata'])) {
    const { managedFields: _, ...metadata } = shown['metadata'] as Record<string, unknown>;
    shown = { ...shown, metadata };
  }
  return encodeYaml(shown).trimEnd().split('\n');
}

/** Text as it is, other bytes in base64. */
function rawLines(base64: string): string[] {
  const bytes = Buffer.from(base64, 'base64');
  const text = bytes.toString('utf8');
  return /^[^\0-\x08\x0e-\x1f\uFFFD]*$/.test(text) ? text.split('\n') : [`(base64) ${base64}`];
}
