/** `klab etcd history KEY`: every revision of a key, who wrote it and why, and what changed. */
import chalk from 'chalk';
import { encodeYaml, isObject } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';
import { diffLines, hunks } from '../line-diff.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';

/** One item of /klab/v1/etcd/history. */
export interface HistoryItem {
  readonly key: string;
  readonly revision: number;
  readonly version: number;
  readonly type: 'create' | 'update' | 'delete';
  readonly time: string;
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

function headLine({ revision, type, time, version }: HistoryItem): string {
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
