/** `klab watch` into a pipe: one line for each event, as text or as JSON. */

import { UserError } from '../exit-codes.ts';
import type { Output } from '../get/plan.ts';
import { eventJson } from '../printers/object-printer.ts';
import { TabWriter, tableTabs } from '../printers/tab-writer.ts';
import { eventText, showTable, type TableOptions } from '../printers/table.ts';
import type { Session } from '../session.ts';
import { type WatchChange, type WatchSubject, watchChanges } from './watch-rows.ts';

export interface PrintWatchOptions {
  readonly output?: string;
  readonly allNamespaces?: boolean;
  readonly showLabels?: boolean;
}

/** Runs until the signal aborts. */
export async function printWatch(
  session: Session,
  subject: WatchSubject,
  options: PrintWatchOptions,
  io: Output,
  signal: AbortSignal,
): Promise<void> {
  const { output = '' } = options;
  if (!['', 'wide', 'json'].includes(output)) {
    throw new UserError(`klab watch prints text, wide or json, not ${output}; see klab get --watch for others`);
  }
  const json = output === 'json';
  const line = json ? jsonLine : textLines(options, output === 'wide');
  for await (const change of watchChanges(session, subject, { tables: !json, signal })) {
    if (change.type === 'LOST') io.err(change.message);
    else io.out(line(change));
  }
}

function jsonLine(change: WatchChange): string {
  return 'object' in change ? `${eventJson(change.type, change.object)}\n` : '';
}

/** `MODIFIED   web-1   1/1   Running   0   5s`; columns only ever get wider. */
function textLines(options: PrintWatchOptions, wide: boolean): (change: WatchChange) => string {
  const tabs = new TabWriter(tableTabs);
  const table: TableOptions = { wide, withNamespace: options.allNamespaces, showLabels: options.showLabels };
  return (change) => {
    if (!('row' in change)) return '';
    const { rows } = showTable(change.columns, [change.row], table);
    tabs.write(`${eventText(change.type)}\t${rows[0]!.join('\t')}\n`);
    return tabs.flush();
  };
}
