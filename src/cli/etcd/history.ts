/** `klab etcd history KEY`: every revision of a key, who wrote it and why, and what changed. */
import chalk from 'chalk';
import { encodeYaml, isObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { diffLines, hunks } from '../line-diff.ts';
import { printData, renderTable } from '../output.ts';
import type { Session } from '../session.ts';

/** One item of /klab/v1/etcd/history. */
export interface HistoryItem {
  readonly key: string;
  readonly revision: number;
  readonly version: number;
  readonly type: 'create' | 'update' | 'delete';
  /** Absent where another wrote it to a real etcd. */
  readonly time?: string;
  readonly actor?: string;
  readonly agent?: string;
  readonly cause?: {
    readonly object?: string;
    readonly revision?: number;
    readonly count?: number;
    readonly timer?: string;
  };
  readonly value?: unknown;
  readonly base64?: string;
}

export interface HistoryRequest {
  readonly key: string;
  /** Newest revisions shown. */
  readonly limit: number;
  readonly showSecrets: boolean;
  readonly showManagedFields: boolean;
  readonly output?: string;
}

const contextLines = 2;

/** Oldest first, as a story. @throws UserError when the key never was. */
export async function etcdHistory(session: Session, request: HistoryRequest): Promise<string> {
  const { signal } = session;
  // One more than shown: the oldest one shown differs from something, too.
  const query = { key: request.key, limit: String(request.limit + 1), showSecrets: String(request.showSecrets) };
  const answer = await session.client.raw('/klab/v1/etcd/history', { query, signal });
  const items = [...(answer.items as HistoryItem[])].reverse();
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
  session: Session,
  request: {
    readonly key: string;
    readonly from: number;
    readonly to: number;
    readonly showSecrets: boolean;
    readonly showManagedFields: boolean;
  },
): Promise<string> {
  const { client, signal } = session;
  const { key, from, to, showSecrets } = request;
  const at = async (revision: number): Promise<HistoryItem | undefined> => {
    const query = { key, limit: '1', before: String(revision + 1), showSecrets: String(showSecrets) };
    return (await client.raw('/klab/v1/etcd/history', { query, signal })).items[0];
  };
  const [a, b] = await Promise.all([at(from), at(to)]);
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
  session: Session,
  request: {
    readonly prefix: string;
    readonly from?: number;
    readonly to?: number;
    readonly limit: number;
    readonly showSecrets: boolean;
    readonly output?: string;
  },
): Promise<string> {
  const { prefix, from, to, limit, showSecrets, output } = request;
  const query = {
    prefix,
    limit: String(limit),
    showSecrets: String(showSecrets),
    ...(from !== undefined && { from: String(from - 1) }),
    ...(to !== undefined && { to: String(to) }),
  };
  const answer = await session.client.raw('/klab/v1/etcd/changes', { query, signal: session.signal });
  if (output === 'json' || output === 'yaml') return printData(answer, output);
  const items = answer.items as HistoryItem[];
  if (items.length === 0) return 'nothing changed there';
  return renderTable(
    ['REVISION', 'TIME', 'CHANGE', 'KEY', 'WHO'],
    items.map(({ revision, time = '-', type, key, actor = 'unknown' }) => [String(revision), time, type, key, actor]),
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
  if (base64 !== undefined) return [`(base64) ${base64}`];
  if (!isObject(value)) return String(value ?? '').split('\n');
  let shown = value as Record<string, any>;
  if (!options.showManagedFields && isObject(shown['metadata'])) {
    const { managedFields: _, ...metadata } = shown['metadata'] as Record<string, unknown>;
    shown = { ...shown, metadata };
  }
  return encodeYaml(shown).trimEnd().split('\n');
}
